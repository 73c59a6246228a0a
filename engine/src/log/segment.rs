//! One segment file and its sparse indexes.

use std::sync::Arc;

use bytes::Bytes;

use super::index::{OffsetIndex, TimeIndex, relative};
use super::io::{LogCompletion, LogIo};
use super::tail::BatchPlace;
use crate::offset::Offset;
use crate::storage::{DiskOp, FileName};
use crate::time::Timestamp;

/// Digits of a segment's name, as Kafka's `LogFileUtils.filenamePrefixFromOffset`.
const NAME_DIGITS: usize = 20;
const LOG_SUFFIX: &str = ".log";
const INDEX_SUFFIX: &str = ".index";
const TIME_INDEX_SUFFIX: &str = ".timeindex";

/// A segment: batches in the order of their offsets.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) file: FileName,
    pub(super) base: Offset,
    /// The offset after it: where the next segment begins. A compacted segment's last batch may end earlier.
    pub(super) end: Offset,
    /// Length of the file.
    pub(super) bytes: u64,
    pub(super) offsets: OffsetIndex,
    pub(super) times: TimeIndex,
    /// Largest timestamp of its batches, and the last offset of the first batch that has it.
    pub(super) newest: (Timestamp, Offset),
    /// Largest timestamp of its first batch.
    pub(super) first_timestamp: Timestamp,
    /// Bytes since the last entry of the indexes.
    unindexed: u64,
}

impl Segment {
    /// An empty segment that begins at `base`.
    pub(super) fn new(directory: &Arc<str>, base: Offset) -> Self {
        Segment {
            file: name(directory, base, LOG_SUFFIX),
            base,
            end: base,
            bytes: 0,
            offsets: OffsetIndex::new(base),
            times: TimeIndex::new(base),
            newest: (Timestamp::NONE, base),
            first_timestamp: Timestamp::NONE,
            unindexed: 0,
        }
    }

    /// The base offset a file name stands for; none if it is no segment.
    pub(super) fn base_of_name(name: &str) -> Option<Offset> {
        let digits = name.strip_suffix(LOG_SUFFIX)?;
        let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse().ok().map(Offset) } else { None }
    }

    /// Whether `name` is that of an index file.
    pub(super) fn is_index_name(name: &str) -> bool {
        let prefix = name.strip_suffix(INDEX_SUFFIX).or_else(|| name.strip_suffix(TIME_INDEX_SUFFIX));
        prefix.is_some_and(|prefix| Segment::base_of_name(&format!("{prefix}{LOG_SUFFIX}")).is_some())
    }

    /// Whether the index files of this closed segment have that content.
    pub(super) fn has_indexes(&mut self, offsets: Option<Bytes>, times: Option<Bytes>) -> bool {
        self.times.push(self.newest.0, self.newest.1);
        let offsets = offsets.and_then(|content| OffsetIndex::decode(self.base, &content, self.bytes));
        let times = times.and_then(|content| TimeIndex::decode(self.base, &content, self.end));
        offsets.as_ref() == Some(&self.offsets) && times.as_ref() == Some(&self.times)
    }

    pub(super) fn index_file(&self) -> FileName {
        name(&self.file.directory, self.base, INDEX_SUFFIX)
    }

    pub(super) fn time_index_file(&self) -> FileName {
        name(&self.file.directory, self.base, TIME_INDEX_SUFFIX)
    }

    /// True if it holds no batch.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether an index of this segment can name `offset`.
    pub(super) fn can_hold(&self, offset: Offset) -> bool {
        relative(self.base, offset).is_some()
    }

    /// Takes a batch at the end; indexes it if `index.interval.bytes` went by since the last entry.
    pub(super) fn push(&mut self, batch: &BatchPlace, index_interval_bytes: u64) {
        assert!(
            batch.base >= self.end && batch.position == self.bytes,
            "a batch must follow the one before it"
        );
        let last = batch.next.plus(-1);
        if batch.max_timestamp > self.newest.0 {
            self.newest = (batch.max_timestamp, last);
        }
        if self.is_empty() {
            self.first_timestamp = batch.max_timestamp;
        }
        if self.unindexed > index_interval_bytes {
            self.offsets.push(last, batch.position);
            self.times.push(self.newest.0, self.newest.1);
            self.unindexed = 0;
        }
        self.unindexed += u64::from(batch.size);
        self.bytes = batch.end_position();
        self.end = batch.next;
    }

    /// The last index entry lies at `position`, and batches will follow.
    pub(super) fn reopen(&mut self, position: u64) {
        self.unindexed = self.bytes.saturating_sub(position);
    }

    /// Everything from `end` on is gone; the file is `bytes` long, and `rest` are the batches that are left behind
    /// its last index entry.
    pub(super) fn truncate<'a>(
        &mut self,
        end: Offset,
        bytes: u64,
        rest: impl Iterator<Item = &'a BatchPlace>,
    ) {
        self.offsets.truncate(end);
        self.times.truncate(end);
        self.newest = self.times.last().unwrap_or((Timestamp::NONE, self.base));
        for batch in rest {
            if batch.max_timestamp > self.newest.0 {
                self.newest = (batch.max_timestamp, batch.next.plus(-1));
            }
        }
        self.bytes = bytes;
        self.end = end;
        self.unindexed = bytes.saturating_sub(self.offsets.last_position());
        if bytes == 0 {
            self.first_timestamp = Timestamp::NONE;
        }
    }

    /// Writes the index files anew. The last entry of the time index is the largest timestamp, as Kafka's.
    pub(super) fn write_indexes(&mut self, io: &mut LogIo) {
        self.times.push(self.newest.0, self.newest.1);
        self.delete_indexes(io);
        for (file, content) in
            [(self.index_file(), self.offsets.encode()), (self.time_index_file(), self.times.encode())]
        {
            io.push(DiskOp::Append { file, parts: vec![content] }, LogCompletion::Housekeeping);
        }
    }

    /// Writes the index files anew, each durably and at once.
    pub(super) fn replace_indexes(&mut self, io: &mut LogIo) {
        self.times.push(self.newest.0, self.newest.1);
        for (file, content) in
            [(self.index_file(), self.offsets.encode()), (self.time_index_file(), self.times.encode())]
        {
            io.push(DiskOp::Replace { file, content }, LogCompletion::Housekeeping);
        }
    }

    /// Deletes the index files.
    pub(super) fn delete_indexes(&self, io: &mut LogIo) {
        for file in [self.index_file(), self.time_index_file()] {
            io.push(DiskOp::Delete { file }, LogCompletion::Housekeeping);
        }
    }

    /// Makes the index files durable.
    pub(super) fn sync_indexes(&self, io: &mut LogIo) {
        for file in [self.index_file(), self.time_index_file()] {
            io.push(DiskOp::Sync { file }, LogCompletion::Housekeeping);
        }
    }

    /// Deletes the log and its indexes.
    pub(super) fn delete(&self, io: &mut LogIo) {
        io.push(DiskOp::Delete { file: self.file.clone() }, LogCompletion::Housekeeping);
        self.delete_indexes(io);
    }
}

fn name(directory: &Arc<str>, base: Offset, suffix: &str) -> FileName {
    FileName::new(directory, &format!("{:0NAME_DIGITS$}{suffix}", base.0))
}
