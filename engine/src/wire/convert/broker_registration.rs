//! BrokerRegistration (key 62).
//!
//! Our brokers have one listener: it is the first, and named PLAINTEXT. Features and log directories are not
//! spoken of.

use kafka_protocol::messages::broker_registration_request::Listener;
use kafka_protocol::messages::{
    BrokerRegistrationRequest as WireRequest, BrokerRegistrationResponse as WireResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Translate, optional_string, owned, string, wire_broker};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, IncarnationId, NodeId};
use crate::message::{ApiKey, BrokerRegistrationRequest, BrokerRegistrationResponse};
use crate::wire::error::{DecodeError, malformed};
use crate::wire::shape::{BOOL, INT16, INT32, INT64, Kind, Shape, UUID, UUID_ARRAY, field};

/// Name of our listener.
const LISTENER: StrBytes = StrBytes::from_static_str("PLAINTEXT");

const REQUEST: Shape = &[
    field(INT32),
    field(Kind::String),
    field(UUID),
    field(Kind::Structs(LISTENER_SHAPE)),
    field(Kind::Structs(FEATURE)),
    field(Kind::String),
    field(BOOL).since(1),
    field(UUID_ARRAY).since(2),
    field(INT64).since(3),
];
const LISTENER_SHAPE: Shape = &[field(Kind::String), field(Kind::String), field(INT16), field(INT16)];
const FEATURE: Shape = &[field(Kind::String), field(INT16), field(INT16)];

const RESPONSE: Shape = &[field(INT32), field(INT16), field(INT64)];

impl Translate for BrokerRegistrationRequest {
    const KEY: ApiKey = ApiKey::BrokerRegistration;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let listener = Listener::default()
            .with_name(LISTENER)
            .with_host(string(&self.endpoint.host))
            .with_port(self.endpoint.port);
        let mut wire = WireRequest::default()
            .with_broker_id(wire_broker(self.broker))
            .with_cluster_id(string(&self.cluster_id))
            .with_incarnation_id(self.incarnation.0)
            .with_listeners(vec![listener])
            .with_rack(optional_string(self.rack.as_deref()));
        if version >= 3 {
            wire.previous_broker_epoch = self.previous_broker_epoch.0;
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let listener = wire.listeners.first().ok_or_else(|| malformed("the broker has no listener"))?;
        Ok(BrokerRegistrationRequest {
            broker: NodeId(wire.broker_id.0),
            cluster_id: owned(&wire.cluster_id),
            incarnation: IncarnationId(wire.incarnation_id),
            endpoint: Endpoint::new(&listener.host, listener.port),
            rack: wire.rack.as_ref().map(owned),
            previous_broker_epoch: BrokerEpoch(wire.previous_broker_epoch),
        })
    }
}

impl Translate for BrokerRegistrationResponse {
    const KEY: ApiKey = ApiKey::BrokerRegistration;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default().with_error_code(self.error.code()).with_broker_epoch(self.broker_epoch.0)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(BrokerRegistrationResponse {
            error: ErrorCode::from_code(wire.error_code),
            broker_epoch: BrokerEpoch(wire.broker_epoch),
        })
    }
}
