//! One partition of `__consumer_offsets`: its groups, and who is asked what.

use std::collections::{BTreeMap, BTreeSet};

use super::classic::{self, ClassicGroup, join_refused, sync_refused};
use super::consumer::{ConsumerGroup, MemberState, Timers};
use super::failure::{coordinator_error, failed};
use super::record::{ConsumerRecord, Record};
use super::stored::Stored;
use super::{Caller, Continuation, Outcome, Then, Ticket, Turn, Write};
use crate::config::GroupConfig;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::message::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse, Response,
    SyncGroupRequest,
};
use crate::time::{Instant, Now};
use crate::variant::ProtocolVariant;

/// The groups of one partition.
#[derive(Debug)]
pub struct Shard {
    pub(super) config: GroupConfig,
    pub(super) variant: ProtocolVariant,
    pub(super) stored: Stored,
    /// The groups of the classic protocol, and those that only keep offsets.
    pub(super) groups: BTreeMap<String, ClassicGroup>,
    /// The deadlines of the groups of KIP-848, all else of which is stored.
    pub(super) consumers: BTreeMap<String, Timers>,
    /// When which group has something to do; each group at most once.
    timers: BTreeSet<(Instant, String)>,
    armed: BTreeMap<String, Instant>,
    /// When offsets are looked through for old ones.
    pub(super) next_check: Option<Instant>,
}

impl Shard {
    /// A shard that knows nothing yet: replay the log, then [`Shard::start`] it.
    #[must_use]
    pub fn new(config: GroupConfig, variant: ProtocolVariant) -> Shard {
        Shard {
            config,
            variant,
            stored: Stored::new(variant.epoch_on_reassign),
            groups: BTreeMap::new(),
            consumers: BTreeMap::new(),
            timers: BTreeSet::new(),
            armed: BTreeMap::new(),
            next_check: None,
        }
    }

    /// Takes in a record of the log: the only way in which what is stored changes.
    pub fn replay(&mut self, record: &Record) {
        self.stored.replay(record);
        match record {
            Record::Group { group, value: None } => {
                self.groups.remove(group);
            }
            Record::Offset { group, value: Some(_), .. } if self.consumer_group(group).is_none() => {
                self.groups.entry(group.clone()).or_insert_with(|| ClassicGroup::empty(group));
            }
            Record::Offset { group, value: None, .. } => self.forget_unborn(group),
            Record::Consumer { group, record } => self.replayed_consumer(group, record),
            _ => {}
        }
    }

    /// A group that nothing is stored of, and that nobody is about to join, is none.
    fn forget_unborn(&mut self, name: &str) {
        let stored = self.stored.group(name).is_some();
        if !stored && self.groups.get(name).is_some_and(ClassicGroup::is_unborn) {
            self.groups.remove(name);
        }
    }

    /// A group of KIP-848 has changed, or become one, or is one no more.
    fn replayed_consumer(&mut self, name: &str, record: &ConsumerRecord) {
        if let (ConsumerRecord::Member(member, None), Some(timers)) = (record, self.consumers.get_mut(name)) {
            timers.forget(member);
        }
        match self.stored.group(name) {
            Some(group) if group.consumer.is_some() => drop(self.groups.remove(name)),
            Some(_) => {
                self.groups.entry(name.to_owned()).or_insert_with(|| ClassicGroup::empty(name));
            }
            None => {}
        }
    }

    /// The whole log is replayed: groups come to life as they were stored.
    pub fn start(&mut self, now: Now) {
        for (name, stored) in self.stored.groups() {
            if let Some(group) = &stored.consumer {
                self.consumers.insert(name.clone(), resumed(now, &self.config, group));
                continue;
            }
            let group = match &stored.metadata {
                Some(metadata) => ClassicGroup::of_record(now, name, metadata),
                None => ClassicGroup::empty(name),
            };
            self.groups.insert(name.clone(), group);
        }
        let is_classic =
            |name: &String| self.stored.group(name).is_some_and(|group| group.consumer.is_none());
        self.groups.retain(|name, _| is_classic(name));
        let names: Vec<String> = self.stored.groups().keys().cloned().collect();
        for name in &names {
            self.settle(name);
        }
        self.next_check = Some(now.mono.after(self.config.offsets_retention_check_interval));
    }

    /// What a coordinator that has read the log tells of each group.
    pub fn loaded(&self) -> impl Iterator<Item = Event> {
        self.stored.groups().iter().map(|(name, group)| group.loaded(name))
    }

    /// What is stored.
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// The groups of the classic protocol, and those that only keep offsets, by name.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, ClassicGroup> {
        &self.groups
    }

    /// A member joins.
    pub fn join(&mut self, now: Now, caller: &Caller, request: &JoinGroupRequest, out: &mut Outcome) {
        let name = request.group_id.as_str();
        if name.is_empty() {
            let response = join_refused(&request.member_id, ErrorCode::InvalidGroupId);
            return out.answers.push((caller.ticket, response.into()));
        }
        if !classic::is_legal_session(&self.config, request.session_timeout) {
            let response = join_refused(&request.member_id, ErrorCode::InvalidSessionTimeout);
            return out.answers.push((caller.ticket, response.into()));
        }
        if let Some(group) = self.consumer_group(name) {
            if !group.members.is_empty() {
                let response = join_refused(&request.member_id, ErrorCode::InconsistentGroupProtocol);
                return out.answers.push((caller.ticket, response.into()));
            }
            if request.member_id.is_empty() {
                // An empty group of KIP-848 makes room, and the member comes back when it is gone.
                let response = join_refused("", ErrorCode::CoordinatorLoadInProgress);
                return Shard::answer_when_stored(out, group.tombstones(name), caller.ticket, response);
            }
        }
        if request.member_id.is_empty() {
            self.groups.entry(name.to_owned()).or_insert_with(|| ClassicGroup::empty(name));
        }
        let known = self.with_group(now, name, out, |group, turn| group.join(turn, caller, request));
        if known.is_none() {
            let response = join_refused(&request.member_id, ErrorCode::UnknownMemberId);
            out.answers.push((caller.ticket, response.into()));
        }
    }

    /// A member asks for its assignment.
    pub fn sync(&mut self, now: Now, caller: &Caller, request: SyncGroupRequest, out: &mut Outcome) {
        let name = request.group_id.clone();
        let known = self.with_group(now, &name, out, |group, turn| group.sync(turn, caller, request));
        if known.is_none() {
            let error = if name.is_empty() { ErrorCode::InvalidGroupId } else { ErrorCode::UnknownMemberId };
            out.answers.push((caller.ticket, sync_refused(error).into()));
        }
    }

    /// A member is alive.
    pub fn heartbeat(&mut self, now: Now, caller: &Caller, request: &HeartbeatRequest, out: &mut Outcome) {
        let name = &request.group_id;
        let known = self.with_living_group(now, name, out, |group, turn| group.heartbeat(turn, request));
        let unknown = if name.is_empty() { ErrorCode::InvalidGroupId } else { ErrorCode::UnknownMemberId };
        let response = HeartbeatResponse { error: known.unwrap_or(unknown) };
        out.answers.push((caller.ticket, response.into()));
    }

    /// Members leave.
    pub fn leave(&mut self, now: Now, caller: &Caller, request: &LeaveGroupRequest, out: &mut Outcome) {
        let name = &request.group_id;
        if self.consumer_group(name).is_some() {
            return self.remove_consumers(caller, request, out);
        }
        let known = self.with_group(now, name, out, |group, turn| group.leave(turn, request));
        let unknown = if name.is_empty() { ErrorCode::InvalidGroupId } else { ErrorCode::UnknownMemberId };
        let response = known.unwrap_or(LeaveGroupResponse { error: unknown, members: Vec::new() });
        out.answers.push((caller.ticket, response.into()));
    }

    /// Does something with a group, if it exists, and sees to its timers.
    pub(super) fn with_group<T>(
        &mut self,
        now: Now,
        name: &str,
        out: &mut Outcome,
        act: impl FnOnce(&mut ClassicGroup, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        self.groups.get_mut(name)?.hurried = true;
        self.with_living_group(now, name, out, act)
    }

    /// The same for what is no more than a sign of life, which costs the same however many members there are.
    pub(super) fn with_living_group<T>(
        &mut self,
        now: Now,
        name: &str,
        out: &mut Outcome,
        act: impl FnOnce(&mut ClassicGroup, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let group = self.groups.get_mut(name)?;
        let result = act(group, &mut Turn { now, config: &self.config, variant: self.variant, out });
        self.settle(name);
        Some(result)
    }

    /// A group has changed: its timer may have, and nobody may need it any more.
    pub(super) fn settle(&mut self, name: &str) {
        let stored = self.stored.group(name).is_some();
        if !stored && self.consumers.get(name).is_some_and(Timers::is_empty) {
            self.consumers.remove(name);
        }
        self.forget_unborn(name);
        let armed = self.armed.get(name).copied();
        let hurried = self.groups.get_mut(name).map(|group| std::mem::take(&mut group.hurried));
        if armed.is_some() && hurried == Some(false) {
            return;
        }
        let classic = self.groups.get(name).and_then(ClassicGroup::next_deadline);
        let consumers = self.consumers.get(name).and_then(Timers::next);
        let next = classic.into_iter().chain(consumers).min();
        // A timer that rings too early does no harm, and most deadlines move away all the time.
        if next.is_some() && armed.is_some_and(|armed| Some(armed) <= next) {
            return;
        }
        if let Some(armed) = self.armed.remove(name) {
            self.timers.remove(&(armed, name.to_owned()));
        }
        if let Some(next) = next {
            self.timers.insert((next, name.to_owned()));
            self.armed.insert(name.to_owned(), next);
        }
    }

    /// When [`Shard::tick`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        let first = self.timers.first().map(|(at, _)| *at);
        first.into_iter().chain(self.next_check).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, out: &mut Outcome) {
        while let Some((_, name)) = self.timers.first().filter(|(at, _)| *at <= now.mono).cloned() {
            self.disarm(&name);
            self.with_group(now, &name, out, |group, turn| group.tick(turn));
            self.tick_consumers(now, &name, out);
            self.settle(&name);
        }
        if self.next_check.is_some_and(|at| at <= now.mono) {
            self.next_check = Some(now.mono.after(self.config.offsets_retention_check_interval));
            self.expire_offsets(now, out);
        }
    }

    fn disarm(&mut self, name: &str) {
        if let Some(armed) = self.armed.remove(name) {
            self.timers.remove(&(armed, name.to_owned()));
        }
    }

    /// The high watermark has passed a write.
    pub fn committed(&mut self, now: Now, then: Then, out: &mut Outcome) {
        match then.0 {
            Continuation::Nothing => {}
            Continuation::Answer(ticket, response) => out.answers.push((ticket, response)),
            Continuation::Assigned { group, generation, assignments } => {
                self.with_group(now, &group, out, |group, turn| {
                    group.assigned(turn, generation, &assignments);
                });
            }
            Continuation::Replaced { group, replacement } => {
                self.with_group(now, &group, out, |group, turn| group.replaced(turn, *replacement));
            }
        }
    }

    /// A write was not appended, or is not committed in time: it may be committed later, or never.
    pub fn failed(&mut self, now: Now, then: Then, error: ErrorCode, out: &mut Outcome) {
        match then.0 {
            Continuation::Nothing => {}
            Continuation::Answer(ticket, response) => {
                out.answers.push((ticket, failed(response, coordinator_error(error))));
            }
            Continuation::Assigned { group, generation, .. } => {
                self.with_group(now, &group, out, |group, turn| group.not_assigned(turn, generation, error));
            }
            Continuation::Replaced { group, replacement } => {
                self.with_group(now, &group, out, |group, turn| {
                    group.not_replaced(turn, *replacement, error);
                });
            }
        }
    }

    /// The partition is led by another broker: everybody who waits, for members or for the writes still on their way,
    /// is told.
    pub fn resign(mut self, now: Now, writes: impl IntoIterator<Item = Then>, out: &mut Outcome) {
        for group in self.groups.values_mut() {
            group.resign(&mut Turn { now, config: &self.config, variant: self.variant, out });
        }
        for then in writes {
            if let Continuation::Answer(ticket, response) = then.0 {
                out.answers.push((ticket, failed(response, ErrorCode::NotCoordinator)));
            }
        }
    }

    pub(super) fn answer_when_stored(
        out: &mut Outcome,
        records: Vec<Record>,
        ticket: Ticket,
        response: impl Into<Response>,
    ) {
        let then = Then(Continuation::Answer(ticket, response.into()));
        out.writes.push(Write { records, then, notes: Vec::new() });
    }

    /// Panics on a bug of ours.
    pub fn invariants(&self) {
        for (name, group) in &self.groups {
            group.invariants();
            let next = group.next_deadline();
            let armed = self.armed.get(name);
            assert!(next.is_none() || armed.is_some_and(|armed| Some(*armed) <= next), "{name}: no timer");
        }
        for (name, stored) in self.stored.groups() {
            let there = if stored.consumer.is_some() {
                self.consumers.contains_key(name)
            } else {
                self.groups.contains_key(name)
            };
            assert!(there, "{name}: stored and not there");
        }
        for (name, group) in &self.groups {
            let stored = self.stored.group(name).is_some();
            assert!(stored || !group.is_unborn(), "{name}: nothing is known of it and it is there");
        }
        self.consumers.values().for_each(Timers::invariants);
        self.stored.invariants();
        assert_eq!(self.timers.len(), self.armed.len(), "every group has one timer");
    }
}

/// The deadlines of a group as a new coordinator finds it: everybody has a session to show itself.
fn resumed(now: Now, config: &GroupConfig, group: &ConsumerGroup) -> Timers {
    let mut timers = Timers::default();
    for (id, member) in &group.members {
        timers.keep_session(id, now.mono.after(config.consumer_session_timeout));
        let current = group.current.get(id);
        if let Some(current) = current.filter(|current| current.state == MemberState::UnrevokedPartitions) {
            timers.revoke_by(id, Some((now.mono.after(member.rebalance_timeout), current.epoch)));
        }
    }
    timers
}
