//! Messages of the data plane: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch.

use std::fmt;

use bytes::Bytes;

use super::quorum::{LeaderIdAndEpoch, SnapshotId};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::offset::Offset;
use crate::time::{Duration, Timestamp};

/// How many replicas must hold a record before it is acknowledged (`acks`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Acks {
    /// 0: the producer does not wait, the broker does not answer.
    None,
    /// 1: the leader's own log.
    Leader,
    /// -1 or `all`: every in-sync replica.
    All,
}

impl Acks {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }

    /// The value of a number from the wire; other numbers are INVALID_REQUIRED_ACKS.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Acks> {
        match code {
            0 => Some(Acks::None),
            1 => Some(Acks::Leader),
            -1 => Some(Acks::All),
            _ => None,
        }
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        })
    }
}

/// Produce: append records to partitions.
#[derive(Clone, PartialEq, Debug)]
pub struct ProduceRequest {
    /// `acks` as it came: the broker answers INVALID_REQUIRED_ACKS to a number that is none.
    pub acks: i16,
    /// How long the broker may wait for replicas.
    pub timeout: Duration,
    /// The records, by partition.
    pub partitions: Vec<ProducePartition>,
}

/// The records for one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct ProducePartition {
    /// The partition.
    pub partition: TopicPartition,
    /// One record batch (v2), opaque; `None` if the field was null.
    pub records: Option<Bytes>,
}

/// The answer to Produce.
#[derive(Clone, PartialEq, Debug)]
pub struct ProduceResponse {
    /// The outcome, by partition.
    pub partitions: Vec<ProducedPartition>,
}

/// The outcome for one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct ProducedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if appended and acknowledged.
    pub error: ErrorCode,
    /// Offset of the first record; [`Offset::NONE`] on error.
    pub base_offset: Offset,
    /// Log start offset; [`Offset::NONE`] on error.
    pub log_start_offset: Offset,
    /// For a person; sent from version 8 on.
    pub error_message: Option<String>,
}

/// Fetch: read records; followers and consumers alike.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchRequest {
    /// The follower, or [`NodeId::NONE`] for a consumer.
    pub replica: NodeId,
    /// The follower's broker epoch (version 15 on), or NONE.
    pub replica_epoch: BrokerEpoch,
    /// How long to wait for `min_bytes`.
    pub max_wait: Duration,
    /// Answer as soon as this many bytes are there.
    pub min_bytes: i32,
    /// At most this many bytes in the whole answer (but always one batch, KIP-74).
    pub max_bytes: i32,
    /// 0 read_uncommitted, 1 read_committed.
    pub isolation_level: i8,
    /// What to read.
    pub topics: Vec<FetchTopic>,
}

/// Partitions of one topic to read. Versions up to 12 name the topic, later ones carry its id.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchTopic {
    /// The name, if the version carries it.
    pub name: Option<TopicName>,
    /// The id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// The partitions.
    pub partitions: Vec<FetchPartition>,
}

/// Where to read in one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchPartition {
    /// The partition.
    pub partition: PartitionIndex,
    /// The leader epoch the reader believes in, or NONE (KIP-320 fencing).
    pub current_leader_epoch: LeaderEpoch,
    /// First offset wanted.
    pub fetch_offset: Offset,
    /// Epoch of the last record the follower has, or NONE: lets the leader find divergence (KIP-595).
    pub last_fetched_epoch: LeaderEpoch,
    /// The follower's log start offset, or NONE.
    pub log_start_offset: Offset,
    /// At most this many bytes of this partition.
    pub max_bytes: i32,
}

/// The answer to Fetch.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// Fetch session (KIP-227); 0 = no session.
    pub session_id: i32,
    /// What was read.
    pub topics: Vec<FetchedTopic>,
}

/// What was read of one topic.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchedTopic {
    /// The name, for versions that carry it.
    pub name: Option<TopicName>,
    /// The id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// By partition.
    pub partitions: Vec<FetchedPartition>,
}

/// What was read of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: PartitionIndex,
    /// NONE if the read is good.
    pub error: ErrorCode,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// Last stable offset (KIP-98).
    pub last_stable_offset: Offset,
    /// The leader's log start offset.
    pub log_start_offset: Offset,
    /// Set if the reader's log parts from the leader's.
    pub diverging_epoch: Option<DivergingEpoch>,
    /// Who leads instead, or in which epoch, if the asked one knows better than the reader (version 12 on).
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// What to fetch instead if the offset is no longer in the log (KIP-630; only of the metadata log).
    pub snapshot: Option<SnapshotId>,
    /// Record batches, opaque; empty, never null (a null breaks librdkafka).
    pub records: Bytes,
}

/// Where the reader's log parts from the leader's (KIP-595).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DivergingEpoch {
    /// The leader's largest epoch that is not above the reader's.
    pub epoch: LeaderEpoch,
    /// Where that epoch ends in the leader's log.
    pub end_offset: Offset,
}

/// ListOffsets: find offsets by time or by end.
#[derive(Clone, PartialEq, Debug)]
pub struct ListOffsetsRequest {
    /// The follower, or [`NodeId::NONE`] for a client.
    pub replica: NodeId,
    /// 0 read_uncommitted, 1 read_committed.
    pub isolation_level: i8,
    /// The questions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One question of ListOffsets.
#[derive(Clone, PartialEq, Debug)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch the asker believes in, or NONE.
    pub current_leader_epoch: LeaderEpoch,
    /// What is looked for.
    pub spec: OffsetSpec,
}

/// What ListOffsets looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetSpec {
    /// -1: the end as consumers see it.
    Latest,
    /// -2: the log start offset.
    Earliest,
    /// The first record at or after a time; other negative numbers are refused by the broker.
    Timestamp(Timestamp),
}

/// The answer to ListOffsets.
#[derive(Clone, PartialEq, Debug)]
pub struct ListOffsetsResponse {
    /// One answer a question.
    pub partitions: Vec<ListedOffset>,
}

/// One answer of ListOffsets.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if found, or if there is nothing to find.
    pub error: ErrorCode,
    /// The record's timestamp, or NONE.
    pub timestamp: Timestamp,
    /// The offset, or NONE.
    pub offset: Offset,
    /// The leader epoch of the record, or NONE.
    pub leader_epoch: LeaderEpoch,
}

/// OffsetForLeaderEpoch: where does an epoch end in the leader's log? (KIP-101, KIP-320)
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetForLeaderEpochRequest {
    /// The follower, or [`NodeId::NONE`] for a client.
    pub replica: NodeId,
    /// The questions.
    pub partitions: Vec<PartitionEpochQuery>,
}

/// One question of OffsetForLeaderEpoch.
#[derive(Clone, PartialEq, Debug)]
pub struct PartitionEpochQuery {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch the asker believes in, or NONE.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch asked about.
    pub leader_epoch: LeaderEpoch,
}

/// The answer to OffsetForLeaderEpoch.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetForLeaderEpochResponse {
    /// One answer a question.
    pub partitions: Vec<EpochEndOffset>,
}

/// One answer of OffsetForLeaderEpoch.
#[derive(Clone, PartialEq, Debug)]
pub struct EpochEndOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if the question could be answered.
    pub error: ErrorCode,
    /// The largest epoch of the leader that is not above the one asked about, or NONE.
    pub leader_epoch: LeaderEpoch,
    /// Where it ends (exclusive), or NONE.
    pub end_offset: Offset,
}
