//! A disk in memory that forgets what was not synced when the power goes.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::quorum::{Quorum, QuorumSettings};
use crate::storage::mem::MemoryDisk;
use crate::storage::{DiskOp, DiskOutcome, FileName};

/// The disk.
#[derive(Default)]
pub(super) struct UnsyncedDisk {
    pub(super) written: MemoryDisk,
    synced: BTreeMap<FileName, Bytes>,
}

impl UnsyncedDisk {
    pub(super) fn perform(&mut self, op: DiskOp) -> DiskOutcome {
        let file = op.file().cloned().expect("a voter removes no directory");
        let syncs = matches!(op, DiskOp::Replace { .. } | DiskOp::Sync { .. });
        let deletes = matches!(op, DiskOp::Delete { .. });
        let outcome = self.written.perform(op);
        if syncs && let Some(content) = self.written.content(&file.directory, &file.name) {
            self.synced.insert(file, content);
        } else if deletes {
            self.synced.remove(&file);
        }
        outcome
    }

    /// Names and lengths of a directory's files.
    pub(super) fn files(&self, directory: &str) -> Vec<(String, u64)> {
        self.written.files(directory)
    }

    /// Every file is as it was when it was last synced.
    pub(super) fn lose_power(&mut self) {
        self.written = MemoryDisk::new();
        for (file, content) in &self.synced {
            self.written.write(&file.directory, &file.name, content);
        }
    }

    /// Reads a voter back, which leaves everything synced.
    pub(super) fn recover(&mut self, settings: QuorumSettings) -> Quorum {
        let quorum = block_on(Quorum::recover(&self.written, settings)).expect("a readable disk");
        let directory = quorum.log.directory().clone();
        self.synced = self
            .written
            .files(&directory)
            .into_iter()
            .filter_map(|(name, _)| {
                Some((FileName::new(&directory, &name), self.written.content(&directory, &name)?))
            })
            .collect();
        quorum
    }
}

/// Runs a future that never waits.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a memory disk never waits"),
    }
}
