//! Members leave: for good, for a while, because an operator says so, or because they are silent.

use super::change::Change;
use super::identity::Refusal;
use super::{Assignment, ConsumerGroup, CurrentAssignment, MemberState, Topics};
use crate::error::ErrorCode;
use crate::event::LeaveReason;
use crate::group::shard::Shard;
use crate::group::{Caller, Continuation, Outcome, Then, Write};
use crate::message::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse,
    LeavingMember, LeftMember,
};
use crate::time::{Duration, Now};

fn write_of(change: Change<'_>) -> Write {
    Write { records: change.records, then: Then(Continuation::Nothing), notes: change.notes }
}

impl Shard {
    pub(in crate::group) fn consumer_group(&self, name: &str) -> Option<&ConsumerGroup> {
        self.stored.group(name)?.consumer.as_ref()
    }

    /// A member says that it leaves.
    pub(super) fn leave_consumer_group(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        topics: &dyn Topics,
    ) -> Result<(Write, ConsumerGroupHeartbeatResponse), Refusal> {
        let (name, id) = (request.group_id.as_str(), request.member_id.as_str());
        let Some(group) = self.consumer_group(name) else {
            return Err((ErrorCode::GroupIdNotFound, format!("Group {name} not found.")));
        };
        let unknown = || (ErrorCode::UnknownMemberId, format!("Member {id} is not a member of the group."));
        match request.instance_id.as_deref().map(|instance| group.static_member(instance)) {
            Some(None) => return Err(unknown()),
            Some(Some(owner)) if owner != id => {
                let why = format!("Static member {id} was fenced by {owner}.");
                return Err((ErrorCode::FencedInstanceId, why));
            }
            _ if !group.members.contains_key(id) => return Err(unknown()),
            _ => {}
        }
        let mut change = Change::new(name, group, self.variant.epoch_on_reassign);
        if request.member_epoch == ConsumerGroupHeartbeatRequest::LEAVE_STATIC {
            let current = group.current.get(id).cloned().unwrap_or_default();
            change.own(id, &away(&current), topics);
        } else {
            change.take_out(&[(id.to_owned(), LeaveReason::Left)]);
            change.note_stable();
        }
        let response = ConsumerGroupHeartbeatResponse {
            error: ErrorCode::None,
            error_message: None,
            member_id: Some(id.to_owned()),
            member_epoch: request.member_epoch,
            heartbeat_interval: Duration::ZERO,
            assignment: None,
        };
        Ok((write_of(change), response))
    }

    /// An operator takes members out of a consumer group.
    pub(in crate::group) fn remove_consumers(
        &mut self,
        caller: &Caller,
        request: &LeaveGroupRequest,
        out: &mut Outcome,
    ) {
        let name = request.group_id.as_str();
        let Some(group) = self.consumer_group(name) else { return };
        let mut gone: Vec<(String, LeaveReason)> = Vec::new();
        let mut members = Vec::with_capacity(request.members.len());
        for leaving in &request.members {
            let found = find(group, leaving);
            let error = found.as_ref().err().copied().unwrap_or(ErrorCode::None);
            if let Ok(id) = found
                && gone.iter().all(|(other, _)| *other != id)
            {
                gone.push((id, LeaveReason::Removed));
            }
            let LeavingMember { member_id, group_instance_id, .. } = leaving.clone();
            members.push(LeftMember { member_id, group_instance_id, error });
        }
        let response = LeaveGroupResponse { error: ErrorCode::None, members };
        let mut change = Change::new(name, group, self.variant.epoch_on_reassign);
        if !gone.is_empty() {
            change.take_out(&gone);
            change.note_stable();
        }
        let then = Then(Continuation::Answer(caller.ticket, response.into()));
        out.writes.push(Write { then, ..write_of(change) });
    }

    /// Takes out who is silent, or too slow to give up what it must.
    pub(in crate::group) fn tick_consumers(&mut self, now: Now, name: &str, out: &mut Outcome) {
        let Some(timers) = self.consumers.get_mut(name) else { return };
        let due = timers.due(now.mono);
        let group = self.stored.group(name).and_then(|group| group.consumer.as_ref());
        let mut gone = Vec::new();
        for (member, why, epoch) in due {
            let known = group.filter(|group| group.members.contains_key(&member));
            let current = known.and_then(|group| group.current.get(&member));
            let waits = |current: &CurrentAssignment| {
                current.state == MemberState::UnrevokedPartitions && Some(current.epoch) == epoch
            };
            if known.is_none() {
                timers.forget(&member);
            } else if why == LeaveReason::RebalanceTimedOut && !current.is_some_and(waits) {
                timers.revoke_by(&member, None);
            } else {
                gone.push((member, why));
            }
        }
        if let Some(group) = group.filter(|_| !gone.is_empty()) {
            let mut change = Change::new(name, group, self.variant.epoch_on_reassign);
            change.take_out(&gone);
            change.note_stable();
            out.writes.push(write_of(change));
        }
    }
}

/// A static member that is away: what it was to give up it has given up.
fn away(current: &CurrentAssignment) -> CurrentAssignment {
    CurrentAssignment {
        epoch: ConsumerGroupHeartbeatRequest::LEAVE_STATIC,
        previous_epoch: current.epoch,
        state: MemberState::Stable,
        assigned: current.assigned.clone(),
        revoking: Assignment::default(),
    }
}

/// The member an operator means.
fn find(group: &ConsumerGroup, leaving: &LeavingMember) -> Result<String, ErrorCode> {
    let id = match leaving.group_instance_id.as_deref() {
        Some(instance) => {
            let owner = group.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if !leaving.member_id.is_empty() && leaving.member_id != owner {
                return Err(ErrorCode::FencedInstanceId);
            }
            owner
        }
        None => leaving.member_id.as_str(),
    };
    if group.members.contains_key(id) { Ok(id.to_owned()) } else { Err(ErrorCode::UnknownMemberId) }
}
