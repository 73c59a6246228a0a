//! DescribeProducers (key 61).

use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DescribeProducersRequest as WireRequest, DescribeProducersResponse as WireResponse,
};

use super::{Translate, by_topic, indexes, optional_string, owned, topic_name, topic_partition};
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::message::{
    ActiveProducer, ApiKey, DescribeProducersRequest, DescribeProducersResponse, PartitionProducers,
};
use crate::offset::Offset;
use crate::time::Timestamp;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(PARTITION))];
const PARTITION: Shape = &[field(INT32), field(INT16), field(Kind::String), field(Kind::Structs(PRODUCER))];
const PRODUCER: Shape = &[field(INT64), field(INT32), field(INT32), field(INT64), field(INT32), field(INT64)];

impl Translate for DescribeProducersRequest {
    const KEY: ApiKey = ApiKey::DescribeProducers;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let topics = by_topic(&self.partitions, |partition| partition)
            .map(|(name, run)| TopicRequest::default().with_name(name).with_partition_indexes(indexes(run)));
        WireRequest::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partition_indexes.iter().map(|index| topic_partition(&name, *index)));
        }
        Ok(DescribeProducersRequest { partitions })
    }
}

impl Translate for DescribeProducersResponse {
    const KEY: ApiKey = ApiKey::DescribeProducers;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |producers: &PartitionProducers| {
            PartitionResponse::default()
                .with_partition_index(producers.partition.partition.0)
                .with_error_code(producers.error.code())
                .with_error_message(optional_string(producers.error_message.as_deref()))
                .with_active_producers(producers.producers.iter().map(wire_producer).collect())
        };
        let topics = by_topic(&self.partitions, |producers| &producers.partition).map(|(name, run)| {
            TopicResponse::default().with_name(name).with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|wire| PartitionProducers {
                partition: topic_partition(&name, wire.partition_index),
                error: ErrorCode::from_code(wire.error_code),
                error_message: wire.error_message.as_ref().map(owned),
                producers: wire.active_producers.iter().map(producer).collect(),
            }));
        }
        Ok(DescribeProducersResponse { partitions })
    }
}

fn wire_producer(producer: &ActiveProducer) -> ProducerState {
    ProducerState::default()
        .with_producer_id(producer.producer_id.0.into())
        .with_producer_epoch(producer.producer_epoch)
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp.0)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.current_txn_start_offset.0)
}

fn producer(wire: &ProducerState) -> ActiveProducer {
    ActiveProducer {
        producer_id: ProducerId(wire.producer_id.0),
        producer_epoch: wire.producer_epoch,
        last_sequence: wire.last_sequence,
        last_timestamp: Timestamp(wire.last_timestamp),
        coordinator_epoch: wire.coordinator_epoch,
        current_txn_start_offset: Offset(wire.current_txn_start_offset),
    }
}
