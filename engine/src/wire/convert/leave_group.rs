//! LeaveGroup (key 13). Versions up to 2 name one member, version 3 on many (KIP-345).

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest as WireRequest, LeaveGroupResponse as WireResponse};

use super::{Translate, optional_string, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeftMember};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

/// The first version with many members.
const MANY: i16 = 3;
/// The first version that says why.
const REASON: i16 = 5;

const REQUEST: Shape =
    &[field(Kind::String), field(Kind::String).until(MANY - 1), field(Kind::Structs(LEAVING)).since(MANY)];
const LEAVING: Shape = &[field(Kind::String), field(Kind::String), field(Kind::String).since(REASON)];

const RESPONSE: Shape = &[field(INT32).since(1), field(INT16), field(Kind::Structs(LEFT)).since(MANY)];
const LEFT: Shape = &[field(Kind::String), field(Kind::String), field(INT16)];

impl Translate for LeaveGroupRequest {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let member = |member: &LeavingMember| {
            let mut wire = MemberIdentity::default()
                .with_member_id(string(&member.member_id))
                .with_group_instance_id(optional_string(member.group_instance_id.as_deref()));
            if version >= REASON {
                wire.reason = optional_string(member.reason.as_deref());
            }
            wire
        };
        let mut wire = WireRequest::default().with_group_id(wire_group(&self.group_id));
        if version >= MANY {
            wire.members = self.members.iter().map(member).collect();
        } else {
            wire.member_id = string(self.members.first().map_or("", |member| &member.member_id));
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let member = |member: &MemberIdentity| LeavingMember {
            member_id: owned(&member.member_id),
            group_instance_id: member.group_instance_id.as_ref().map(owned),
            reason: member.reason.as_ref().map(owned),
        };
        let members = if version >= MANY {
            wire.members.iter().map(member).collect()
        } else {
            let member_id = owned(&wire.member_id);
            vec![LeavingMember { member_id, group_instance_id: None, reason: None }]
        };
        Ok(LeaveGroupRequest { group_id: owned(&wire.group_id), members })
    }
}

impl Translate for LeaveGroupResponse {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let member = |member: &LeftMember| {
            MemberResponse::default()
                .with_member_id(string(&member.member_id))
                .with_group_instance_id(optional_string(member.group_instance_id.as_deref()))
                .with_error_code(member.error.code())
        };
        if version >= MANY {
            return WireResponse::default()
                .with_error_code(self.error.code())
                .with_members(self.members.iter().map(member).collect());
        }
        let of_member = self.members.first().map_or(ErrorCode::None, |member| member.error);
        let error = if self.error.is_error() { self.error } else { of_member };
        WireResponse::default().with_error_code(error.code())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let member = |member: &MemberResponse| LeftMember {
            member_id: owned(&member.member_id),
            group_instance_id: member.group_instance_id.as_ref().map(owned),
            error: ErrorCode::from_code(member.error_code),
        };
        Ok(LeaveGroupResponse {
            error: ErrorCode::from_code(wire.error_code),
            members: wire.members.iter().map(member).collect(),
        })
    }
}
