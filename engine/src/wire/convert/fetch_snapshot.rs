//! FetchSnapshot (key 59). The bytes stay a view of the frame.

use kafka_protocol::messages::fetch_snapshot_request::{
    PartitionSnapshot as WireAsk, SnapshotId as WireAskedId, TopicSnapshot as WireRequestTopic,
};
use kafka_protocol::messages::fetch_snapshot_response::{
    LeaderIdAndEpoch as WireLeader, PartitionSnapshot as WireAnswer, SnapshotId as WireAnsweredId,
    TopicSnapshot as WireResponseTopic,
};
use kafka_protocol::messages::{FetchSnapshotRequest as WireRequest, FetchSnapshotResponse as WireResponse};

use super::{Translate, metadata_topic, only_one, optional_string, owned, wire_broker};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{ApiKey, FetchSnapshotRequest, FetchSnapshotResponse, LeaderIdAndEpoch, SnapshotId};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, UUID, field};

const REQUEST: Shape =
    &[field(Kind::String).tagged(0), field(INT32), field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[
    field(INT32),
    field(INT32),
    field(Kind::Struct(SNAPSHOT_ID)),
    field(INT64),
    field(UUID).since(1).tagged(0),
];
const SNAPSHOT_ID: Shape = &[field(INT64), field(INT32)];

const RESPONSE: Shape = &[
    field(INT32),
    field(INT16),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(Kind::Structs(NODE_ENDPOINT)).since(1).tagged(0),
];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[
    field(INT32),
    field(INT16),
    field(Kind::Struct(SNAPSHOT_ID)),
    field(Kind::Struct(CURRENT_LEADER)).tagged(0),
    field(INT64),
    field(INT64),
    field(Kind::Bytes),
];
const CURRENT_LEADER: Shape = &[field(INT32), field(INT32)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT16)];

impl Translate for FetchSnapshotRequest {
    const KEY: ApiKey = ApiKey::FetchSnapshot;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let id = WireAskedId::default()
            .with_end_offset(self.snapshot.end_offset.0)
            .with_epoch(self.snapshot.epoch.0);
        let ask = WireAsk::default()
            .with_current_leader_epoch(self.current_leader_epoch.0)
            .with_snapshot_id(id)
            .with_position(self.position);
        let topic = WireRequestTopic::default().with_name(metadata_topic()).with_partitions(vec![ask]);
        WireRequest::default()
            .with_cluster_id(optional_string(self.cluster_id.as_deref()))
            .with_replica_id(wire_broker(self.replica))
            .with_max_bytes(self.max_bytes)
            .with_topics(vec![topic])
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let ask = only_one(only_one(wire.topics)?.partitions)?;
        Ok(FetchSnapshotRequest {
            cluster_id: wire.cluster_id.as_ref().map(owned),
            replica: NodeId(wire.replica_id.0),
            max_bytes: wire.max_bytes,
            current_leader_epoch: LeaderEpoch(ask.current_leader_epoch),
            snapshot: SnapshotId {
                end_offset: Offset(ask.snapshot_id.end_offset),
                epoch: LeaderEpoch(ask.snapshot_id.epoch),
            },
            position: ask.position,
        })
    }
}

impl Translate for FetchSnapshotResponse {
    const KEY: ApiKey = ApiKey::FetchSnapshot;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let id = WireAnsweredId::default()
            .with_end_offset(self.snapshot.end_offset.0)
            .with_epoch(self.snapshot.epoch.0);
        let leader = WireLeader::default()
            .with_leader_id(wire_broker(self.current_leader.leader))
            .with_leader_epoch(self.current_leader.epoch.0);
        let answer = WireAnswer::default()
            .with_error_code(self.error.code())
            .with_snapshot_id(id)
            .with_current_leader(leader)
            .with_size(self.size)
            .with_position(self.position)
            .with_unaligned_records(self.bytes.clone());
        let topic = WireResponseTopic::default().with_name(metadata_topic()).with_partitions(vec![answer]);
        WireResponse::default().with_topics(vec![topic])
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let whole = ErrorCode::from_code(wire.error_code);
        let answer = if whole.is_error() {
            WireAnswer::default()
        } else {
            only_one(only_one(wire.topics)?.partitions)?
        };
        Ok(FetchSnapshotResponse {
            error: if whole.is_error() { whole } else { ErrorCode::from_code(answer.error_code) },
            snapshot: SnapshotId {
                end_offset: Offset(answer.snapshot_id.end_offset),
                epoch: LeaderEpoch(answer.snapshot_id.epoch),
            },
            current_leader: LeaderIdAndEpoch {
                leader: NodeId(answer.current_leader.leader_id.0),
                epoch: LeaderEpoch(answer.current_leader.leader_epoch),
            },
            size: answer.size,
            position: answer.position,
            bytes: answer.unaligned_records,
        })
    }
}
