//! The log of one partition: segments of record batches, an index in memory, the leader-epoch cache, the state of
//! idempotent producers.
//!
//! A [`PartitionLog`] is a value. It emits disk operations into a [`LogIo`] and hears of their end through
//! [`PartitionLog::complete`]; it never touches a file and never waits. Three cursors say how far the writes
//! are ([`Progress`](crate::storage::Progress)): what is accepted defines the log end offset, what is submitted
//! can be read, what is durable survives a power loss.
//!
//! Files, named as Kafka names them, in the directory `topic-partition`:
//! `00000000000000000000.log` (the batches from that offset on), `00000000000000000000.snapshot` (the
//! producers at that offset) and `leader-epoch-checkpoint`.
//!
//! Only [`PartitionLog::recover`] is asynchronous: it runs at boot, before anything is promised to anybody.
//!
//! Deliberately absent: sparse index files (the index entry of every batch is in memory, 40 bytes each, and
//! rebuilt by recovery; persisted indexes come with retention), retention, compaction, the high
//! watermark (a matter of the replica).

pub mod epoch_cache;
mod io;
mod partition_log;
pub mod producer_state;
mod producers;
mod read;
mod recovery;
mod segment;

#[cfg(test)]
mod tests;

pub use epoch_cache::{EpochCache, EpochCheckpointError, EpochEnd, EpochEntry};
pub use io::{LogCompletion, LogIo};
pub use partition_log::{AppendError, LogSettings, PartitionLog};
pub use producer_state::{Checked, ProducerBatch, ProducerStates, SequenceError};
pub use read::{OutOfRange, ReadPlan};
pub use recovery::RecoveryCut;

/// Name of the file that holds the leader-epoch cache.
pub const EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
