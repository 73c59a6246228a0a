//! Disk operations of a log, each with what its end means to the log.

use crate::offset::Offset;
use crate::storage::DiskOp;

/// What the successful end of an operation means to the log that emitted it.
///
/// Truncation starts a new generation. A completion of an older one says nothing about the log as it is now and
/// is ignored; the truncation's own completion stands for all writes before it, since operations of a directory
/// end in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCompletion {
    /// Batches up to `end` are in the page cache.
    Appended {
        /// Truncations of the log before the operation.
        generation: u64,
        /// End of the batch.
        end: Offset,
    },
    /// The log is cut to `end`, and all that is left of it is in the page cache.
    Truncated {
        /// Truncations of the log before the operation, this one included.
        generation: u64,
        /// The log end offset after the cut.
        end: Offset,
    },
    /// The batches of one segment, `from..end`, are on disk.
    Synced {
        /// Truncations of the log before the operation.
        generation: u64,
        /// First offset of the segment.
        from: Offset,
        /// End of the segment when the sync was emitted.
        end: Offset,
    },
    /// The batches around the place where the log is to be cut were read.
    Located {
        /// Truncations of the log before the operation, the one that waits included.
        generation: u64,
        /// The first byte read.
        position: u64,
    },
    /// A chunk was read for a compaction.
    CompactionRead {
        /// Which compaction of the log.
        run: u64,
    },
    /// A file that holds no batches was written or deleted, or one that does not count yet.
    Housekeeping,
}

/// Operations in the order in which they must be performed, each with its meaning.
#[derive(Debug, Default)]
pub struct LogIo {
    pending: Vec<(DiskOp, LogCompletion)>,
}

impl LogIo {
    /// Adds an operation.
    pub fn push(&mut self, op: DiskOp, completion: LogCompletion) {
        self.pending.push((op, completion));
    }

    /// Takes all operations in order, leaving the buffer empty with its memory.
    pub fn drain(&mut self) -> std::vec::Drain<'_, (DiskOp, LogCompletion)> {
        self.pending.drain(..)
    }

    /// True if there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
