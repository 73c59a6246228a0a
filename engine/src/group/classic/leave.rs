//! Heartbeat and LeaveGroup.

use super::{ClassicGroup, GroupState, Member, join_refused, sync_refused};
use crate::error::ErrorCode;
use crate::event::LeaveReason;
use crate::group::Turn;
use crate::message::{HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeftMember};

impl Member {
    /// It is a member no more: its requests that wait are answered.
    pub(super) fn dismiss(&self, turn: &mut Turn<'_>, member_id: &str, error: ErrorCode) {
        if let Some(ticket) = self.join {
            turn.answer(ticket, join_refused(member_id, error));
        }
        if let Some(ticket) = self.sync {
            turn.answer(ticket, sync_refused(error));
        }
    }
}

impl ClassicGroup {
    /// A member is alive. What it is told makes it join again, or not.
    pub(in crate::group) fn heartbeat(&mut self, turn: &Turn<'_>, request: &HeartbeatRequest) -> ErrorCode {
        let (member_id, instance) = (&request.member_id, request.group_instance_id.as_deref());
        if let Err(error) = self.validate_generation(member_id, instance, request.generation) {
            return error;
        }
        self.keep_session(turn, member_id);
        if self.state == GroupState::PreparingRebalance {
            ErrorCode::RebalanceInProgress
        } else {
            ErrorCode::None
        }
    }

    /// A sign of life of a member.
    pub(in crate::group) fn keep_session(&mut self, turn: &Turn<'_>, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            self.hurried |= member.deadline.is_none();
            member.touch(turn.now.mono);
        }
    }

    /// Members leave.
    pub(in crate::group) fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        request: &LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        let mut left = Vec::with_capacity(request.members.len());
        for member in &request.members {
            left.push(LeftMember {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                error: self.leave_one(turn, member).err().unwrap_or(ErrorCode::None),
            });
        }
        if left.iter().any(|member| !member.error.is_error()) {
            self.after_removal(turn);
        }
        LeaveGroupResponse { error: ErrorCode::None, members: left }
    }

    fn leave_one(&mut self, turn: &mut Turn<'_>, leaving: &LeavingMember) -> Result<(), ErrorCode> {
        let instance = leaving.group_instance_id.as_deref();
        let mut why = LeaveReason::Left;
        let member_id = match instance {
            // An operator removes a static member by its instance id.
            Some(instance) if leaving.member_id.is_empty() => {
                why = LeaveReason::Removed;
                self.static_members.get(instance).cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            None if self.pending_joins.remove(&leaving.member_id).is_some() => return Ok(()),
            _ => leaving.member_id.clone(),
        };
        self.validate_member(&member_id, instance)?;
        self.remove(turn, &member_id, why);
        Ok(())
    }
}
