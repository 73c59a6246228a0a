//! Values of the messages of groups.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};

use super::{bytes, endpoint, error, leader_epoch, offset, text, time, topic_partition};
use crate::id::NodeId;
use crate::message::{
    Coordinator, DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest,
    DescribeGroupsResponse, DescribedGroup, DescribedMember, FetchedOffset, FetchedOffsets,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, JoinedMember, LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeftMember,
    ListGroupsRequest, ListGroupsResponse, ListedGroup, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse,
    OffsetOutcome, OffsetToCommit, SyncGroupRequest, SyncGroupResponse,
};

fn maybe() -> impl Strategy<Value = Option<String>> {
    option::of(text())
}

pub(super) fn find_request() -> impl Strategy<Value = FindCoordinatorRequest> {
    (any::<i8>(), vec(text(), 1..4)).prop_map(|(key_type, keys)| FindCoordinatorRequest { key_type, keys })
}

pub(super) fn find_response() -> impl Strategy<Value = FindCoordinatorResponse> {
    let node = option::of(((0..i32::MAX).prop_map(NodeId), endpoint()));
    let coordinator = (text(), node, error(), maybe())
        .prop_map(|(key, node, error, error_message)| Coordinator { key, node, error, error_message });
    vec(coordinator, 1..4).prop_map(|coordinators| FindCoordinatorResponse { coordinators })
}

pub(super) fn join_request() -> impl Strategy<Value = JoinGroupRequest> {
    let member = (text(), maybe(), maybe());
    (text(), time(), time(), member, text(), vec((text(), bytes()), 0..3)).prop_map(
        |(group_id, session_timeout, rebalance_timeout, member, protocol_type, protocols)| {
            let (member_id, group_instance_id, reason) = member;
            JoinGroupRequest {
                group_id,
                session_timeout,
                rebalance_timeout,
                member_id,
                group_instance_id,
                protocol_type,
                protocols,
                reason,
            }
        },
    )
}

pub(super) fn join_response() -> impl Strategy<Value = JoinGroupResponse> {
    let member = (text(), maybe(), bytes()).prop_map(|(member_id, group_instance_id, metadata)| {
        JoinedMember { member_id, group_instance_id, metadata }
    });
    let texts = (text(), text());
    (error(), any::<i32>(), maybe(), maybe(), texts, any::<bool>(), vec(member, 0..3)).prop_map(
        |(error, generation, protocol_type, protocol_name, texts, skip_assignment, members)| {
            let (leader, member_id) = texts;
            JoinGroupResponse {
                error,
                generation,
                protocol_type,
                protocol_name,
                leader,
                skip_assignment,
                member_id,
                members,
            }
        },
    )
}

pub(super) fn sync_request() -> impl Strategy<Value = SyncGroupRequest> {
    (text(), any::<i32>(), text(), maybe(), maybe(), maybe(), vec((text(), bytes()), 0..3)).prop_map(
        |(group_id, generation, member_id, group_instance_id, protocol_type, protocol_name, assignments)| {
            SyncGroupRequest {
                group_id,
                generation,
                member_id,
                group_instance_id,
                protocol_type,
                protocol_name,
                assignments,
            }
        },
    )
}

pub(super) fn sync_response() -> impl Strategy<Value = SyncGroupResponse> {
    (error(), maybe(), maybe(), bytes()).prop_map(|(error, protocol_type, protocol_name, assignment)| {
        SyncGroupResponse { error, protocol_type, protocol_name, assignment }
    })
}

pub(super) fn heartbeat_request() -> impl Strategy<Value = HeartbeatRequest> {
    (text(), any::<i32>(), text(), maybe()).prop_map(
        |(group_id, generation, member_id, group_instance_id)| HeartbeatRequest {
            group_id,
            generation,
            member_id,
            group_instance_id,
        },
    )
}

pub(super) fn heartbeat_response() -> impl Strategy<Value = HeartbeatResponse> {
    error().prop_map(|error| HeartbeatResponse { error })
}

pub(super) fn leave_request() -> impl Strategy<Value = LeaveGroupRequest> {
    let member = (text(), maybe(), maybe()).prop_map(|(member_id, group_instance_id, reason)| {
        LeavingMember { member_id, group_instance_id, reason }
    });
    (text(), vec(member, 1..4)).prop_map(|(group_id, members)| LeaveGroupRequest { group_id, members })
}

pub(super) fn leave_response() -> impl Strategy<Value = LeaveGroupResponse> {
    let member = (text(), maybe(), error()).prop_map(|(member_id, group_instance_id, error)| LeftMember {
        member_id,
        group_instance_id,
        error,
    });
    (error(), vec(member, 0..4)).prop_map(|(error, members)| LeaveGroupResponse { error, members })
}

pub(super) fn commit_request() -> impl Strategy<Value = OffsetCommitRequest> {
    let partition = (topic_partition(), offset(), leader_epoch(), maybe()).prop_map(
        |(partition, offset, leader_epoch, metadata)| OffsetToCommit {
            partition,
            offset,
            leader_epoch,
            metadata,
        },
    );
    (text(), any::<i32>(), text(), maybe(), any::<i64>(), vec(partition, 0..4)).prop_map(
        |(group_id, generation, member_id, group_instance_id, retention_ms, partitions)| {
            OffsetCommitRequest {
                group_id,
                generation,
                member_id,
                group_instance_id,
                retention_ms,
                partitions,
            }
        },
    )
}

fn outcomes() -> impl Strategy<Value = Vec<OffsetOutcome>> {
    vec((topic_partition(), error()).prop_map(|(partition, error)| OffsetOutcome { partition, error }), 0..4)
}

pub(super) fn commit_response() -> impl Strategy<Value = OffsetCommitResponse> {
    outcomes().prop_map(|partitions| OffsetCommitResponse { partitions })
}

pub(super) fn fetch_request() -> impl Strategy<Value = OffsetFetchRequest> {
    let group = (text(), maybe(), any::<i32>(), option::of(vec(topic_partition(), 0..4))).prop_map(
        |(group_id, member_id, member_epoch, partitions)| OffsetFetchGroup {
            group_id,
            member_id,
            member_epoch,
            partitions,
        },
    );
    (vec(group, 1..3), any::<bool>())
        .prop_map(|(groups, require_stable)| OffsetFetchRequest { groups, require_stable })
}

pub(super) fn fetch_response() -> impl Strategy<Value = OffsetFetchResponse> {
    let partition = (topic_partition(), offset(), leader_epoch(), maybe(), error()).prop_map(
        |(partition, offset, leader_epoch, metadata, error)| FetchedOffset {
            partition,
            offset,
            leader_epoch,
            metadata,
            error,
        },
    );
    let group = (text(), error(), vec(partition, 0..4))
        .prop_map(|(group_id, error, partitions)| FetchedOffsets { group_id, error, partitions });
    vec(group, 1..3).prop_map(|groups| OffsetFetchResponse { groups })
}

pub(super) fn delete_offsets_request() -> impl Strategy<Value = OffsetDeleteRequest> {
    (text(), vec(topic_partition(), 0..4))
        .prop_map(|(group_id, partitions)| OffsetDeleteRequest { group_id, partitions })
}

pub(super) fn delete_offsets_response() -> impl Strategy<Value = OffsetDeleteResponse> {
    (error(), outcomes()).prop_map(|(error, partitions)| OffsetDeleteResponse { error, partitions })
}

pub(super) fn list_request() -> impl Strategy<Value = ListGroupsRequest> {
    (vec(text(), 0..3), vec(text(), 0..3)).prop_map(|(states, types)| ListGroupsRequest { states, types })
}

pub(super) fn list_response() -> impl Strategy<Value = ListGroupsResponse> {
    let group = (text(), text(), text(), text()).prop_map(|(group_id, protocol_type, state, group_type)| {
        ListedGroup { group_id, protocol_type, state, group_type }
    });
    (error(), vec(group, 0..4)).prop_map(|(error, groups)| ListGroupsResponse { error, groups })
}

pub(super) fn describe_request() -> impl Strategy<Value = DescribeGroupsRequest> {
    (vec(text(), 0..4), any::<bool>()).prop_map(|(groups, include_authorized_operations)| {
        DescribeGroupsRequest { groups, include_authorized_operations }
    })
}

pub(super) fn describe_response() -> impl Strategy<Value = DescribeGroupsResponse> {
    let member = (text(), maybe(), text(), text(), bytes(), bytes()).prop_map(
        |(member_id, group_instance_id, client_id, client_host, metadata, assignment)| DescribedMember {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            metadata,
            assignment,
        },
    );
    let group = (error(), text(), text(), text(), text(), vec(member, 0..3)).prop_map(
        |(error, group_id, state, protocol_type, protocol, members)| DescribedGroup {
            error,
            group_id,
            state,
            protocol_type,
            protocol,
            members,
        },
    );
    vec(group, 0..3).prop_map(|groups| DescribeGroupsResponse { groups })
}

pub(super) fn delete_request() -> impl Strategy<Value = DeleteGroupsRequest> {
    vec(text(), 0..4).prop_map(|groups| DeleteGroupsRequest { groups })
}

pub(super) fn delete_response() -> impl Strategy<Value = DeleteGroupsResponse> {
    let group = (text(), error()).prop_map(|(group_id, error)| DeletedGroup { group_id, error });
    vec(group, 0..4).prop_map(|groups| DeleteGroupsResponse { groups })
}
