//! A batch as compaction leaves it: fewer records, everything else as it was.
//!
//! Base offset, last offset delta, leader epoch, producer and sequence number stay, so that offsets mean what they
//! meant and a producer's next batch follows on. A batch without records is a header and nothing else, uncompressed
//! (Kafka's `DefaultRecordBatch.writeEmptyHeader`).
//!
//! The **delete horizon** (KIP-534) is the time from which on a batch's tombstones may go. Bit 6 of the attributes
//! says that it is there; it lies in the place of the base timestamp, and the records' timestamps count from it.

use bytes::Bytes;

use super::super::builder::put_record;
use super::super::compression::Compression;
use super::super::records::Record;
use super::{CODEC_MASK, HEADER_BYTES, RecordBatch};
use crate::time::Timestamp;

const DELETE_HORIZON: i16 = 1 << 6;

impl RecordBatch {
    /// From when on its tombstones may go; none if it was not compacted with a tombstone in it.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        (self.fields.attributes & DELETE_HORIZON != 0).then_some(self.fields.base_timestamp)
    }

    /// The same batch with `records` of it and nothing else, in the same codec. A horizon it has stays unless another
    /// one is given.
    #[must_use]
    pub fn with_records(&self, records: &[Record], delete_horizon: Option<Timestamp>) -> RecordBatch {
        let mut fields = self.fields;
        if let Some(horizon) = delete_horizon {
            fields.attributes |= DELETE_HORIZON;
            fields.base_timestamp = horizon;
        }
        if records.is_empty() {
            fields.attributes &= !CODEC_MASK;
            fields.compression = Compression::None;
        }
        let newest = records.iter().map(|record| record.timestamp).max();
        if let Some(newest) = newest.filter(|_| !self.is_log_append_time()) {
            fields.max_timestamp = newest;
        }
        fields.record_count = i32::try_from(records.len()).expect("no more records than the batch had");
        let mut payload = Vec::new();
        for record in records {
            let headers: Vec<(&[u8], Option<&[u8]>)> =
                record.headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
            put_record(
                &mut payload,
                record.timestamp.0.wrapping_sub(fields.base_timestamp.0),
                record.offset.since(self.base),
                (record.key.as_deref(), record.value.as_deref()),
                &headers,
            );
        }
        let payload = match fields.compression {
            Compression::None => Bytes::from(payload),
            codec => codec.compress(&payload),
        };
        // The header is written by sealing.
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(&payload);
        RecordBatch { fields, bytes: Bytes::from(bytes), stale: HEADER_BYTES, ..*self }.seal()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::id::ProducerId;
    use crate::offset::Offset;
    use crate::record::BatchBuilder;

    fn batch(codec: Compression, count: i64) -> RecordBatch {
        let mut builder = BatchBuilder::new(codec);
        builder.set_producer(ProducerId(7), 2, 40);
        for index in 0..count {
            let value = (index % 3 > 0).then_some(&b"value"[..]);
            builder.push(Timestamp(1000 + index), Some(&[0]), value, &[(b"header", None)]);
        }
        let batch = RecordBatch::parse(builder.build()).expect("built");
        batch.with_position(Offset(500), LeaderEpoch(3))
    }

    fn records(batch: &RecordBatch) -> Vec<Record> {
        batch.records().expect("it decompresses").map(|record| record.expect("readable")).collect()
    }

    #[test]
    fn a_batch_without_records_keeps_its_offsets_and_its_producer() {
        let whole = batch(Compression::Zstd, 5);
        let empty = RecordBatch::parse(whole.with_records(&[], None).to_bytes()).expect("a sound batch");
        assert_eq!((empty.size(), empty.record_count(), records(&empty)), (HEADER_BYTES, 0, vec![]));
        assert_eq!((empty.base_offset(), empty.next_offset()), (Offset(500), Offset(505)));
        assert_eq!((empty.producer_id(), empty.producer_epoch()), (ProducerId(7), 2));
        assert_eq!((empty.base_sequence(), empty.last_sequence()), (40, 44));
        assert_eq!((empty.leader_epoch(), empty.max_timestamp()), (LeaderEpoch(3), Timestamp(1004)));
    }

    #[test]
    fn with_log_append_time_the_time_stays() {
        let whole = batch(Compression::None, 3).with_log_append_time(Timestamp(9_000));
        let one = whole.with_records(&records(&whole)[1..2], None);
        assert_eq!((one.max_timestamp(), records(&one)[0].timestamp), (Timestamp(9_000), Timestamp(9_000)));
    }

    proptest! {
        #[test]
        fn what_is_kept_reads_as_before(
            codec in prop::sample::select(Compression::ALL.to_vec()),
            kept in prop::collection::vec(any::<bool>(), 1..20),
            horizon in prop::option::of(0_i64..i64::MAX),
        ) {
            let whole = batch(codec, i64::try_from(kept.len()).expect("small"));
            let wanted: Vec<Record> =
                records(&whole).into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(record, _)| record).collect();
            let rewritten = whole.with_records(&wanted, horizon.map(Timestamp));
            let read = RecordBatch::parse(rewritten.to_bytes()).expect("a sound batch");
            prop_assert_eq!(&read, &rewritten);
            prop_assert_eq!(records(&read), wanted);
            prop_assert_eq!(read.delete_horizon(), horizon.map(Timestamp));
            prop_assert_eq!((read.base_offset(), read.next_offset()), (whole.base_offset(), whole.next_offset()));
            let again = read.with_records(&[], None);
            prop_assert_eq!(again.delete_horizon(), horizon.map(Timestamp));
        }
    }
}
