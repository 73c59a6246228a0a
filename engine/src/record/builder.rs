//! Builds a batch as a producer sends it: base offset 0, no leader epoch, no producer id unless one is set.

use bytes::Bytes;

use super::batch::{HEADER_BYTES, LENGTH_END, crc_of};
use super::compression::Compression;
use super::varint;
use crate::id::ProducerId;
use crate::time::Timestamp;

/// Collects records and builds one batch of them.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    compression: Compression,
    records: Vec<u8>,
    count: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    producer: (ProducerId, i16, i32),
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        BatchBuilder {
            compression,
            records: Vec::new(),
            count: 0,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            producer: (ProducerId::NONE, -1, -1),
        }
    }

    /// Says which idempotent producer writes the batch, in which of its epochs, and the sequence number of the first
    /// record.
    pub fn set_producer(&mut self, id: ProducerId, epoch: i16, base_sequence: i32) {
        self.producer = (id, epoch, base_sequence);
    }

    /// Adds a record. Header keys may repeat.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);
        let offset_delta = i64::from(self.count);
        put_record(&mut self.records, timestamp_delta, offset_delta, (key, value), headers);
        self.count += 1;
    }

    /// How many records were added.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// True if no record was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Size in bytes of the finished batch if it were not compressed.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// The finished batch. It must hold a record: an empty batch exists only after compaction.
    #[must_use]
    pub fn build(self) -> Bytes {
        assert!(self.count > 0, "a batch is built of at least one record");
        let records = match self.compression {
            Compression::None => Bytes::from(self.records),
            codec => codec.compress(&self.records),
        };
        let length =
            i32::try_from(HEADER_BYTES - LENGTH_END + records.len()).expect("a batch is below 2 GiB");
        let mut batch = Vec::with_capacity(HEADER_BYTES + records.len());
        batch.extend_from_slice(&0_i64.to_be_bytes()); // base offset
        batch.extend_from_slice(&length.to_be_bytes());
        batch.extend_from_slice(&(-1_i32).to_be_bytes()); // leader epoch
        batch.push(2); // magic
        let crc_at = batch.len();
        batch.extend_from_slice(&0_u32.to_be_bytes()); // CRC, filled in below
        batch.extend_from_slice(&self.compression.code().to_be_bytes());
        batch.extend_from_slice(&(self.count - 1).to_be_bytes());
        batch.extend_from_slice(&self.base_timestamp.0.to_be_bytes());
        batch.extend_from_slice(&self.max_timestamp.0.to_be_bytes());
        let (producer_id, producer_epoch, base_sequence) = self.producer;
        batch.extend_from_slice(&producer_id.0.to_be_bytes());
        batch.extend_from_slice(&producer_epoch.to_be_bytes());
        batch.extend_from_slice(&base_sequence.to_be_bytes());
        batch.extend_from_slice(&self.count.to_be_bytes());
        batch.extend_from_slice(&records);
        let crc = crc_of(&batch).to_be_bytes();
        for (target, byte) in batch.iter_mut().skip(crc_at).zip(crc) {
            *target = byte;
        }
        Bytes::from(batch)
    }
}

/// Writes one record. The deltas are those to the batch's base timestamp and base offset.
pub(super) fn put_record(
    buffer: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i64,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    headers: &[(&[u8], Option<&[u8]>)],
) {
    let header_count = integer(headers.len());
    let headers_size =
        headers.iter().map(|(key, value)| nullable_size(Some(key)) + nullable_size(*value)).sum::<usize>();
    let size = 1
        + varint::size(timestamp_delta)
        + varint::size(offset_delta)
        + nullable_size(key)
        + nullable_size(value)
        + varint::size(header_count)
        + headers_size;
    varint::put(buffer, integer(size));
    buffer.push(0); // attributes: none are defined
    varint::put(buffer, timestamp_delta);
    varint::put(buffer, offset_delta);
    put_nullable(buffer, key);
    put_nullable(buffer, value);
    varint::put(buffer, header_count);
    for (key, value) in headers {
        put_nullable(buffer, Some(key));
        put_nullable(buffer, *value);
    }
}

fn integer(length: usize) -> i64 {
    i64::from(i32::try_from(length).expect("a field of a record is below 2 GiB"))
}

fn nullable_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varint::size(integer(bytes.len())) + bytes.len())
}

fn put_nullable(buffer: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => varint::put(buffer, -1),
        Some(bytes) => {
            varint::put(buffer, integer(bytes.len()));
            buffer.extend_from_slice(bytes);
        }
    }
}
