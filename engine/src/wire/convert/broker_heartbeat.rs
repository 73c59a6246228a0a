//! BrokerHeartbeat (key 63).

use kafka_protocol::messages::{
    BrokerHeartbeatRequest as WireRequest, BrokerHeartbeatResponse as WireResponse,
};

use super::{Translate, wire_broker};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{ApiKey, BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT64, Shape, UUID_ARRAY, field};

const REQUEST: Shape = &[
    field(INT32),
    field(INT64),
    field(INT64),
    field(BOOL),
    field(BOOL),
    field(UUID_ARRAY).since(1).tagged(0),
];

const RESPONSE: Shape = &[field(INT32), field(INT16), field(BOOL), field(BOOL), field(BOOL)];

impl Translate for BrokerHeartbeatRequest {
    const KEY: ApiKey = ApiKey::BrokerHeartbeat;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        WireRequest::default()
            .with_broker_id(wire_broker(self.broker))
            .with_broker_epoch(self.broker_epoch.0)
            .with_current_metadata_offset(self.current_metadata_offset.0)
            .with_want_fence(self.want_fence)
            .with_want_shut_down(self.want_shut_down)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(BrokerHeartbeatRequest {
            broker: NodeId(wire.broker_id.0),
            broker_epoch: BrokerEpoch(wire.broker_epoch),
            current_metadata_offset: Offset(wire.current_metadata_offset),
            want_fence: wire.want_fence,
            want_shut_down: wire.want_shut_down,
        })
    }
}

impl Translate for BrokerHeartbeatResponse {
    const KEY: ApiKey = ApiKey::BrokerHeartbeat;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_is_caught_up(self.is_caught_up)
            .with_is_fenced(self.is_fenced)
            .with_should_shut_down(self.should_shut_down)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(BrokerHeartbeatResponse {
            error: ErrorCode::from_code(wire.error_code),
            is_caught_up: wire.is_caught_up,
            is_fenced: wire.is_fenced,
            should_shut_down: wire.should_shut_down,
        })
    }
}
