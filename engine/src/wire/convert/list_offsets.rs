//! ListOffsets (key 2).

use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition as WirePartition, ListOffsetsTopic,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest as WireRequest, ListOffsetsResponse as WireResponse};

use super::{Translate, topic_name, wire_broker, wire_name};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicPartition};
use crate::message::{
    ApiKey, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListedOffset, OffsetSpec,
};
use crate::offset::Offset;
use crate::time::Timestamp;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, INT64, Kind, Shape, field};

/// The timestamp that means [`OffsetSpec::Latest`].
const LATEST: i64 = -1;
/// The timestamp that means [`OffsetSpec::Earliest`].
const EARLIEST: i64 = -2;
/// The timestamp that means [`OffsetSpec::MaxTimestamp`].
const MAX_TIMESTAMP: i64 = -3;

const REQUEST: Shape = &[field(INT32), field(INT8).since(2), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(INT32).since(4), field(INT64)];

const RESPONSE: Shape = &[field(INT32).since(2), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape =
    &[field(INT32), field(INT16), field(INT64), field(INT64), field(INT32).since(4)];

impl Translate for ListOffsetsRequest {
    const KEY: ApiKey = ApiKey::ListOffsets;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let partition = |query: &ListOffsetsPartition| {
            let timestamp = match query.spec {
                OffsetSpec::Latest => LATEST,
                OffsetSpec::Earliest => EARLIEST,
                OffsetSpec::MaxTimestamp => MAX_TIMESTAMP,
                OffsetSpec::Timestamp(timestamp) => timestamp.0,
            };
            let mut wire = WirePartition::default()
                .with_partition_index(query.partition.partition.0)
                .with_timestamp(timestamp);
            if version >= 4 {
                wire.current_leader_epoch = query.current_leader_epoch.0;
            }
            wire
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            ListOffsetsTopic::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partitions(run.iter().map(partition).collect())
        });
        WireRequest::default()
            .with_replica_id(wire_broker(self.replica))
            .with_isolation_level(if version >= 2 { self.isolation_level } else { 0 })
            .with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|query| ListOffsetsPartition {
                partition: TopicPartition {
                    topic: name.clone(),
                    partition: PartitionIndex(query.partition_index),
                },
                current_leader_epoch: LeaderEpoch(query.current_leader_epoch),
                spec: match query.timestamp {
                    LATEST => OffsetSpec::Latest,
                    EARLIEST => OffsetSpec::Earliest,
                    MAX_TIMESTAMP => OffsetSpec::MaxTimestamp,
                    timestamp => OffsetSpec::Timestamp(Timestamp(timestamp)),
                },
            }));
        }
        Ok(ListOffsetsRequest {
            replica: NodeId(wire.replica_id.0),
            isolation_level: wire.isolation_level,
            partitions,
        })
    }
}

impl Translate for ListOffsetsResponse {
    const KEY: ApiKey = ApiKey::ListOffsets;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let partition = |found: &ListedOffset| {
            let mut wire = ListOffsetsPartitionResponse::default()
                .with_partition_index(found.partition.partition.0)
                .with_error_code(found.error.code())
                .with_timestamp(found.timestamp.0)
                .with_offset(found.offset.0);
            if version >= 4 {
                wire.leader_epoch = found.leader_epoch.0;
            }
            wire
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            ListOffsetsTopicResponse::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|found| ListedOffset {
                partition: TopicPartition {
                    topic: name.clone(),
                    partition: PartitionIndex(found.partition_index),
                },
                error: ErrorCode::from_code(found.error_code),
                timestamp: Timestamp(found.timestamp),
                offset: Offset(found.offset),
                leader_epoch: LeaderEpoch(found.leader_epoch),
            }));
        }
        Ok(ListOffsetsResponse { partitions })
    }
}
