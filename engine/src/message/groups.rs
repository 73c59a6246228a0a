//! Messages of group members and of those who look for a group's coordinator: the classic protocol.
//!
//! A member's metadata and its assignment are opaque to brokers: members talk to each other in them.

use bytes::Bytes;

use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId};
use crate::time::Duration;

/// FindCoordinator: who coordinates these groups or transactions?
#[derive(Clone, PartialEq, Debug)]
pub struct FindCoordinatorRequest {
    /// What the keys are: [`FindCoordinatorRequest::GROUP`] or another; version 0 knows groups only.
    pub key_type: i8,
    /// The group ids or transactional ids; exactly one up to version 3.
    pub keys: Vec<String>,
}

impl FindCoordinatorRequest {
    /// The keys are group ids.
    pub const GROUP: i8 = 0;
}

/// The answer to FindCoordinator.
#[derive(Clone, PartialEq, Debug)]
pub struct FindCoordinatorResponse {
    /// One answer a key.
    pub coordinators: Vec<Coordinator>,
}

/// Who coordinates one key.
#[derive(Clone, PartialEq, Debug)]
pub struct Coordinator {
    /// The key; empty up to version 3, which asks for one only.
    pub key: String,
    /// The broker, if it is known.
    pub node: Option<(NodeId, Endpoint)>,
    /// NONE if it is known.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
}

/// JoinGroup: a member joins a group or comes back to it.
#[derive(Clone, PartialEq, Debug)]
pub struct JoinGroupRequest {
    /// `group.id`.
    pub group_id: String,
    /// `session.timeout.ms`: a member silent for so long is taken for dead.
    pub session_timeout: Duration,
    /// How long the coordinator waits for the member when the group rebalances (`max.poll.interval.ms`). Version 0
    /// does not say it: there it is the session timeout.
    pub rebalance_timeout: Duration,
    /// The member's id; empty for one that has none yet.
    pub member_id: String,
    /// `group.instance.id` of a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// What kind of group it is: `consumer`, `connect`.
    pub protocol_type: String,
    /// The protocols (of consumers: assignors) it knows, the one it likes best first, with its metadata for each.
    pub protocols: Vec<(String, Bytes)>,
    /// Why it joins, for a person (version 8 on).
    pub reason: Option<String>,
}

/// The answer to JoinGroup.
#[derive(Clone, PartialEq, Debug)]
pub struct JoinGroupResponse {
    /// NONE if the member is in the group.
    pub error: ErrorCode,
    /// The group's generation, or -1.
    pub generation: i32,
    /// The kind of the group (version 7 on).
    pub protocol_type: Option<String>,
    /// The protocol everybody in the group knows. Never absent up to version 6: there it is empty.
    pub protocol_name: Option<String>,
    /// Member id of the leader.
    pub leader: String,
    /// The leader shall not compute an assignment: the one there is stays (version 9 on).
    pub skip_assignment: bool,
    /// The member's id.
    pub member_id: String,
    /// For the leader: everybody in the group.
    pub members: Vec<JoinedMember>,
}

/// A member of a group, as its leader is told.
#[derive(Clone, PartialEq, Debug)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id` (version 5 on).
    pub group_instance_id: Option<String>,
    /// Its metadata for the protocol of the group.
    pub metadata: Bytes,
}

/// SyncGroup: the leader brings the assignment, everybody asks for their own.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncGroupRequest {
    /// `group.id`.
    pub group_id: String,
    /// The generation the member was told.
    pub generation: i32,
    /// The member's id.
    pub member_id: String,
    /// Its `group.instance.id` (version 3 on).
    pub group_instance_id: Option<String>,
    /// What it takes for the kind of the group (version 5 on).
    pub protocol_type: Option<String>,
    /// What it takes for the protocol of the group (version 5 on).
    pub protocol_name: Option<String>,
    /// From the leader: an assignment for each member id.
    pub assignments: Vec<(String, Bytes)>,
}

/// The answer to SyncGroup.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncGroupResponse {
    /// NONE if the assignment is the member's.
    pub error: ErrorCode,
    /// The kind of the group (version 5 on).
    pub protocol_type: Option<String>,
    /// The protocol of the group (version 5 on).
    pub protocol_name: Option<String>,
    /// The member's assignment.
    pub assignment: Bytes,
}

/// Heartbeat: the member is alive.
#[derive(Clone, PartialEq, Debug)]
pub struct HeartbeatRequest {
    /// `group.id`.
    pub group_id: String,
    /// The generation the member was told.
    pub generation: i32,
    /// The member's id.
    pub member_id: String,
    /// Its `group.instance.id` (version 3 on).
    pub group_instance_id: Option<String>,
}

/// The answer to Heartbeat.
#[derive(Clone, PartialEq, Debug)]
pub struct HeartbeatResponse {
    /// NONE, or why the member has to join again.
    pub error: ErrorCode,
}

/// LeaveGroup: members leave; exactly one up to version 2.
#[derive(Clone, PartialEq, Debug)]
pub struct LeaveGroupRequest {
    /// `group.id`.
    pub group_id: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// A member that leaves.
#[derive(Clone, PartialEq, Debug)]
pub struct LeavingMember {
    /// Its id; may be empty if the instance id names it.
    pub member_id: String,
    /// Its `group.instance.id` (version 3 on).
    pub group_instance_id: Option<String>,
    /// Why it leaves, for a person (version 5 on).
    pub reason: Option<String>,
}

/// The answer to LeaveGroup.
#[derive(Clone, PartialEq, Debug)]
pub struct LeaveGroupResponse {
    /// Of the request as a whole; up to version 2 also that of its one member.
    pub error: ErrorCode,
    /// One outcome a member (version 3 on).
    pub members: Vec<LeftMember>,
}

/// The outcome of LeaveGroup for one member.
#[derive(Clone, PartialEq, Debug)]
pub struct LeftMember {
    /// Its id, as asked.
    pub member_id: String,
    /// Its `group.instance.id`, as asked.
    pub group_instance_id: Option<String>,
    /// NONE if it has left.
    pub error: ErrorCode,
}
