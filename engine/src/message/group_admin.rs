//! Messages of those who look after groups: list, describe, delete.

use bytes::Bytes;

use crate::error::ErrorCode;

/// ListGroups: which groups does this broker coordinate?
#[derive(Clone, PartialEq, Debug)]
pub struct ListGroupsRequest {
    /// Only groups in one of these states, if any is named (version 4 on).
    pub states: Vec<String>,
    /// Only groups of one of these types, if any is named (version 5 on).
    pub types: Vec<String>,
}

/// The answer to ListGroups.
#[derive(Clone, PartialEq, Debug)]
pub struct ListGroupsResponse {
    /// NONE if the list is complete.
    pub error: ErrorCode,
    /// The groups.
    pub groups: Vec<ListedGroup>,
}

/// A group in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedGroup {
    /// `group.id`.
    pub group_id: String,
    /// Its kind: `consumer`, `connect`; empty if it never had a member.
    pub protocol_type: String,
    /// Its state, as Kafka writes it: `Stable` (version 4 on).
    pub state: String,
    /// Its type: `classic` or `consumer` (version 5 on).
    pub group_type: String,
}

/// DescribeGroups: what is known of these groups?
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeGroupsRequest {
    /// The group ids.
    pub groups: Vec<String>,
    /// Also tell what the client may do (version 3 on).
    pub include_authorized_operations: bool,
}

/// The answer to DescribeGroups.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeGroupsResponse {
    /// One answer a group.
    pub groups: Vec<DescribedGroup>,
}

/// What is known of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedGroup {
    /// NONE if the group is known.
    pub error: ErrorCode,
    /// `group.id`.
    pub group_id: String,
    /// Its state, as Kafka writes it; `Dead` if there is no such group.
    pub state: String,
    /// Its kind, or empty.
    pub protocol_type: String,
    /// The protocol everybody in it knows, or empty.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// What is known of a member.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id` (version 4 on).
    pub group_instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it came from; empty if that is not known.
    pub client_host: String,
    /// Its metadata for the group's protocol.
    pub metadata: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// DeleteGroups: forget groups and their offsets.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteGroupsRequest {
    /// The group ids.
    pub groups: Vec<String>,
}

/// The answer to DeleteGroups.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteGroupsResponse {
    /// One outcome a group.
    pub groups: Vec<DeletedGroup>,
}

/// The outcome of DeleteGroups for one group.
#[derive(Clone, PartialEq, Debug)]
pub struct DeletedGroup {
    /// `group.id`.
    pub group_id: String,
    /// NONE if it is deleted.
    pub error: ErrorCode,
}
