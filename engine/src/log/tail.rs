//! The last batches of a log, exactly.
//!
//! Followers and most consumers read near the end, and most cuts are there: for these the log knows each batch. The
//! number kept is bounded ([`BATCHES_MAX`]); what lies before is found through the sparse index.

use std::collections::VecDeque;

use crate::epoch::LeaderEpoch;
use crate::offset::Offset;
use crate::record::{BatchHead, RecordBatch};
use crate::time::Timestamp;

/// Most batches known exactly.
const BATCHES_MAX: usize = 512;

/// Where one batch lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchPlace {
    pub(super) base: Offset,
    /// The offset after the batch.
    pub(super) next: Offset,
    /// First byte in its segment's file.
    pub(super) position: u64,
    pub(super) max_timestamp: Timestamp,
    pub(super) epoch: LeaderEpoch,
    /// In bytes. A batch is below 2 GiB.
    pub(super) size: u32,
}

impl BatchPlace {
    pub(super) fn of(batch: &RecordBatch, position: u64) -> Self {
        BatchPlace {
            base: batch.base_offset(),
            next: batch.next_offset(),
            position,
            max_timestamp: batch.max_timestamp(),
            epoch: batch.leader_epoch(),
            size: u32::try_from(batch.size()).expect("a batch is below 2 GiB"),
        }
    }

    pub(super) fn of_head(head: &BatchHead, position: u64) -> Self {
        BatchPlace {
            base: head.base,
            next: head.next,
            position,
            max_timestamp: head.max_timestamp,
            epoch: head.epoch,
            size: u32::try_from(head.size).expect("a batch is below 2 GiB"),
        }
    }

    pub(super) fn end_position(&self) -> u64 {
        self.position + u64::from(self.size)
    }
}

/// The last batches, oldest first, without a gap up to the end of the log.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    batches: VecDeque<BatchPlace>,
    batches_max: usize,
}

impl Default for Tail {
    fn default() -> Self {
        Tail { batches: VecDeque::new(), batches_max: BATCHES_MAX }
    }
}

impl Tail {
    pub(super) fn push(&mut self, batch: BatchPlace) {
        if self.batches.len() == self.batches_max {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// Knows fewer batches from now on.
    #[cfg(test)]
    pub(super) fn limit(&mut self, batches_max: usize) {
        self.batches_max = batches_max;
        self.batches.drain(..self.batches.len().saturating_sub(batches_max));
    }

    /// Knows nothing any more.
    pub(super) fn clear(&mut self) {
        self.batches.clear();
    }

    /// Knows nothing of the batches before `offset` any more.
    pub(super) fn forget_before(&mut self, offset: Offset) {
        let gone = self.batches.partition_point(|batch| batch.base < offset);
        self.batches.drain(..gone);
    }

    /// Where the exact knowledge begins; none if there is none.
    pub(super) fn start(&self) -> Option<&BatchPlace> {
        self.batches.front()
    }

    pub(super) fn last(&self) -> Option<&BatchPlace> {
        self.batches.back()
    }

    /// The batches from the one that holds `offset` on; none if that one may lie before what is known.
    pub(super) fn from(&self, offset: Offset) -> Option<TailFrom<'_>> {
        if self.batches.front()?.base > offset {
            return None;
        }
        let first = self.batches.partition_point(|batch| batch.next <= offset);
        Some(TailFrom { batches: &self.batches, first })
    }

    /// All that is known.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &BatchPlace> {
        self.batches.iter()
    }

    /// Keeps the batches that lie wholly below `end`.
    pub(super) fn truncate(&mut self, end: Offset) {
        let kept = self.batches.partition_point(|batch| batch.next <= end);
        self.batches.truncate(kept);
    }
}

/// The batches of a tail from one on.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailFrom<'a> {
    batches: &'a VecDeque<BatchPlace>,
    first: usize,
}

impl<'a> TailFrom<'a> {
    /// The first of them.
    pub(super) fn first(self) -> Option<&'a BatchPlace> {
        self.batches.get(self.first)
    }

    /// The last of those for which `wanted` holds, which must be those up to some batch; none if it is none.
    pub(super) fn last_while(self, wanted: impl Fn(&BatchPlace) -> bool) -> Option<&'a BatchPlace> {
        let start = self.first()?.base;
        let behind = self.batches.partition_point(|batch| batch.base < start || wanted(batch));
        behind.checked_sub(1).filter(|last| *last >= self.first).and_then(|last| self.batches.get(last))
    }
}
