//! JoinGroup (key 11).

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest as WireRequest, JoinGroupResponse as WireResponse};

use super::{Translate, duration, milliseconds, optional_string, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, JoinGroupRequest, JoinGroupResponse, JoinedMember};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, Kind, Shape, field};

/// The first version with a rebalance timeout of its own (KIP-62).
const REBALANCE_TIMEOUT: i16 = 1;
/// The first version with static members (KIP-345).
const INSTANCE_ID: i16 = 5;
/// The first version that tells the kind of the group, and may name no protocol.
const PROTOCOL_TYPE: i16 = 7;
/// The first version that says why.
const REASON: i16 = 8;
/// The first version that may keep the assignment (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;

const REQUEST: Shape = &[
    field(Kind::String),
    field(INT32),
    field(INT32).since(REBALANCE_TIMEOUT),
    field(Kind::String),
    field(Kind::String).since(INSTANCE_ID),
    field(Kind::String),
    field(Kind::Structs(PROTOCOL)),
    field(Kind::String).since(REASON),
];
const PROTOCOL: Shape = &[field(Kind::String), field(Kind::Bytes)];

const RESPONSE: Shape = &[
    field(INT32).since(2),
    field(INT16),
    field(INT32),
    field(Kind::String).since(PROTOCOL_TYPE),
    field(Kind::String),
    field(Kind::String),
    field(BOOL).since(SKIP_ASSIGNMENT),
    field(Kind::String),
    field(Kind::Structs(MEMBER)),
];
const MEMBER: Shape = &[field(Kind::String), field(Kind::String).since(INSTANCE_ID), field(Kind::Bytes)];

impl Translate for JoinGroupRequest {
    const KEY: ApiKey = ApiKey::JoinGroup;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let protocol = |(name, metadata): &(String, Bytes)| {
            JoinGroupRequestProtocol::default().with_name(string(name)).with_metadata(metadata.clone())
        };
        let mut wire = WireRequest::default()
            .with_group_id(wire_group(&self.group_id))
            .with_session_timeout_ms(milliseconds(self.session_timeout))
            .with_member_id(string(&self.member_id))
            .with_protocol_type(string(&self.protocol_type))
            .with_protocols(self.protocols.iter().map(protocol).collect());
        if version >= REBALANCE_TIMEOUT {
            wire.rebalance_timeout_ms = milliseconds(self.rebalance_timeout);
        }
        if version >= INSTANCE_ID {
            wire.group_instance_id = optional_string(self.group_instance_id.as_deref());
        }
        if version >= REASON {
            wire.reason = optional_string(self.reason.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let session_timeout = duration(wire.session_timeout_ms);
        let rebalance_timeout = duration(wire.rebalance_timeout_ms);
        Ok(JoinGroupRequest {
            group_id: owned(&wire.group_id),
            session_timeout,
            rebalance_timeout: if version >= REBALANCE_TIMEOUT { rebalance_timeout } else { session_timeout },
            member_id: owned(&wire.member_id),
            group_instance_id: wire.group_instance_id.as_ref().map(owned),
            protocol_type: owned(&wire.protocol_type),
            protocols: wire
                .protocols
                .into_iter()
                .map(|protocol| (owned(&protocol.name), protocol.metadata))
                .collect(),
            reason: wire.reason.as_ref().map(owned),
        })
    }
}

impl Translate for JoinGroupResponse {
    const KEY: ApiKey = ApiKey::JoinGroup;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let member = |member: &JoinedMember| {
            let mut wire = JoinGroupResponseMember::default()
                .with_member_id(string(&member.member_id))
                .with_metadata(member.metadata.clone());
            if version >= INSTANCE_ID {
                wire.group_instance_id = optional_string(member.group_instance_id.as_deref());
            }
            wire
        };
        let mut wire = WireResponse::default()
            .with_error_code(self.error.code())
            .with_generation_id(self.generation)
            .with_protocol_name(optional_string(self.protocol_name.as_deref()))
            .with_leader(string(&self.leader))
            .with_member_id(string(&self.member_id))
            .with_members(self.members.iter().map(member).collect());
        if version >= PROTOCOL_TYPE {
            wire.protocol_type = optional_string(self.protocol_type.as_deref());
        } else {
            wire.protocol_name = Some(string(self.protocol_name.as_deref().unwrap_or("")));
        }
        if version >= SKIP_ASSIGNMENT {
            wire.skip_assignment = self.skip_assignment;
        }
        wire
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        let member = |member: JoinGroupResponseMember| JoinedMember {
            member_id: owned(&member.member_id),
            group_instance_id: member.group_instance_id.as_ref().map(owned),
            metadata: member.metadata,
        };
        Ok(JoinGroupResponse {
            error: ErrorCode::from_code(wire.error_code),
            generation: wire.generation_id,
            protocol_type: wire.protocol_type.as_ref().filter(|_| version >= PROTOCOL_TYPE).map(owned),
            protocol_name: wire.protocol_name.as_ref().map(owned),
            leader: owned(&wire.leader),
            skip_assignment: wire.skip_assignment,
            member_id: owned(&wire.member_id),
            members: wire.members.into_iter().map(member).collect(),
        })
    }
}
