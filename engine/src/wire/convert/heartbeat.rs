//! Heartbeat (key 12), of members of groups.

use kafka_protocol::messages::{HeartbeatRequest as WireRequest, HeartbeatResponse as WireResponse};

use super::{Translate, optional_string, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, HeartbeatRequest, HeartbeatResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

/// The first version with static members (KIP-345).
const INSTANCE_ID: i16 = 3;

const REQUEST: Shape =
    &[field(Kind::String), field(INT32), field(Kind::String), field(Kind::String).since(INSTANCE_ID)];

const RESPONSE: Shape = &[field(INT32).since(1), field(INT16)];

impl Translate for HeartbeatRequest {
    const KEY: ApiKey = ApiKey::Heartbeat;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default()
            .with_group_id(wire_group(&self.group_id))
            .with_generation_id(self.generation)
            .with_member_id(string(&self.member_id));
        if version >= INSTANCE_ID {
            wire.group_instance_id = optional_string(self.group_instance_id.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(HeartbeatRequest {
            group_id: owned(&wire.group_id),
            generation: wire.generation_id,
            member_id: owned(&wire.member_id),
            group_instance_id: wire.group_instance_id.as_ref().map(owned),
        })
    }
}

impl Translate for HeartbeatResponse {
    const KEY: ApiKey = ApiKey::Heartbeat;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default().with_error_code(self.error.code())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(HeartbeatResponse { error: ErrorCode::from_code(wire.error_code) })
    }
}
