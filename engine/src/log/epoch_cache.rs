//! Which leader epoch begins at which offset (KIP-101), as Kafka's `LeaderEpochFileCache`.
//!
//! The cache is a list of `(epoch, start offset)`, strictly increasing in both. It answers where an epoch ends,
//! by which a follower finds the point where its log parts from the leader's. An epoch in which nothing was
//! written has no entry once the next one begins at the same offset.
//!
//! The cache holds no file: [`EpochCache::encode`] and [`EpochCache::decode`] are the text of Kafka's
//! `leader-epoch-checkpoint`.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::epoch::LeaderEpoch;
use crate::offset::Offset;

/// An epoch and the offset of its first record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start: Offset,
}

/// Where an epoch ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEnd {
    /// The largest epoch of the log that is not above the one asked for (KIP-279); the one asked for if the log
    /// begins after it.
    pub epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end: Offset,
}

/// Why a checkpoint file is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EpochCheckpointError {
    /// Not UTF-8 text.
    #[error("not text")]
    NotText,
    /// The first line is not the version 0.
    #[error("the version line is missing or not 0")]
    Version,
    /// The second line is not the number of entries that follow.
    #[error("the count line does not match the entries")]
    Count,
    /// An entry is not `epoch offset`, or not above the one before it.
    #[error("entry {index} is malformed or out of order")]
    Entry {
        /// Index of the entry.
        index: usize,
    },
}

/// The leader epochs of one log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EpochCache {
    entries: Vec<EpochEntry>,
}

impl EpochCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        EpochCache::default()
    }

    /// Notes that `epoch` begins at `start`; true if the cache changed.
    ///
    /// An epoch known already keeps its start unless the new one is lower. Entries that contradict the new one
    /// (as large an epoch, or as late a start) are dropped, as Kafka does.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        let known = self.entries.last().is_some_and(|last| last.epoch == epoch && last.start <= start);
        if epoch < LeaderEpoch::ZERO || known {
            return false;
        }
        let kept = self.entries.iter().take_while(|entry| entry.epoch < epoch && entry.start < start).count();
        self.entries.truncate(kept);
        self.entries.push(EpochEntry { epoch, start });
        true
    }

    /// Where `epoch` ends in a log that ends at `log_end`; none if it is unknown (Kafka's UNDEFINED): above the
    /// latest epoch, or negative.
    #[must_use]
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        if epoch < LeaderEpoch::ZERO {
            return None;
        }
        if self.latest() == Some(epoch) {
            return Some(EpochEnd { epoch, end: log_end });
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let next = self.entries.get(above)?;
        let floor = above.checked_sub(1).and_then(|index| self.entries.get(index));
        Some(EpochEnd { epoch: floor.map_or(epoch, |entry| entry.epoch), end: next.start })
    }

    /// Drops the entries that begin at `end` or later; true if there were any.
    pub fn truncate_from(&mut self, end: Offset) -> bool {
        let kept = self.entries.partition_point(|entry| entry.start < end);
        let changed = kept < self.entries.len();
        self.entries.truncate(kept);
        changed
    }

    /// The log begins at `start` from now on: entries before it are dropped, and the epoch of the record there begins
    /// with it. True if anything changed.
    pub fn truncate_before(&mut self, start: Offset) -> bool {
        let below = self.entries.partition_point(|entry| entry.start <= start);
        let Some(floor) = below.checked_sub(1) else { return false };
        self.entries.drain(..floor);
        self.entries.first_mut().is_some_and(|first| {
            let moved = first.start < start;
            first.start = start;
            moved || floor > 0
        })
    }

    /// Forgets everything; true if there was anything.
    pub fn clear(&mut self) -> bool {
        let changed = !self.entries.is_empty();
        self.entries.clear();
        changed
    }

    /// The latest epoch.
    #[must_use]
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The epoch of the record at `offset`; none before the first entry.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        after.checked_sub(1).and_then(|index| self.entries.get(index)).map(|entry| entry.epoch)
    }

    /// Whether an epoch begins in `from..end`.
    #[must_use]
    pub fn begins_within(&self, from: Offset, end: Offset) -> bool {
        let first = self.entries.partition_point(|entry| entry.start < from);
        self.entries.get(first).is_some_and(|entry| entry.start < end)
    }

    /// All entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The text of the checkpoint file.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut text = format!("0\n{}\n", self.entries.len());
        for EpochEntry { epoch, start } in &self.entries {
            writeln!(text, "{epoch} {start}").expect("writing to a string cannot fail");
        }
        Bytes::from(text)
    }

    /// Reads the text of a checkpoint file.
    ///
    /// # Errors
    /// [`EpochCheckpointError`] says which line is wrong.
    pub fn decode(content: &[u8]) -> Result<EpochCache, EpochCheckpointError> {
        let text = std::str::from_utf8(content).map_err(|_| EpochCheckpointError::NotText)?;
        let mut lines = text.lines();
        if lines.next() != Some("0") {
            return Err(EpochCheckpointError::Version);
        }
        let count = lines.next().and_then(|line| line.parse::<usize>().ok());
        let mut entries: Vec<EpochEntry> = Vec::new();
        for (index, line) in lines.enumerate() {
            let entry = decode_entry(line).filter(|entry| {
                entries.last().is_none_or(|last| last.epoch < entry.epoch && last.start < entry.start)
            });
            entries.push(entry.ok_or(EpochCheckpointError::Entry { index })?);
        }
        if count != Some(entries.len()) {
            return Err(EpochCheckpointError::Count);
        }
        Ok(EpochCache { entries })
    }

    /// Panics if the entries do not increase, or one begins after `log_end`: a bug of ours.
    pub fn invariants(&self, log_end: Offset) {
        for (before, after) in self.entries.iter().zip(self.entries.iter().skip(1)) {
            assert!(before.epoch < after.epoch, "epoch {} before {}", before.epoch, after.epoch);
            assert!(before.start < after.start, "epoch start {} before {}", before.start, after.start);
        }
        if let Some(last) = self.entries.last() {
            assert!(last.start <= log_end, "epoch {} begins at {} beyond {log_end}", last.epoch, last.start);
        }
    }
}

fn decode_entry(line: &str) -> Option<EpochEntry> {
    let (epoch, start) = line.split_once(' ')?;
    let entry = EpochEntry { epoch: LeaderEpoch(epoch.parse().ok()?), start: Offset(start.parse().ok()?) };
    (entry.epoch >= LeaderEpoch::ZERO && entry.start >= Offset::ZERO).then_some(entry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::new();
        for (epoch, start) in entries {
            assert!(cache.assign(LeaderEpoch(*epoch), Offset(*start)));
        }
        cache
    }

    fn pairs(cache: &EpochCache) -> Vec<(i32, i64)> {
        cache.entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect()
    }

    /// The answer of a plain scan over the epochs of all records.
    fn scan(records: &[i32], asked: i32) -> Option<EpochEnd> {
        let latest = *records.last()?;
        if asked < 0 || asked > latest {
            return None;
        }
        let floor = records.iter().copied().filter(|epoch| *epoch <= asked).max().unwrap_or(asked);
        let end = records.iter().position(|epoch| *epoch > asked).unwrap_or(records.len());
        Some(EpochEnd { epoch: LeaderEpoch(floor), end: Offset(i64::try_from(end).expect("small")) })
    }

    fn cache_of(records: &[i32]) -> EpochCache {
        let mut cache = EpochCache::new();
        for (offset, epoch) in (0..).zip(records) {
            cache.assign(LeaderEpoch(*epoch), Offset(offset));
        }
        cache
    }

    #[test]
    fn the_latest_epoch_ends_at_the_log_end() {
        let end = cache(&[(1, 0), (4, 7)]).end_offset_for(LeaderEpoch(4), Offset(9));
        assert_eq!(end, Some(EpochEnd { epoch: LeaderEpoch(4), end: Offset(9) }));
    }

    /// KIP-279: the answer says which epoch ends there, since the one asked for may be unknown.
    #[test]
    fn kip_279_an_unknown_epoch_is_answered_with_the_one_below_it() {
        let end = cache(&[(1, 0), (4, 7)]).end_offset_for(LeaderEpoch(3), Offset(9));
        assert_eq!(end, Some(EpochEnd { epoch: LeaderEpoch(1), end: Offset(7) }));
    }

    #[test]
    fn an_epoch_before_the_first_ends_where_the_first_begins() {
        let end = cache(&[(2, 5)]).end_offset_for(LeaderEpoch(1), Offset(9));
        assert_eq!(end, Some(EpochEnd { epoch: LeaderEpoch(1), end: Offset(5) }));
    }

    #[test]
    fn an_epoch_above_the_latest_and_no_epoch_are_undefined() {
        let known = cache(&[(2, 5)]);
        assert_eq!(known.end_offset_for(LeaderEpoch(3), Offset(9)), None);
        assert_eq!(known.end_offset_for(LeaderEpoch::NONE, Offset(9)), None);
        assert_eq!(EpochCache::new().end_offset_for(LeaderEpoch(0), Offset(9)), None);
    }

    #[test]
    fn an_assignment_drops_the_entries_it_contradicts() {
        let mut known = cache(&[(1, 0), (2, 5), (3, 9)]);
        assert!(known.assign(LeaderEpoch(4), Offset(9)));
        assert_eq!(pairs(&known), [(1, 0), (2, 5), (4, 9)]);
        assert!(known.assign(LeaderEpoch(2), Offset(12)));
        assert_eq!(pairs(&known), [(1, 0), (2, 12)]);
    }

    #[test]
    fn a_log_that_begins_later_keeps_the_epoch_of_its_first_record() {
        let mut known = cache(&[(1, 0), (2, 5), (4, 9)]);
        assert!(known.truncate_before(Offset(7)));
        assert_eq!(pairs(&known), [(2, 7), (4, 9)]);
        assert!(known.truncate_before(Offset(9)));
        assert_eq!(pairs(&known), [(4, 9)]);
        assert!(!known.truncate_before(Offset(9)));
        assert!(!known.truncate_before(Offset(3)));
    }

    #[test]
    fn an_epoch_keeps_its_first_start() {
        let mut known = cache(&[(1, 3)]);
        assert!(!known.assign(LeaderEpoch(1), Offset(8)));
        assert!(!known.assign(LeaderEpoch::NONE, Offset(8)));
        assert!(known.assign(LeaderEpoch(1), Offset(2)));
        assert_eq!(pairs(&known), [(1, 2)]);
    }

    #[test]
    fn the_checkpoint_is_kafkas_text() {
        let known = cache(&[(0, 0), (2, 57)]);
        assert_eq!(&known.encode()[..], b"0\n2\n0 0\n2 57\n");
    }

    #[test]
    fn a_malformed_checkpoint_is_refused_with_a_reason() {
        use EpochCheckpointError::{Count, Entry, NotText, Version};
        let wrong: [(&[u8], EpochCheckpointError); 8] = [
            (b"", Version),
            (b"1\n0\n", Version),
            (b"0\n", Count),
            (b"0\n2\n1 0\n", Count),
            (b"0\n1\n1\n", Entry { index: 0 }),
            (b"0\n1\n-1 0\n", Entry { index: 0 }),
            (b"0\n2\n1 5\n2 5\n", Entry { index: 1 }),
            (b"\xff", NotText),
        ];
        for (content, error) in wrong {
            assert_eq!(EpochCache::decode(content), Err(error), "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn the_cache_answers_as_a_scan_over_all_records(
            mut records in prop::collection::vec(0_i32..12, 0..30),
            asked in -1_i32..14,
            cut in 0_i64..32,
        ) {
            records.sort_unstable();
            let mut known = cache_of(&records);
            let log_end = |records: &[i32]| Offset(i64::try_from(records.len()).expect("small"));
            known.invariants(log_end(&records));
            prop_assert_eq!(known.end_offset_for(LeaderEpoch(asked), log_end(&records)), scan(&records, asked));
            for (offset, epoch) in (0..).zip(&records) {
                prop_assert_eq!(known.epoch_at(Offset(offset)), Some(LeaderEpoch(*epoch)));
            }
            let changed = known.truncate_from(Offset(cut));
            prop_assert_eq!(changed, known != cache_of(&records));
            records.truncate(usize::try_from(cut).expect("positive"));
            prop_assert_eq!(&known, &cache_of(&records));
            prop_assert_eq!(known.end_offset_for(LeaderEpoch(asked), log_end(&records)), scan(&records, asked));
            prop_assert_eq!(EpochCache::decode(&known.encode()), Ok(known));
        }

        #[test]
        fn no_text_makes_decoding_panic(text in "[0-9 \n-]{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = EpochCache::decode(&bytes);
            if let Ok(read) = EpochCache::decode(text.as_bytes()) {
                prop_assert_eq!(EpochCache::decode(&read.encode()), Ok(read));
            }
        }
    }
}
