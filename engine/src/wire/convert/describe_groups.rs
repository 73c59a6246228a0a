//! DescribeGroups (key 15).
//!
//! The operations a client may do on a group are never computed: the response carries the number that says so.

use kafka_protocol::messages::describe_groups_response::{DescribedGroup as WireGroup, DescribedGroupMember};
use kafka_protocol::messages::{
    DescribeGroupsRequest as WireRequest, DescribeGroupsResponse as WireResponse,
};

use super::{Translate, optional_string, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{
    ApiKey, DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedMember,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, Kind, Shape, field};

/// The first version with authorized operations (KIP-430).
const OPERATIONS: i16 = 3;
/// The first version with static members (KIP-345).
const INSTANCE_ID: i16 = 4;

const REQUEST: Shape = &[field(Kind::Strings), field(BOOL).since(OPERATIONS)];

const RESPONSE: Shape = &[field(INT32).since(1), field(Kind::Structs(GROUP))];
const GROUP: Shape = &[
    field(INT16),
    field(Kind::String),
    field(Kind::String),
    field(Kind::String),
    field(Kind::String),
    field(Kind::Structs(MEMBER)),
    field(INT32).since(OPERATIONS),
];
const MEMBER: Shape = &[
    field(Kind::String),
    field(Kind::String).since(INSTANCE_ID),
    field(Kind::String),
    field(Kind::String),
    field(Kind::Bytes),
    field(Kind::Bytes),
];

impl Translate for DescribeGroupsRequest {
    const KEY: ApiKey = ApiKey::DescribeGroups;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire =
            WireRequest::default().with_groups(self.groups.iter().map(|group| wire_group(group)).collect());
        if version >= OPERATIONS {
            wire.include_authorized_operations = self.include_authorized_operations;
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(DescribeGroupsRequest {
            groups: wire.groups.iter().map(|group| owned(group)).collect(),
            include_authorized_operations: wire.include_authorized_operations,
        })
    }
}

fn wire_member(member: &DescribedMember, version: i16) -> DescribedGroupMember {
    let mut wire = DescribedGroupMember::default()
        .with_member_id(string(&member.member_id))
        .with_client_id(string(&member.client_id))
        .with_client_host(string(&member.client_host))
        .with_member_metadata(member.metadata.clone())
        .with_member_assignment(member.assignment.clone());
    if version >= INSTANCE_ID {
        wire.group_instance_id = optional_string(member.group_instance_id.as_deref());
    }
    wire
}

impl Translate for DescribeGroupsResponse {
    const KEY: ApiKey = ApiKey::DescribeGroups;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let group = |group: &DescribedGroup| {
            WireGroup::default()
                .with_error_code(group.error.code())
                .with_group_id(wire_group(&group.group_id))
                .with_group_state(string(&group.state))
                .with_protocol_type(string(&group.protocol_type))
                .with_protocol_data(string(&group.protocol))
                .with_members(group.members.iter().map(|member| wire_member(member, version)).collect())
        };
        WireResponse::default().with_groups(self.groups.iter().map(group).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let member = |member: DescribedGroupMember| DescribedMember {
            member_id: owned(&member.member_id),
            group_instance_id: member.group_instance_id.as_ref().map(owned),
            client_id: owned(&member.client_id),
            client_host: owned(&member.client_host),
            metadata: member.member_metadata,
            assignment: member.member_assignment,
        };
        let group = |group: WireGroup| DescribedGroup {
            error: ErrorCode::from_code(group.error_code),
            group_id: owned(&group.group_id),
            state: owned(&group.group_state),
            protocol_type: owned(&group.protocol_type),
            protocol: owned(&group.protocol_data),
            members: group.members.into_iter().map(member).collect(),
        };
        Ok(DescribeGroupsResponse { groups: wire.groups.into_iter().map(group).collect() })
    }
}
