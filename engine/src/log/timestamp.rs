//! Offsets by time, as ListOffsets asks for them.
//!
//! The time index says where a timestamp cannot be yet; from there batches are read until one holds a record at
//! that time or later. A [`TimestampSearch`] is one read of that: its bytes go to
//! [`PartitionLog::continue_search`], which finds the record or says what to read next. The log may change meanwhile:
//! then the search begins anew.

use bytes::Bytes;

use super::partition_log::PartitionLog;
use super::segment::Segment;
use crate::epoch::LeaderEpoch;
use crate::offset::Offset;
use crate::record::{BatchError, BatchHead, RecordBatch};
use crate::storage::{DiskOp, FileName};
use crate::time::Timestamp;

/// Bytes read at a time. A batch that is larger is read whole when it is the one.
const SEARCH_BYTES: u64 = 64 * 1024;

/// A place in a log, as ListOffsets returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// The record's timestamp, or [`Timestamp::NONE`] where the answer is no record.
    pub timestamp: Timestamp,
    /// The leader epoch of the record, or of the log there; [`LeaderEpoch::NONE`] if the log knows none.
    pub epoch: LeaderEpoch,
}

/// A read that a search by timestamp waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimestampSearch {
    target: Timestamp,
    /// The layout of the log it was planned by.
    layout: u64,
    segment: Offset,
    file: FileName,
    position: u64,
    length: u64,
}

/// How a search goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchStep {
    /// The first record at that time or later.
    Found(FoundOffset),
    /// Read this next.
    Read(TimestampSearch),
    /// There is no such record.
    NotFound,
}

impl TimestampSearch {
    /// The read.
    #[must_use]
    pub fn op(&self) -> DiskOp {
        DiskOp::Read { file: self.file.clone(), position: self.position, length: self.length }
    }
}

impl PartitionLog {
    /// EARLIEST (-2) and EARLIEST_LOCAL (-4): the log start offset with the epoch there.
    #[must_use]
    pub fn earliest(&self) -> FoundOffset {
        self.place_at(self.start_offset())
    }

    /// LATEST (-1) of a replica: the log end offset with the latest epoch. What consumers may see ends earlier.
    #[must_use]
    pub fn latest(&self) -> FoundOffset {
        self.place_at(self.end_offset())
    }

    fn place_at(&self, offset: Offset) -> FoundOffset {
        let epoch = self.epochs.epoch_at(offset).unwrap_or(LeaderEpoch::NONE);
        FoundOffset { offset, timestamp: Timestamp::NONE, epoch }
    }

    /// Looks for the first record whose timestamp is `target` or later, by offset.
    #[must_use]
    pub fn search_timestamp(&self, target: Timestamp) -> SearchStep {
        self.search_from(target, self.start_offset())
    }

    /// MAX_TIMESTAMP (-3): looks for the first record that has the largest timestamp of those before `up_to`. If many
    /// batches lie behind `up_to`, a few before it are not in the last index entry, and may be overlooked.
    #[must_use]
    pub fn search_max_timestamp(&self, up_to: Offset) -> SearchStep {
        let whole =
            self.segments.iter().filter(|segment| segment.end <= up_to).map(|segment| segment.newest.0);
        let straddling = self.segment_of(up_to).and_then(|segment| segment.times.before(up_to));
        let last = self.tail.iter().filter(|batch| batch.next <= up_to).map(|batch| batch.max_timestamp);
        match whole.chain(straddling).chain(last).max().filter(|newest| *newest > Timestamp::NONE) {
            Some(newest) => self.search_timestamp(newest),
            None => SearchStep::NotFound,
        }
    }

    /// Takes the bytes of the search's read.
    ///
    /// # Errors
    /// [`BatchError`] if what was read are no batches, or the batch that must hold the record does not decode.
    pub fn continue_search(&self, search: &TimestampSearch, bytes: &Bytes) -> Result<SearchStep, BatchError> {
        if search.layout != self.layout {
            return Ok(self.search_timestamp(search.target));
        }
        let Some(segment) = self.segments.iter().find(|segment| segment.base == search.segment) else {
            return Ok(self.search_timestamp(search.target));
        };
        let file_ended = (bytes.len() as u64) < search.length;
        let mut position = 0;
        while let Some(head) = BatchHead::read(bytes.get(position..).unwrap_or_default())? {
            let end = position.saturating_add(head.size);
            if head.max_timestamp >= search.target {
                let Some(content) = bytes.get(position..end) else {
                    if file_ended {
                        break;
                    }
                    return Ok(self.read_at(search, segment, position, head.size as u64));
                };
                let batch = RecordBatch::parse(bytes.slice_ref(content))?;
                if let Some(found) = self.first_in(&batch, search.target)? {
                    return Ok(SearchStep::Found(found));
                }
            }
            position = end;
        }
        if file_ended || search.position.saturating_add(position as u64) >= segment.bytes {
            return Ok(self.search_from(search.target, segment.end));
        }
        Ok(self.read_at(search, segment, position, SEARCH_BYTES))
    }

    /// The first record of `batch` that is in the log and at `target` or later.
    fn first_in(&self, batch: &RecordBatch, target: Timestamp) -> Result<Option<FoundOffset>, BatchError> {
        for record in batch.records()? {
            let record = record?;
            if record.timestamp >= target && record.offset >= self.start_offset() {
                let (offset, timestamp) = (record.offset, record.timestamp);
                return Ok(Some(FoundOffset { offset, timestamp, epoch: batch.leader_epoch() }));
            }
        }
        Ok(None)
    }

    /// Begins in the first segment at or behind `from` that can hold the answer.
    fn search_from(&self, target: Timestamp, from: Offset) -> SearchStep {
        let can_hold =
            |segment: &&Segment| segment.end > from && segment.newest.0 >= target && !segment.is_empty();
        let Some(segment) = self.segments.iter().find(can_hold) else { return SearchStep::NotFound };
        let position = segment.offsets.floor(segment.times.floor(target));
        SearchStep::Read(TimestampSearch {
            target,
            layout: self.layout,
            segment: segment.base,
            file: segment.file.clone(),
            position: self.tail_position(segment, target, position).unwrap_or(position),
            length: SEARCH_BYTES,
        })
    }

    /// Where the first batch at `target` or later lies if it is among those known exactly; none if it may lie before.
    fn tail_position(&self, segment: &Segment, target: Timestamp, position: u64) -> Option<u64> {
        let start = self.tail.start()?;
        if start.base >= segment.end || (start.base >= segment.base && start.position > position) {
            return None;
        }
        let mut batches =
            self.tail.iter().filter(|batch| segment.base <= batch.base && batch.base < segment.end);
        batches.find(|batch| batch.max_timestamp >= target).map(|batch| batch.position)
    }

    fn read_at(&self, search: &TimestampSearch, segment: &Segment, skip: usize, length: u64) -> SearchStep {
        SearchStep::Read(TimestampSearch {
            target: search.target,
            layout: self.layout,
            segment: segment.base,
            file: segment.file.clone(),
            position: search.position.saturating_add(skip as u64),
            length,
        })
    }
}
