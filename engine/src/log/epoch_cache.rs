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
