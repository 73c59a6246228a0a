//! OffsetForLeaderEpoch (key 23).

use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset as WireEpochEnd, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest as WireRequest, OffsetForLeaderEpochResponse as WireResponse,
};

use super::{Translate, topic_name, wire_broker, wire_name};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicPartition};
use crate::message::{
    ApiKey, EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, PartitionEpochQuery,
};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, field};

/// The first version that says who asks. Before it, all who ask look like clients.
const REPLICA_ID: i16 = 3;

const REQUEST: Shape = &[field(INT32).since(REPLICA_ID), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(INT32), field(INT32)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT16), field(INT32), field(INT32), field(INT64)];

impl Translate for OffsetForLeaderEpochRequest {
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let partition = |query: &PartitionEpochQuery| {
            OffsetForLeaderPartition::default()
                .with_partition(query.partition.partition.0)
                .with_current_leader_epoch(query.current_leader_epoch.0)
                .with_leader_epoch(query.leader_epoch.0)
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            OffsetForLeaderTopic::default()
                .with_topic(wire_name(&run[0].partition.topic))
                .with_partitions(run.iter().map(partition).collect())
        });
        let mut wire = WireRequest::default().with_topics(topics.collect());
        if version >= REPLICA_ID {
            wire.replica_id = wire_broker(self.replica);
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topics {
            let name = topic_name(&topic.topic);
            partitions.extend(topic.partitions.iter().map(|query| PartitionEpochQuery {
                partition: TopicPartition { topic: name.clone(), partition: PartitionIndex(query.partition) },
                current_leader_epoch: LeaderEpoch(query.current_leader_epoch),
                leader_epoch: LeaderEpoch(query.leader_epoch),
            }));
        }
        let replica = if version >= REPLICA_ID { NodeId(wire.replica_id.0) } else { NodeId::NONE };
        Ok(OffsetForLeaderEpochRequest { replica, partitions })
    }
}

impl Translate for OffsetForLeaderEpochResponse {
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |answer: &EpochEndOffset| {
            WireEpochEnd::default()
                .with_error_code(answer.error.code())
                .with_partition(answer.partition.partition.0)
                .with_leader_epoch(answer.leader_epoch.0)
                .with_end_offset(answer.end_offset.0)
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            OffsetForLeaderTopicResult::default()
                .with_topic(wire_name(&run[0].partition.topic))
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topics {
            let name = topic_name(&topic.topic);
            partitions.extend(topic.partitions.iter().map(|answer| EpochEndOffset {
                partition: TopicPartition {
                    topic: name.clone(),
                    partition: PartitionIndex(answer.partition),
                },
                error: ErrorCode::from_code(answer.error_code),
                leader_epoch: LeaderEpoch(answer.leader_epoch),
                end_offset: Offset(answer.end_offset),
            }));
        }
        Ok(OffsetForLeaderEpochResponse { partitions })
    }
}
