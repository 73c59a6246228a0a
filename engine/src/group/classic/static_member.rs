//! A static member that comes back under a new member id (KIP-345).
//!
//! In a stable group it takes its old place and no rebalance happens, unless the protocol would change by it. That it
//! has a new id is stored before it is told so: a coordinator that does not know would fence the living one
//! (KAFKA-10284).

use bytes::Bytes;

use super::{ClassicGroup, GroupState, join_refused};
use crate::error::ErrorCode;
use crate::event::{Event, LeaveReason, RebalanceReason};
use crate::group::{Caller, Continuation, Ticket, Turn, coordinator_error};
use crate::message::{JoinGroupRequest, JoinGroupResponse};
use crate::time::Duration;
use crate::variant::Guard;

/// The first version whose leader can be told to leave the assignment as it is (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;

/// One member in the place of another, until that is stored.
#[derive(Debug)]
pub(in crate::group) struct Replacement {
    instance: String,
    old_id: String,
    new_id: String,
    ticket: Ticket,
    api_version: i16,
    /// The leader as the others know it.
    old_leader: Option<String>,
    old_protocols: Vec<(String, Bytes)>,
    old_timeouts: (Duration, Duration),
}

impl ClassicGroup {
    /// A static member joins under a new id.
    pub(super) fn replace(
        &mut self,
        turn: &mut Turn<'_>,
        caller: &Caller,
        old_id: &str,
        new_id: String,
        request: &JoinGroupRequest,
    ) {
        let old_leader = self.leader.clone();
        let Some(old) = self.members.get(old_id) else { return };
        old.dismiss(turn, old_id, ErrorCode::FencedInstanceId);
        let old_protocols = old.protocols.clone();
        let old_timeouts = (old.session_timeout, old.rebalance_timeout);
        let instance = request.group_instance_id.clone().unwrap_or_default();
        self.rename(turn, &instance, old_id, &new_id);
        self.update(turn, &new_id, caller.ticket, request);
        self.keep_session(turn, &new_id);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol => {
                let record = self.record(|_, member| member.assignment.clone());
                let replacement = Box::new(Replacement {
                    instance,
                    old_id: old_id.to_owned(),
                    new_id,
                    ticket: caller.ticket,
                    api_version: caller.api_version,
                    old_leader,
                    old_protocols,
                    old_timeouts,
                });
                if turn.variant.static_persist == Guard::Off {
                    return self.replaced(turn, *replacement);
                }
                let group = self.id.clone();
                turn.write(vec![record], Continuation::Replaced { group, replacement });
            }
            // The leader may already compute an assignment for the old id.
            _ => {
                self.note_replaced(turn, &instance, old_id, &new_id);
                self.rebalance_or_complete(turn, RebalanceReason::MemberChanged);
            }
        }
    }

    fn note_replaced(&self, turn: &mut Turn<'_>, instance: &str, old_id: &str, new_id: &str) {
        let (group, member, why) = (self.id.clone(), old_id.to_owned(), LeaveReason::Replaced);
        turn.note(Event::GroupMemberLeft { group, member, why });
        // It may have left again while its new id was being stored.
        if self.members.contains_key(new_id) {
            turn.note(Event::GroupMemberJoined {
                group: self.id.clone(),
                member: new_id.to_owned(),
                instance: Some(instance.to_owned()),
                epoch: self.generation,
            });
        }
    }

    /// Gives a member another id; its requests that wait are answered by whoever calls.
    fn rename(&mut self, turn: &Turn<'_>, instance: &str, old_id: &str, new_id: &str) {
        let Some(mut member) = self.members.remove(old_id) else { return };
        (member.join, member.sync, member.is_new) = (None, None, false);
        member.touch(turn.now.mono);
        self.members.insert(new_id.to_owned(), member);
        self.static_members.insert(instance.to_owned(), new_id.to_owned());
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(new_id.to_owned());
        }
        if self.is_leader(old_id) {
            self.leader = Some(new_id.to_owned());
        }
    }

    /// The new id is stored. If the group has begun a rebalance meanwhile, the member waits for that.
    pub(in crate::group) fn replaced(&mut self, turn: &mut Turn<'_>, replacement: Replacement) {
        let Replacement { instance, old_id, new_id, ticket, api_version, old_leader, .. } = replacement;
        self.note_replaced(turn, &instance, &old_id, &new_id);
        let Some(member) = self.members.get_mut(&new_id) else { return };
        if self.state != GroupState::Stable || member.join != Some(ticket) {
            return;
        }
        member.join = None;
        member.touch(turn.now.mono);
        turn.note(self.assignment());
        let is_leader = self.is_leader(&new_id);
        let response = if api_version >= SKIP_ASSIGNMENT {
            JoinGroupResponse { skip_assignment: is_leader, ..self.joined(&new_id) }
        } else {
            // An old client that heard it leads would compute an assignment: it is told of the leader it was.
            JoinGroupResponse {
                leader: old_leader.unwrap_or_default(),
                members: Vec::new(),
                ..self.joined(&new_id)
            }
        };
        turn.answer(ticket, response);
    }

    /// The new id could not be stored: the member has its old one again.
    pub(in crate::group) fn not_replaced(
        &mut self,
        turn: &mut Turn<'_>,
        replacement: Replacement,
        error: ErrorCode,
    ) {
        let Replacement { instance, old_id, new_id, ticket, old_protocols, old_timeouts, .. } = replacement;
        let Some(member) = self.members.get_mut(&new_id) else { return };
        if self.state != GroupState::Stable || member.join != Some(ticket) {
            return;
        }
        member.protocols = old_protocols;
        (member.session_timeout, member.rebalance_timeout) = old_timeouts;
        self.rename(turn, &instance, &new_id, &old_id);
        turn.answer(ticket, join_refused("", coordinator_error(error)));
    }
}
