//! Vote (key 52). Errors of the whole request and of the partition are one: it is written as the partition's, and
//! read from either place.

use kafka_protocol::messages::vote_request::{PartitionData as WireAsk, TopicData as WireRequestTopic};
use kafka_protocol::messages::vote_response::{PartitionData as WireAnswer, TopicData as WireResponseTopic};
use kafka_protocol::messages::{VoteRequest as WireRequest, VoteResponse as WireResponse};

use super::{Translate, metadata_topic, only_one, optional_string, owned, wire_broker};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{DirectoryId, NodeId};
use crate::message::{ApiKey, LeaderIdAndEpoch, VoteRequest, VoteResponse};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT64, Kind, Shape, UUID, field};

const REQUEST: Shape = &[field(Kind::String), field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[
    field(INT32),
    field(INT32),
    field(INT32),
    field(UUID),
    field(UUID),
    field(INT32),
    field(INT64),
    field(BOOL),
];

const RESPONSE: Shape =
    &[field(INT16), field(Kind::Structs(RESPONSE_TOPIC)), field(Kind::Structs(NODE_ENDPOINT)).tagged(0)];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT16), field(INT32), field(INT32), field(BOOL)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT16)];

impl Translate for VoteRequest {
    const KEY: ApiKey = ApiKey::Vote;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let ask = WireAsk::default()
            .with_replica_epoch(self.candidate_epoch.0)
            .with_replica_id(wire_broker(self.candidate))
            .with_replica_directory_id(self.candidate_directory.0)
            .with_voter_directory_id(self.voter_directory.0)
            .with_last_offset_epoch(self.last_epoch.0)
            .with_last_offset(self.last_offset.0)
            .with_pre_vote(self.pre_vote);
        let topic = WireRequestTopic::default().with_topic_name(metadata_topic()).with_partitions(vec![ask]);
        WireRequest::default()
            .with_cluster_id(optional_string(self.cluster_id.as_deref()))
            .with_voter_id(wire_broker(self.voter))
            .with_topics(vec![topic])
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let ask = only_one(only_one(wire.topics)?.partitions)?;
        Ok(VoteRequest {
            cluster_id: wire.cluster_id.as_ref().map(owned),
            voter: NodeId(wire.voter_id.0),
            voter_directory: DirectoryId(ask.voter_directory_id),
            candidate_epoch: LeaderEpoch(ask.replica_epoch),
            candidate: NodeId(ask.replica_id.0),
            candidate_directory: DirectoryId(ask.replica_directory_id),
            last_epoch: LeaderEpoch(ask.last_offset_epoch),
            last_offset: Offset(ask.last_offset),
            pre_vote: ask.pre_vote,
        })
    }
}

impl Translate for VoteResponse {
    const KEY: ApiKey = ApiKey::Vote;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let answer = WireAnswer::default()
            .with_error_code(self.error.code())
            .with_leader_id(wire_broker(self.current_leader.leader))
            .with_leader_epoch(self.current_leader.epoch.0)
            .with_vote_granted(self.granted);
        let topic =
            WireResponseTopic::default().with_topic_name(metadata_topic()).with_partitions(vec![answer]);
        WireResponse::default().with_topics(vec![topic])
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let whole = ErrorCode::from_code(wire.error_code);
        if whole.is_error() {
            let current_leader = LeaderIdAndEpoch::NONE;
            return Ok(VoteResponse { error: whole, current_leader, granted: false });
        }
        let answer = only_one(only_one(wire.topics)?.partitions)?;
        Ok(VoteResponse {
            error: ErrorCode::from_code(answer.error_code),
            current_leader: LeaderIdAndEpoch {
                leader: NodeId(answer.leader_id.0),
                epoch: LeaderEpoch(answer.leader_epoch),
            },
            granted: answer.vote_granted,
        })
    }
}
