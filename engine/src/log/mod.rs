//! The log of one partition: segments of record batches, their sparse indexes, the leader-epoch cache, the
//! state of idempotent producers.
//!
//! A [`PartitionLog`] is a value. It emits disk operations into a [`LogIo`] and hears of their end through
//! [`PartitionLog::complete`]; it never touches a file and never waits. Three cursors say how far the writes
//! are ([`Progress`](crate::storage::Progress)): what is accepted defines the log end offset, what is submitted
//! can be read, what is durable survives a power loss.
//!
//! Files, named as Kafka names them, in the directory `topic-partition`:
//! `00000000000000000000.log` (the batches from that offset on), beside it `.index` and `.timeindex` once the segment
//! is closed, `.snapshot` (the producers at that offset), `leader-epoch-checkpoint`, and
//! checkpoints of the log start offset, the recovery point, the cleaner and the gaps it leaves. The log files are the
//! truth: whatever else is missing or damaged is built anew from them.
//!
//! In memory are the sparse indexes (an entry for every `index.interval.bytes`) and the exact places of the last few
//! batches. A closed segment is synced, as Kafka does it, but by the queue of its directory: appends wait for it.
//!
//! Only [`PartitionLog::recover`] is asynchronous: it runs at boot, before anything is promised to anybody.
//!
//! Deliberately absent: the high watermark (a matter of the replica).

mod checkpoint;
mod clean_shutdown;
mod compaction;
pub mod epoch_cache;
mod index;
mod io;
mod partition_log;
pub mod producer_state;
mod producers;
mod read;
mod recovery;
mod retention;
mod scan;
mod segment;
mod tail;
mod timestamp;
mod truncation;

#[cfg(test)]
mod tests;

/// What a topic's configuration says about its logs.
pub use crate::config::LogConfig as LogSettings;
pub use clean_shutdown::{leave_clean_shutdown, take_clean_shutdown};
pub use compaction::{Compacted, CompactionBuffers};
pub use epoch_cache::{EpochCache, EpochCheckpointError, EpochEnd, EpochEntry};
pub use io::{LogCompletion, LogIo};
pub use partition_log::{AppendError, PartitionLog};
pub use producer_state::{Checked, ProducerBatch, ProducerStates, SequenceError};
pub use read::{OutOfRange, ReadPlan, ReadTrim};
pub use recovery::{RecoveryCut, Shutdown};
pub use timestamp::{FoundOffset, SearchStep, TimestampSearch};

/// Name of the file that holds the leader-epoch cache.
pub const EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
