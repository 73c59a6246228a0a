//! Fetch (key 1). Versions up to 12 name topics, later ones carry their ids.
//!
//! Each partition carries the reader's directory id (version 17, KIP-853); all have the same.

use kafka_protocol::messages::fetch_request::{
    FetchPartition as WirePartition, FetchTopic as WireTopic, ForgottenTopic as WireForgotten, ReplicaState,
};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction as WireAborted, EpochEndOffset, FetchableTopicResponse,
    LeaderIdAndEpoch as WireLeader, NodeEndpoint, PartitionData, SnapshotId as WireSnapshot,
};
use kafka_protocol::messages::{FetchRequest as WireRequest, FetchResponse as WireResponse};

use super::{
    Translate, duration, milliseconds, optional_string, owned, port, string, topic_name, wire_broker,
    wire_name,
};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{DirectoryId, Endpoint, NodeId, PartitionIndex, ProducerId, TopicId};
use crate::message::{
    AbortedTransaction, ApiKey, DivergingEpoch, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchedPartition, FetchedTopic, ForgottenTopic, LeaderIdAndEpoch, MetadataBroker, SnapshotId,
};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, UUID, field};

/// The first version that carries topic ids, and no names (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version that carries the replica's broker epoch (KIP-903).
const REPLICA_STATE: i16 = 15;
/// The first version with fetch sessions (KIP-227).
pub(super) const SESSIONS: i16 = 7;
/// The first version that knows of racks (KIP-392).
const RACKS: i16 = 11;
/// The first version that says where a new leader listens (KIP-951).
const NODE_ENDPOINTS: i16 = 16;
/// The first version that tells where logs part, who leads, and which snapshot there is (KIP-595, KIP-630).
const DIVERGING_EPOCH: i16 = 12;
/// The first version that carries the follower's directory id (KIP-853).
const DIRECTORY_IDS: i16 = 17;

const REQUEST: Shape = &[
    field(Kind::String).since(12).tagged(0),
    field(INT32).until(14),
    field(Kind::Struct(REPLICA)).since(REPLICA_STATE).tagged(1),
    field(INT32),
    field(INT32),
    field(INT32),
    field(INT8),
    field(INT32).since(SESSIONS),
    field(INT32).since(SESSIONS),
    field(Kind::Structs(REQUEST_TOPIC)),
    field(Kind::Structs(FORGOTTEN_TOPIC)).since(SESSIONS),
    field(Kind::String).since(RACKS),
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
    field(UUID).since(DIRECTORY_IDS).tagged(0),
];
const FORGOTTEN_TOPIC: Shape =
    &[field(Kind::String).until(12), field(UUID).since(TOPIC_IDS), field(INT32_ARRAY)];

const RESPONSE: Shape = &[
    field(INT32),
    field(INT16).since(SESSIONS),
    field(INT32).since(SESSIONS),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(Kind::Structs(NODE_ENDPOINT)).since(NODE_ENDPOINTS).tagged(0),
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
    field(INT32).since(RACKS),
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
            let mut wire = WireTopic::default().with_partitions(
                topic.partitions.iter().map(|it| wire_partition(self, it, version)).collect(),
            );
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
        if version >= SESSIONS {
            wire.session_id = self.session_id;
            wire.session_epoch = self.session_epoch;
            wire.forgotten_topics_data =
                self.forgotten_topics.iter().map(|topic| wire_forgotten(topic, version)).collect();
        }
        if version >= RACKS {
            wire.rack_id = string(&self.rack_id);
        }
        if version >= 12 {
            wire.cluster_id = optional_string(self.cluster_id.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let replica = if version >= REPLICA_STATE { wire.replica_state.replica_id } else { wire.replica_id };
        let first = wire.topics.first().and_then(|topic| topic.partitions.first());
        let replica_directory = first.map_or(DirectoryId::NONE, |it| DirectoryId(it.replica_directory_id));
        let topic = |topic: WireTopic| FetchTopic {
            name: (version < TOPIC_IDS).then(|| topic_name(&topic.topic)),
            id: TopicId(topic.topic_id),
            partitions: topic.partitions.iter().map(partition).collect(),
        };
        let forgotten = |topic: WireForgotten| ForgottenTopic {
            name: (version < TOPIC_IDS).then(|| topic_name(&topic.topic)),
            id: TopicId(topic.topic_id),
            partitions: topic.partitions.into_iter().map(PartitionIndex).collect(),
        };
        Ok(FetchRequest {
            cluster_id: wire.cluster_id.as_ref().map(owned),
            replica: NodeId(replica.0),
            replica_epoch: BrokerEpoch(wire.replica_state.replica_epoch),
            replica_directory,
            max_wait: duration(wire.max_wait_ms),
            min_bytes: wire.min_bytes,
            max_bytes: wire.max_bytes,
            isolation_level: wire.isolation_level,
            session_id: wire.session_id,
            session_epoch: wire.session_epoch,
            topics: wire.topics.into_iter().map(topic).collect(),
            forgotten_topics: wire.forgotten_topics_data.into_iter().map(forgotten).collect(),
            rack_id: owned(&wire.rack_id),
        })
    }
}

fn wire_forgotten(topic: &ForgottenTopic, version: i16) -> WireForgotten {
    let partitions = topic.partitions.iter().map(|partition| partition.0);
    let mut wire = WireForgotten::default().with_partitions(partitions.collect());
    match &topic.name {
        _ if version >= TOPIC_IDS => wire.topic_id = topic.id.0,
        Some(name) => wire.topic = wire_name(name),
        None => {}
    }
    wire
}

fn wire_partition(request: &FetchRequest, partition: &FetchPartition, version: i16) -> WirePartition {
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
    if version >= DIRECTORY_IDS {
        wire.replica_directory_id = request.replica_directory.0;
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
        if version >= SESSIONS {
            wire.error_code = self.error.code();
            wire.session_id = self.session_id;
        }
        if version >= NODE_ENDPOINTS {
            let endpoint = |node: &MetadataBroker| {
                NodeEndpoint::default()
                    .with_node_id(wire_broker(node.id))
                    .with_host(string(&node.endpoint.host))
                    .with_port(node.endpoint.port.into())
                    .with_rack(optional_string(node.rack.as_deref()))
            };
            wire.node_endpoints = self.node_endpoints.iter().map(endpoint).collect();
        }
        wire
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: FetchableTopicResponse| FetchedTopic {
            name: (version < TOPIC_IDS).then(|| topic_name(&topic.topic)),
            id: TopicId(topic.topic_id),
            partitions: topic.partitions.into_iter().map(fetched).collect(),
        };
        let endpoint = |wire: &NodeEndpoint| {
            Ok(MetadataBroker {
                id: NodeId(wire.node_id.0),
                endpoint: Endpoint::new(&wire.host, port(wire.port)?),
                rack: wire.rack.as_ref().map(owned),
            })
        };
        Ok(FetchResponse {
            error: ErrorCode::from_code(wire.error_code),
            session_id: wire.session_id,
            topics: wire.responses.into_iter().map(topic).collect(),
            node_endpoints: wire.node_endpoints.iter().map(endpoint).collect::<Result<_, DecodeError>>()?,
        })
    }
}

fn wire_fetched(partition: &FetchedPartition, version: i16) -> PartitionData {
    let aborted = |transaction: &AbortedTransaction| {
        WireAborted::default()
            .with_producer_id(transaction.producer_id.0.into())
            .with_first_offset(transaction.first_offset.0)
    };
    let mut wire = PartitionData::default()
        .with_partition_index(partition.partition.0)
        .with_error_code(partition.error.code())
        .with_high_watermark(partition.high_watermark.0)
        .with_last_stable_offset(partition.last_stable_offset.0)
        .with_aborted_transactions(Some(partition.aborted_transactions.iter().map(aborted).collect()))
        .with_records(Some(partition.records.clone()));
    if version >= 5 {
        wire.log_start_offset = partition.log_start_offset.0;
    }
    if version >= RACKS {
        wire.preferred_read_replica = wire_broker(partition.preferred_read_replica);
    }
    if version >= DIVERGING_EPOCH {
        tag(partition, &mut wire);
    }
    if let (Some(current), DIVERGING_EPOCH..) = (partition.current_leader, version) {
        wire.current_leader = WireLeader::default()
            .with_leader_id(wire_broker(current.leader))
            .with_leader_epoch(current.epoch.0);
    }
    if let (Some(snapshot), DIVERGING_EPOCH..) = (partition.snapshot, version) {
        wire.snapshot_id =
            WireSnapshot::default().with_end_offset(snapshot.end_offset.0).with_epoch(snapshot.epoch.0);
    }
    wire
}

/// Sets the tagged fields of a partition: only those that say something.
fn tag(partition: &FetchedPartition, wire: &mut PartitionData) {
    if let Some(diverging) = partition.diverging_epoch {
        wire.diverging_epoch =
            EpochEndOffset::default().with_epoch(diverging.epoch.0).with_end_offset(diverging.end_offset.0);
    }
    if let Some(leader) = partition.current_leader {
        wire.current_leader = WireLeader::default()
            .with_leader_id(wire_broker(leader.leader))
            .with_leader_epoch(leader.epoch.0);
    }
    if let Some(snapshot) = partition.snapshot {
        wire.snapshot_id =
            WireSnapshot::default().with_end_offset(snapshot.end_offset.0).with_epoch(snapshot.epoch.0);
    }
}

/// A tagged field that is not there has its default.
fn fetched(wire: PartitionData) -> FetchedPartition {
    let diverging = DivergingEpoch {
        epoch: LeaderEpoch(wire.diverging_epoch.epoch),
        end_offset: Offset(wire.diverging_epoch.end_offset),
    };
    let leader = LeaderIdAndEpoch {
        leader: NodeId(wire.current_leader.leader_id.0),
        epoch: LeaderEpoch(wire.current_leader.leader_epoch),
    };
    let snapshot = SnapshotId {
        end_offset: Offset(wire.snapshot_id.end_offset),
        epoch: LeaderEpoch(wire.snapshot_id.epoch),
    };
    let aborted = |transaction: &WireAborted| AbortedTransaction {
        producer_id: ProducerId(transaction.producer_id.0),
        first_offset: Offset(transaction.first_offset),
    };
    FetchedPartition {
        partition: PartitionIndex(wire.partition_index),
        error: ErrorCode::from_code(wire.error_code),
        high_watermark: Offset(wire.high_watermark),
        last_stable_offset: Offset(wire.last_stable_offset),
        log_start_offset: Offset(wire.log_start_offset),
        diverging_epoch: (wire.diverging_epoch != EpochEndOffset::default()).then_some(diverging),
        current_leader: (wire.current_leader != WireLeader::default()).then_some(leader),
        snapshot: (wire.snapshot_id != WireSnapshot::default()).then_some(snapshot),
        aborted_transactions: wire.aborted_transactions.iter().flatten().map(aborted).collect(),
        preferred_read_replica: NodeId(wire.preferred_read_replica.0),
        records: wire.records.unwrap_or_default(),
        records_in_file: None,
    }
}
