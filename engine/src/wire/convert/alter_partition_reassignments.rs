//! AlterPartitionReassignments (key 45).

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest as WireRequest, AlterPartitionReassignmentsResponse as WireResponse,
};

use super::{
    Translate, by_topic, duration, milliseconds, nodes, optional_string, owned, topic_name, topic_partition,
    wire_brokers,
};
use crate::error::ErrorCode;
use crate::message::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiKey, PartitionOutcome,
    Reassignment,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT32_ARRAY, Kind, Shape, field};

const REQUEST: Shape = &[field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(INT32_ARRAY)];

const RESPONSE: Shape =
    &[field(INT32), field(INT16), field(Kind::String), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT16), field(Kind::String)];

impl Translate for AlterPartitionReassignmentsRequest {
    const KEY: ApiKey = ApiKey::AlterPartitionReassignments;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let partition = |reassignment: &Reassignment| {
            ReassignablePartition::default()
                .with_partition_index(reassignment.partition.partition.0)
                .with_replicas(reassignment.replicas.as_deref().map(wire_brokers))
        };
        let topics = by_topic(&self.partitions, |reassignment| &reassignment.partition).map(|(name, run)| {
            ReassignableTopic::default().with_name(name).with_partitions(run.iter().map(partition).collect())
        });
        WireRequest::default().with_timeout_ms(milliseconds(self.timeout)).with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|reassignment| Reassignment {
                partition: topic_partition(&name, reassignment.partition_index),
                replicas: reassignment.replicas.as_deref().map(nodes),
            }));
        }
        Ok(AlterPartitionReassignmentsRequest { timeout: duration(wire.timeout_ms), partitions })
    }
}

impl Translate for AlterPartitionReassignmentsResponse {
    const KEY: ApiKey = ApiKey::AlterPartitionReassignments;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |outcome: &PartitionOutcome| {
            ReassignablePartitionResponse::default()
                .with_partition_index(outcome.partition.partition.0)
                .with_error_code(outcome.error.code())
                .with_error_message(optional_string(outcome.error_message.as_deref()))
        };
        let topics = by_topic(&self.partitions, |outcome| &outcome.partition).map(|(name, run)| {
            ReassignableTopicResponse::default()
                .with_name(name)
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_error_message(optional_string(self.error_message.as_deref()))
            .with_responses(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.responses {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|outcome| PartitionOutcome {
                partition: topic_partition(&name, outcome.partition_index),
                error: ErrorCode::from_code(outcome.error_code),
                error_message: outcome.error_message.as_ref().map(owned),
            }));
        }
        Ok(AlterPartitionReassignmentsResponse {
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
            partitions,
        })
    }
}
