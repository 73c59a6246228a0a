//! One record batch as a view of its bytes.
//!
//! ```text
//!  0 base offset i64 | 8 length i32 | 12 leader epoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16
//! 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64
//! 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records
//! ```
//! The CRC-32C covers everything from byte 21 on. Base offset and leader epoch lie before it, so a leader
//! places a batch in its log without touching or copying the content: only the first 16 bytes are written anew, or
//! the whole header if the topic wants the broker's timestamps.
//!
//! A value of this type has passed every check of the header; that its records decode is not promised.

mod rewrite;

use bytes::{Buf as _, BufMut as _, Bytes};

use super::compression::Compression;
use super::error::BatchError;
use super::records::{DECOMPRESSED_BYTES_MAX, Records};
use super::sequence::sequence_after;
use crate::epoch::LeaderEpoch;
use crate::event::BatchId;
use crate::id::ProducerId;
use crate::offset::Offset;
use crate::time::Timestamp;

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;
/// Largest offset a batch may reach. Half the range of an offset, so that adding to one never overflows.
pub const OFFSET_MAX: Offset = Offset(i64::MAX / 2);

/// Bytes before the length field's count begins: base offset and the length itself.
pub(super) const LENGTH_END: usize = 12;
/// Bytes that a new position rewrites: base offset, length, leader epoch.
const POSITION_BYTES: usize = 16;
/// Where the part under the CRC begins.
const CRC_START: usize = 21;
/// Fewest bytes of a record: length, attributes, two deltas, key and value length, header count.
const RECORD_BYTES_MIN: usize = 7;

const MAGIC: i8 = 2;
const CODEC_MASK: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The header's fields that a position does not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fields {
    crc: u32,
    attributes: i16,
    compression: Compression,
    last_offset_delta: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    producer_id: ProducerId,
    producer_epoch: i16,
    base_sequence: i32,
    record_count: i32,
}

/// One whole record batch of format v2. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    base: Offset,
    epoch: LeaderEpoch,
    fields: Fields,
    /// As parsed: the first 16 bytes may hold an earlier position, the whole header earlier timestamps.
    bytes: Bytes,
    /// How many of the first bytes are to be written anew.
    stale: usize,
}

/// Two batches are equal if their bytes are.
impl PartialEq for RecordBatch {
    fn eq(&self, other: &Self) -> bool {
        let payload = |batch: &RecordBatch| batch.bytes.slice(HEADER_BYTES..);
        self.base == other.base
            && self.epoch == other.epoch
            && self.fields == other.fields
            && payload(self) == payload(other)
    }
}

impl Eq for RecordBatch {}

impl RecordBatch {
    /// Reads exactly one batch and checks its header and its CRC. No copy.
    ///
    /// # Errors
    /// [`BatchError`] says which check failed first.
    pub fn parse(bytes: Bytes) -> Result<RecordBatch, BatchError> {
        let truncated = |need: usize| BatchError::Truncated { have: bytes.len(), need };
        let mut header = &bytes[..];
        let base = header.try_get_i64().map_err(|_| truncated(HEADER_BYTES))?;
        let length = header.try_get_i32().map_err(|_| truncated(HEADER_BYTES))?;
        let epoch = LeaderEpoch(header.try_get_i32().map_err(|_| truncated(HEADER_BYTES))?);
        // The magic byte lies at the same place in all formats, and the older ones may be shorter.
        let magic = header.try_get_i8().map_err(|_| truncated(HEADER_BYTES))?;
        if magic != MAGIC {
            return Err(BatchError::Magic { magic });
        }
        let size = batch_size(length)?;
        if bytes.len() < size {
            return Err(truncated(size));
        }
        if bytes.len() > size {
            return Err(BatchError::TrailingBytes { extra: bytes.len() - size });
        }
        let stored = header.try_get_u32().map_err(|_| truncated(HEADER_BYTES))?;
        let computed = crc32c::crc32c(header);
        if stored != computed {
            return Err(BatchError::Crc { stored, computed });
        }
        let fields = Fields::read(stored, header).ok_or(truncated(HEADER_BYTES))??;
        fields.check(size)?;
        let last = base.checked_add(i64::from(fields.last_offset_delta));
        if base < 0 || last.is_none_or(|last| last > OFFSET_MAX.0) {
            return Err(BatchError::OffsetRange { base });
        }
        Ok(RecordBatch { base: Offset(base), epoch, fields, bytes, stale: POSITION_BYTES })
    }

    /// Offset of the first record (or of the first the batch once had, if it was compacted).
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.base
    }

    /// Offset of the last record, inclusive.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base.plus(i64::from(self.fields.last_offset_delta))
    }

    /// The offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// The leader epoch it was written in; [`LeaderEpoch::NONE`] as a producer sends it.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// The CRC-32C of its content. Position and leader epoch are not covered.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.fields.crc
    }

    /// How many records it holds; 0 is legal after compaction.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.fields.record_count
    }

    /// Timestamp of the first record, to which the others are deltas.
    #[must_use]
    pub fn base_timestamp(&self) -> Timestamp {
        self.fields.base_timestamp
    }

    /// Largest timestamp of its records.
    #[must_use]
    pub fn max_timestamp(&self) -> Timestamp {
        self.fields.max_timestamp
    }

    /// The idempotent producer that wrote it, or [`ProducerId::NONE`].
    #[must_use]
    pub fn producer_id(&self) -> ProducerId {
        self.fields.producer_id
    }

    /// The producer's epoch; -1 without a producer id.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.fields.producer_epoch
    }

    /// Sequence number of the first record; -1 without a producer id.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.fields.base_sequence
    }

    /// Sequence number of the last record; -1 without a producer id.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence() {
            first if first < 0 => first,
            first => sequence_after(first, self.fields.last_offset_delta),
        }
    }

    /// The codec of its records.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.fields.compression
    }

    /// True for a batch of transaction markers and the like, which consumers never see.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.fields.attributes & CONTROL != 0
    }

    /// True if it is part of a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.fields.attributes & TRANSACTIONAL != 0
    }

    /// True if its timestamps are the broker's (`message.timestamp.type=LogAppendTime`).
    #[must_use]
    pub fn is_log_append_time(&self) -> bool {
        self.fields.attributes & LOG_APPEND_TIME != 0
    }

    /// Its size in bytes, header included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Its identity in traces.
    #[must_use]
    pub fn id(&self) -> BatchId {
        BatchId { base: self.base, last: self.last_offset(), epoch: self.epoch, crc: self.fields.crc }
    }

    /// What Kafka's `LogValidator` asks of a batch from a producer on top of a sound header: at least one record,
    /// no gaps, no control batch, a sequence number if there is a producer id.
    ///
    /// # Errors
    /// [`BatchError::NotFromProducer`] or [`BatchError::Counts`].
    pub fn check_from_producer(&self) -> Result<(), BatchError> {
        let Fields { record_count, last_offset_delta, .. } = self.fields;
        if record_count == 0 || record_count - 1 != last_offset_delta {
            return Err(BatchError::Counts { records: record_count, last_offset_delta });
        }
        if self.is_control() {
            return Err(BatchError::NotFromProducer { reason: "it is a control batch" });
        }
        if self.producer_id() != ProducerId::NONE && self.base_sequence() < 0 {
            return Err(BatchError::NotFromProducer {
                reason: "it has a producer id and no sequence number",
            });
        }
        Ok(())
    }

    /// The same batch at another place: first offset `base`, written in `epoch`. The content is neither touched
    /// nor copied. `base` must be at most [`OFFSET_MAX`].
    #[must_use]
    pub fn with_position(self, base: Offset, epoch: LeaderEpoch) -> RecordBatch {
        assert!(base >= Offset::ZERO && base <= OFFSET_MAX, "a batch cannot begin at {base}");
        RecordBatch { base, epoch, ..self }
    }

    /// The same batch with the broker's time instead of its own timestamps
    /// (`message.timestamp.type=LogAppendTime`). The header is written anew, the records are neither touched nor
    /// copied; the CRC covers both.
    #[must_use]
    pub fn with_log_append_time(mut self, now: Timestamp) -> RecordBatch {
        self.fields.attributes |= LOG_APPEND_TIME;
        self.fields.max_timestamp = now;
        self.seal()
    }

    /// The same batch of an idempotent producer under another number: how a producer renumbers what it sends in a
    /// new epoch. The records are neither touched nor copied; the CRC covers the header.
    #[must_use]
    pub fn with_producer(mut self, id: ProducerId, epoch: i16, base_sequence: i32) -> RecordBatch {
        self.fields.producer_id = id;
        self.fields.producer_epoch = epoch;
        self.fields.base_sequence = base_sequence;
        self.seal()
    }

    /// Makes the CRC that of the header as it is now.
    fn seal(mut self) -> RecordBatch {
        let crc = crc32c::crc32c(&self.fields.bytes());
        self.fields.crc = crc32c::crc32c_append(crc, self.bytes.get(HEADER_BYTES..).unwrap_or_default());
        self.stale = HEADER_BYTES;
        self
    }

    /// Its bytes in two slices, without copying the content.
    #[must_use]
    pub fn parts(&self) -> [Bytes; 2] {
        let head = self.head();
        let head = head.get(..self.stale).unwrap_or(&head);
        [Bytes::copy_from_slice(head), self.bytes.slice(self.stale..)]
    }

    /// Its bytes in one slice. Copies only if the position is not the one it was parsed with.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let [head, rest] = self.parts();
        if self.bytes.starts_with(&head) {
            return self.bytes.clone();
        }
        let mut whole = Vec::with_capacity(self.bytes.len());
        whole.extend_from_slice(&head);
        whole.extend_from_slice(&rest);
        Bytes::from(whole)
    }

    /// Its records, decompressed to at most [`DECOMPRESSED_BYTES_MAX`].
    ///
    /// # Errors
    /// [`BatchError::Compression`] if the payload does not decompress. What is wrong with a single record is
    /// told by the iterator.
    pub fn records(&self) -> Result<Records, BatchError> {
        Ok(Records::new(self, self.payload()?))
    }

    /// Its records as bytes, decompressed to at most [`DECOMPRESSED_BYTES_MAX`].
    pub(super) fn payload(&self) -> Result<Bytes, BatchError> {
        let payload = self.bytes.slice(HEADER_BYTES..);
        match self.fields.compression {
            Compression::None => Ok(payload),
            codec => Ok(codec.decompress(&payload, DECOMPRESSED_BYTES_MAX)?),
        }
    }

    pub(super) fn last_offset_delta(&self) -> i32 {
        self.fields.last_offset_delta
    }

    /// The header as it is now.
    fn head(&self) -> [u8; HEADER_BYTES] {
        let length = i32::try_from(self.bytes.len() - LENGTH_END).expect("the length was read from an i32");
        let mut head = [0; HEADER_BYTES];
        let mut rest = head.as_mut_slice();
        rest.put_i64(self.base.0);
        rest.put_i32(length);
        rest.put_i32(self.epoch.0);
        rest.put_i8(MAGIC);
        rest.put_u32(self.fields.crc);
        rest.put_slice(&self.fields.bytes());
        head
    }
}

/// Size of a whole batch whose length field says `length`.
pub(super) fn batch_size(length: i32) -> Result<usize, BatchError> {
    let size = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH_END));
    size.filter(|size| *size >= HEADER_BYTES).ok_or(BatchError::Length { length })
}

/// The CRC-32C of a whole batch's content; 0 if it is shorter than a header.
pub(super) fn crc_of(batch: &[u8]) -> u32 {
    batch.get(CRC_START..).map_or(0, crc32c::crc32c)
}

impl Fields {
    /// The header's bytes behind the CRC.
    fn bytes(&self) -> [u8; HEADER_BYTES - CRC_START] {
        let mut bytes = [0; HEADER_BYTES - CRC_START];
        let mut rest = bytes.as_mut_slice();
        rest.put_i16(self.attributes);
        rest.put_i32(self.last_offset_delta);
        rest.put_i64(self.base_timestamp.0);
        rest.put_i64(self.max_timestamp.0);
        rest.put_i64(self.producer_id.0);
        rest.put_i16(self.producer_epoch);
        rest.put_i32(self.base_sequence);
        rest.put_i32(self.record_count);
        bytes
    }

    /// Reads what follows the CRC; none if it is too short.
    fn read(crc: u32, mut header: &[u8]) -> Option<Result<Fields, BatchError>> {
        let attributes = header.try_get_i16().ok()?;
        let last_offset_delta = header.try_get_i32().ok()?;
        let base_timestamp = Timestamp(header.try_get_i64().ok()?);
        let max_timestamp = Timestamp(header.try_get_i64().ok()?);
        let producer_id = ProducerId(header.try_get_i64().ok()?);
        let producer_epoch = header.try_get_i16().ok()?;
        let base_sequence = header.try_get_i32().ok()?;
        let record_count = header.try_get_i32().ok()?;
        let code = attributes & CODEC_MASK;
        let Some(compression) = Compression::from_code(code) else {
            return Some(Err(BatchError::Codec { code }));
        };
        Some(Ok(Fields {
            crc,
            attributes,
            compression,
            last_offset_delta,
            base_timestamp,
            max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            record_count,
        }))
    }

    /// Offsets of records strictly increase, so a batch has no more records than offsets; and each record of an
    /// uncompressed batch takes its bytes.
    fn check(&self, size: usize) -> Result<(), BatchError> {
        let Fields { record_count, last_offset_delta, .. } = *self;
        let wrong = BatchError::Counts { records: record_count, last_offset_delta };
        let count = usize::try_from(record_count).map_err(|_| wrong)?;
        if last_offset_delta < 0 || i64::from(record_count) > i64::from(last_offset_delta) + 1 {
            return Err(wrong);
        }
        let room = size.saturating_sub(HEADER_BYTES);
        if self.compression == Compression::None && count > room / RECORD_BYTES_MIN {
            return Err(wrong);
        }
        Ok(())
    }
}
