//! ListPartitionReassignments (key 46).

use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{
    ListPartitionReassignmentsRequest as WireRequest, ListPartitionReassignmentsResponse as WireResponse,
};

use super::{
    Translate, by_topic, duration, indexes, milliseconds, nodes, optional_string, owned, topic_name,
    topic_partition, wire_brokers,
};
use crate::error::ErrorCode;
use crate::message::{
    ApiKey, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingReassignment,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT32_ARRAY, Kind, Shape, field};

const REQUEST: Shape = &[field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];

const RESPONSE: Shape =
    &[field(INT32), field(INT16), field(Kind::String), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT32_ARRAY), field(INT32_ARRAY), field(INT32_ARRAY)];

impl Translate for ListPartitionReassignmentsRequest {
    const KEY: ApiKey = ApiKey::ListPartitionReassignments;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let topics = self.partitions.as_ref().map(|partitions| {
            let topics = by_topic(partitions, |partition| partition).map(|(name, run)| {
                ListPartitionReassignmentsTopics::default()
                    .with_name(name)
                    .with_partition_indexes(indexes(run))
            });
            topics.collect()
        });
        WireRequest::default().with_timeout_ms(milliseconds(self.timeout)).with_topics(topics)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topics.map(|topics| {
            let mut partitions = Vec::new();
            for topic in &topics {
                let name = topic_name(&topic.name);
                partitions.extend(topic.partition_indexes.iter().map(|index| topic_partition(&name, *index)));
            }
            partitions
        });
        Ok(ListPartitionReassignmentsRequest { timeout: duration(wire.timeout_ms), partitions })
    }
}

impl Translate for ListPartitionReassignmentsResponse {
    const KEY: ApiKey = ApiKey::ListPartitionReassignments;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |ongoing: &OngoingReassignment| {
            OngoingPartitionReassignment::default()
                .with_partition_index(ongoing.partition.partition.0)
                .with_replicas(wire_brokers(&ongoing.replicas))
                .with_adding_replicas(wire_brokers(&ongoing.adding))
                .with_removing_replicas(wire_brokers(&ongoing.removing))
        };
        let topics = by_topic(&self.partitions, |ongoing| &ongoing.partition).map(|(name, run)| {
            OngoingTopicReassignment::default()
                .with_name(name)
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_error_message(optional_string(self.error_message.as_deref()))
            .with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|ongoing| OngoingReassignment {
                partition: topic_partition(&name, ongoing.partition_index),
                replicas: nodes(&ongoing.replicas),
                adding: nodes(&ongoing.adding_replicas),
                removing: nodes(&ongoing.removing_replicas),
            }));
        }
        Ok(ListPartitionReassignmentsResponse {
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
            partitions,
        })
    }
}
