//! AllocateProducerIds (key 67).

use kafka_protocol::messages::{
    AllocateProducerIdsRequest as WireRequest, AllocateProducerIdsResponse as WireResponse,
};

use super::{Translate, wire_broker};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, ProducerId};
use crate::message::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ApiKey};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Shape, field};

const REQUEST: Shape = &[field(INT32), field(INT64)];
const RESPONSE: Shape = &[field(INT32), field(INT16), field(INT64), field(INT32)];

impl Translate for AllocateProducerIdsRequest {
    const KEY: ApiKey = ApiKey::AllocateProducerIds;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        WireRequest::default().with_broker_id(wire_broker(self.broker)).with_broker_epoch(self.broker_epoch.0)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(AllocateProducerIdsRequest {
            broker: NodeId(wire.broker_id.0),
            broker_epoch: BrokerEpoch(wire.broker_epoch),
        })
    }
}

impl Translate for AllocateProducerIdsResponse {
    const KEY: ApiKey = ApiKey::AllocateProducerIds;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_producer_id_start(self.producer_id_start.0.into())
            .with_producer_id_len(self.producer_id_len)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(AllocateProducerIdsResponse {
            error: ErrorCode::from_code(wire.error_code),
            producer_id_start: ProducerId(wire.producer_id_start.0),
            producer_id_len: wire.producer_id_len,
        })
    }
}
