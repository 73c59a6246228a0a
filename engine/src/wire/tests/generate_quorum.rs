//! Values of the quorum's messages, at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use uuid::Uuid;

use super::generate::{bytes, endpoint, error, leader_epoch, node, nodes, offset, text, topic_partition};
use crate::id::DirectoryId;
use crate::message::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    DescribedQuorum, EndQuorumEpochRequest, EndQuorumEpochResponse, FetchSnapshotRequest,
    FetchSnapshotResponse, LeaderIdAndEpoch, QuorumReplica, SnapshotId, VoteRequest, VoteResponse,
};
use crate::time::Timestamp;

pub(super) fn current_leader() -> impl Strategy<Value = LeaderIdAndEpoch> {
    (node(), leader_epoch()).prop_map(|(leader, epoch)| LeaderIdAndEpoch { leader, epoch })
}

pub(super) fn snapshot_id() -> impl Strategy<Value = SnapshotId> {
    (offset(), leader_epoch()).prop_map(|(end_offset, epoch)| SnapshotId { end_offset, epoch })
}

pub(super) fn vote_request() -> impl Strategy<Value = VoteRequest> {
    let directories = any::<[u128; 2]>().prop_map(|ids| ids.map(|id| DirectoryId(Uuid::from_u128(id))));
    let log = (leader_epoch(), offset());
    (option::of(text()), node(), leader_epoch(), node(), directories, log, any::<bool>()).prop_map(
        |(cluster_id, voter, candidate_epoch, candidate, directories, log, pre_vote)| VoteRequest {
            cluster_id,
            voter,
            voter_directory: directories[0],
            candidate_epoch,
            candidate,
            candidate_directory: directories[1],
            last_epoch: log.0,
            last_offset: log.1,
            pre_vote,
        },
    )
}

pub(super) fn vote_response() -> impl Strategy<Value = VoteResponse> {
    (error(), current_leader(), any::<bool>()).prop_map(|(error, current_leader, granted)| VoteResponse {
        error,
        current_leader,
        granted,
    })
}

pub(super) fn begin_request() -> impl Strategy<Value = BeginQuorumEpochRequest> {
    (option::of(text()), node(), current_leader()).prop_map(|(cluster_id, voter, current_leader)| {
        BeginQuorumEpochRequest { cluster_id, voter, current_leader }
    })
}

pub(super) fn begin_response() -> impl Strategy<Value = BeginQuorumEpochResponse> {
    (error(), current_leader())
        .prop_map(|(error, current_leader)| BeginQuorumEpochResponse { error, current_leader })
}

pub(super) fn end_request() -> impl Strategy<Value = EndQuorumEpochRequest> {
    (option::of(text()), current_leader(), nodes()).prop_map(
        |(cluster_id, current_leader, preferred_candidates)| EndQuorumEpochRequest {
            cluster_id,
            current_leader,
            preferred_candidates,
        },
    )
}

pub(super) fn end_response() -> impl Strategy<Value = EndQuorumEpochResponse> {
    (error(), current_leader())
        .prop_map(|(error, current_leader)| EndQuorumEpochResponse { error, current_leader })
}

pub(super) fn snapshot_request() -> impl Strategy<Value = FetchSnapshotRequest> {
    (option::of(text()), node(), any::<i32>(), leader_epoch(), snapshot_id(), any::<i64>()).prop_map(
        |(cluster_id, replica, max_bytes, current_leader_epoch, snapshot, position)| FetchSnapshotRequest {
            cluster_id,
            replica,
            max_bytes,
            current_leader_epoch,
            snapshot,
            position,
        },
    )
}

pub(super) fn snapshot_response() -> impl Strategy<Value = FetchSnapshotResponse> {
    (error(), snapshot_id(), current_leader(), any::<[i64; 2]>(), bytes()).prop_map(
        |(error, snapshot, current_leader, [size, position], bytes)| FetchSnapshotResponse {
            error,
            snapshot,
            current_leader,
            size,
            position,
            bytes,
        },
    )
}

pub(super) fn describe_request() -> impl Strategy<Value = DescribeQuorumRequest> {
    vec(topic_partition(), 0..4).prop_map(|partitions| DescribeQuorumRequest { partitions })
}

pub(super) fn describe_response() -> impl Strategy<Value = DescribeQuorumResponse> {
    let replica = || {
        (node(), offset(), any::<[i64; 2]>()).prop_map(
            |(replica, log_end_offset, [last_fetch, last_caught_up])| QuorumReplica {
                replica,
                log_end_offset,
                last_fetch: Timestamp(last_fetch),
                last_caught_up: Timestamp(last_caught_up),
            },
        )
    };
    let replicas = (vec(replica(), 0..4), vec(replica(), 0..4));
    let quorum = (topic_partition(), error(), current_leader(), offset(), replicas).prop_map(
        |(partition, error, current_leader, high_watermark, (voters, observers))| DescribedQuorum {
            partition,
            error,
            current_leader,
            high_watermark,
            voters,
            observers,
        },
    );
    (error(), vec(quorum, 0..3), vec((node(), endpoint()), 0..4))
        .prop_map(|(error, partitions, nodes)| DescribeQuorumResponse { error, partitions, nodes })
}
