//! A look at every record of a batch without reading any: what a broker checks before it stores the batch.
//!
//! No memory is taken for a record; only a compressed batch is decompressed, to at most
//! [`DECOMPRESSED_BYTES_MAX`](super::DECOMPRESSED_BYTES_MAX), and thrown away again. Stricter than reading: the
//! offsets must have no gaps, as a producer writes them.

use super::batch::RecordBatch;
use super::error::BatchError;
use super::varint::Cursor;
use crate::time::Timestamp;

/// What a broker looks at in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordOutline {
    /// Index of the record in its batch, from 0.
    pub index: i32,
    /// Its timestamp as the producer set it.
    pub timestamp: Timestamp,
    /// False if its key is null.
    pub has_key: bool,
}

impl RecordBatch {
    /// Shows `look` every record in order.
    ///
    /// # Errors
    /// [`BatchError::Compression`], or [`BatchError::Record`] for the first record that is malformed or has a gap
    /// before it. `look` has seen those before it.
    pub fn scan(&self, mut look: impl FnMut(RecordOutline)) -> Result<(), BatchError> {
        let payload = self.payload()?;
        let mut cursor = Cursor::new(&payload, 0);
        for index in 0..self.record_count() {
            let outline =
                self.outline(&mut cursor, index).map_err(|reason| BatchError::Record { index, reason })?;
            look(outline);
        }
        if cursor.remaining() > 0 {
            let index = self.record_count();
            return Err(BatchError::Record { index, reason: "bytes follow the last record" });
        }
        Ok(())
    }

    fn outline(&self, payload: &mut Cursor<'_>, index: i32) -> Result<RecordOutline, &'static str> {
        let length = payload.varint().and_then(|length| usize::try_from(length).ok()).ok_or("its length")?;
        let mut record = payload.window(length).ok_or("it ends beyond the batch")?;
        record.byte().ok_or("its attributes")?;
        let timestamp_delta = record.varlong().ok_or("its timestamp")?;
        if record.varint().ok_or("its offset")? != index {
            return Err("its offset does not follow the one before");
        }
        let has_key = record.skip_nullable().ok_or("its key")?;
        record.skip_nullable().ok_or("its value")?;
        let headers = record.varint().filter(|count| *count >= 0).ok_or("its header count")?;
        for _ in 0..headers {
            record.skip_nullable().filter(|has_key| *has_key).ok_or("a header's key")?;
            record.skip_nullable().ok_or("a header's value")?;
        }
        if record.remaining() != 0 {
            return Err("it has bytes after its headers");
        }
        let timestamp = Timestamp(self.base_timestamp().0.wrapping_add(timestamp_delta));
        Ok(RecordOutline { index, timestamp, has_key })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::record::{BatchBuilder, Compression, HEADER_BYTES};

    type Given = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

    fn batch_of(records: &[Given], codec: Compression) -> RecordBatch {
        let mut builder = BatchBuilder::new(codec);
        for (timestamp, key, value, headers) in records {
            let headers: Vec<(&[u8], Option<&[u8]>)> =
                headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
            builder.push(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &headers);
        }
        RecordBatch::parse(builder.build()).expect("a batch as a producer sends it")
    }

    fn outlines(batch: &RecordBatch) -> Result<Vec<RecordOutline>, BatchError> {
        let mut seen = Vec::new();
        batch.scan(|outline| seen.push(outline)).map(|()| seen)
    }

    fn given() -> impl Strategy<Value = Given> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let headers = prop::collection::vec((bytes(), prop::option::of(bytes())), 0..3);
        (0_i64..1_000_000, prop::option::of(bytes()), prop::option::of(bytes()), headers)
    }

    #[test]
    fn a_payload_that_goes_on_after_the_last_record_is_refused() {
        let one = batch_of(&[(1, None, None, vec![])], Compression::None);
        let mut bytes = one.to_bytes().to_vec();
        bytes.extend_from_slice(&[0; 7]);
        let length = i32::try_from(bytes.len() - 12).expect("small");
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
        bytes[17..21].copy_from_slice(&crc);
        let batch = RecordBatch::parse(Bytes::from(bytes)).expect("the header is sound");
        assert!(matches!(outlines(&batch), Err(BatchError::Record { index: 1, .. })));
    }

    proptest! {
        #[test]
        fn scanning_and_reading_see_the_same_records(
            records in prop::collection::vec(given(), 1..20),
            codec in prop::sample::select(Compression::ALL.to_vec()),
        ) {
            let batch = batch_of(&records, codec);
            let read: Vec<RecordOutline> = (0..)
                .zip(batch.records().expect("it decompresses"))
                .map(|(index, record)| (index, record.expect("readable")))
                .map(|(index, record)| RecordOutline {
                    index,
                    timestamp: record.timestamp,
                    has_key: record.key.is_some(),
                })
                .collect();
            prop_assert_eq!(outlines(&batch), Ok(read));
        }

        #[test]
        fn what_scans_well_reads_well_whatever_the_bytes(
            records in prop::collection::vec(given(), 1..5),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut bytes = batch_of(&records, Compression::None).to_bytes().to_vec();
            let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
            bytes[at] = byte;
            let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
            bytes[17..21].copy_from_slice(&crc);
            let batch = RecordBatch::parse(Bytes::from(bytes)).expect("the header is sound");
            if outlines(&batch).is_ok() {
                prop_assert!(batch.records().expect("not compressed").all(|record| record.is_ok()));
            }
        }
    }
}
