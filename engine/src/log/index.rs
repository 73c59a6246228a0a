//! The sparse indexes of one segment, in memory and in Kafka's file format.
//!
//! An entry is made when a batch is appended after `index.interval.bytes` bytes without one. The **offset index**
//! says where that batch begins; the **time index** says how large timestamps were up to then. Everything between
//! two entries is found by reading the headers of the batches there.
//!
//! Files hold entries and nothing else: `.index` is `last offset of the batch - base offset: i32, position: i32`
//! (Kafka's `OffsetIndex`), `.timeindex` is `timestamp: i64, offset - base offset: i32` (Kafka's `TimeIndex`). They
//! carry no checksum; [`OffsetIndex::decode`] and [`TimeIndex::decode`] refuse what cannot be an index of the
//! segment, and recovery then builds it anew from the log, which is the truth.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::offset::Offset;
use crate::time::Timestamp;

/// Bytes of an entry of an offset index file.
const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of an entry of a time index file.
const TIME_ENTRY_BYTES: usize = 12;

/// `offset` as an index stores it; none if it is too far from the segment's base.
pub(super) fn relative(base: Offset, offset: Offset) -> Option<u32> {
    u32::try_from(offset.since(base)).ok().filter(|relative| i32::try_from(*relative).is_ok())
}

fn absolute(base: Offset, relative: u32) -> Offset {
    base.plus(i64::from(relative))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OffsetEntry {
    /// Last offset of the batch, relative to the segment's base.
    last: u32,
    position: u32,
}

/// Where some of a segment's batches begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OffsetIndex {
    base: Offset,
    entries: Vec<OffsetEntry>,
}

impl OffsetIndex {
    pub(super) fn new(base: Offset) -> Self {
        OffsetIndex { base, entries: Vec::new() }
    }

    /// A batch that ends with `last` begins at `position`. Ignored if it does not fit an index.
    pub(super) fn push(&mut self, last: Offset, position: u64) {
        if let (Some(last), Ok(position)) = (relative(self.base, last), u32::try_from(position)) {
            self.entries.push(OffsetEntry { last, position });
        }
    }

    /// Where to begin to look for `offset`: the batch there ends at or before it, or is the first.
    pub(super) fn floor(&self, offset: Offset) -> u64 {
        self.entries.get(..self.above(offset)).and_then(<[_]>::last).map_or(0, |entry| entry.position.into())
    }

    /// A position behind the first batch that ends at or after `offset`; none if the index does not reach so far.
    pub(super) fn ceiling(&self, offset: Offset) -> Option<u64> {
        self.entries.get(self.above(offset) + 1).map(|entry| entry.position.into())
    }

    /// The first known position at or behind `position`.
    pub(super) fn boundary_from(&self, position: u64) -> Option<u64> {
        let index = self.entries.partition_point(|entry| u64::from(entry.position) < position);
        self.entries.get(index).map(|entry| entry.position.into())
    }

    /// Where the last indexed batch begins that begins at or before `position_max` and ends before `bound`.
    pub(super) fn last_within(&self, position_max: u64, bound: Offset) -> Option<u64> {
        let within = |entry: &OffsetEntry| {
            u64::from(entry.position) <= position_max && absolute(self.base, entry.last) < bound
        };
        let index = self.entries.partition_point(within).checked_sub(1)?;
        self.entries.get(index).map(|entry| entry.position.into())
    }

    /// How many entries lie at or below `offset`.
    fn above(&self, offset: Offset) -> usize {
        self.entries.partition_point(|entry| absolute(self.base, entry.last) <= offset)
    }

    /// Where the last indexed batch begins; 0 if none is.
    pub(super) fn last_position(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.position.into())
    }

    /// Drops the entries of batches that reach `end` or lie behind it.
    pub(super) fn truncate(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|entry| absolute(self.base, entry.last) < end);
        self.entries.truncate(kept);
    }

    /// The file's content.
    pub(super) fn encode(&self) -> Bytes {
        let mut content = BytesMut::with_capacity(self.entries.len() * OFFSET_ENTRY_BYTES);
        for entry in &self.entries {
            content.put_u32(entry.last);
            content.put_u32(entry.position);
        }
        content.freeze()
    }

    /// Reads a file; none if it cannot be the index of a segment of `bytes` bytes.
    pub(super) fn decode(base: Offset, mut content: &[u8], bytes: u64) -> Option<OffsetIndex> {
        let mut entries: Vec<OffsetEntry> = Vec::with_capacity(content.len() / OFFSET_ENTRY_BYTES);
        while !content.is_empty() {
            let entry =
                OffsetEntry { last: content.try_get_u32().ok()?, position: content.try_get_u32().ok()? };
            let (last, position) =
                entries.last().map_or((None, 0), |entry| (Some(entry.last), entry.position));
            let sound = last.is_none_or(|last| last < entry.last)
                && position < entry.position
                && u64::from(entry.position) < bytes
                && i32::try_from(entry.last).is_ok();
            entries.push(sound.then_some(entry)?);
        }
        Some(OffsetIndex { base, entries })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TimeEntry {
    timestamp: Timestamp,
    /// Relative to the segment's base.
    offset: u32,
}

/// Up to which offset a segment has no timestamp above which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TimeIndex {
    base: Offset,
    entries: Vec<TimeEntry>,
}

impl TimeIndex {
    pub(super) fn new(base: Offset) -> Self {
        TimeIndex { base, entries: Vec::new() }
    }

    /// Up to here the largest timestamp is `timestamp`, and the batch that has it ends with `offset`. Kept only if
    /// it is larger than the one before.
    pub(super) fn push(&mut self, timestamp: Timestamp, offset: Offset) {
        let larger = self.entries.last().map_or(Timestamp::NONE, |entry| entry.timestamp) < timestamp;
        if let (true, Some(offset)) = (larger, relative(self.base, offset)) {
            self.entries.push(TimeEntry { timestamp, offset });
        }
    }

    /// An offset up to which every timestamp is below `timestamp`; the segment's base if none is known.
    pub(super) fn floor(&self, timestamp: Timestamp) -> Offset {
        let above = self.entries.partition_point(|entry| entry.timestamp < timestamp);
        let floor = above.checked_sub(1).and_then(|index| self.entries.get(index));
        floor.map_or(self.base, |entry| absolute(self.base, entry.offset))
    }

    /// The largest timestamp an entry tells of before `offset`.
    pub(super) fn before(&self, offset: Offset) -> Option<Timestamp> {
        let below = self.entries.partition_point(|entry| absolute(self.base, entry.offset) < offset);
        below.checked_sub(1).and_then(|last| self.entries.get(last)).map(|entry| entry.timestamp)
    }

    /// The last entry: the largest timestamp and where it is.
    pub(super) fn last(&self) -> Option<(Timestamp, Offset)> {
        self.entries.last().map(|entry| (entry.timestamp, absolute(self.base, entry.offset)))
    }

    /// Drops the entries at `end` or behind it.
    pub(super) fn truncate(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|entry| absolute(self.base, entry.offset) < end);
        self.entries.truncate(kept);
    }

    /// The file's content.
    pub(super) fn encode(&self) -> Bytes {
        let mut content = BytesMut::with_capacity(self.entries.len() * TIME_ENTRY_BYTES);
        for entry in &self.entries {
            content.put_i64(entry.timestamp.0);
            content.put_u32(entry.offset);
        }
        content.freeze()
    }

    /// Reads a file; none if it cannot be the time index of a segment that ends at `end`.
    pub(super) fn decode(base: Offset, mut content: &[u8], end: Offset) -> Option<TimeIndex> {
        let mut index = TimeIndex { base, entries: Vec::with_capacity(content.len() / TIME_ENTRY_BYTES) };
        while !content.is_empty() {
            let entry = TimeEntry {
                timestamp: Timestamp(content.try_get_i64().ok()?),
                offset: content.try_get_u32().ok()?,
            };
            let (timestamp, offset) =
                index.entries.last().map_or((Timestamp::NONE, 0), |entry| (entry.timestamp, entry.offset));
            let sound = timestamp < entry.timestamp
                && offset <= entry.offset
                && i32::try_from(entry.offset).is_ok()
                && absolute(base, entry.offset) < end;
            index.entries.push(sound.then_some(entry)?);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: Offset = Offset(100);

    fn offsets(entries: &[(i64, u64)]) -> OffsetIndex {
        let mut index = OffsetIndex::new(BASE);
        for (last, position) in entries {
            index.push(Offset(*last), *position);
        }
        index
    }

    #[test]
    fn a_lookup_begins_at_a_batch_that_ends_at_or_before_the_offset() {
        let index = offsets(&[(109, 50), (129, 90), (139, 200)]);
        let found = |offset| (index.floor(Offset(offset)), index.ceiling(Offset(offset)));
        assert_eq!(found(100), (0, Some(90)));
        assert_eq!(found(108), (0, Some(90)));
        assert_eq!(found(109), (50, Some(200)));
        assert_eq!(found(130), (90, None));
        assert_eq!(found(999), (200, None));
        assert_eq!(index.boundary_from(51), Some(90));
        assert_eq!(index.boundary_from(201), None);
    }

    #[test]
    fn a_time_lookup_begins_where_all_timestamps_are_below() {
        let mut index = TimeIndex::new(BASE);
        for (timestamp, offset) in [(5, 109), (5, 119), (4, 129), (9, 139)] {
            index.push(Timestamp(timestamp), Offset(offset));
        }
        assert_eq!(index.floor(Timestamp(5)), BASE);
        assert_eq!(index.floor(Timestamp(6)), Offset(109));
        assert_eq!(index.floor(Timestamp(10)), Offset(139));
        assert_eq!(index.last(), Some((Timestamp(9), Offset(139))));
    }

    #[test]
    fn a_cut_removes_the_entries_behind_it() {
        let mut index = offsets(&[(109, 50), (129, 90)]);
        index.truncate(Offset(129));
        assert_eq!(index, offsets(&[(109, 50)]));
        let mut times = TimeIndex::new(BASE);
        times.push(Timestamp(1), Offset(109));
        times.push(Timestamp(2), Offset(129));
        times.truncate(Offset(129));
        assert_eq!(times.last(), Some((Timestamp(1), Offset(109))));
    }

    #[test]
    fn the_files_are_kafkas() {
        assert_eq!(&offsets(&[(109, 50)]).encode()[..], [0, 0, 0, 9, 0, 0, 0, 50]);
        let mut times = TimeIndex::new(BASE);
        times.push(Timestamp(7), Offset(109));
        assert_eq!(&times.encode()[..], [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9]);
    }

    #[test]
    fn what_cannot_be_an_index_of_the_segment_is_refused() {
        let whole = offsets(&[(109, 50), (129, 90)]).encode();
        assert!(OffsetIndex::decode(BASE, &whole, 91).is_some());
        assert_eq!(OffsetIndex::decode(BASE, &whole, 90), None, "a position beyond the file");
        assert_eq!(OffsetIndex::decode(BASE, &whole[..15], 91), None, "half an entry");
        assert_eq!(OffsetIndex::decode(BASE, &[0; 16], 91), None, "a page of zeros");
        let mut times = TimeIndex::new(BASE);
        times.push(Timestamp(7), Offset(109));
        assert_eq!(TimeIndex::decode(BASE, &times.encode(), Offset(109)), None, "an offset beyond the end");
        assert_eq!(TimeIndex::decode(BASE, &times.encode(), Offset(110)), Some(times));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_and_nothing_panics(
            steps in prop::collection::vec((1_i64..50, 1_u64..500, -2_i64..90), 0..20),
            content in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let (mut index, mut times) = (OffsetIndex::new(BASE), TimeIndex::new(BASE));
            let (mut last, mut position) = (BASE, 0);
            for (offsets, bytes, timestamp) in steps {
                last = last.plus(offsets);
                position += bytes;
                index.push(last, position);
                times.push(Timestamp(timestamp), last);
            }
            prop_assert_eq!(OffsetIndex::decode(BASE, &index.encode(), position + 1), Some(index));
            prop_assert_eq!(TimeIndex::decode(BASE, &times.encode(), last.next()), Some(times));
            let _ = OffsetIndex::decode(BASE, &content, u64::MAX);
            let _ = TimeIndex::decode(BASE, &content, Offset(i64::MAX));
        }
    }
}
