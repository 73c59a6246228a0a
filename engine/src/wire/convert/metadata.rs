//! Metadata (key 3).

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest as WireRequest, MetadataResponse as WireResponse};

use super::{
    Translate, nodes, optional_string, owned, port, string, topic_name, wire_broker, wire_brokers, wire_name,
};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, TopicId, TopicName};
use crate::message::{
    ApiKey, MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, TopicRef,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT32_ARRAY, Kind, Shape, UUID, field};

/// The first version that carries topic ids (KIP-516).
const TOPIC_IDS: i16 = 10;
/// The first version in which a request may name a topic by its id alone. (Apache Kafka's brokers mishandle that
/// before version 12; clients of ours ask by name.)
const NULL_NAMES_ASKED: i16 = 10;
/// The first version in which an answer may have an id and no name.
const NULL_NAMES_ANSWERED: i16 = 12;

const REQUEST: Shape = &[
    field(Kind::Structs(REQUEST_TOPIC)),
    field(BOOL).since(4),
    field(BOOL).since(8).until(10),
    field(BOOL).since(8),
];
const REQUEST_TOPIC: Shape = &[field(UUID).since(TOPIC_IDS), field(Kind::String)];

const RESPONSE: Shape = &[
    field(INT32).since(3),
    field(Kind::Structs(BROKER)),
    field(Kind::String).since(2),
    field(INT32),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(INT32).since(8).until(10),
];
const BROKER: Shape = &[field(INT32), field(Kind::String), field(INT32), field(Kind::String)];
const RESPONSE_TOPIC: Shape = &[
    field(INT16),
    field(Kind::String),
    field(UUID).since(TOPIC_IDS),
    field(BOOL),
    field(Kind::Structs(PARTITION)),
    field(INT32).since(8),
];
const PARTITION: Shape = &[
    field(INT16),
    field(INT32),
    field(INT32),
    field(INT32).since(7),
    field(INT32_ARRAY),
    field(INT32_ARRAY),
    field(INT32_ARRAY).since(5),
];

impl Translate for MetadataRequest {
    const KEY: ApiKey = ApiKey::Metadata;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let topic = |topic: &TopicRef| {
            let mut wire = MetadataRequestTopic::default().with_name(match &topic.name {
                Some(name) => Some(wire_name(name)),
                None if version >= NULL_NAMES_ASKED => None,
                None => Some(wire_name(&TopicName::new(""))),
            });
            if version >= TOPIC_IDS {
                wire.topic_id = topic.id.0;
            }
            wire
        };
        WireRequest::default()
            .with_topics(self.topics.as_ref().map(|topics| topics.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(version < 4 || self.allow_auto_topic_creation)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &MetadataRequestTopic| TopicRef {
            name: topic.name.as_ref().map(topic_name),
            id: TopicId(topic.topic_id),
        };
        Ok(MetadataRequest {
            topics: wire.topics.map(|topics| topics.iter().map(topic).collect()),
            allow_auto_topic_creation: wire.allow_auto_topic_creation,
        })
    }
}

impl Translate for MetadataResponse {
    const KEY: ApiKey = ApiKey::Metadata;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let broker = |broker: &MetadataBroker| {
            MetadataResponseBroker::default()
                .with_node_id(wire_broker(broker.id))
                .with_host(string(&broker.endpoint.host))
                .with_port(broker.endpoint.port.into())
                .with_rack(optional_string(broker.rack.as_deref()))
        };
        let mut wire = WireResponse::default()
            .with_brokers(self.brokers.iter().map(broker).collect())
            .with_controller_id(wire_broker(self.controller))
            .with_topics(self.topics.iter().map(|topic| wire_topic(topic, version)).collect());
        if version >= 2 {
            wire.cluster_id = optional_string(self.cluster_id.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let broker = |broker: &MetadataResponseBroker| {
            Ok(MetadataBroker {
                id: NodeId(broker.node_id.0),
                endpoint: Endpoint::new(&broker.host, port(broker.port)?),
                rack: broker.rack.as_ref().map(owned),
            })
        };
        Ok(MetadataResponse {
            brokers: wire.brokers.iter().map(broker).collect::<Result<_, DecodeError>>()?,
            cluster_id: wire.cluster_id.as_ref().map(owned),
            controller: NodeId(wire.controller_id.0),
            topics: wire.topics.iter().map(topic).collect(),
        })
    }
}

fn wire_topic(topic: &MetadataTopic, version: i16) -> MetadataResponseTopic {
    let partition = |partition: &MetadataPartition| {
        let mut wire = MetadataResponsePartition::default()
            .with_error_code(partition.error.code())
            .with_partition_index(partition.partition.0)
            .with_leader_id(wire_broker(partition.leader))
            .with_replica_nodes(wire_brokers(&partition.replicas))
            .with_isr_nodes(wire_brokers(&partition.isr));
        if version >= 5 {
            wire.offline_replicas = wire_brokers(&partition.offline);
        }
        if version >= 7 {
            wire.leader_epoch = partition.leader_epoch.0;
        }
        wire
    };
    let name = topic.name.as_ref().map_or("", TopicName::as_str);
    let mut wire = MetadataResponseTopic::default()
        .with_error_code(topic.error.code())
        .with_is_internal(topic.name.as_ref().is_some_and(TopicName::is_internal))
        .with_name(match &topic.name {
            None if version >= NULL_NAMES_ANSWERED => None,
            _ => Some(string(name).into()),
        })
        .with_partitions(topic.partitions.iter().map(partition).collect());
    if version >= TOPIC_IDS {
        wire.topic_id = topic.id.0;
    }
    wire
}

fn topic(wire: &MetadataResponseTopic) -> MetadataTopic {
    let partition = |partition: &MetadataResponsePartition| MetadataPartition {
        error: ErrorCode::from_code(partition.error_code),
        partition: PartitionIndex(partition.partition_index),
        leader: NodeId(partition.leader_id.0),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: nodes(&partition.replica_nodes),
        isr: nodes(&partition.isr_nodes),
        offline: nodes(&partition.offline_replicas),
    };
    MetadataTopic {
        error: ErrorCode::from_code(wire.error_code),
        name: wire.name.as_ref().map(topic_name),
        id: TopicId(wire.topic_id),
        partitions: wire.partitions.iter().map(partition).collect(),
    }
}
