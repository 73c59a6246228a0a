//! The records inside a batch.

use bytes::Bytes;

use super::batch::RecordBatch;
use super::error::BatchError;
use super::varint::Cursor;
use crate::offset::Offset;
use crate::time::Timestamp;

/// Most bytes the records of one compressed batch may have. Kafka's `message.max.bytes` (1 MiB by default)
/// bounds the compressed size only.
pub const DECOMPRESSED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, or the broker's if the batch says so.
    pub timestamp: Timestamp,
    /// Its key; none is null.
    pub key: Option<Bytes>,
    /// Its value; none is null, a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// Its headers in order. Keys may repeat, and need not be UTF-8.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Iterates over the records of a batch. Ends after the first error.
#[derive(Debug)]
pub struct Records {
    payload: Bytes,
    position: usize,
    index: i32,
    count: i32,
    base: Offset,
    base_timestamp: Timestamp,
    log_append_time: Option<Timestamp>,
    last_offset_delta: i32,
    /// Offset delta of the record before.
    previous_delta: i32,
}

impl Records {
    /// The records of `batch`, whose uncompressed payload is `payload`.
    pub(super) fn new(batch: &RecordBatch, payload: Bytes) -> Self {
        Records {
            payload,
            position: 0,
            index: 0,
            count: batch.record_count(),
            base: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            log_append_time: batch.is_log_append_time().then_some(batch.max_timestamp()),
            last_offset_delta: batch.last_offset_delta(),
            previous_delta: -1,
        }
    }

    fn read(&mut self) -> Result<Record, &'static str> {
        let mut payload = Cursor::new(&self.payload, self.position);
        let length = payload.varint().and_then(|length| usize::try_from(length).ok()).ok_or("its length")?;
        let mut cursor = payload.window(length).ok_or("it ends beyond the batch")?;
        cursor.byte().ok_or("its attributes")?;
        let timestamp_delta = cursor.varlong().ok_or("its timestamp")?;
        let offset_delta = cursor.varint().ok_or("its offset")?;
        if offset_delta <= self.previous_delta || offset_delta > self.last_offset_delta {
            return Err("its offset is not between the one before and the last of the batch");
        }
        let key = cursor.nullable().ok_or("its key")?;
        let value = cursor.nullable().ok_or("its value")?;
        let headers = read_headers(&mut cursor).ok_or("its headers")?;
        if cursor.remaining() != 0 {
            return Err("it has bytes after its headers");
        }
        self.position = self.payload.len() - payload.remaining();
        self.previous_delta = offset_delta;
        Ok(Record {
            offset: self.base.plus(i64::from(offset_delta)),
            timestamp: self
                .log_append_time
                .unwrap_or(Timestamp(self.base_timestamp.0.wrapping_add(timestamp_delta))),
            key,
            value,
            headers,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        if index == self.count {
            if self.position >= self.payload.len() {
                return None;
            }
            self.position = self.payload.len();
            return Some(Err(BatchError::Record { index, reason: "bytes follow the last record" }));
        }
        match self.read() {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(reason) => {
                self.index = self.count;
                self.position = self.payload.len();
                Some(Err(BatchError::Record { index, reason }))
            }
        }
    }
}

/// Grows with what is read: the count on the wire reserves nothing.
fn read_headers(cursor: &mut Cursor<'_>) -> Option<Vec<(Bytes, Option<Bytes>)>> {
    let count = usize::try_from(cursor.varint()?).ok()?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let key = cursor.nullable()??;
        headers.push((key, cursor.nullable()?));
    }
    Some(headers)
}
