//! CreateTopics (key 19).

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest as WireRequest, CreateTopicsResponse as WireResponse};

use super::{Translate, duration, milliseconds, nodes, optional_string, owned, string, wire_brokers};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId};
use crate::message::{ApiKey, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, NewTopic};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, INT32_ARRAY, Kind, Shape, UUID, field};

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC)), field(INT32), field(BOOL)];
const REQUEST_TOPIC: Shape = &[
    field(Kind::String),
    field(INT32),
    field(INT16),
    field(Kind::Structs(ASSIGNMENT)),
    field(Kind::Structs(REQUEST_CONFIG)),
];
const ASSIGNMENT: Shape = &[field(INT32), field(INT32_ARRAY)];
const REQUEST_CONFIG: Shape = &[field(Kind::String), field(Kind::String)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[
    field(Kind::String),
    field(UUID).since(7),
    field(INT16),
    field(Kind::String),
    field(INT16).since(5).tagged(0),
    field(INT32).since(5),
    field(INT16).since(5),
    field(Kind::Structs(RESPONSE_CONFIG)).since(5),
];
const RESPONSE_CONFIG: Shape =
    &[field(Kind::String), field(Kind::String), field(BOOL), field(INT8), field(BOOL)];

impl Translate for CreateTopicsRequest {
    const KEY: ApiKey = ApiKey::CreateTopics;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        WireRequest::default()
            .with_topics(self.topics.iter().map(wire_topic).collect())
            .with_timeout_ms(milliseconds(self.timeout))
            .with_validate_only(self.validate_only)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(CreateTopicsRequest {
            topics: wire.topics.iter().map(topic).collect(),
            timeout: duration(wire.timeout_ms),
            validate_only: wire.validate_only,
        })
    }
}

fn wire_topic(topic: &NewTopic) -> CreatableTopic {
    let assignments = topic.assignments.iter().map(|(partition, replicas)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(partition.0)
            .with_broker_ids(wire_brokers(replicas))
    });
    let configs = topic.configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(string(name)).with_value(optional_string(value.as_deref()))
    });
    CreatableTopic::default()
        .with_name(string(&topic.name).into())
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_assignments(assignments.collect())
        .with_configs(configs.collect())
}

/// Of a setting that is named twice the last value counts.
fn topic(wire: &CreatableTopic) -> NewTopic {
    let assignment = |assignment: &CreatableReplicaAssignment| {
        (PartitionIndex(assignment.partition_index), nodes(&assignment.broker_ids))
    };
    let config = |config: &CreatableTopicConfig| (owned(&config.name), config.value.as_ref().map(owned));
    NewTopic {
        name: owned(&wire.name),
        partitions: wire.num_partitions,
        replication_factor: wire.replication_factor,
        assignments: wire.assignments.iter().map(assignment).collect(),
        configs: wire.configs.iter().map(config).collect(),
    }
}

impl Translate for CreateTopicsResponse {
    const KEY: ApiKey = ApiKey::CreateTopics;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let topic = |topic: &CreatedTopic| {
            let mut wire = CreatableTopicResult::default()
                .with_name(string(&topic.name).into())
                .with_error_code(topic.error.code())
                .with_error_message(optional_string(topic.error_message.as_deref()));
            if version >= 5 {
                wire.num_partitions = topic.partitions;
                wire.replication_factor = topic.replication_factor;
            }
            if version >= 7 {
                wire.topic_id = topic.id.0;
            }
            wire
        };
        WireResponse::default().with_topics(self.topics.iter().map(topic).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &CreatableTopicResult| CreatedTopic {
            name: owned(&topic.name),
            id: TopicId(topic.topic_id),
            error: ErrorCode::from_code(topic.error_code),
            error_message: topic.error_message.as_ref().map(owned),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
        };
        Ok(CreateTopicsResponse { topics: wire.topics.iter().map(topic).collect() })
    }
}
