//! The log of one partition: segments of record batches, their sparse indexes, the leader-epoch cache.
//!
//! A [`PartitionLog`] is a value. It emits disk operations into a [`LogIo`] and hears of their end through
//! [`PartitionLog::complete`]; it never touches a file and never waits. Three cursors say how far the writes
//! are ([`Progress`](crate::storage::Progress)): what is accepted defines the log end offset, what is submitted
//! can be read, what is durable survives a power loss.
//!
//! Files, named as Kafka names them, in the directory `topic-partition`:
//! `00000000000000000000.log` (the batches from that offset on), beside it `.index` and `.timeindex` once the segment
//! is closed, and `leader-epoch-checkpoint`. The log files are the truth: whatever else is missing or damaged is
//! built anew from them.
//!
//! In memory are the sparse indexes (an entry for every `index.interval.bytes`) and the exact places of the last few
//! batches. A closed segment is synced, as Kafka does it, but by the queue of its directory: appends wait for it.
//!
//! Only [`PartitionLog::recover`] is asynchronous: it runs at boot, before anything is promised to anybody.
//!
//! Deliberately absent: the high watermark (a matter of the replica).

pub mod epoch_cache;
mod index;
mod io;
mod partition_log;
mod read;
mod recovery;
mod segment;
mod settings;
mod tail;
mod timestamp;
mod truncation;

#[cfg(test)]
mod tests;

pub use epoch_cache::{EpochCache, EpochCheckpointError, EpochEnd, EpochEntry};
pub use io::{LogCompletion, LogIo};
pub use partition_log::{AppendError, PartitionLog};
pub use read::{OutOfRange, ReadPlan, ReadTrim};
pub use recovery::RecoveryCut;
pub use settings::LogSettings;
pub use timestamp::{FoundOffset, SearchStep, TimestampSearch};

/// Name of the file that holds the leader-epoch cache.
pub const EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
