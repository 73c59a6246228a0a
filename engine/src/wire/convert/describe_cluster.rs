//! DescribeCluster (key 60).
//!
//! The operations a client may do on the cluster are never computed: the response carries the number that says so.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{
    DescribeClusterRequest as WireRequest, DescribeClusterResponse as WireResponse,
};

use super::{Translate, optional_string, owned, port, string, wire_broker};
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId};
use crate::message::{ApiKey, DescribeClusterRequest, DescribeClusterResponse, MetadataBroker};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, Kind, Shape, field};

/// The first version that can ask for controllers (KIP-919).
const ENDPOINT_TYPE: i16 = 1;

const REQUEST: Shape = &[field(BOOL), field(INT8).since(ENDPOINT_TYPE)];

const RESPONSE: Shape = &[
    field(INT32),
    field(INT16),
    field(Kind::String),
    field(INT8).since(ENDPOINT_TYPE),
    field(Kind::String),
    field(INT32),
    field(Kind::Structs(BROKER)),
    field(INT32),
];
const BROKER: Shape = &[field(INT32), field(Kind::String), field(INT32), field(Kind::String)];

impl Translate for DescribeClusterRequest {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default()
            .with_include_cluster_authorized_operations(self.include_authorized_operations);
        if version >= ENDPOINT_TYPE {
            wire.endpoint_type = self.endpoint_type;
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(DescribeClusterRequest {
            include_authorized_operations: wire.include_cluster_authorized_operations,
            endpoint_type: wire.endpoint_type,
        })
    }
}

impl Translate for DescribeClusterResponse {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let broker = |broker: &MetadataBroker| {
            DescribeClusterBroker::default()
                .with_broker_id(wire_broker(broker.id))
                .with_host(string(&broker.endpoint.host))
                .with_port(broker.endpoint.port.into())
                .with_rack(optional_string(broker.rack.as_deref()))
        };
        let mut wire = WireResponse::default()
            .with_error_code(self.error.code())
            .with_error_message(optional_string(self.error_message.as_deref()))
            .with_cluster_id(string(&self.cluster_id))
            .with_controller_id(wire_broker(self.controller))
            .with_brokers(self.brokers.iter().map(broker).collect());
        if version >= ENDPOINT_TYPE {
            wire.endpoint_type = self.endpoint_type;
        }
        wire
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let broker = |broker: &DescribeClusterBroker| {
            Ok(MetadataBroker {
                id: NodeId(broker.broker_id.0),
                endpoint: Endpoint::new(&broker.host, port(broker.port)?),
                rack: broker.rack.as_ref().map(owned),
            })
        };
        Ok(DescribeClusterResponse {
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
            endpoint_type: wire.endpoint_type,
            cluster_id: owned(&wire.cluster_id),
            controller: NodeId(wire.controller_id.0),
            brokers: wire.brokers.iter().map(broker).collect::<Result<_, DecodeError>>()?,
        })
    }
}
