//! The answer that refuses a whole request of a group with one error.

use bytes::Bytes;

use super::{
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, Coordinator, DeleteGroupsResponse,
    DeletedGroup, DescribedConsumerGroup, FetchedOffset, FetchedOffsets, FindCoordinatorResponse,
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetDeleteResponse,
    OffsetFetchGroup, OffsetFetchResponse, OffsetOutcome, Request, Response, SyncGroupResponse,
};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::offset::Offset;

/// The answer that says `error` of everything the request names; `None` if it is no request about a group.
pub(super) fn of_group(request: &Request, error: ErrorCode) -> Option<Response> {
    Some(match request {
        Request::FindCoordinator(request) => {
            let refused =
                |key: &String| Coordinator { key: key.clone(), node: None, error, error_message: None };
            FindCoordinatorResponse { coordinators: request.keys.iter().map(refused).collect() }.into()
        }
        Request::JoinGroup(request) => JoinGroupResponse {
            error,
            generation: -1,
            protocol_type: None,
            protocol_name: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: request.member_id.clone(),
            members: Vec::new(),
        }
        .into(),
        Request::SyncGroup(_) => {
            let assignment = Bytes::new();
            SyncGroupResponse { error, protocol_type: None, protocol_name: None, assignment }.into()
        }
        Request::Heartbeat(_) => HeartbeatResponse { error }.into(),
        Request::LeaveGroup(_) => LeaveGroupResponse { error, members: Vec::new() }.into(),
        Request::OffsetCommit(request) => {
            let partitions = request.partitions.iter();
            let refused = |partition: &TopicPartition| OffsetOutcome { partition: partition.clone(), error };
            let partitions = partitions.map(|commit| refused(&commit.partition)).collect();
            OffsetCommitResponse { partitions }.into()
        }
        Request::OffsetFetch(request) => {
            let groups = request.groups.iter().map(|group| not_fetched(group, error)).collect();
            OffsetFetchResponse { groups }.into()
        }
        Request::ConsumerGroupHeartbeat(_) => {
            ConsumerGroupHeartbeatResponse::refused(error, error.name()).into()
        }
        Request::ConsumerGroupDescribe(request) => {
            let refused = |group: &String| DescribedConsumerGroup::refused(group, error, None);
            ConsumerGroupDescribeResponse { groups: request.groups.iter().map(refused).collect() }.into()
        }
        Request::OffsetDelete(_) => OffsetDeleteResponse { error, partitions: Vec::new() }.into(),
        Request::DeleteGroups(request) => {
            let refused = |group: &String| DeletedGroup { group_id: group.clone(), error };
            DeleteGroupsResponse { groups: request.groups.iter().map(refused).collect() }.into()
        }
        _ => return None,
    })
}

/// Version 1 has no room for an error but with each partition.
fn not_fetched(group: &OffsetFetchGroup, error: ErrorCode) -> FetchedOffsets {
    let refused = |partition: &TopicPartition| FetchedOffset {
        partition: partition.clone(),
        offset: Offset::NONE,
        leader_epoch: LeaderEpoch::NONE,
        metadata: Some(String::new()),
        error,
    };
    let partitions = group.partitions.iter().flatten().map(refused).collect();
    FetchedOffsets { group_id: group.group_id.clone(), error, partitions }
}
