//! ConsumerGroupHeartbeat (key 68).

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as OwnedPartitions;
use kafka_protocol::messages::consumer_group_heartbeat_response::{
    Assignment, TopicPartitions as AssignedPartitions,
};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest as WireRequest, ConsumerGroupHeartbeatResponse as WireResponse,
};

use super::{
    Translate, duration, milliseconds, optional_string, owned, string, topic_name, wire_group, wire_name,
};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId};
use crate::message::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicIdPartitions,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT32_ARRAY, Kind, Shape, UUID, field};

/// The first version with regular expressions.
const REGEX: i16 = 1;

const REQUEST: Shape = &[
    field(Kind::String),
    field(Kind::String),
    field(INT32),
    field(Kind::String),
    field(Kind::String),
    field(INT32),
    field(Kind::Strings),
    field(Kind::String).since(REGEX),
    field(Kind::String),
    field(Kind::Structs(TOPIC)),
];
const TOPIC: Shape = &[field(UUID), field(INT32_ARRAY)];

const RESPONSE: Shape = &[
    field(INT32),
    field(INT16),
    field(Kind::String),
    field(Kind::String),
    field(INT32),
    field(INT32),
    field(Kind::OptionalStruct(ASSIGNMENT)),
];
const ASSIGNMENT: Shape = &[field(Kind::Structs(TOPIC))];

fn numbers(partitions: &[PartitionIndex]) -> Vec<i32> {
    partitions.iter().map(|partition| partition.0).collect()
}

fn of_topic(id: uuid::Uuid, partitions: &[i32]) -> TopicIdPartitions {
    let partitions = partitions.iter().copied().map(PartitionIndex).collect();
    TopicIdPartitions { topic_id: TopicId(id), partitions }
}

impl Translate for ConsumerGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::ConsumerGroupHeartbeat;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let topic = |topic: &TopicIdPartitions| {
            OwnedPartitions::default()
                .with_topic_id(topic.topic_id.0)
                .with_partitions(numbers(&topic.partitions))
        };
        let topics = self.subscribed_topic_names.as_ref();
        let mut wire = WireRequest::default()
            .with_group_id(wire_group(&self.group_id))
            .with_member_id(string(&self.member_id))
            .with_member_epoch(self.member_epoch)
            .with_instance_id(optional_string(self.instance_id.as_deref()))
            .with_rack_id(optional_string(self.rack_id.as_deref()))
            .with_rebalance_timeout_ms(self.rebalance_timeout.map_or(-1, milliseconds))
            .with_subscribed_topic_names(topics.map(|names| names.iter().map(wire_name).collect()))
            .with_server_assignor(optional_string(self.server_assignor.as_deref()))
            .with_topic_partitions(self.topic_partitions.as_ref().map(|all| all.iter().map(topic).collect()));
        if version >= REGEX {
            wire.subscribed_topic_regex = optional_string(self.subscribed_topic_regex.as_deref());
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let names = wire.subscribed_topic_names.as_ref();
        let topic = |topic: &OwnedPartitions| of_topic(topic.topic_id, &topic.partitions);
        Ok(ConsumerGroupHeartbeatRequest {
            group_id: owned(&wire.group_id),
            member_id: owned(&wire.member_id),
            member_epoch: wire.member_epoch,
            instance_id: wire.instance_id.as_ref().map(owned),
            rack_id: wire.rack_id.as_ref().map(owned),
            rebalance_timeout: Some(wire.rebalance_timeout_ms).filter(|time| *time >= 0).map(duration),
            subscribed_topic_names: names.map(|names| names.iter().map(topic_name).collect()),
            subscribed_topic_regex: wire.subscribed_topic_regex.as_ref().map(owned),
            server_assignor: wire.server_assignor.as_ref().map(owned),
            topic_partitions: wire.topic_partitions.as_ref().map(|all| all.iter().map(topic).collect()),
        })
    }
}

impl Translate for ConsumerGroupHeartbeatResponse {
    const KEY: ApiKey = ApiKey::ConsumerGroupHeartbeat;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let topic = |topic: &TopicIdPartitions| {
            AssignedPartitions::default()
                .with_topic_id(topic.topic_id.0)
                .with_partitions(numbers(&topic.partitions))
        };
        let assignment = self.assignment.as_ref();
        let assignment = assignment
            .map(|all| Assignment::default().with_topic_partitions(all.iter().map(topic).collect()));
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_error_message(optional_string(self.error_message.as_deref()))
            .with_member_id(optional_string(self.member_id.as_deref()))
            .with_member_epoch(self.member_epoch)
            .with_heartbeat_interval_ms(milliseconds(self.heartbeat_interval))
            .with_assignment(assignment)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &AssignedPartitions| of_topic(topic.topic_id, &topic.partitions);
        let assignment = wire.assignment.as_ref();
        Ok(ConsumerGroupHeartbeatResponse {
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
            member_id: wire.member_id.as_ref().map(owned),
            member_epoch: wire.member_epoch,
            heartbeat_interval: duration(wire.heartbeat_interval_ms),
            assignment: assignment.map(|all| all.topic_partitions.iter().map(topic).collect()),
        })
    }
}
