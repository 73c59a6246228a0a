//! OffsetCommit (key 8).

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest as WireRequest, OffsetCommitResponse as WireResponse};

use super::{
    Translate, by_topic, offset_outcomes, optional_string, owned, string, topic_name, topic_partition,
    wire_group,
};
use crate::epoch::LeaderEpoch;
use crate::message::{ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetToCommit};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT32, INT64, Kind, Shape, field};

/// The last version that says how long to keep the offsets.
const RETENTION_LAST: i16 = 4;
/// The first version with leader epochs (KIP-320).
const LEADER_EPOCH: i16 = 6;
/// The first version with static members (KIP-345).
const INSTANCE_ID: i16 = 7;

const REQUEST: Shape = &[
    field(Kind::String),
    field(INT32),
    field(Kind::String),
    field(Kind::String).since(INSTANCE_ID),
    field(INT64).until(RETENTION_LAST),
    field(Kind::Structs(REQUEST_TOPIC)),
];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape =
    &[field(INT32), field(INT64), field(INT32).since(LEADER_EPOCH), field(Kind::String)];

const RESPONSE: Shape = &[field(INT32).since(3), field(Kind::Structs(offset_outcomes::TOPIC))];

impl Translate for OffsetCommitRequest {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let partition = |commit: &OffsetToCommit| {
            let mut wire = OffsetCommitRequestPartition::default()
                .with_partition_index(commit.partition.partition.0)
                .with_committed_offset(commit.offset.0)
                .with_committed_metadata(optional_string(commit.metadata.as_deref()));
            if version >= LEADER_EPOCH {
                wire.committed_leader_epoch = commit.leader_epoch.0;
            }
            wire
        };
        let topics = by_topic(&self.partitions, |commit| &commit.partition);
        let topics = topics.map(|(name, run)| {
            OffsetCommitRequestTopic::default()
                .with_name(name)
                .with_partitions(run.iter().map(partition).collect())
        });
        let mut wire = WireRequest::default()
            .with_group_id(wire_group(&self.group_id))
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(string(&self.member_id))
            .with_topics(topics.collect());
        if version >= INSTANCE_ID {
            wire.group_instance_id = optional_string(self.group_instance_id.as_deref());
        }
        if version <= RETENTION_LAST {
            wire.retention_time_ms = self.retention_ms;
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partitions.iter().map(|commit| OffsetToCommit {
                partition: topic_partition(&name, commit.partition_index),
                offset: Offset(commit.committed_offset),
                leader_epoch: LeaderEpoch(commit.committed_leader_epoch),
                metadata: commit.committed_metadata.as_ref().map(owned),
            }));
        }
        Ok(OffsetCommitRequest {
            group_id: owned(&wire.group_id),
            generation: wire.generation_id_or_member_epoch,
            member_id: owned(&wire.member_id),
            group_instance_id: wire.group_instance_id.as_ref().map(owned),
            retention_ms: if version <= RETENTION_LAST { wire.retention_time_ms } else { -1 },
            partitions,
        })
    }
}

impl Translate for OffsetCommitResponse {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        WireResponse::default().with_topics(offset_outcomes::to_topics(&self.partitions))
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(OffsetCommitResponse { partitions: offset_outcomes::from_topics(&wire.topics) })
    }
}
