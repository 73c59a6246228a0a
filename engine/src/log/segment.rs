//! One segment file and the index of its batches.

use std::sync::Arc;

use crate::epoch::LeaderEpoch;
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::FileName;
use crate::time::Timestamp;

/// Digits of a segment's name, as Kafka's `LogFileUtils.filenamePrefixFromOffset`.
const NAME_DIGITS: usize = 20;
const NAME_SUFFIX: &str = ".log";

/// Where one batch lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IndexEntry {
    pub(super) base: Offset,
    /// The offset after the batch.
    pub(super) next: Offset,
    /// First byte in the file.
    pub(super) position: u64,
    pub(super) max_timestamp: Timestamp,
    pub(super) epoch: LeaderEpoch,
    /// In bytes. A batch is below 2 GiB.
    pub(super) size: u32,
}

impl IndexEntry {
    pub(super) fn end_position(&self) -> u64 {
        self.position + u64::from(self.size)
    }
}

/// A segment: its batches follow each other without a gap.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) file: FileName,
    pub(super) base: Offset,
    pub(super) batches: Vec<IndexEntry>,
    /// Largest timestamp of its batches.
    max_timestamp: Timestamp,
}

impl Segment {
    /// An empty segment that begins at `base`.
    pub(super) fn new(directory: &Arc<str>, base: Offset) -> Self {
        let name = format!("{:0NAME_DIGITS$}{NAME_SUFFIX}", base.0);
        let file = FileName::new(directory, &name);
        Segment { file, base, batches: Vec::new(), max_timestamp: Timestamp::NONE }
    }

    /// The base offset a file name stands for; none if it is no segment.
    pub(super) fn base_of_name(name: &str) -> Option<Offset> {
        let digits = name.strip_suffix(NAME_SUFFIX)?;
        let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse().ok().map(Offset) } else { None }
    }

    /// Takes a batch at the end; it must begin where the segment ends.
    pub(super) fn push(&mut self, batch: &RecordBatch) {
        assert_eq!(batch.base_offset(), self.end(), "a batch must follow the one before it");
        self.max_timestamp = self.max_timestamp.max(batch.max_timestamp());
        self.batches.push(IndexEntry {
            base: batch.base_offset(),
            next: batch.next_offset(),
            position: self.bytes(),
            max_timestamp: batch.max_timestamp(),
            epoch: batch.leader_epoch(),
            size: u32::try_from(batch.size()).expect("a batch is below 2 GiB"),
        });
    }

    /// The offset after its last batch.
    pub(super) fn end(&self) -> Offset {
        self.batches.last().map_or(self.base, |batch| batch.next)
    }

    /// Length of the file, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.batches.last().map_or(0, IndexEntry::end_position)
    }

    /// Keeps the batches that lie wholly below `end`.
    pub(super) fn truncate(&mut self, end: Offset) {
        let kept = self.batches.partition_point(|batch| batch.next <= end);
        self.batches.truncate(kept);
        let timestamps = self.batches.iter().map(|batch| batch.max_timestamp);
        self.max_timestamp = timestamps.max().unwrap_or(Timestamp::NONE);
    }

    /// The first batch whose largest timestamp is at least `timestamp`.
    pub(super) fn batch_at_time(&self, timestamp: Timestamp) -> Option<&IndexEntry> {
        if self.max_timestamp < timestamp {
            return None;
        }
        self.batches.iter().find(|batch| batch.max_timestamp >= timestamp)
    }
}
