//! DeleteRecords (key 21).

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest as WireRequest, DeleteRecordsResponse as WireResponse};

use super::{Translate, by_topic, duration, milliseconds, topic_name, topic_partition};
use crate::error::ErrorCode;
use crate::message::{ApiKey, DeleteRecordsRequest, DeleteRecordsResponse, DeletedRecords, RecordsToDelete};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC)), field(INT32)];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(INT64)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT64), field(INT16)];

impl Translate for DeleteRecordsRequest {
    const KEY: ApiKey = ApiKey::DeleteRecords;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let partition = |records: &RecordsToDelete| {
            DeleteRecordsPartition::default()
                .with_partition_index(records.partition.partition.0)
                .with_offset(records.before.0)
        };
        let topics = by_topic(&self.partitions, |records| &records.partition).map(|(name, run)| {
            DeleteRecordsTopic::default().with_name(name).with_partitions(run.iter().map(partition).collect())
        });
        WireRequest::default().with_topics(topics.collect()).with_timeout_ms(milliseconds(self.timeout))
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|records| RecordsToDelete {
                partition: topic_partition(&name, records.partition_index),
                before: Offset(records.offset),
            }));
        }
        Ok(DeleteRecordsRequest { partitions, timeout: duration(wire.timeout_ms) })
    }
}

impl Translate for DeleteRecordsResponse {
    const KEY: ApiKey = ApiKey::DeleteRecords;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |deleted: &DeletedRecords| {
            DeleteRecordsPartitionResult::default()
                .with_partition_index(deleted.partition.partition.0)
                .with_low_watermark(deleted.low_watermark.0)
                .with_error_code(deleted.error.code())
        };
        let topics = by_topic(&self.partitions, |deleted| &deleted.partition).map(|(name, run)| {
            DeleteRecordsTopicResult::default()
                .with_name(name)
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|deleted| DeletedRecords {
                partition: topic_partition(&name, deleted.partition_index),
                error: ErrorCode::from_code(deleted.error_code),
                low_watermark: Offset(deleted.low_watermark),
            }));
        }
        Ok(DeleteRecordsResponse { partitions })
    }
}
