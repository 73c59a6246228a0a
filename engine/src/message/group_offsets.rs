//! Messages about the offsets that groups commit.

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::offset::Offset;

/// OffsetCommit: a group, or a consumer without one, has processed this far.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetCommitRequest {
    /// `group.id`.
    pub group_id: String,
    /// The generation the member was told; -1 if it belongs to no group.
    pub generation: i32,
    /// The member's id; empty if it belongs to no group.
    pub member_id: String,
    /// Its `group.instance.id` (version 7 on).
    pub group_instance_id: Option<String>,
    /// How long to keep the offsets, in milliseconds; -1 for as long as the broker keeps offsets. Only versions up to
    /// 4 can say it.
    pub retention_ms: i64,
    /// The offsets.
    pub partitions: Vec<OffsetToCommit>,
}

/// An offset of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetToCommit {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the next record to process.
    pub offset: Offset,
    /// Leader epoch of the last record processed, or NONE (version 6 on, KIP-320).
    pub leader_epoch: LeaderEpoch,
    /// Whatever the consumer wants to keep with it.
    pub metadata: Option<String>,
}

/// The answer to OffsetCommit.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetCommitResponse {
    /// One outcome a partition.
    pub partitions: Vec<OffsetOutcome>,
}

/// What became of the offset of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetOutcome {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if it was done.
    pub error: ErrorCode,
}

/// OffsetFetch: how far have these groups come? Exactly one group up to version 7.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetFetchRequest {
    /// The groups.
    pub groups: Vec<OffsetFetchGroup>,
    /// Offsets of open transactions shall be waited for (version 7 on).
    pub require_stable: bool,
}

/// One group of OffsetFetch.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetFetchGroup {
    /// `group.id`.
    pub group_id: String,
    /// Who asks (version 9 on).
    pub member_id: Option<String>,
    /// Its epoch, or -1 (version 9 on).
    pub member_epoch: i32,
    /// Which partitions; `None` for all that have an offset (version 2 on).
    pub partitions: Option<Vec<TopicPartition>>,
}

/// The answer to OffsetFetch.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetFetchResponse {
    /// One answer a group.
    pub groups: Vec<FetchedOffsets>,
}

/// The offsets of one group.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchedOffsets {
    /// `group.id`; empty up to version 7, which asks for one only.
    pub group_id: String,
    /// NONE if the offsets are the group's (version 2 on).
    pub error: ErrorCode,
    /// The offsets.
    pub partitions: Vec<FetchedOffset>,
}

/// The offset of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset, or NONE if none is committed.
    pub offset: Offset,
    /// The leader epoch that was committed with it, or NONE (version 5 on).
    pub leader_epoch: LeaderEpoch,
    /// What the consumer kept with it; empty if nothing is committed.
    pub metadata: Option<String>,
    /// NONE if the offset is the group's.
    pub error: ErrorCode,
}

/// OffsetDelete: forget offsets of a group (KIP-496).
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetDeleteRequest {
    /// `group.id`.
    pub group_id: String,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// The answer to OffsetDelete.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetDeleteResponse {
    /// Of the request as a whole.
    pub error: ErrorCode,
    /// One outcome a partition, if there is no error.
    pub partitions: Vec<OffsetOutcome>,
}
