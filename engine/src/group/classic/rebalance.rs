//! A rebalance: waiting for members to join, the next generation, and the timers of a group.

use bytes::Bytes;

use super::{ClassicGroup, GroupState, JoinTimer, Member};
use crate::error::ErrorCode;
use crate::event::{Event, LeaveReason, RebalanceReason};
use crate::group::{Continuation, Turn};
use crate::time::Instant;
use crate::variant::Guard;

impl ClassicGroup {
    /// A rebalance is needed. If one is on its way already, it may be complete now.
    pub(super) fn rebalance_or_complete(&mut self, turn: &mut Turn<'_>, why: RebalanceReason) {
        if self.state == GroupState::PreparingRebalance {
            self.maybe_complete_join(turn);
        } else {
            self.prepare_rebalance(turn, why);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>, why: RebalanceReason) {
        turn.note(Event::GroupRebalanceBegan { group: self.id.clone(), epoch: self.generation, why });
        if self.state == GroupState::CompletingRebalance {
            self.forget_assignments(turn, ErrorCode::RebalanceInProgress);
        }
        self.sync_deadline = None;
        let initial = self.state == GroupState::Empty;
        self.transition(turn.now, GroupState::PreparingRebalance);
        let timeout = self.rebalance_timeout();
        if initial {
            // The group is new: others are probably about to come.
            let delay = turn.config.initial_rebalance_delay;
            let initial = Some((delay, timeout.saturating_sub(delay)));
            self.new_member_added = false;
            self.join_timer = Some(JoinTimer { at: turn.now.mono.after(delay), initial });
        } else {
            self.join_timer = Some(JoinTimer { at: turn.now.mono.after(timeout), initial: None });
            self.maybe_complete_join(turn);
        }
    }

    /// The first rebalance of a group always waits for its delay.
    pub(super) fn maybe_complete_join(&mut self, turn: &mut Turn<'_>) {
        let all = self.pending_joins.is_empty() && self.members.values().all(|member| member.join.is_some());
        if self.state == GroupState::PreparingRebalance && self.previous != GroupState::Empty && all {
            self.complete_join(turn);
        }
    }

    fn complete_join(&mut self, turn: &mut Turn<'_>) {
        let late = |member: &Member| member.join.is_none() && member.group_instance_id.is_none();
        let late: Vec<String> =
            self.members.iter().filter(|(_, member)| late(member)).map(|(id, _)| id.clone()).collect();
        for member_id in late {
            self.remove(turn, &member_id, LeaveReason::RebalanceTimedOut);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left and none of them has joined: their sessions decide.
            let at = turn.now.mono.after(self.rebalance_timeout());
            self.join_timer = Some(JoinTimer { at, initial: None });
            return;
        }
        self.join_timer = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.pending_sync.clear();
        self.protocol = self.select_protocol();
        if self.members.is_empty() {
            self.transition(turn.now, GroupState::Empty);
            self.subscribed = self.read_subscriptions();
            let stable = Event::GroupStable { group: self.id.clone(), epoch: self.generation };
            let record = self.record(|_, _| Bytes::new());
            return turn.write_and_note(vec![record], Continuation::Nothing, vec![stable]);
        }
        self.transition(turn.now, GroupState::CompletingRebalance);
        self.subscribed = self.read_subscriptions();
        self.answer_joined(turn);
        self.sync_deadline = Some(turn.now.mono.after(self.rebalance_timeout()));
    }

    fn answer_joined(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in &ids {
            let response = self.joined(id);
            let Some(member) = self.members.get_mut(id) else { continue };
            member.touch(turn.now.mono);
            member.is_new = false;
            if let Some(ticket) = member.join.take() {
                turn.answer(ticket, response);
            }
        }
        self.pending_sync.extend(ids);
    }

    /// The leader stays if it has joined; otherwise somebody who has takes its place. False if nobody has.
    fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &String| self.members.get(id).is_some_and(|member| member.join.is_some());
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        let first = self.members.iter().find(|(_, member)| member.join.is_some());
        let Some(leader) = first.map(|(id, _)| id.clone()) else { return false };
        self.leader = Some(leader);
        true
    }

    /// Of the protocols everybody knows, the one most members like best; of equals the first by name. `None` if the
    /// group has no member.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let first = self.members.values().next()?;
        let mut common: Vec<&str> = first.protocols.iter().map(|(name, _)| name.as_str()).collect();
        common.retain(|name| self.members.values().all(|member| member.knows(name)));
        common.sort_unstable();
        common.dedup();
        let votes = |name: &str| self.members.values().filter(|one| one.vote(&common) == Some(name)).count();
        let best = common.iter().rev().max_by_key(|name| votes(name));
        Some(best.expect("who joins knows a protocol that everybody knows").to_string())
    }

    /// Takes a member out; its requests that wait are answered. False if it is none.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, member_id: &str, why: LeaveReason) -> bool {
        let Some(member) = self.members.remove(member_id) else { return false };
        turn.note(Event::GroupMemberLeft { group: self.id.clone(), member: member_id.to_owned(), why });
        self.pending_sync.remove(member_id);
        if let Some(instance) = &member.group_instance_id {
            self.static_members.remove(instance);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        member.dismiss(turn, member_id, ErrorCode::UnknownMemberId);
        true
    }

    /// Members have been taken out.
    pub(super) fn after_removal(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            GroupState::Empty => {}
            GroupState::PreparingRebalance => self.maybe_complete_join(turn),
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.prepare_rebalance(turn, RebalanceReason::MemberLeft);
            }
        }
    }

    /// When [`ClassicGroup::tick`] has something to do.
    pub(in crate::group) fn next_deadline(&self) -> Option<Instant> {
        let sessions = self.members.values().filter_map(|member| member.deadline);
        let pending = self.pending_joins.values().copied();
        let timers = [self.join_timer.map(|timer| timer.at), self.sync_deadline];
        sessions.chain(pending).chain(timers.into_iter().flatten()).min()
    }

    /// Does what is due.
    pub(in crate::group) fn tick(&mut self, turn: &mut Turn<'_>) {
        self.expire_pending_joins(turn);
        self.expire_sessions(turn);
        self.expire_sync(turn);
        self.expire_join(turn);
    }

    fn expire_pending_joins(&mut self, turn: &mut Turn<'_>) {
        let before = self.pending_joins.len();
        self.pending_joins.retain(|_, until| *until > turn.now.mono);
        if self.pending_joins.len() < before {
            self.maybe_complete_join(turn);
        }
    }

    fn expire_sessions(&mut self, turn: &mut Turn<'_>) {
        let mut dead = Vec::new();
        for (id, member) in &mut self.members {
            if member.deadline.is_none_or(|deadline| deadline > turn.now.mono) {
                continue;
            }
            if !member.is_new && (member.join.is_some() || member.sync.is_some()) {
                // Who waits for us is alive: its session begins again when it is answered.
                member.deadline = None;
            } else {
                dead.push(id.clone());
            }
        }
        for id in &dead {
            self.remove(turn, id, LeaveReason::SessionTimedOut);
        }
        if !dead.is_empty() {
            self.after_removal(turn);
        }
    }

    /// Members that joined and never asked for their assignment hold up everybody (KAFKA-12890).
    fn expire_sync(&mut self, turn: &mut Turn<'_>) {
        if self.sync_deadline.is_none_or(|deadline| deadline > turn.now.mono) {
            return;
        }
        if turn.variant.sync_timer == Guard::Off {
            self.sync_deadline = Some(turn.now.mono.after(self.rebalance_timeout()));
            return;
        }
        self.sync_deadline = None;
        let late = std::mem::take(&mut self.pending_sync);
        for id in &late {
            self.remove(turn, id, LeaveReason::RebalanceTimedOut);
        }
        if !late.is_empty() {
            self.after_removal(turn);
        } else if self.state == GroupState::CompletingRebalance {
            // Everybody has asked, and the leader's assignment is not stored yet: its write decides.
            self.sync_deadline = Some(turn.now.mono.after(self.rebalance_timeout()));
        }
    }

    fn expire_join(&mut self, turn: &mut Turn<'_>) {
        let Some(timer) = self.join_timer.filter(|timer| timer.at <= turn.now.mono) else { return };
        match timer.initial {
            Some((delay, remaining)) if self.new_member_added && !remaining.is_zero() => {
                self.new_member_added = false;
                let next = turn.config.initial_rebalance_delay.min(remaining);
                let initial = Some((next, remaining.saturating_sub(delay)));
                self.join_timer = Some(JoinTimer { at: turn.now.mono.after(next), initial });
            }
            _ => self.complete_join(turn),
        }
    }
}
