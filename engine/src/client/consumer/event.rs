//! What a consumer goes through that its records do not tell.

use super::group::Offsets;
use crate::client::outcome::Outcome;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::offset::Offset;

/// Something a consumer went through that its records do not tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerEvent {
    /// `auto.offset.reset` moved a position.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// The position that was out of range; `None` if there was none.
        from: Option<Offset>,
        /// The new position.
        to: Offset,
    },
    /// There is no position, and `auto.offset.reset=none`: the partition is not read until [`Consumer::seek`].
    NoOffset {
        /// The partition.
        partition: TopicPartition,
        /// The position that was out of range; `None` if there was none.
        lost: Option<Offset>,
    },
    /// The log of a new leader ends before the position, which moved to where the two logs part (KIP-320); with
    /// `auto.offset.reset=none` it is gone, and the partition is not read until [`Consumer::seek`]. Records that were
    /// read from there on are no longer in the log.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The position before.
        from: Offset,
        /// The new position.
        to: Offset,
    },
    /// A fetch failed with an error that metadata and patience may not cure. It is tried again.
    FetchFailed {
        /// The partition.
        partition: TopicPartition,
        /// The error; CORRUPT_MESSAGE if the batch could not be read.
        error: ErrorCode,
    },
    /// The group gave the member partitions. Told before its listener is.
    Assigned {
        /// What is new.
        partitions: Vec<TopicPartition>,
        /// The generation (classic) or member epoch (KIP-848).
        generation: i32,
    },
    /// The member gave partitions up. Told when its listener has been.
    Revoked {
        /// What is gone.
        partitions: Vec<TopicPartition>,
    },
    /// The member lost partitions: others may have owned them for a while. Told when its listener has been.
    Lost {
        /// What is gone.
        partitions: Vec<TopicPartition>,
    },
    /// How a commit ended that nobody waits for: [`Consumer::commit_async`], or `enable.auto.commit`.
    Committed {
        /// What was to be committed.
        offsets: Offsets,
        /// How it ended.
        outcome: Outcome<()>,
        /// True if `enable.auto.commit` did it.
        automatic: bool,
    },
    /// The group refused the member for good. It reads nothing more until a new consumer subscribes.
    GroupFailed {
        /// Why.
        error: ErrorCode,
    },
}
