//! Values of the messages of KIP-848.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};

use super::{error, name, partition_index, text, time, topic_id};
use crate::id::PartitionIndex;
use crate::message::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DescribedConsumerGroup, DescribedConsumerMember, NamedTopicPartitions,
    TopicIdPartitions,
};

fn maybe() -> impl Strategy<Value = Option<String>> {
    option::of(text())
}

fn indexes() -> impl Strategy<Value = Vec<PartitionIndex>> {
    vec(partition_index(), 0..4)
}

fn topics() -> impl Strategy<Value = Vec<TopicIdPartitions>> {
    vec(
        (topic_id(), indexes()).prop_map(|(topic_id, partitions)| TopicIdPartitions { topic_id, partitions }),
        0..3,
    )
}

pub(super) fn heartbeat_request() -> impl Strategy<Value = ConsumerGroupHeartbeatRequest> {
    let member = (text(), any::<i32>(), maybe(), maybe(), option::of(time()));
    let wants = (option::of(vec(name(), 0..3)), maybe(), maybe(), option::of(topics()));
    (text(), member, wants).prop_map(|(group_id, member, wants)| {
        let (member_id, member_epoch, instance_id, rack_id, rebalance_timeout) = member;
        let (subscribed_topic_names, subscribed_topic_regex, server_assignor, topic_partitions) = wants;
        ConsumerGroupHeartbeatRequest {
            group_id,
            member_id,
            member_epoch,
            instance_id,
            rack_id,
            rebalance_timeout,
            subscribed_topic_names,
            subscribed_topic_regex,
            server_assignor,
            topic_partitions,
        }
    })
}

pub(super) fn heartbeat_response() -> impl Strategy<Value = ConsumerGroupHeartbeatResponse> {
    (error(), maybe(), maybe(), any::<i32>(), time(), option::of(topics())).prop_map(
        |(error, error_message, member_id, member_epoch, heartbeat_interval, assignment)| {
            ConsumerGroupHeartbeatResponse {
                error,
                error_message,
                member_id,
                member_epoch,
                heartbeat_interval,
                assignment,
            }
        },
    )
}

pub(super) fn describe_request() -> impl Strategy<Value = ConsumerGroupDescribeRequest> {
    (vec(text(), 0..4), any::<bool>()).prop_map(|(groups, include_authorized_operations)| {
        ConsumerGroupDescribeRequest { groups, include_authorized_operations }
    })
}

fn assignment() -> impl Strategy<Value = Vec<NamedTopicPartitions>> {
    let topic = (topic_id(), name(), indexes())
        .prop_map(|(topic_id, topic, partitions)| NamedTopicPartitions { topic_id, topic, partitions });
    vec(topic, 0..3)
}

fn member() -> impl Strategy<Value = DescribedConsumerMember> {
    let who = (text(), maybe(), maybe(), any::<i32>(), text(), text());
    let has = (vec(name(), 0..3), maybe(), assignment(), assignment(), any::<i8>());
    (who, has).prop_map(|(who, has)| {
        let (member_id, instance_id, rack_id, member_epoch, client_id, client_host) = who;
        let (subscribed_topic_names, subscribed_topic_regex, assignment, target_assignment, member_type) =
            has;
        DescribedConsumerMember {
            member_id,
            instance_id,
            rack_id,
            member_epoch,
            client_id,
            client_host,
            subscribed_topic_names,
            subscribed_topic_regex,
            assignment,
            target_assignment,
            member_type,
        }
    })
}

pub(super) fn describe_response() -> impl Strategy<Value = ConsumerGroupDescribeResponse> {
    let group = (error(), maybe(), text(), text(), any::<[i32; 2]>(), text(), vec(member(), 0..3)).prop_map(
        |(error, error_message, group_id, state, [group_epoch, assignment_epoch], assignor, members)| {
            DescribedConsumerGroup {
                error,
                error_message,
                group_id,
                state,
                group_epoch,
                assignment_epoch,
                assignor,
                members,
            }
        },
    );
    vec(group, 0..3).prop_map(|groups| ConsumerGroupDescribeResponse { groups })
}
