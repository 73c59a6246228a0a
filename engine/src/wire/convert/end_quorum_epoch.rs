//! EndQuorumEpoch (key 54). Where the leader listens is not sent: every voter has it from its configuration.

use kafka_protocol::messages::end_quorum_epoch_request::{
    PartitionData as WireRequestPartition, ReplicaInfo, TopicData as WireRequestTopic,
};
use kafka_protocol::messages::end_quorum_epoch_response::{
    PartitionData as WireResponsePartition, TopicData as WireResponseTopic,
};
use kafka_protocol::messages::{
    EndQuorumEpochRequest as WireRequest, EndQuorumEpochResponse as WireResponse,
};

use super::{Translate, metadata_topic, only_one, optional_string, owned, wire_broker};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{ApiKey, EndQuorumEpochRequest, EndQuorumEpochResponse, LeaderIdAndEpoch};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, UUID, field};

const REQUEST: Shape =
    &[field(Kind::String), field(Kind::Structs(REQUEST_TOPIC)), field(Kind::Structs(LEADER_ENDPOINT))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape =
    &[field(INT32), field(INT32), field(INT32), field(Kind::Structs(REPLICA_INFO))];
const REPLICA_INFO: Shape = &[field(INT32), field(UUID)];
const LEADER_ENDPOINT: Shape = &[field(Kind::String), field(Kind::String), field(INT16)];

const RESPONSE: Shape =
    &[field(INT16), field(Kind::Structs(RESPONSE_TOPIC)), field(Kind::Structs(NODE_ENDPOINT)).tagged(0)];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT16), field(INT32), field(INT32)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT16)];

impl Translate for EndQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::EndQuorumEpoch;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let candidate = |id: &NodeId| ReplicaInfo::default().with_candidate_id(wire_broker(*id));
        let partition = WireRequestPartition::default()
            .with_leader_id(wire_broker(self.current_leader.leader))
            .with_leader_epoch(self.current_leader.epoch.0)
            .with_preferred_candidates(self.preferred_candidates.iter().map(candidate).collect());
        let topic =
            WireRequestTopic::default().with_topic_name(metadata_topic()).with_partitions(vec![partition]);
        WireRequest::default()
            .with_cluster_id(optional_string(self.cluster_id.as_deref()))
            .with_topics(vec![topic])
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let partition = only_one(only_one(wire.topics)?.partitions)?;
        Ok(EndQuorumEpochRequest {
            cluster_id: wire.cluster_id.as_ref().map(owned),
            current_leader: LeaderIdAndEpoch {
                leader: NodeId(partition.leader_id.0),
                epoch: LeaderEpoch(partition.leader_epoch),
            },
            preferred_candidates: partition
                .preferred_candidates
                .iter()
                .map(|candidate| NodeId(candidate.candidate_id.0))
                .collect(),
        })
    }
}

impl Translate for EndQuorumEpochResponse {
    const KEY: ApiKey = ApiKey::EndQuorumEpoch;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = WireResponsePartition::default()
            .with_error_code(self.error.code())
            .with_leader_id(wire_broker(self.current_leader.leader))
            .with_leader_epoch(self.current_leader.epoch.0);
        let topic =
            WireResponseTopic::default().with_topic_name(metadata_topic()).with_partitions(vec![partition]);
        WireResponse::default().with_topics(vec![topic])
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let whole = ErrorCode::from_code(wire.error_code);
        if whole.is_error() {
            return Ok(EndQuorumEpochResponse { error: whole, current_leader: LeaderIdAndEpoch::NONE });
        }
        let partition = only_one(only_one(wire.topics)?.partitions)?;
        Ok(EndQuorumEpochResponse {
            error: ErrorCode::from_code(partition.error_code),
            current_leader: LeaderIdAndEpoch {
                leader: NodeId(partition.leader_id.0),
                epoch: LeaderEpoch(partition.leader_epoch),
            },
        })
    }
}
