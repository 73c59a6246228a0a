//! FindCoordinator (key 10). Versions up to 3 ask for one key, version 4 on for many (KIP-699).

use kafka_protocol::messages::find_coordinator_response::Coordinator as WireCoordinator;
use kafka_protocol::messages::{
    FindCoordinatorRequest as WireRequest, FindCoordinatorResponse as WireResponse,
};

use super::{Translate, optional_string, owned, port, string, wire_broker};
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId};
use crate::message::{ApiKey, Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, Kind, Shape, field};

/// The first version that says what its key is, and may explain an error.
const KEY_TYPE: i16 = 1;
/// The first version with many keys.
const MANY: i16 = 4;

const REQUEST: Shape =
    &[field(Kind::String).until(MANY - 1), field(INT8).since(KEY_TYPE), field(Kind::Strings).since(MANY)];

const RESPONSE: Shape = &[
    field(INT32).since(KEY_TYPE),
    field(INT16).until(MANY - 1),
    field(Kind::String).since(KEY_TYPE).until(MANY - 1),
    field(INT32).until(MANY - 1),
    field(Kind::String).until(MANY - 1),
    field(INT32).until(MANY - 1),
    field(Kind::Structs(COORDINATOR)).since(MANY),
];
const COORDINATOR: Shape = &[
    field(Kind::String),
    field(INT32),
    field(Kind::String),
    field(INT32),
    field(INT16),
    field(Kind::String),
];

impl Translate for FindCoordinatorRequest {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default();
        if version >= KEY_TYPE {
            wire.key_type = self.key_type;
        }
        if version >= MANY {
            wire.coordinator_keys = self.keys.iter().map(|key| string(key)).collect();
        } else {
            wire.key = string(self.keys.first().map_or("", String::as_str));
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let keys = if version >= MANY {
            wire.coordinator_keys.iter().map(owned).collect()
        } else {
            vec![owned(&wire.key)]
        };
        Ok(FindCoordinatorRequest { key_type: wire.key_type, keys })
    }
}

/// A coordinator that is not known: id -1, no host, port -1.
fn place(node: Option<&(NodeId, Endpoint)>) -> (NodeId, &str, i32) {
    node.map_or((NodeId::NONE, "", -1), |(id, endpoint)| (*id, &*endpoint.host, endpoint.port.into()))
}

fn node(id: i32, host: &str, number: i32) -> Result<Option<(NodeId, Endpoint)>, DecodeError> {
    if id == NodeId::NONE.0 {
        return Ok(None);
    }
    Ok(Some((NodeId(id), Endpoint::new(host, port(number)?))))
}

impl Translate for FindCoordinatorResponse {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        if version >= MANY {
            let coordinator = |coordinator: &Coordinator| {
                let (id, host, port) = place(coordinator.node.as_ref());
                WireCoordinator::default()
                    .with_key(string(&coordinator.key))
                    .with_node_id(wire_broker(id))
                    .with_host(string(host))
                    .with_port(port)
                    .with_error_code(coordinator.error.code())
                    .with_error_message(optional_string(coordinator.error_message.as_deref()))
            };
            return WireResponse::default()
                .with_coordinators(self.coordinators.iter().map(coordinator).collect());
        }
        let mut wire = WireResponse::default().with_node_id(wire_broker(NodeId::NONE)).with_port(-1);
        if let Some(coordinator) = self.coordinators.first() {
            let (id, host, port) = place(coordinator.node.as_ref());
            (wire.node_id, wire.host, wire.port) = (wire_broker(id), string(host), port);
            wire.error_code = coordinator.error.code();
            if version >= KEY_TYPE {
                wire.error_message = optional_string(coordinator.error_message.as_deref());
            }
        }
        wire
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        if version < MANY {
            let coordinator = Coordinator {
                key: String::new(),
                node: node(wire.node_id.0, &wire.host, wire.port)?,
                error: ErrorCode::from_code(wire.error_code),
                error_message: wire.error_message.as_ref().filter(|_| version >= KEY_TYPE).map(owned),
            };
            return Ok(FindCoordinatorResponse { coordinators: vec![coordinator] });
        }
        let coordinator = |coordinator: &WireCoordinator| {
            Ok(Coordinator {
                key: owned(&coordinator.key),
                node: node(coordinator.node_id.0, &coordinator.host, coordinator.port)?,
                error: ErrorCode::from_code(coordinator.error_code),
                error_message: coordinator.error_message.as_ref().map(owned),
            })
        };
        let coordinators = wire.coordinators.iter().map(coordinator).collect::<Result<_, DecodeError>>()?;
        Ok(FindCoordinatorResponse { coordinators })
    }
}
