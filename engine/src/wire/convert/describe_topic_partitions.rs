//! DescribeTopicPartitions (key 75).
//!
//! The operations a client may do on a topic are never computed: the response carries the number that says so.

use kafka_protocol::messages::describe_topic_partitions_request::{Cursor as RequestCursor, TopicRequest};
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor as ResponseCursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest as WireRequest, DescribeTopicPartitionsResponse as WireResponse,
};

use super::{Translate, nodes, topic_name, topic_partition, wire_broker, wire_brokers, wire_name};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId};
use crate::message::{
    ApiKey, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribedPartition,
    DescribedTopic,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT32_ARRAY, Kind, Shape, UUID, field};

const REQUEST: Shape =
    &[field(Kind::Structs(REQUEST_TOPIC)), field(INT32), field(Kind::OptionalStruct(CURSOR))];
const REQUEST_TOPIC: Shape = &[field(Kind::String)];
const CURSOR: Shape = &[field(Kind::String), field(INT32)];

const RESPONSE: Shape =
    &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC)), field(Kind::OptionalStruct(CURSOR))];
const RESPONSE_TOPIC: Shape = &[
    field(INT16),
    field(Kind::String),
    field(UUID),
    field(BOOL),
    field(Kind::Structs(PARTITION)),
    field(INT32),
];
const PARTITION: Shape = &[
    field(INT16),
    field(INT32),
    field(INT32),
    field(INT32),
    field(INT32_ARRAY),
    field(INT32_ARRAY),
    field(INT32_ARRAY),
    field(INT32_ARRAY),
    field(INT32_ARRAY),
];

impl Translate for DescribeTopicPartitionsRequest {
    const KEY: ApiKey = ApiKey::DescribeTopicPartitions;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let topics = self.topics.iter().map(|name| TopicRequest::default().with_name(wire_name(name)));
        let cursor = self.cursor.as_ref().map(|cursor| {
            RequestCursor::default()
                .with_topic_name(wire_name(&cursor.topic))
                .with_partition_index(cursor.partition.0)
        });
        WireRequest::default()
            .with_topics(topics.collect())
            .with_response_partition_limit(self.partitions_max)
            .with_cursor(cursor)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(DescribeTopicPartitionsRequest {
            topics: wire.topics.iter().map(|topic| topic_name(&topic.name)).collect(),
            partitions_max: wire.response_partition_limit,
            cursor: wire
                .cursor
                .map(|cursor| topic_partition(&topic_name(&cursor.topic_name), cursor.partition_index)),
        })
    }
}

impl Translate for DescribeTopicPartitionsResponse {
    const KEY: ApiKey = ApiKey::DescribeTopicPartitions;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let topic = |topic: &DescribedTopic| {
            DescribeTopicPartitionsResponseTopic::default()
                .with_error_code(topic.error.code())
                .with_name(topic.name.as_ref().map(wire_name))
                .with_topic_id(topic.id.0)
                .with_is_internal(topic.is_internal)
                .with_partitions(topic.partitions.iter().map(wire_partition).collect())
        };
        let cursor = self.next_cursor.as_ref().map(|cursor| {
            ResponseCursor::default()
                .with_topic_name(wire_name(&cursor.topic))
                .with_partition_index(cursor.partition.0)
        });
        WireResponse::default().with_topics(self.topics.iter().map(topic).collect()).with_next_cursor(cursor)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &DescribeTopicPartitionsResponseTopic| DescribedTopic {
            error: ErrorCode::from_code(topic.error_code),
            name: topic.name.as_ref().map(topic_name),
            id: TopicId(topic.topic_id),
            is_internal: topic.is_internal,
            partitions: topic.partitions.iter().map(partition).collect(),
        };
        Ok(DescribeTopicPartitionsResponse {
            topics: wire.topics.iter().map(topic).collect(),
            next_cursor: wire
                .next_cursor
                .map(|cursor| topic_partition(&topic_name(&cursor.topic_name), cursor.partition_index)),
        })
    }
}

fn wire_partition(partition: &DescribedPartition) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(partition.error.code())
        .with_partition_index(partition.partition.0)
        .with_leader_id(wire_broker(partition.leader))
        .with_leader_epoch(partition.leader_epoch.0)
        .with_replica_nodes(wire_brokers(&partition.replicas))
        .with_isr_nodes(wire_brokers(&partition.isr))
        .with_eligible_leader_replicas(partition.eligible_leader_replicas.as_deref().map(wire_brokers))
        .with_last_known_elr(partition.last_known_eligible.as_deref().map(wire_brokers))
        .with_offline_replicas(wire_brokers(&partition.offline))
}

fn partition(wire: &DescribeTopicPartitionsResponsePartition) -> DescribedPartition {
    DescribedPartition {
        error: ErrorCode::from_code(wire.error_code),
        partition: PartitionIndex(wire.partition_index),
        leader: NodeId(wire.leader_id.0),
        leader_epoch: LeaderEpoch(wire.leader_epoch),
        replicas: nodes(&wire.replica_nodes),
        isr: nodes(&wire.isr_nodes),
        eligible_leader_replicas: wire.eligible_leader_replicas.as_deref().map(nodes),
        last_known_eligible: wire.last_known_elr.as_deref().map(nodes),
        offline: nodes(&wire.offline_replicas),
    }
}
