//! ConsumerGroupDescribe (key 69).
//!
//! The operations a client may do on a group are never computed: the response carries the number that says so.

use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup as WireGroup, Member as WireMember, TopicPartitions,
};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest as WireRequest, ConsumerGroupDescribeResponse as WireResponse,
};

use super::{Translate, optional_string, owned, string, topic_name, wire_group, wire_name};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId};
use crate::message::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedConsumerGroup,
    DescribedConsumerMember, NamedTopicPartitions,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, INT32_ARRAY, Kind, Shape, UUID, field};

/// The first version that says which protocol a member speaks.
const MEMBER_TYPE: i16 = 1;

const REQUEST: Shape = &[field(Kind::Strings), field(BOOL)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(GROUP))];
const GROUP: Shape = &[
    field(INT16),
    field(Kind::String),
    field(Kind::String),
    field(Kind::String),
    field(INT32),
    field(INT32),
    field(Kind::String),
    field(Kind::Structs(MEMBER)),
    field(INT32),
];
const MEMBER: Shape = &[
    field(Kind::String),
    field(Kind::String),
    field(Kind::String),
    field(INT32),
    field(Kind::String),
    field(Kind::String),
    field(Kind::Strings),
    field(Kind::String),
    field(Kind::Struct(ASSIGNMENT)),
    field(Kind::Struct(ASSIGNMENT)),
    field(INT8).since(MEMBER_TYPE),
];
const ASSIGNMENT: Shape = &[field(Kind::Structs(TOPIC))];
const TOPIC: Shape = &[field(UUID), field(Kind::String), field(INT32_ARRAY)];

impl Translate for ConsumerGroupDescribeRequest {
    const KEY: ApiKey = ApiKey::ConsumerGroupDescribe;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        WireRequest::default()
            .with_group_ids(self.groups.iter().map(|group| wire_group(group)).collect())
            .with_include_authorized_operations(self.include_authorized_operations)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(ConsumerGroupDescribeRequest {
            groups: wire.group_ids.iter().map(|group| owned(group)).collect(),
            include_authorized_operations: wire.include_authorized_operations,
        })
    }
}

impl Translate for ConsumerGroupDescribeResponse {
    const KEY: ApiKey = ApiKey::ConsumerGroupDescribe;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let group = |group: &DescribedConsumerGroup| {
            WireGroup::default()
                .with_error_code(group.error.code())
                .with_error_message(optional_string(group.error_message.as_deref()))
                .with_group_id(wire_group(&group.group_id))
                .with_group_state(string(&group.state))
                .with_group_epoch(group.group_epoch)
                .with_assignment_epoch(group.assignment_epoch)
                .with_assignor_name(string(&group.assignor))
                .with_members(group.members.iter().map(|member| wire_member(member, version)).collect())
        };
        WireResponse::default().with_groups(self.groups.iter().map(group).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let group = |group: &WireGroup| DescribedConsumerGroup {
            error: ErrorCode::from_code(group.error_code),
            error_message: group.error_message.as_ref().map(owned),
            group_id: owned(&group.group_id),
            state: owned(&group.group_state),
            group_epoch: group.group_epoch,
            assignment_epoch: group.assignment_epoch,
            assignor: owned(&group.assignor_name),
            members: group.members.iter().map(our_member).collect(),
        };
        Ok(ConsumerGroupDescribeResponse { groups: wire.groups.iter().map(group).collect() })
    }
}

fn wire_member(member: &DescribedConsumerMember, version: i16) -> WireMember {
    let mut wire = WireMember::default()
        .with_member_id(string(&member.member_id))
        .with_instance_id(optional_string(member.instance_id.as_deref()))
        .with_rack_id(optional_string(member.rack_id.as_deref()))
        .with_member_epoch(member.member_epoch)
        .with_client_id(string(&member.client_id))
        .with_client_host(string(&member.client_host))
        .with_subscribed_topic_names(member.subscribed_topic_names.iter().map(wire_name).collect())
        .with_subscribed_topic_regex(optional_string(member.subscribed_topic_regex.as_deref()))
        .with_assignment(wire_assignment(&member.assignment))
        .with_target_assignment(wire_assignment(&member.target_assignment));
    if version >= MEMBER_TYPE {
        wire.member_type = member.member_type;
    }
    wire
}

fn our_member(wire: &WireMember) -> DescribedConsumerMember {
    DescribedConsumerMember {
        member_id: owned(&wire.member_id),
        instance_id: wire.instance_id.as_ref().map(owned),
        rack_id: wire.rack_id.as_ref().map(owned),
        member_epoch: wire.member_epoch,
        client_id: owned(&wire.client_id),
        client_host: owned(&wire.client_host),
        subscribed_topic_names: wire.subscribed_topic_names.iter().map(topic_name).collect(),
        subscribed_topic_regex: wire.subscribed_topic_regex.as_ref().map(owned),
        assignment: our_assignment(&wire.assignment),
        target_assignment: our_assignment(&wire.target_assignment),
        member_type: wire.member_type,
    }
}

fn wire_assignment(topics: &[NamedTopicPartitions]) -> Assignment {
    let topic = |topic: &NamedTopicPartitions| {
        TopicPartitions::default()
            .with_topic_id(topic.topic_id.0)
            .with_topic_name(wire_name(&topic.topic))
            .with_partitions(topic.partitions.iter().map(|partition| partition.0).collect())
    };
    Assignment::default().with_topic_partitions(topics.iter().map(topic).collect())
}

fn our_assignment(wire: &Assignment) -> Vec<NamedTopicPartitions> {
    let topic = |topic: &TopicPartitions| NamedTopicPartitions {
        topic_id: TopicId(topic.topic_id),
        topic: topic_name(&topic.topic_name),
        partitions: topic.partitions.iter().copied().map(PartitionIndex).collect(),
    };
    wire.topic_partitions.iter().map(topic).collect()
}
