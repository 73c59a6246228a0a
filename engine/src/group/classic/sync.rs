//! SyncGroup: the leader's assignment is stored, then everybody gets theirs.

use bytes::Bytes;

use super::{CONSUMER, ClassicGroup, GroupState, Member, supersede, sync_refused};
use crate::error::ErrorCode;
use crate::event::{Event, RebalanceReason};
use crate::group::{Caller, Continuation, Turn, coordinator_error, subscription};
use crate::message::{SyncGroupRequest, SyncGroupResponse};

impl ClassicGroup {
    /// A member asks for its assignment; the leader brings all of them.
    pub(in crate::group) fn sync(&mut self, turn: &mut Turn<'_>, caller: &Caller, request: SyncGroupRequest) {
        if let Err(error) = self.validate_sync(&request) {
            return turn.answer(caller.ticket, sync_refused(error));
        }
        let member_id = request.member_id.as_str();
        self.pending_sync.remove(member_id);
        self.keep_session(turn, member_id);
        if self.state == GroupState::Stable {
            let response = self.synced(member_id);
            return turn.answer(caller.ticket, response);
        }
        let Some(member) = self.members.get_mut(member_id) else { return };
        if let Some(old) = supersede(&mut member.sync, caller.ticket) {
            turn.answer(old, sync_refused(ErrorCode::RebalanceInProgress));
        }
        if self.is_leader(member_id) {
            let assignments = request.assignments;
            let record = self.record(|id, _| assignment_of(&assignments, id));
            let (group, generation) = (self.id.clone(), self.generation);
            turn.write(vec![record], Continuation::Assigned { group, generation, assignments });
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let instance = request.group_instance_id.as_deref();
        self.validate_generation(&request.member_id, instance, request.generation)?;
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            GroupState::Empty => Err(ErrorCode::UnknownMemberId),
            GroupState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }

    fn synced(&self, member_id: &str) -> SyncGroupResponse {
        SyncGroupResponse {
            error: ErrorCode::None,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(member_id).map(|one| one.assignment.clone()).unwrap_or_default(),
        }
    }

    /// The assignments of a generation are stored. The group may have moved on meanwhile.
    pub(in crate::group) fn assigned(
        &mut self,
        turn: &mut Turn<'_>,
        generation: i32,
        assignments: &[(String, Bytes)],
    ) {
        if self.state != GroupState::CompletingRebalance || self.generation != generation {
            return;
        }
        for (id, member) in &mut self.members {
            member.assignment = assignment_of(assignments, id);
        }
        self.transition(turn.now, GroupState::Stable);
        turn.note(self.assignment());
        turn.note(Event::GroupStable { group: self.id.clone(), epoch: self.generation });
        self.answer_synced(turn, ErrorCode::None);
    }

    /// The assignments of a generation could not be stored: the group tries again.
    pub(in crate::group) fn not_assigned(&mut self, turn: &mut Turn<'_>, generation: i32, error: ErrorCode) {
        if self.state == GroupState::CompletingRebalance && self.generation == generation {
            self.forget_assignments(turn, coordinator_error(error));
            self.prepare_rebalance(turn, RebalanceReason::AssignmentNotStored);
        }
    }

    /// Who has what, as far as it can be read.
    pub(super) fn assignment(&self) -> Event {
        let is_read = self.protocol_type.as_deref() == Some(CONSUMER);
        let partitions = |assignment: &[u8]| subscription::partitions(assignment).filter(|_| is_read);
        let member = |(id, member): (&String, &Member)| {
            (id.clone(), partitions(&member.assignment).unwrap_or_default())
        };
        Event::GroupAssigned {
            group: self.id.clone(),
            epoch: self.generation,
            protocol: self.protocol.clone().unwrap_or_default(),
            assignments: self.members.iter().map(member).collect(),
        }
    }

    pub(super) fn forget_assignments(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.answer_synced(turn, error);
    }

    fn answer_synced(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let response = if error.is_error() { sync_refused(error) } else { self.synced(&id) };
            let Some(member) = self.members.get_mut(&id) else { continue };
            if let Some(ticket) = member.sync.take() {
                // Its session may have run out while it waited for us.
                member.touch(turn.now.mono);
                turn.answer(ticket, response);
            }
        }
    }
}

/// Members the leader did not think of get nothing.
fn assignment_of(assignments: &[(String, Bytes)], member_id: &str) -> Bytes {
    let found = assignments.iter().find(|(id, _)| id == member_id);
    found.map(|(_, assignment)| assignment.clone()).unwrap_or_default()
}
