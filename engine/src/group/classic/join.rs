//! JoinGroup: who gets in, and what it does to the group.

use super::{ClassicGroup, GroupState, Member, join_refused, supersede};
use crate::error::ErrorCode;
use crate::event::{Event, LeaveReason, RebalanceReason};
use crate::group::{Caller, Ticket, Turn};
use crate::message::{JoinGroupRequest, JoinGroupResponse, JoinedMember};

/// The first version in which a member must have its id before it is let in (KIP-394).
const MEMBER_ID_REQUIRED: i16 = 4;
/// Most member ids of one group that were given away and are not used yet.
const PENDING_JOINS_MAX: usize = 100_000;
/// Most bytes of a client id in the member ids made of it: ids must fit a string of the wire.
const CLIENT_ID_BYTES_MAX: usize = 1000;

impl ClassicGroup {
    /// A member wants to join, or to stay.
    pub(in crate::group) fn join(
        &mut self,
        turn: &mut Turn<'_>,
        caller: &Caller,
        request: &JoinGroupRequest,
    ) {
        let member_id = request.member_id.as_str();
        if !self.has_room_for(member_id, turn.config.max_size) {
            turn.answer(caller.ticket, join_refused("", ErrorCode::GroupMaxSizeReached));
            // A group whose maximum was lowered gets rid of those who come last.
            if self.remove(turn, member_id, LeaveReason::Removed) {
                self.after_removal(turn);
            }
        } else if !self.agrees_with(request) {
            turn.answer(caller.ticket, join_refused(member_id, ErrorCode::InconsistentGroupProtocol));
        } else if member_id.is_empty() {
            self.join_new(turn, caller, request);
        } else if self.pending_joins.contains_key(member_id) && request.group_instance_id.is_none() {
            self.add(turn, caller, member_id.to_owned(), request);
        } else {
            match self.validate_member(member_id, request.group_instance_id.as_deref()) {
                Err(error) => turn.answer(caller.ticket, join_refused(member_id, error)),
                Ok(()) => self.join_again(turn, caller, request),
            }
        }
    }

    /// A member is let in up to `group.max.size`. While a rebalance waits, those who wait count: they are the group.
    fn has_room_for(&self, member_id: &str, size_max: usize) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => {
                let waiting = self.members.values().filter(|member| member.join.is_some()).count();
                member.is_some_and(|member| member.join.is_some()) || waiting < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.members.len() < size_max
            }
        }
    }

    /// Whether it is of the group's kind, and knows a protocol that everybody knows.
    fn agrees_with(&self, request: &JoinGroupRequest) -> bool {
        if self.members.is_empty() && self.state == GroupState::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let common = |name: &String| self.members.values().all(|member| member.knows(name));
        // With nobody left in it, a group that prepares a rebalance takes whoever comes.
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|(name, _)| common(name))
    }

    fn join_new(&mut self, turn: &mut Turn<'_>, caller: &Caller, request: &JoinGroupRequest) {
        let Some(instance) = &request.group_instance_id else {
            let client = &caller.client_id;
            let client = &client[..client.floor_char_boundary(CLIENT_ID_BYTES_MAX)];
            let member_id = format!("{client}-{}", caller.unique);
            if caller.api_version < MEMBER_ID_REQUIRED {
                return self.add(turn, caller, member_id, request);
            }
            if self.pending_joins.len() >= PENDING_JOINS_MAX {
                let refused = join_refused("", ErrorCode::CoordinatorNotAvailable);
                return turn.answer(caller.ticket, refused);
            }
            turn.answer(caller.ticket, join_refused(&member_id, ErrorCode::MemberIdRequired));
            self.pending_joins.insert(member_id, turn.now.mono.after(request.session_timeout));
            return;
        };
        let instance_part = &instance[..instance.floor_char_boundary(CLIENT_ID_BYTES_MAX)];
        let member_id = format!("{instance_part}-{}", caller.unique);
        match self.static_members.get(instance).cloned() {
            None => self.add(turn, caller, member_id, request),
            Some(old) => self.replace(turn, caller, &old, member_id, request),
        }
    }

    fn add(&mut self, turn: &mut Turn<'_>, caller: &Caller, member_id: String, request: &JoinGroupRequest) {
        if self.state == GroupState::PreparingRebalance && self.previous == GroupState::Empty {
            self.new_member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        if let Some(instance) = &request.group_instance_id {
            self.static_members.insert(instance.clone(), member_id.clone());
        }
        self.pending_joins.remove(&member_id);
        turn.note(Event::GroupMemberJoined {
            group: self.id.clone(),
            member: member_id.clone(),
            instance: request.group_instance_id.clone(),
            epoch: self.generation,
        });
        self.members.insert(member_id, Member::new(turn.now.mono, caller, request));
        self.rebalance_or_complete(turn, RebalanceReason::MemberJoined);
    }

    fn join_again(&mut self, turn: &mut Turn<'_>, caller: &Caller, request: &JoinGroupRequest) {
        let member_id = request.member_id.as_str();
        let changed = self.members.get(member_id).is_some_and(|member| member.protocols != request.protocols);
        match self.state {
            // It did not get its answer: here it is again.
            GroupState::CompletingRebalance if !changed => {
                let response = self.joined(member_id);
                turn.answer(caller.ticket, response);
            }
            // A follower that wants nothing new stays. A leader that joins again wants a new assignment.
            GroupState::Stable if !changed && !self.is_leader(member_id) => {
                let response = self.joined(member_id);
                turn.answer(caller.ticket, response);
            }
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Stable => {
                self.update(turn, member_id, caller.ticket, request);
                self.rebalance_or_complete(turn, RebalanceReason::MemberChanged);
            }
            GroupState::Empty => {
                turn.answer(caller.ticket, join_refused(member_id, ErrorCode::UnknownMemberId));
            }
        }
    }

    /// Takes over what the member says of itself now, and lets it wait.
    pub(super) fn update(
        &mut self,
        turn: &mut Turn<'_>,
        member_id: &str,
        ticket: Ticket,
        request: &JoinGroupRequest,
    ) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        member.protocols.clone_from(&request.protocols);
        member.session_timeout = request.session_timeout;
        member.rebalance_timeout = request.rebalance_timeout;
        if let Some(old) = supersede(&mut member.join, ticket) {
            turn.answer(old, join_refused(member_id, ErrorCode::RebalanceInProgress));
        }
    }

    /// The answer to a member of this generation.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupResponse {
        let members = if self.is_leader(member_id) { self.joined_members() } else { Vec::new() };
        JoinGroupResponse {
            error: ErrorCode::None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    /// Everybody, as the leader is told.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, member): (&String, &Member)| JoinedMember {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(member).collect()
    }
}
