//! Produce (key 0).

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest as WireRequest, ProduceResponse as WireResponse};

use super::{Translate, duration, milliseconds, optional_string, owned, topic_name, wire_name};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicPartition};
use crate::message::{ApiKey, ProducePartition, ProduceRequest, ProduceResponse, ProducedPartition};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, field};

const REQUEST: Shape =
    &[field(Kind::String), field(INT16), field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(Kind::Bytes)];

const RESPONSE: Shape = &[
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(INT32),
    field(Kind::Structs(NODE_ENDPOINT)).since(10).tagged(0),
];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[
    field(INT32),
    field(INT16),
    field(INT64),
    field(INT64),
    field(INT64).since(5),
    field(Kind::Structs(RECORD_ERROR)).since(8),
    field(Kind::String).since(8),
    field(Kind::Struct(CURRENT_LEADER)).since(10).tagged(0),
];
const RECORD_ERROR: Shape = &[field(INT32), field(Kind::String)];
const CURRENT_LEADER: Shape = &[field(INT32), field(INT32)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT32), field(Kind::String)];

impl Translate for ProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let partition = |data: &ProducePartition| {
            PartitionProduceData::default()
                .with_index(data.partition.partition.0)
                .with_records(data.records.clone())
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            TopicProduceData::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partition_data(run.iter().map(partition).collect())
        });
        WireRequest::default()
            .with_acks(self.acks)
            .with_timeout_ms(milliseconds(self.timeout))
            .with_topic_data(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topic_data {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partition_data.into_iter().map(|data| ProducePartition {
                partition: TopicPartition { topic: name.clone(), partition: PartitionIndex(data.index) },
                records: data.records,
            }));
        }
        Ok(ProduceRequest { acks: wire.acks, timeout: duration(wire.timeout_ms), partitions })
    }
}

impl Translate for ProduceResponse {
    const KEY: ApiKey = ApiKey::Produce;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let partition = |outcome: &ProducedPartition| {
            let mut wire = PartitionProduceResponse::default()
                .with_index(outcome.partition.partition.0)
                .with_error_code(outcome.error.code())
                .with_base_offset(outcome.base_offset.0);
            if version >= 5 {
                wire.log_start_offset = outcome.log_start_offset.0;
            }
            wire.error_message =
                if version >= 8 { optional_string(outcome.error_message.as_deref()) } else { None };
            wire
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            TopicProduceResponse::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partition_responses(run.iter().map(partition).collect())
        });
        WireResponse::default().with_responses(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.responses {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partition_responses.into_iter().map(|outcome| ProducedPartition {
                partition: TopicPartition { topic: name.clone(), partition: PartitionIndex(outcome.index) },
                error: ErrorCode::from_code(outcome.error_code),
                base_offset: Offset(outcome.base_offset),
                log_start_offset: Offset(outcome.log_start_offset),
                error_message: outcome.error_message.as_ref().map(owned),
            }));
        }
        Ok(ProduceResponse { partitions })
    }
}
