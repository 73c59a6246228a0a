//! Messages of the data plane: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch.

use std::fmt;

use bytes::Bytes;

use super::quorum::{LeaderIdAndEpoch, SnapshotId};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::file_range::FileRange;
use crate::id::{DirectoryId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition};
use crate::message::MetadataBroker;
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
    /// `transactional.id`, if the records belong to a transaction (KIP-98).
    pub transactional_id: Option<String>,
    /// `acks` as it came: the broker answers INVALID_REQUIRED_ACKS to a number that is none.
    pub acks: i16,
    /// How long the broker may wait for replicas.
    pub timeout: Duration,
    /// The records, by partition.
    pub partitions: Vec<ProducePartition>,
}

impl ProduceRequest {
    /// A request outside of any transaction.
    #[must_use]
    pub fn new(acks: i16, timeout: Duration, partitions: Vec<ProducePartition>) -> Self {
        ProduceRequest { transactional_id: None, acks, timeout, partitions }
    }
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
    /// Where the new leaders listen that `current_leader` names (version 10 on, KIP-951).
    pub node_endpoints: Vec<MetadataBroker>,
}

impl ProduceResponse {
    /// An answer that names no new leader.
    #[must_use]
    pub fn new(partitions: Vec<ProducedPartition>) -> Self {
        ProduceResponse { partitions, node_endpoints: Vec::new() }
    }
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
    /// When the broker appended, if the topic stamps records so; else NONE.
    pub log_append_time: Timestamp,
    /// Log start offset; [`Offset::NONE`] on error (version 5 on).
    pub log_start_offset: Offset,
    /// The records that made the broker refuse the batch (version 8 on, KIP-467).
    pub record_errors: Vec<RecordError>,
    /// For a person (version 8 on).
    pub error_message: Option<String>,
    /// The leader, if it is another one than the producer believes (version 10 on, KIP-951).
    pub current_leader: Option<LeaderIdAndEpoch>,
}

impl ProducedPartition {
    /// An outcome without an error, that says nothing more.
    #[must_use]
    pub fn new(partition: TopicPartition) -> Self {
        ProducedPartition {
            partition,
            error: ErrorCode::None,
            base_offset: Offset::NONE,
            log_append_time: Timestamp::NONE,
            log_start_offset: Offset::NONE,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        }
    }
}

/// Why one record of a batch is refused (KIP-467).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordError {
    /// Index of the record in its batch, from 0.
    pub batch_index: i32,
    /// For a person.
    pub message: Option<String>,
}

/// Fetch: read records; followers and consumers alike.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchRequest {
    /// The cluster the reader believes to be in (version 12 on); only voters send it.
    pub cluster_id: Option<String>,
    /// The follower, or [`NodeId::NONE`] for a consumer.
    pub replica: NodeId,
    /// The follower's broker epoch (version 15 on), or NONE.
    pub replica_epoch: BrokerEpoch,
    /// The directory of the follower, or NONE (version 17 on, KIP-853); only voters say it.
    pub replica_directory: DirectoryId,
    /// How long to wait for `min_bytes`.
    pub max_wait: Duration,
    /// Answer as soon as this many bytes are there.
    pub min_bytes: i32,
    /// At most this many bytes in the whole answer (but always one batch, KIP-74).
    pub max_bytes: i32,
    /// 0 read_uncommitted, 1 read_committed.
    pub isolation_level: i8,
    /// The fetch session, or 0 (version 7 on, KIP-227).
    pub session_id: i32,
    /// The request's place in its session; [`FetchRequest::INITIAL_EPOCH`] and [`FetchRequest::FINAL_EPOCH`] ask
    /// for everything anew.
    pub session_epoch: i32,
    /// What to read; in a session only what changed.
    pub topics: Vec<FetchTopic>,
    /// What to leave out of the session from now on.
    pub forgotten_topics: Vec<ForgottenTopic>,
    /// The reader's rack, or empty (version 11 on, KIP-392).
    pub rack_id: String,
}

impl FetchRequest {
    /// `session_epoch`: begin a session, if the broker likes.
    pub const INITIAL_EPOCH: i32 = 0;
    /// `session_epoch`: no session; one that is there ends.
    pub const FINAL_EPOCH: i32 = -1;

    /// The number of the request after `epoch` in a session: from 1 on, and after the largest 1 again, since 0 begins
    /// a session (Kafka's `FetchMetadata.nextEpoch`).
    #[must_use]
    pub fn epoch_after(epoch: i32) -> i32 {
        epoch.checked_add(1).unwrap_or(1)
    }

    /// A request outside of any session, with the defaults of Kafka's schema: wait for nothing, take everything.
    #[must_use]
    pub fn new(replica: NodeId, topics: Vec<FetchTopic>) -> Self {
        FetchRequest {
            cluster_id: None,
            replica,
            replica_epoch: BrokerEpoch::NONE,
            replica_directory: DirectoryId::NONE,
            max_wait: Duration::ZERO,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: FetchRequest::FINAL_EPOCH,
            topics,
            forgotten_topics: Vec::new(),
            rack_id: String::new(),
        }
    }
}

/// Partitions of one topic that leave a session. Versions up to 12 name the topic, later ones carry its id.
#[derive(Clone, PartialEq, Debug)]
pub struct ForgottenTopic {
    /// The name, if the version carries it.
    pub name: Option<TopicName>,
    /// The id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// The partitions.
    pub partitions: Vec<PartitionIndex>,
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
    /// Where the new leaders listen that `current_leader` names (version 16 on, KIP-951).
    pub node_endpoints: Vec<MetadataBroker>,
}

impl FetchResponse {
    /// An answer without an error, outside of any session, that names no new leader.
    #[must_use]
    pub fn new(topics: Vec<FetchedTopic>) -> Self {
        FetchResponse { error: ErrorCode::None, session_id: 0, topics, node_endpoints: Vec::new() }
    }
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
    /// What to fetch instead if the offset is no longer in the log (version 12 on, KIP-630; only of the metadata
    /// log).
    pub snapshot: Option<SnapshotId>,
    /// Aborted transactions whose records are among these; to read_committed readers only (KIP-98).
    pub aborted_transactions: Vec<AbortedTransaction>,
    /// A replica the reader should rather ask, or NONE (version 11 on, KIP-392).
    pub preferred_read_replica: NodeId,
    /// Record batches, opaque; empty, never null (a null breaks librdkafka).
    pub records: Bytes,
    /// Record batches that are sent from a file, instead of `records`. Only in answers that are to be sent.
    pub records_in_file: Option<FileRange>,
}

impl FetchedPartition {
    /// Whether there are record batches, read or not.
    #[must_use]
    pub fn has_records(&self) -> bool {
        !self.records.is_empty() || self.records_in_file.is_some()
    }

    /// An answer without an error or records, that says nothing more.
    #[must_use]
    pub fn new(partition: PartitionIndex) -> Self {
        FetchedPartition {
            partition,
            error: ErrorCode::None,
            high_watermark: Offset::NONE,
            last_stable_offset: Offset::NONE,
            log_start_offset: Offset::NONE,
            diverging_epoch: None,
            current_leader: None,
            snapshot: None,
            aborted_transactions: Vec::new(),
            preferred_read_replica: NodeId::NONE,
            records: Bytes::new(),
            records_in_file: None,
        }
    }
}

/// A transaction whose records a read_committed reader must leave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset in the partition.
    pub first_offset: Offset,
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
    /// -3: the record with the latest timestamp (version 7 on, KIP-734).
    MaxTimestamp,
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
