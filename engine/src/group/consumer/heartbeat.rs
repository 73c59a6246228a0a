//! ConsumerGroupHeartbeat: a member joins, is alive, says what it owns, or leaves.

use std::collections::BTreeSet;

use super::change::Change;
use super::identity::{Refusal, identify, validate};
use super::{Assignment, ConsumerGroup, ConsumerMember, CurrentAssignment, MemberState, Topics};
use crate::error::ErrorCode;
use crate::event::RebalanceReason;
use crate::group::record::{ConsumerRecord, Record};
use crate::group::shard::Shard;
use crate::group::{Caller, Continuation, GroupState, Outcome, Then, Write};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use crate::time::Now;

impl Shard {
    /// A member of a consumer group is heard of.
    pub fn consumer_heartbeat(
        &mut self,
        now: Now,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        topics: &dyn Topics,
        out: &mut Outcome,
    ) {
        let decided = if request.member_epoch < ConsumerGroupHeartbeatRequest::JOIN {
            validate(request, caller.api_version).and_then(|()| self.leave_consumer_group(request, topics))
        } else {
            self.attend(now, caller, request, topics)
        };
        match decided {
            Ok((write, response)) => {
                let then = Then(Continuation::Answer(caller.ticket, response.into()));
                out.writes.push(Write { then, ..write });
            }
            Err((error, why)) => {
                let response = ConsumerGroupHeartbeatResponse::refused(error, &why);
                out.answers.push((caller.ticket, response.into()));
            }
        }
        self.settle(&request.group_id);
    }

    fn attend(
        &mut self,
        now: Now,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        topics: &dyn Topics,
    ) -> Result<(Write, ConsumerGroupHeartbeatResponse), Refusal> {
        self.validate_consumer(request, caller.api_version)?;
        let name = request.group_id.as_str();
        let joins = request.member_epoch == ConsumerGroupHeartbeatRequest::JOIN;
        let unborn = ConsumerGroup::default();
        let (group, before) = self.consumer_group_for(name, joins, &unborn)?;
        let id =
            if request.member_id.is_empty() { caller.unique.to_string() } else { request.member_id.clone() };
        if group.members.len() >= self.config.consumer_max_size && !group.members.contains_key(&id) {
            let why = "The group has reached its maximum capacity.".to_owned();
            return Err((ErrorCode::GroupMaxSizeReached, why));
        }
        let mut change = Change::new(name, group, self.variant.epoch_on_reassign);
        let (current, is_new) = identify(&mut change, &id, request)?;
        let changed = update(&mut change, &id, caller, request, is_new);
        change.attend_topics(topics, changed);
        change.assign(&self.config, topics);
        let says = request.topic_partitions.as_ref().map(|owned| Assignment::of_wire(owned));
        let next = change.reconcile(&id, &current, says.as_ref(), topics);
        change.note_stable();
        let timeout =
            change.group.members.get(&id).map(|member| member.rebalance_timeout).unwrap_or_default();
        let records: Vec<Record> = before.into_iter().chain(change.records).collect();
        let notes = change.notes;

        let timers = self.consumers.entry(name.to_owned()).or_default();
        timers.keep_session(&id, now.mono.after(self.config.consumer_session_timeout));
        if next.state != MemberState::UnrevokedPartitions {
            timers.revoke_by(&id, None);
        } else if next != current {
            timers.revoke_by(&id, Some((now.mono.after(timeout), next.epoch)));
        }
        let response = ConsumerGroupHeartbeatResponse {
            error: ErrorCode::None,
            error_message: None,
            member_id: Some(id),
            member_epoch: next.epoch,
            heartbeat_interval: self.config.consumer_heartbeat_interval,
            assignment: tells_assignment(request, &current, &next).then(|| next.assigned.to_wire()),
        };
        Ok((Write { records, then: Then(Continuation::Nothing), notes }, response))
    }

    fn validate_consumer(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        api_version: i16,
    ) -> Result<(), Refusal> {
        if !self.config.consumer_protocol {
            return Err((ErrorCode::UnsupportedVersion, "The consumer protocol is switched off.".to_owned()));
        }
        validate(request, api_version)?;
        match &request.server_assignor {
            Some(name) if self.config.consumer_assignors.named(name).is_none() => {
                let why = format!("ServerAssignor {name} is not supported.");
                Err((ErrorCode::UnsupportedAssignor, why))
            }
            _ => Ok(()),
        }
    }

    /// The group, and what must be written first. An empty group of the classic protocol makes room for a new one.
    fn consumer_group_for<'a>(
        &'a self,
        name: &str,
        joins: bool,
        unborn: &'a ConsumerGroup,
    ) -> Result<(&'a ConsumerGroup, Option<Record>), Refusal> {
        let stored = self.stored.group(name);
        if let Some(group) = stored.and_then(|group| group.consumer.as_ref()) {
            return Ok((group, None));
        }
        let not_found = |why: &str| Err((ErrorCode::GroupIdNotFound, format!("Group {name} {why}.")));
        let classic = self.groups.get(name).is_some_and(|group| group.state() != GroupState::Empty);
        if classic {
            return not_found("is not a consumer group");
        }
        if !joins {
            return not_found("not found");
        }
        let classic = stored.is_some_and(|group| group.metadata.is_some());
        let tombstone = classic.then(|| Record::Group { group: name.to_owned(), value: None });
        Ok((unborn, tombstone))
    }
}

/// Takes over what the member says of itself. Returns why the group must rebalance, if it must.
fn update(
    change: &mut Change<'_>,
    id: &str,
    caller: &Caller,
    request: &ConsumerGroupHeartbeatRequest,
    is_new: bool,
) -> Option<RebalanceReason> {
    let known = change.group.members.get(id).cloned();
    let old = known.clone().unwrap_or_default();
    let names = request.subscribed_topic_names.as_ref();
    let subscribed = names.map(|names| names.iter().cloned().collect::<BTreeSet<_>>());
    let member = ConsumerMember {
        instance_id: request.instance_id.clone().or(old.instance_id),
        rack_id: request.rack_id.clone().or(old.rack_id),
        client_id: caller.client_id.clone(),
        client_host: caller.client_host.clone(),
        subscribed: subscribed.unwrap_or_else(|| old.subscribed.clone()),
        rebalance_timeout: request.rebalance_timeout.unwrap_or(old.rebalance_timeout),
        server_assignor: request.server_assignor.clone().or(old.server_assignor),
    };
    let wants_more = member.subscribed != old.subscribed;
    if is_new {
        change.note_joined(id, member.instance_id.clone(), change.group.target_epoch);
    }
    if known.as_ref() != Some(&member) {
        change.record(ConsumerRecord::Member(id.to_owned(), Some(member)));
    }
    let why = if is_new { RebalanceReason::MemberJoined } else { RebalanceReason::MemberChanged };
    wants_more.then_some(why)
}

/// A member is told its assignment when it is new, when it says everything of itself, when the assignment has changed,
/// and when it has not heard of its epoch.
fn tells_assignment(
    request: &ConsumerGroupHeartbeatRequest,
    current: &CurrentAssignment,
    next: &CurrentAssignment,
) -> bool {
    let says_all = request.rebalance_timeout.is_some()
        && request.subscribed_topic_names.is_some()
        && request.topic_partitions.is_some();
    says_all
        || request.member_epoch == ConsumerGroupHeartbeatRequest::JOIN
        || request.member_epoch != current.epoch
        || current.assigned != next.assigned
}
