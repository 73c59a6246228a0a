//! InitProducerId (key 22).

use kafka_protocol::messages::{
    InitProducerIdRequest as WireRequest, InitProducerIdResponse as WireResponse,
};

use super::{Translate, optional_string, owned};
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::message::{ApiKey, InitProducerIdRequest, InitProducerIdResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, field};

/// The first version in which a producer names the id it has (KIP-360).
const KNOWN_PRODUCER: i16 = 3;

const REQUEST: Shape = &[
    field(Kind::String),
    field(INT32),
    field(INT64).since(KNOWN_PRODUCER),
    field(INT16).since(KNOWN_PRODUCER),
];

const RESPONSE: Shape = &[field(INT32), field(INT16), field(INT64), field(INT16)];

impl Translate for InitProducerIdRequest {
    const KEY: ApiKey = ApiKey::InitProducerId;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default()
            .with_transactional_id(optional_string(self.transactional_id.as_deref()).map(Into::into))
            .with_transaction_timeout_ms(self.transaction_timeout_ms);
        if version >= KNOWN_PRODUCER {
            wire.producer_id = self.producer_id.0.into();
            wire.producer_epoch = self.producer_epoch;
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(InitProducerIdRequest {
            transactional_id: wire.transactional_id.as_ref().map(|id| owned(id)),
            transaction_timeout_ms: wire.transaction_timeout_ms,
            producer_id: ProducerId(wire.producer_id.0),
            producer_epoch: wire.producer_epoch,
        })
    }
}

impl Translate for InitProducerIdResponse {
    const KEY: ApiKey = ApiKey::InitProducerId;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_producer_id(self.producer_id.0.into())
            .with_producer_epoch(self.producer_epoch)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(InitProducerIdResponse {
            error: ErrorCode::from_code(wire.error_code),
            producer_id: ProducerId(wire.producer_id.0),
            producer_epoch: wire.producer_epoch,
        })
    }
}
