//! What a log knows of the idempotent producers that wrote to it (KIP-98; Kafka's `ProducerStateManager`,
//! `ProducerStateEntry`, `ProducerAppendInfo`).
//!
//! For each producer id: the epoch and the latest batches. By them a leader tells a retry ([`Checked::Duplicate`]:
//! the old offsets are the answer) from a new batch, and refuses gaps and zombies. Checks are for what producers
//! send; what a leader sends its followers is taken as it is. Leader and followers keep the same state, because
//! it is a function of the batches of the log: whoever leads next knows what the leader before knew.
//!
//! A producer nobody knows may begin with any sequence number, as in Kafka (kafka.md B51): its batches may have
//! been deleted by retention, or its state may have expired.
//!
//! **Truncation** takes batches out again. Besides the [`BATCHES_KEPT`] batches a retry is compared with, an entry
//! therefore holds what lies above the high watermark, below which nothing is cut but after an unclean election.
//! If more is cut than an entry holds, the producer counts as unknown until the log is read back.
//!
//! The value touches no file: [`ProducerStates::encode`] and [`ProducerStates::decode`] are the content of a
//! `.snapshot` file. Kafka's snapshot keeps the last batch of a producer; this one keeps them all, so that after
//! a restart every retry is still recognised.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::offset::Offset;
use crate::record::{RecordBatch, sequence_after};
use crate::time::{Duration, Timestamp};

/// How many batches of a producer a retry is compared with (Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`):
/// as many as an idempotent producer may have in flight.
pub const BATCHES_KEPT: usize = 5;
/// Most batches an entry holds. A producer within its limits has at most [`BATCHES_KEPT`] that are not committed,
/// for each epoch in which it gave up waiting.
const BATCHES_MAX: usize = 4 * BATCHES_KEPT;
/// Kafka's snapshots are of version 1.
const SNAPSHOT_VERSION: i16 = 2;
const SNAPSHOT_HEAD_BYTES: usize = 2 + 4;
const SNAPSHOT_ENTRY_BYTES: usize = 8 + 4;
const SNAPSHOT_BATCH_BYTES: usize = 2 + 4 + 4 + 8 + 8 + 8;

/// A batch of an idempotent producer, as its state remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerBatch {
    /// The producer's epoch.
    pub epoch: i16,
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// Largest timestamp of its records.
    pub timestamp: Timestamp,
}

impl ProducerBatch {
    fn of(batch: &RecordBatch) -> ProducerBatch {
        ProducerBatch {
            epoch: batch.producer_epoch(),
            first_sequence: batch.base_sequence(),
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset(),
            last_offset: batch.last_offset(),
            timestamp: batch.max_timestamp(),
        }
    }
}

/// What a batch of a producer is to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checked {
    /// It is new: append it.
    New,
    /// It is in the log already: answer with these offsets.
    Duplicate(ProducerBatch),
}

/// Why a producer may not write a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SequenceError {
    /// A later instance of the producer has written.
    #[error("producer epoch {epoch} is older than {known}")]
    OldEpoch {
        /// Epoch of the batch.
        epoch: i16,
        /// The latest epoch.
        known: i16,
    },
    /// Records before this batch are missing, or it is an old one that is remembered no more.
    #[error("sequence number {first} where {expected} comes next")]
    OutOfOrder {
        /// First sequence number of the batch.
        first: i32,
        /// The next one.
        expected: i32,
    },
}

impl SequenceError {
    /// The code a broker answers with.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            SequenceError::OldEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            SequenceError::OutOfOrder { .. } => ErrorCode::OutOfOrderSequenceNumber,
        }
    }
}

/// Why a snapshot file is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProducerSnapshotError {
    /// Shorter than it says, or longer.
    #[error("the length is not what the counts say")]
    Length,
    /// Of a version this code does not write.
    #[error("version {version} is unknown")]
    Version {
        /// The version.
        version: i16,
    },
    /// The content is not what was written.
    #[error("the checksum does not match")]
    Crc,
    /// Producers or batches contradict each other.
    #[error("producer {producer} is malformed or out of order")]
    Entry {
        /// The producer.
        producer: ProducerId,
    },
}

/// One producer.
#[derive(Clone, Debug)]
struct Entry {
    /// Oldest first, never empty, in the order of their offsets. The last one's epoch is the producer's.
    batches: VecDeque<ProducerBatch>,
}

impl Entry {
    fn last(&self) -> &ProducerBatch {
        self.batches.back().expect("an entry has a batch")
    }

    /// The batches of its epoch a retry is compared with, latest first.
    fn recent(&self) -> impl Iterator<Item = &ProducerBatch> {
        let epoch = self.last().epoch;
        self.batches.iter().rev().take(BATCHES_KEPT).take_while(move |batch| batch.epoch == epoch)
    }
}

/// What a log knows of its producers.
#[derive(Clone, Debug)]
pub struct ProducerStates {
    entries: BTreeMap<ProducerId, Entry>,
    /// Nothing below is cut; see the module's documentation.
    settled: Offset,
}

/// Two states are equal if they judge every batch alike, whatever they keep besides for a truncation.
impl PartialEq for ProducerStates {
    fn eq(&self, other: &Self) -> bool {
        let ids = self.entries.keys().eq(other.entries.keys());
        ids && self.entries.values().zip(other.entries.values()).all(|(a, b)| a.recent().eq(b.recent()))
    }
}

impl Eq for ProducerStates {}

impl Default for ProducerStates {
    fn default() -> Self {
        ProducerStates { entries: BTreeMap::new(), settled: Offset::ZERO }
    }
}

impl ProducerStates {
    /// Compares a batch a producer sent with what is known.
    ///
    /// # Errors
    /// [`SequenceError`]: the batch must not be appended.
    pub fn check(&self, batch: &RecordBatch) -> Result<Checked, SequenceError> {
        let Some(entry) = self.entries.get(&batch.producer_id()) else { return Ok(Checked::New) };
        let (epoch, first, known) = (batch.producer_epoch(), batch.base_sequence(), entry.last());
        if epoch < known.epoch {
            return Err(SequenceError::OldEpoch { epoch, known: known.epoch });
        }
        if epoch > known.epoch {
            let expected = 0;
            return if first == expected {
                Ok(Checked::New)
            } else {
                Err(SequenceError::OutOfOrder { first, expected })
            };
        }
        let same =
            |old: &&ProducerBatch| (old.first_sequence, old.last_sequence) == (first, batch.last_sequence());
        if let Some(old) = entry.recent().find(same) {
            return Ok(Checked::Duplicate(*old));
        }
        let expected = sequence_after(known.last_sequence, 1);
        if first == expected { Ok(Checked::New) } else { Err(SequenceError::OutOfOrder { first, expected }) }
    }

    /// Takes note of a batch that is appended, whoever sent it. Batches come in the order of their offsets.
    pub fn update(&mut self, batch: &RecordBatch) {
        if batch.producer_id() == ProducerId::NONE || batch.is_control() {
            return;
        }
        let new = || Entry { batches: VecDeque::with_capacity(BATCHES_KEPT + 1) };
        let entry = self.entries.entry(batch.producer_id()).or_insert_with(new);
        entry.batches.push_back(ProducerBatch::of(batch));
        let settled = |entry: &Entry| {
            entry.batches.get(BATCHES_KEPT).is_some_and(|later| later.last_offset < self.settled)
        };
        while settled(entry) || entry.batches.len() > BATCHES_MAX {
            entry.batches.pop_front();
        }
    }

    /// True if no later batch of its producer lies before `end`, as far as batches are remembered.
    #[must_use]
    pub fn is_last_before(&self, batch: &RecordBatch, end: Offset) -> bool {
        let entry = self.entries.get(&batch.producer_id());
        let last = entry.and_then(|entry| entry.batches.iter().rev().find(|batch| batch.last_offset < end));
        last.is_some_and(|last| last.last_offset == batch.last_offset())
    }

    /// The high watermark is at `settled`: less has to be kept for truncations.
    pub fn settle(&mut self, settled: Offset) {
        self.settled = settled;
    }

    /// Takes out the batches that do not lie wholly below `end`.
    pub fn truncate_to(&mut self, end: Offset) {
        self.entries.retain(|_, entry| {
            while entry.batches.back().is_some_and(|batch| batch.last_offset >= end) {
                entry.batches.pop_back();
            }
            !entry.batches.is_empty()
        });
        self.settled = self.settled.min(end);
    }

    /// Forgets the producers that wrote nothing for `expiration` (`producer.id.expiration.ms`, KIP-854).
    pub fn expire(&mut self, now: Timestamp, expiration: Duration) {
        let expiration = i64::try_from(expiration.as_millis()).unwrap_or(i64::MAX);
        self.entries.retain(|_, entry| now.0.saturating_sub(entry.last().timestamp.0) < expiration);
    }

    /// Forgets every producer.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// True if no producer is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every producer it knows, by id, with its latest batch.
    pub fn active(&self) -> impl Iterator<Item = (ProducerId, &ProducerBatch)> {
        self.entries.iter().map(|(id, entry)| (*id, entry.last()))
    }

    /// The content of a snapshot file; `epoch` is the leader epoch of the record before it, which tells the log it
    /// was taken of from any other.
    #[must_use]
    pub fn encode(&self, epoch: LeaderEpoch) -> Bytes {
        let mut content = BytesMut::new();
        content.put_i32(epoch.0);
        content.put_u32(count(self.entries.len()));
        for (id, entry) in &self.entries {
            content.put_i64(id.0);
            content.put_u32(count(entry.batches.len()));
            for batch in &entry.batches {
                content.put_i16(batch.epoch);
                content.put_i32(batch.first_sequence);
                content.put_i32(batch.last_sequence);
                content.put_i64(batch.base_offset.0);
                content.put_i64(batch.last_offset.0);
                content.put_i64(batch.timestamp.0);
            }
        }
        let mut file = BytesMut::with_capacity(SNAPSHOT_HEAD_BYTES + content.len());
        file.put_i16(SNAPSHOT_VERSION);
        file.put_u32(crc32c::crc32c(&content));
        file.extend_from_slice(&content);
        file.freeze()
    }

    /// Reads the content of a snapshot file, and the leader epoch of the record before it.
    ///
    /// # Errors
    /// [`ProducerSnapshotError`] says what is wrong with it.
    pub fn decode(file: &[u8]) -> Result<(LeaderEpoch, ProducerStates), ProducerSnapshotError> {
        let short = |_| ProducerSnapshotError::Length;
        let mut content = file;
        let version = content.try_get_i16().map_err(short)?;
        if version != SNAPSHOT_VERSION {
            return Err(ProducerSnapshotError::Version { version });
        }
        let crc = content.try_get_u32().map_err(short)?;
        if crc != crc32c::crc32c(content) {
            return Err(ProducerSnapshotError::Crc);
        }
        let epoch = LeaderEpoch(content.try_get_i32().map_err(short)?);
        let mut entries = BTreeMap::new();
        for _ in 0..content.try_get_u32().map_err(short)? {
            let (producer, entry) = decode_entry(&mut content)?;
            if entries.last_key_value().is_some_and(|(last, _)| *last >= producer) {
                return Err(ProducerSnapshotError::Entry { producer });
            }
            entries.insert(producer, entry);
        }
        if content.has_remaining() {
            return Err(ProducerSnapshotError::Length);
        }
        Ok((epoch, ProducerStates { entries, settled: Offset::ZERO }))
    }

    /// Panics if an entry is not what it says, or holds a batch beyond `log_end`: a bug of ours.
    pub fn invariants(&self, log_end: Offset) {
        for (id, Entry { batches }) in &self.entries {
            assert!(!batches.is_empty() && batches.len() <= BATCHES_MAX, "producer {id}: batches");
            for (before, after) in batches.iter().zip(batches.iter().skip(1)) {
                assert!(before.last_offset < after.base_offset, "producer {id}: batches out of order");
            }
            assert!(
                batches.back().is_some_and(|last| last.last_offset < log_end),
                "producer {id}: a batch beyond the log"
            );
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("fewer producers than memory has bytes for")
}

fn decode_entry(content: &mut &[u8]) -> Result<(ProducerId, Entry), ProducerSnapshotError> {
    if content.remaining() < SNAPSHOT_ENTRY_BYTES {
        return Err(ProducerSnapshotError::Length);
    }
    let producer = ProducerId(content.get_i64());
    let length = usize::try_from(content.get_u32()).map_err(|_| ProducerSnapshotError::Length)?;
    let malformed = ProducerSnapshotError::Entry { producer };
    if producer.0 < 0 || length == 0 || length > BATCHES_MAX {
        return Err(malformed);
    }
    if content.remaining() < length * SNAPSHOT_BATCH_BYTES {
        return Err(ProducerSnapshotError::Length);
    }
    let mut batches: VecDeque<ProducerBatch> = VecDeque::with_capacity(length);
    for _ in 0..length {
        let batch = ProducerBatch {
            epoch: content.get_i16(),
            first_sequence: content.get_i32(),
            last_sequence: content.get_i32(),
            base_offset: Offset(content.get_i64()),
            last_offset: Offset(content.get_i64()),
            timestamp: Timestamp(content.get_i64()),
        };
        let after = batches.back().map_or(Offset(-1), |last| last.last_offset);
        if batch.base_offset <= after || batch.last_offset < batch.base_offset {
            return Err(malformed);
        }
        batches.push_back(batch);
    }
    Ok((producer, Entry { batches }))
}
