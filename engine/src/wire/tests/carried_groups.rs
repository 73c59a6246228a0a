//! What the messages of groups keep of themselves on their way through a version.

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::message::{
    FindCoordinatorRequest, FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse, Request, Response,
};

/// The part of a request of a group that a version carries.
pub(super) fn carried_request(request: &mut Request, version: i16) {
    match request {
        Request::FindCoordinator(find) => carried_find(find, version),
        Request::JoinGroup(join) => carried_join(join, version),
        Request::SyncGroup(sync) => {
            if version < 3 {
                sync.group_instance_id = None;
            }
            if version < 5 {
                (sync.protocol_type, sync.protocol_name) = (None, None);
            }
        }
        Request::Heartbeat(heartbeat) if version < 3 => heartbeat.group_instance_id = None,
        Request::LeaveGroup(leave) => carried_leave(leave, version),
        Request::OffsetCommit(commit) => carried_commit(commit, version),
        Request::OffsetFetch(fetch) => carried_fetch(fetch, version),
        Request::ListGroups(list) => {
            if version < 4 {
                list.states.clear();
            }
            if version < 5 {
                list.types.clear();
            }
        }
        Request::ConsumerGroupHeartbeat(heartbeat) if version < 1 => heartbeat.subscribed_topic_regex = None,
        Request::DescribeGroups(describe) if version < 3 => describe.include_authorized_operations = false,
        _ => {}
    }
}

/// The part of a response about groups that a version carries.
pub(super) fn carried_response(response: &mut Response, version: i16) {
    match response {
        Response::FindCoordinator(found) => carried_found(found, version),
        Response::JoinGroup(joined) => carried_joined(joined, version),
        Response::SyncGroup(synced) if version < 5 => {
            (synced.protocol_type, synced.protocol_name) = (None, None);
        }
        Response::LeaveGroup(left) => carried_left(left, version),
        Response::OffsetFetch(fetched) => carried_fetched(fetched, version),
        Response::ListGroups(list) => {
            for group in &mut list.groups {
                if version < 4 {
                    group.state.clear();
                }
                if version < 5 {
                    group.group_type.clear();
                }
            }
        }
        Response::ConsumerGroupDescribe(described) if version < 1 => {
            described
                .groups
                .iter_mut()
                .flat_map(|group| &mut group.members)
                .for_each(|one| one.member_type = -1);
        }
        Response::DescribeGroups(described) => {
            for group in &mut described.groups {
                for member in group.members.iter_mut().filter(|_| version < 4) {
                    member.group_instance_id = None;
                }
            }
        }
        _ => {}
    }
}

fn carried_find(find: &mut FindCoordinatorRequest, version: i16) {
    if version < 1 {
        find.key_type = FindCoordinatorRequest::GROUP;
    }
    if version < 4 {
        find.keys.truncate(1);
    }
}

fn carried_join(join: &mut JoinGroupRequest, version: i16) {
    if version < 1 {
        join.rebalance_timeout = join.session_timeout;
    }
    if version < 5 {
        join.group_instance_id = None;
    }
    if version < 8 {
        join.reason = None;
    }
}

fn carried_leave(leave: &mut LeaveGroupRequest, version: i16) {
    if version < 3 {
        leave.members.truncate(1);
    }
    for member in &mut leave.members {
        if version < 3 {
            member.group_instance_id = None;
        }
        if version < 5 {
            member.reason = None;
        }
    }
}

fn carried_commit(commit: &mut OffsetCommitRequest, version: i16) {
    if version > 4 {
        commit.retention_ms = -1;
    }
    if version < 7 {
        commit.group_instance_id = None;
    }
    for partition in commit.partitions.iter_mut().filter(|_| version < 6) {
        partition.leader_epoch = LeaderEpoch::NONE;
    }
}

fn carried_fetch(fetch: &mut OffsetFetchRequest, version: i16) {
    fetch.require_stable &= version >= 7;
    if version < 8 {
        fetch.groups.truncate(1);
    }
    for group in &mut fetch.groups {
        if version < 2 {
            group.partitions.get_or_insert_default();
        }
        if version < 9 {
            (group.member_id, group.member_epoch) = (None, -1);
        }
    }
}

fn carried_found(found: &mut FindCoordinatorResponse, version: i16) {
    if version < 4 {
        found.coordinators.truncate(1);
    }
    for coordinator in &mut found.coordinators {
        if version < 4 {
            coordinator.key.clear();
        }
        if version < 1 {
            coordinator.error_message = None;
        }
    }
}

fn carried_joined(joined: &mut JoinGroupResponse, version: i16) {
    for member in joined.members.iter_mut().filter(|_| version < 5) {
        member.group_instance_id = None;
    }
    if version < 7 {
        joined.protocol_type = None;
        joined.protocol_name.get_or_insert_default();
    }
    joined.skip_assignment &= version >= 9;
}

fn carried_left(left: &mut LeaveGroupResponse, version: i16) {
    if version < 3 {
        let of_member = left.members.first().map_or(ErrorCode::None, |member| member.error);
        left.error = if left.error.is_error() { left.error } else { of_member };
        left.members.clear();
    }
}

fn carried_fetched(fetched: &mut OffsetFetchResponse, version: i16) {
    if version < 8 {
        fetched.groups.truncate(1);
    }
    for group in &mut fetched.groups {
        if version < 8 {
            group.group_id.clear();
        }
        if version < 2 {
            group.error = ErrorCode::None;
        }
        for partition in group.partitions.iter_mut().filter(|_| version < 5) {
            partition.leader_epoch = LeaderEpoch::NONE;
        }
    }
}
