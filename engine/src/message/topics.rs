//! Messages about topics that exist: more partitions, deletion, records cut off, description page by page.

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::TopicRef;
use crate::offset::Offset;
use crate::time::Duration;

/// CreatePartitions: give topics more partitions (KIP-195).
#[derive(Clone, PartialEq, Debug)]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<MorePartitions>,
    /// How long the broker may take.
    pub timeout: Duration,
    /// Only check whether they could be created.
    pub validate_only: bool,
}

/// More partitions for one topic.
#[derive(Clone, PartialEq, Debug)]
pub struct MorePartitions {
    /// The topic.
    pub topic: TopicName,
    /// How many partitions it shall have in all.
    pub count: i32,
    /// Replicas of each new partition, the preferred leader first; `None` lets the controller choose.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// The answer to CreatePartitions.
#[derive(Clone, PartialEq, Debug)]
pub struct CreatePartitionsResponse {
    /// The outcome, by topic.
    pub topics: Vec<CreatedPartitions>,
}

/// The outcome of CreatePartitions for one topic.
#[derive(Clone, PartialEq, Debug)]
pub struct CreatedPartitions {
    /// The topic.
    pub topic: TopicName,
    /// NONE if it has (or could have) the partitions.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
}

/// DeleteTopics: by name, or from version 6 on by name or id.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteTopicsRequest {
    /// The topics.
    pub topics: Vec<TopicRef>,
    /// How long the broker may take.
    pub timeout: Duration,
}

/// The answer to DeleteTopics.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteTopicsResponse {
    /// The outcome, by topic.
    pub topics: Vec<DeletedTopic>,
}

/// The outcome of DeleteTopics for one topic.
#[derive(Clone, PartialEq, Debug)]
pub struct DeletedTopic {
    /// Its name; `None` only for an unknown id.
    pub name: Option<TopicName>,
    /// Its id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// NONE if it was deleted.
    pub error: ErrorCode,
    /// For a person; sent from version 5 on.
    pub error_message: Option<String>,
}

/// DeleteRecords: move log start offsets forward (KIP-107). Goes to the leaders.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteRecordsRequest {
    /// What to delete.
    pub partitions: Vec<RecordsToDelete>,
    /// How long the leader may wait for followers.
    pub timeout: Duration,
}

/// How much of one partition to delete.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordsToDelete {
    /// The partition.
    pub partition: TopicPartition,
    /// Records before this offset go; [`Offset::NONE`] stands for the high watermark.
    pub before: Offset,
}

/// The answer to DeleteRecords.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteRecordsResponse {
    /// The outcome, by partition.
    pub partitions: Vec<DeletedRecords>,
}

/// The outcome of DeleteRecords for one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct DeletedRecords {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if every live replica has deleted.
    pub error: ErrorCode,
    /// The smallest log start offset of all live replicas, or NONE.
    pub low_watermark: Offset,
}

/// DescribeTopicPartitions: topics and their partitions, a page at a time (KIP-966).
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeTopicPartitionsRequest {
    /// The topics; none stands for all.
    pub topics: Vec<TopicName>,
    /// At most this many partitions in the answer.
    pub partitions_max: i32,
    /// Where the page begins; `None` is the start.
    pub cursor: Option<TopicPartition>,
}

/// The answer to DescribeTopicPartitions.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeTopicPartitionsResponse {
    /// The topics, ascending by name.
    pub topics: Vec<DescribedTopic>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<TopicPartition>,
}

/// A topic in DescribeTopicPartitions.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedTopic {
    /// NONE, or why there is nothing to say about it.
    pub error: ErrorCode,
    /// Its name.
    pub name: Option<TopicName>,
    /// Its id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// Whether it belongs to the brokers (`__consumer_offsets`, `__transaction_state`).
    pub is_internal: bool,
    /// Its partitions on this page, ascending.
    pub partitions: Vec<DescribedPartition>,
}

/// A partition in DescribeTopicPartitions.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedPartition {
    /// LEADER_NOT_AVAILABLE if it has no leader.
    pub error: ErrorCode,
    /// Its index.
    pub partition: PartitionIndex,
    /// Its leader, or NONE.
    pub leader: NodeId,
    /// The leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas in assignment order.
    pub replicas: Vec<NodeId>,
    /// Its in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas outside the ISR that may still be elected without loss (ELR); `None` if nobody keeps them.
    pub eligible_leader_replicas: Option<Vec<NodeId>>,
    /// The ELR as last known before it was emptied uncleanly; `None` if nobody keeps it.
    pub last_known_eligible: Option<Vec<NodeId>>,
    /// Replicas whose broker is not alive.
    pub offline: Vec<NodeId>,
}
