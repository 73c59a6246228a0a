//! Fetch (key 1). Versions up to 12 name topics, later ones carry their ids.
//!
//! Fetch sessions (KIP-227) are not spoken: a request asks for everything it wants, a response names no session
//! unless the broker set one.

use kafka_protocol::messages::fetch_request::{
    FetchPartition as WirePartition, FetchTopic as WireTopic, ReplicaState,
};
use kafka_protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch as WireLeader, PartitionData,
    SnapshotId as WireSnapshotId,
};
use kafka_protocol::messages::{FetchRequest as WireRequest, FetchResponse as WireResponse};

use super::{Translate, duration, milliseconds, topic_name, wire_broker, wire_name};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId};
use crate::message::{
    ApiKey, DivergingEpoch, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
    FetchedTopic, LeaderIdAndEpoch, SnapshotId,
};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, UUID, field};

/// The first version that carries topic ids, and no names (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version that carries the replica's broker epoch (KIP-903).
const REPLICA_STATE: i16 = 15;
/// The first version that tells where logs part, who leads, and which snapshot there is (KIP-595, KIP-630).
const DIVERGING_EPOCH: i16 = 12;

const REQUEST: Shape = &[
    field(Kind::String).since(12).tagged(0),
    field(INT32).until(14),
    field(Kind::Struct(REPLICA)).since(REPLICA_STATE).tagged(1),
    field(INT32),
    field(INT32),
    field(INT32),
    field(INT8),
    field(INT32).since(7),
    field(INT32).since(7),
    field(Kind::Structs(REQUEST_TOPIC)),
    field(Kind::Structs(FORGOTTEN_TOPIC)).since(7),
    field(Kind::String).since(11),
];
const REPLICA: Shape = &[field(INT32), field(INT64)];
const REQUEST_TOPIC: Shape =
    &[field(Kind::String).until(12), field(UUID).since(TOPIC_IDS), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[
    field(INT32),
    field(INT32).since(9),
    field(INT64),
    field(INT32).since(DIVERGING_EPOCH),
    field(INT64).since(5),
    field(INT32),
];
const FORGOTTEN_TOPIC: Shape =
    &[field(Kind::String).until(12), field(UUID).since(TOPIC_IDS), field(INT32_ARRAY)];

const RESPONSE: Shape = &[
    field(INT32),
    field(INT16).since(7),
    field(INT32).since(7),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(Kind::Structs(NODE_ENDPOINT)).since(16).tagged(0),
];
const RESPONSE_TOPIC: Shape =
    &[field(Kind::String).until(12), field(UUID).since(TOPIC_IDS), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[
    field(INT32),
    field(INT16),
    field(INT64),
    field(INT64),
    field(INT64).since(5),
    field(Kind::Struct(EPOCH_END)).since(DIVERGING_EPOCH).tagged(0),
    field(Kind::Struct(CURRENT_LEADER)).since(12).tagged(1),
    field(Kind::Struct(SNAPSHOT_ID)).since(12).tagged(2),
    field(Kind::Structs(ABORTED_TRANSACTION)),
    field(INT32).since(11),
    field(Kind::Bytes),
];
const EPOCH_END: Shape = &[field(INT32), field(INT64)];
const CURRENT_LEADER: Shape = &[field(INT32), field(INT32)];
const SNAPSHOT_ID: Shape = &[field(INT64), field(INT32)];
const ABORTED_TRANSACTION: Shape = &[field(INT64), field(INT64)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT32), field(Kind::String)];

impl Translate for FetchRequest {
    const KEY: ApiKey = ApiKey::Fetch;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let topics = self.topics.iter().map(|topic| {
            let mut wire = WireTopic::default()
                .with_partitions(topic.partitions.iter().map(|it| wire_partition(it, version)).collect());
            match &topic.name {
                _ if version >= TOPIC_IDS => wire.topic_id = topic.id.0,
                Some(name) => wire.topic = wire_name(name),
                None => {}
            }
            wire
        });
        let mut wire = WireRequest::default()
            .with_max_wait_ms(milliseconds(self.max_wait))
            .with_min_bytes(self.min_bytes)
            .with_max_bytes(self.max_bytes)
            .with_isolation_level(self.isolation_level)
            .with_topics(topics.collect());
        let replica = wire_broker(self.replica);
        if version >= REPLICA_STATE {
            wire.replica_state =
                ReplicaState::default().with_replica_id(replica).with_replica_epoch(self.replica_epoch.0);
        } else {
            wire.replica_id = replica;
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let replica = if version >= REPLICA_STATE { wire.replica_state.replica_id } else { wire.replica_id };
        let topic = |topic: WireTopic| FetchTopic {
            name: (version < TOPIC_IDS).then(|| topic_name(&topic.topic)),
            id: TopicId(topic.topic_id),
            partitions: topic.partitions.iter().map(partition).collect(),
        };
        Ok(FetchRequest {
            replica: NodeId(replica.0),
            replica_epoch: BrokerEpoch(wire.replica_state.replica_epoch),
            max_wait: duration(wire.max_wait_ms),
            min_bytes: wire.min_bytes,
            max_bytes: wire.max_bytes,
            isolation_level: wire.isolation_level,
            topics: wire.topics.into_iter().map(topic).collect(),
        })
    }
}

fn wire_partition(partition: &FetchPartition, version: i16) -> WirePartition {
    let mut wire = WirePartition::default()
        .with_partition(partition.partition.0)
        .with_fetch_offset(partition.fetch_offset.0)
        .with_partition_max_bytes(partition.max_bytes);
    if version >= 5 {
        wire.log_start_offset = partition.log_start_offset.0;
    }
    if version >= 9 {
        wire.current_leader_epoch = partition.current_leader_epoch.0;
    }
    if version >= DIVERGING_EPOCH {
        wire.last_fetched_epoch = partition.last_fetched_epoch.0;
    }
    wire
}

fn partition(wire: &WirePartition) -> FetchPartition {
    FetchPartition {
        partition: PartitionIndex(wire.partition),
        current_leader_epoch: LeaderEpoch(wire.current_leader_epoch),
        fetch_offset: Offset(wire.fetch_offset),
        last_fetched_epoch: LeaderEpoch(wire.last_fetched_epoch),
        log_start_offset: Offset(wire.log_start_offset),
        max_bytes: wire.partition_max_bytes,
    }
}

impl Translate for FetchResponse {
    const KEY: ApiKey = ApiKey::Fetch;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let topics = self.topics.iter().map(|topic| {
            let mut wire = FetchableTopicResponse::default()
                .with_partitions(topic.partitions.iter().map(|it| wire_fetched(it, version)).collect());
            match &topic.name {
                _ if version >= TOPIC_IDS => wire.topic_id = topic.id.0,
                Some(name) => wire.topic = wire_name(name),
                None => {}
            }
            wire
        });
        let mut wire = WireResponse::default().with_responses(topics.collect());
        if version >= 7 {
            wire.error_code = self.error.code();
            wire.session_id = self.session_id;
        }
        wire
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: FetchableTopicResponse| FetchedTopic {
            name: (version < TOPIC_IDS).then(|| topic_name(&topic.topic)),
            id: TopicId(topic.topic_id),
            partitions: topic.partitions.into_iter().map(fetched).collect(),
        };
        Ok(FetchResponse {
            error: ErrorCode::from_code(wire.error_code),
            session_id: wire.session_id,
            topics: wire.responses.into_iter().map(topic).collect(),
        })
    }
}

fn wire_fetched(partition: &FetchedPartition, version: i16) -> PartitionData {
    let mut wire = PartitionData::default()
        .with_partition_index(partition.partition.0)
        .with_error_code(partition.error.code())
        .with_high_watermark(partition.high_watermark.0)
        .with_last_stable_offset(partition.last_stable_offset.0)
        .with_records(Some(partition.records.clone()));
    if version >= 5 {
        wire.log_start_offset = partition.log_start_offset.0;
    }
    if let (Some(diverging), DIVERGING_EPOCH..) = (partition.diverging_epoch, version) {
        wire.diverging_epoch =
            EpochEndOffset::default().with_epoch(diverging.epoch.0).with_end_offset(diverging.end_offset.0);
    }
    if let (Some(current), DIVERGING_EPOCH..) = (partition.current_leader, version) {
        wire.current_leader = WireLeader::default()
            .with_leader_id(wire_broker(current.leader))
            .with_leader_epoch(current.epoch.0);
    }
    if let (Some(snapshot), DIVERGING_EPOCH..) = (partition.snapshot, version) {
        wire.snapshot_id =
            WireSnapshotId::default().with_end_offset(snapshot.end_offset.0).with_epoch(snapshot.epoch.0);
    }
    wire
}

fn fetched(wire: PartitionData) -> FetchedPartition {
    let diverging = DivergingEpoch {
        epoch: LeaderEpoch(wire.diverging_epoch.epoch),
        end_offset: Offset(wire.diverging_epoch.end_offset),
    };
    let diverges = wire.diverging_epoch != EpochEndOffset::default();
    let current_leader = LeaderIdAndEpoch {
        leader: NodeId(wire.current_leader.leader_id.0),
        epoch: LeaderEpoch(wire.current_leader.leader_epoch),
    };
    let snapshot = SnapshotId {
        end_offset: Offset(wire.snapshot_id.end_offset),
        epoch: LeaderEpoch(wire.snapshot_id.epoch),
    };
    FetchedPartition {
        partition: PartitionIndex(wire.partition_index),
        error: ErrorCode::from_code(wire.error_code),
        high_watermark: Offset(wire.high_watermark),
        last_stable_offset: Offset(wire.last_stable_offset),
        log_start_offset: Offset(wire.log_start_offset),
        diverging_epoch: diverges.then_some(diverging),
        current_leader: (current_leader != LeaderIdAndEpoch::NONE).then_some(current_leader),
        snapshot: (wire.snapshot_id != WireSnapshotId::default()).then_some(snapshot),
        records: wire.records.unwrap_or_default(),
    }
}
