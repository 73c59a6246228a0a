//! SyncGroup (key 14).

use bytes::Bytes;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{SyncGroupRequest as WireRequest, SyncGroupResponse as WireResponse};

use super::{Translate, optional_string, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, SyncGroupRequest, SyncGroupResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

/// The first version with static members (KIP-345).
const INSTANCE_ID: i16 = 3;
/// The first version in which both sides name the protocol (KIP-559).
const PROTOCOL: i16 = 5;

const REQUEST: Shape = &[
    field(Kind::String),
    field(INT32),
    field(Kind::String),
    field(Kind::String).since(INSTANCE_ID),
    field(Kind::String).since(PROTOCOL),
    field(Kind::String).since(PROTOCOL),
    field(Kind::Structs(ASSIGNMENT)),
];
const ASSIGNMENT: Shape = &[field(Kind::String), field(Kind::Bytes)];

const RESPONSE: Shape = &[
    field(INT32).since(1),
    field(INT16),
    field(Kind::String).since(PROTOCOL),
    field(Kind::String).since(PROTOCOL),
    field(Kind::Bytes),
];

impl Translate for SyncGroupRequest {
    const KEY: ApiKey = ApiKey::SyncGroup;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let assignment = |(member, assignment): &(String, Bytes)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(string(member))
                .with_assignment(assignment.clone())
        };
        let mut wire = WireRequest::default()
            .with_group_id(wire_group(&self.group_id))
            .with_generation_id(self.generation)
            .with_member_id(string(&self.member_id))
            .with_assignments(self.assignments.iter().map(assignment).collect());
        if version >= INSTANCE_ID {
            wire.group_instance_id = optional_string(self.group_instance_id.as_deref());
        }
        if version >= PROTOCOL {
            wire.protocol_type = optional_string(self.protocol_type.as_deref());
            wire.protocol_name = optional_string(self.protocol_name.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let assignments = wire.assignments.into_iter();
        Ok(SyncGroupRequest {
            group_id: owned(&wire.group_id),
            generation: wire.generation_id,
            member_id: owned(&wire.member_id),
            group_instance_id: wire.group_instance_id.as_ref().map(owned),
            protocol_type: wire.protocol_type.as_ref().map(owned),
            protocol_name: wire.protocol_name.as_ref().map(owned),
            assignments: assignments.map(|one| (owned(&one.member_id), one.assignment)).collect(),
        })
    }
}

impl Translate for SyncGroupResponse {
    const KEY: ApiKey = ApiKey::SyncGroup;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let mut wire = WireResponse::default()
            .with_error_code(self.error.code())
            .with_assignment(self.assignment.clone());
        if version >= PROTOCOL {
            wire.protocol_type = optional_string(self.protocol_type.as_deref());
            wire.protocol_name = optional_string(self.protocol_name.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(SyncGroupResponse {
            error: ErrorCode::from_code(wire.error_code),
            protocol_type: wire.protocol_type.as_ref().map(owned),
            protocol_name: wire.protocol_name.as_ref().map(owned),
            assignment: wire.assignment,
        })
    }
}
