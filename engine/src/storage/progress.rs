//! The three cursors of a log's writes: accepted by the core, submitted to the page cache, durable on disk.
//!
//! Always `durable <= submitted <= accepted`; [`Progress::invariants`] says so. Truncation pulls all three back.

use crate::offset::Offset;

/// How far the writes of one log have come. All ends are exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    accepted: Offset,
    submitted: Offset,
    durable: Offset,
}

impl Progress {
    /// Everything up to `end` is on disk, as after recovery.
    #[must_use]
    pub fn recovered(end: Offset) -> Self {
        Progress { accepted: end, submitted: end, durable: end }
    }

    /// The log end offset as the core sees it.
    #[must_use]
    pub fn accepted(self) -> Offset {
        self.accepted
    }

    /// What is written: readable, and safe from a crash of the process.
    #[must_use]
    pub fn submitted(self) -> Offset {
        self.submitted
    }

    /// What is synced: safe from a power loss.
    #[must_use]
    pub fn durable(self) -> Offset {
        self.durable
    }

    /// The core took records up to `end`.
    pub fn accept(&mut self, end: Offset) {
        assert!(end >= self.accepted, "accepted may not go back from {} to {end}", self.accepted);
        self.accepted = end;
    }

    /// A write that ends at `end` is in the page cache.
    pub fn submit(&mut self, end: Offset) {
        self.submitted = self.submitted.max(end.min(self.accepted));
    }

    /// A sync that covered everything up to `end` succeeded.
    pub fn sync(&mut self, end: Offset) {
        self.durable = self.durable.max(end.min(self.submitted));
    }

    /// Everything before `start` was deleted: what is no more needs no sync.
    pub fn deleted_before(&mut self, start: Offset) {
        self.sync(start);
    }

    /// Everything from `end` on is gone.
    pub fn truncate(&mut self, end: Offset) {
        self.accepted = self.accepted.min(end);
        self.submitted = self.submitted.min(end);
        self.durable = self.durable.min(end);
    }

    /// Panics if the cursors are out of order: a bug of ours.
    pub fn invariants(self) {
        assert!(self.durable <= self.submitted, "durable {} > submitted {}", self.durable, self.submitted);
        assert!(self.submitted <= self.accepted, "submitted {} > accepted {}", self.submitted, self.accepted);
    }
}
