//! Messages of members of consumer groups whose coordinator assigns the partitions (KIP-848).

use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId, TopicName};
use crate::time::Duration;

/// Partitions of one topic, which is named by its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicIdPartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<PartitionIndex>,
}

/// ConsumerGroupHeartbeat: a member joins, is alive, says what it owns, or leaves.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerGroupHeartbeatRequest {
    /// `group.id`.
    pub group_id: String,
    /// The member's id. It makes it up itself and keeps it while it lives (KIP-1082); in version 0 an empty one asks
    /// for an id.
    pub member_id: String,
    /// The epoch the member is at; [`Self::JOIN`], [`Self::LEAVE`] or [`Self::LEAVE_STATIC`].
    pub member_epoch: i32,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// `client.rack`.
    pub rack_id: Option<String>,
    /// How long the member may take to give partitions up (`max.poll.interval.ms`); `None` if it has not changed.
    pub rebalance_timeout: Option<Duration>,
    /// The topics it subscribes to; `None` if they have not changed.
    pub subscribed_topic_names: Option<Vec<TopicName>>,
    /// The expression whose matches it subscribes to; `None` if it has not changed (version 1 on).
    pub subscribed_topic_regex: Option<String>,
    /// `group.remote.assignor`; `None` if it has none, or it has not changed.
    pub server_assignor: Option<String>,
    /// What it owns; `None` if that has not changed.
    pub topic_partitions: Option<Vec<TopicIdPartitions>>,
}

impl ConsumerGroupHeartbeatRequest {
    /// The epoch of a member that joins.
    pub const JOIN: i32 = 0;
    /// The epoch of a member that leaves for good.
    pub const LEAVE: i32 = -1;
    /// The epoch of a static member that leaves and will come back.
    pub const LEAVE_STATIC: i32 = -2;
}

/// The answer to ConsumerGroupHeartbeat.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerGroupHeartbeatResponse {
    /// NONE if the member is in the group, or has left as it asked to.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// The member's id.
    pub member_id: Option<String>,
    /// The epoch it is at from now on.
    pub member_epoch: i32,
    /// When it shall send the next heartbeat.
    pub heartbeat_interval: Duration,
    /// All it may own from now on; `None` if that has not changed.
    pub assignment: Option<Vec<TopicIdPartitions>>,
}

impl ConsumerGroupHeartbeatResponse {
    /// The answer that says `error`, and why.
    #[must_use]
    pub fn refused(error: ErrorCode, why: &str) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse {
            error,
            error_message: Some(why.to_owned()),
            member_id: None,
            member_epoch: 0,
            heartbeat_interval: Duration::ZERO,
            assignment: None,
        }
    }
}

/// ConsumerGroupDescribe: what is known of these groups?
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerGroupDescribeRequest {
    /// The group ids.
    pub groups: Vec<String>,
    /// Also tell what the client may do.
    pub include_authorized_operations: bool,
}

/// The answer to ConsumerGroupDescribe.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerGroupDescribeResponse {
    /// One answer a group.
    pub groups: Vec<DescribedConsumerGroup>,
}

/// What is known of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedConsumerGroup {
    /// NONE if it is known.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// `group.id`.
    pub group_id: String,
    /// Its state, as Kafka writes it.
    pub state: String,
    /// The epoch of its members and their subscriptions.
    pub group_epoch: i32,
    /// The epoch of its target assignment.
    pub assignment_epoch: i32,
    /// The assignor that made it.
    pub assignor: String,
    /// Its members.
    pub members: Vec<DescribedConsumerMember>,
}

impl DescribedConsumerGroup {
    /// The answer that says `error` of a group, and why.
    #[must_use]
    pub fn refused(group: &str, error: ErrorCode, why: Option<String>) -> DescribedConsumerGroup {
        DescribedConsumerGroup {
            error,
            error_message: why,
            group_id: group.to_owned(),
            state: String::new(),
            group_epoch: 0,
            assignment_epoch: 0,
            assignor: String::new(),
            members: Vec::new(),
        }
    }
}

/// What is known of a member.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedConsumerMember {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// Its rack.
    pub rack_id: Option<String>,
    /// The epoch it is at.
    pub member_epoch: i32,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it comes from; empty if that is not known.
    pub client_host: String,
    /// The topics it subscribes to.
    pub subscribed_topic_names: Vec<TopicName>,
    /// The expression whose matches it subscribes to.
    pub subscribed_topic_regex: Option<String>,
    /// What it owns.
    pub assignment: Vec<NamedTopicPartitions>,
    /// What it shall own.
    pub target_assignment: Vec<NamedTopicPartitions>,
    /// Whether it speaks the consumer protocol (1) or the classic one (0); -1 if that is not known (version 1 on).
    pub member_type: i8,
}

/// Partitions of one topic, for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedTopicPartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// Its name.
    pub topic: TopicName,
    /// Its partitions.
    pub partitions: Vec<PartitionIndex>,
}
