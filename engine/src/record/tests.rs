//! Properties of whole batches.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::offset::Offset;
use crate::time::Timestamp;

type Blob = Option<Vec<u8>>;

/// A record as a test wants it: timestamp, key, value, headers.
#[derive(Clone, Debug)]
struct Wanted(i64, Blob, Blob, Vec<(Vec<u8>, Blob)>);

fn blob() -> impl Strategy<Value = Blob> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..40))
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let headers = prop::collection::vec((prop::collection::vec(any::<u8>(), 0..4), blob()), 0..4);
    let timestamp = prop_oneof![any::<i64>(), 0_i64..2_000_000_000_000];
    (timestamp, blob(), blob(), headers)
        .prop_map(|(timestamp, key, value, headers)| Wanted(timestamp, key, value, headers))
}

fn codec() -> impl Strategy<Value = Compression> {
    prop::sample::select(Compression::ALL.to_vec())
}

fn build(codec: Compression, records: &[Wanted]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    for Wanted(timestamp, key, value, headers) in records {
        let headers: Vec<_> = headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        builder.push(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &headers);
    }
    builder.build()
}

fn batch_of(codec: Compression, values: &[&str]) -> RecordBatch {
    let mut builder = BatchBuilder::new(codec);
    for (timestamp, value) in (1000..).zip(values) {
        builder.push(Timestamp(timestamp), None, Some(value.as_bytes()), &[]);
    }
    RecordBatch::parse(builder.build()).expect("built")
}

/// Changes a batch's bytes and gives it the CRC of its new content.
fn forge(batch: &RecordBatch, change: impl FnOnce(&mut Vec<u8>)) -> Result<RecordBatch, BatchError> {
    let mut bytes = batch.to_bytes().to_vec();
    change(&mut bytes);
    let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    RecordBatch::parse(Bytes::from(bytes))
}

fn forge_count(batch: &RecordBatch, count: i32, last_offset_delta: i32) -> Result<RecordBatch, BatchError> {
    forge(batch, |bytes| {
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        bytes[23..27].copy_from_slice(&last_offset_delta.to_be_bytes());
    })
}

fn read_all(batch: &RecordBatch) -> Result<Vec<Record>, BatchError> {
    batch.records()?.collect()
}

/// Whatever the bytes say, reading them to the end is all a test can ask.
fn exhaust(bytes: &Bytes) {
    let _ = RecordBatch::parse(bytes.clone()).map(|batch| read_all(&batch));
    for batch in batches(bytes.clone()).flatten() {
        let _ = read_all(&batch);
    }
}

#[test]
fn the_older_formats_are_named_as_such() {
    let mut bytes = vec![0; 40];
    bytes[16] = 1;
    let error = RecordBatch::parse(Bytes::from(bytes)).expect_err("v1");
    assert_eq!(error, BatchError::Magic { magic: 1 });
    assert_eq!(error.error_code(), ErrorCode::UnsupportedForMessageFormat);
}

/// Written down from an independent encoder (kafka-protocol 0.18) for the same three records.
#[test]
fn the_bytes_of_a_batch_never_change() {
    let mut builder = BatchBuilder::new(Compression::None);
    let timestamp = |delta: i64| Timestamp(1_700_000_000_000 + delta);
    builder.push(timestamp(0), Some(b"k"), Some(b"v0"), &[(b"trace", Some(b"7")), (b"none", None)]);
    builder.push(timestamp(100), None, Some(b""), &[]);
    builder.push(timestamp(200), Some(b""), None, &[]);
    let hex: String = builder.build().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        "0000000000000000",     // base offset
        "00000059",             // length
        "ffffffff",             // leader epoch
        "02",                   // magic
        "aafbdeec",             // CRC
        "0000",                 // attributes
        "00000002",             // last offset delta
        "0000018bcfe56800",     // base timestamp
        "0000018bcfe568c8",     // max timestamp
        "ffffffffffffffff",     // producer id
        "ffff",                 // producer epoch
        "ffffffff",             // base sequence
        "00000003",             // record count
        "2e000000026b04763004", // length, attributes, deltas, key, value, two headers
        "0a74726163650237",
        "086e6f6e6501",
        "0e00c801020100000e00900304000100", // the other two
    ];
    assert_eq!(hex, expected.concat());
}

#[test]
fn duplicate_headers_are_kept_in_order() {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.push(
        Timestamp(1),
        None,
        None,
        &[(b"trace", Some(b"1")), (b"\xff", None), (b"trace", Some(b"2"))],
    );
    let records = read_all(&RecordBatch::parse(builder.build()).expect("built")).expect("sound");
    let headers = &records[0].headers;
    assert_eq!(headers.len(), 3);
    assert_eq!((&headers[0].0[..], headers[0].1.as_deref()), (&b"trace"[..], Some(&b"1"[..])));
    assert_eq!((&headers[1].0[..], headers[1].1.as_deref()), (&b"\xff"[..], None));
    assert_eq!((&headers[2].0[..], headers[2].1.as_deref()), (&b"trace"[..], Some(&b"2"[..])));
}

#[test]
fn a_count_the_bytes_cannot_hold_is_refused() {
    let batch = batch_of(Compression::None, &["a", "b"]);
    for (count, delta) in [(20_000_000, 19_999_999), (-1, 1), (3, 1), (2, -1)] {
        let error = forge_count(&batch, count, delta).expect_err("impossible");
        assert_eq!(error, BatchError::Counts { records: count, last_offset_delta: delta });
        assert_eq!(error.error_code(), ErrorCode::InvalidRecord);
    }
}

#[test]
fn a_compressed_batch_that_claims_more_records_than_it_holds_fails_at_the_first_missing() {
    let batch = batch_of(Compression::Zstd, &["a", "b"]);
    let forged = forge_count(&batch, 20_000_000, 19_999_999).expect("only the records can tell");
    let records: Vec<_> = forged.records().expect("decompresses").collect();
    assert_eq!(records.len(), 3);
    assert!(matches!(records[2], Err(BatchError::Record { index: 2, .. })));
}

#[test]
fn a_batch_that_claims_fewer_records_than_it_holds_is_an_error() {
    let batch = batch_of(Compression::None, &["a", "b"]);
    let forged = forge_count(&batch, 1, 1).expect("a gap is legal");
    assert_eq!(
        read_all(&forged),
        Err(BatchError::Record { index: 1, reason: "bytes follow the last record" })
    );
}

#[test]
fn q08_a_batch_emptied_by_compaction_keeps_its_offsets() {
    let batch = batch_of(Compression::None, &["a", "b", "c"]).with_position(Offset(40), LeaderEpoch(2));
    let emptied = forge(&batch, |bytes| {
        bytes.truncate(HEADER_BYTES);
        bytes[8..12].copy_from_slice(&49_i32.to_be_bytes());
        bytes[57..61].copy_from_slice(&0_i32.to_be_bytes());
    })
    .expect("legal");
    assert_eq!((emptied.base_offset(), emptied.last_offset()), (Offset(40), Offset(42)));
    assert_eq!(read_all(&emptied), Ok(vec![]));
    assert!(emptied.check_from_producer().is_err());
}

#[test]
fn a_producer_may_write_neither_gaps_nor_control_batches_nor_a_producer_id_without_sequence() {
    let batch = batch_of(Compression::None, &["a", "b"]);
    assert_eq!(batch.check_from_producer(), Ok(()));
    let gap = forge_count(&batch, 2, 5).expect("legal in a log");
    assert_eq!(gap.check_from_producer(), Err(BatchError::Counts { records: 2, last_offset_delta: 5 }));
    let control = forge(&batch, |bytes| bytes[22] |= 1 << 5).expect("legal in a log");
    assert!(control.is_control() && control.check_from_producer().is_err());
    let headless = forge(&batch, |bytes| bytes[43..51].copy_from_slice(&7_i64.to_be_bytes())).expect("legal");
    assert_eq!(headless.producer_id(), ProducerId(7));
    assert!(headless.check_from_producer().is_err());
}

#[test]
fn an_unknown_codec_is_unsupported() {
    let error = forge(&batch_of(Compression::None, &["a"]), |bytes| bytes[22] |= 7).expect_err("codec 7");
    assert_eq!(error.error_code(), ErrorCode::UnsupportedCompressionType);
}

#[test]
fn an_offset_beyond_the_range_is_refused() {
    let batch = batch_of(Compression::None, &["a", "b"]);
    for base in [-1, i64::MIN, i64::MAX, OFFSET_MAX.0] {
        let error =
            forge(&batch, |bytes| bytes[..8].copy_from_slice(&base.to_be_bytes())).expect_err("range");
        assert_eq!(error, BatchError::OffsetRange { base });
    }
}

#[test]
fn log_append_time_replaces_the_timestamps_of_the_records() {
    let batch = batch_of(Compression::None, &["a", "b", "c"]);
    let stamped = forge(&batch, |bytes| bytes[22] |= 1 << 3).expect("legal");
    let timestamps: Vec<_> =
        read_all(&stamped).expect("sound").iter().map(|record| record.timestamp).collect();
    assert_eq!(timestamps, vec![Timestamp(1002); 3]);
}

#[test]
fn a_damaged_batch_yields_its_error_once_and_ends_the_iteration() {
    let batch = batch_of(Compression::None, &["a"]).to_bytes();
    let mut damaged = batch.to_vec();
    damaged[65] ^= 1;
    let stream = [&batch[..], &damaged, &batch].concat();
    let results: Vec<_> = batches(Bytes::from(stream)).collect();
    assert_eq!(results.len(), 2);
    assert!(results[0].is_ok());
    let error = results[1].clone().expect_err("damaged");
    assert!(matches!(error, BatchError::Crc { .. }));
    assert_eq!(error.error_code(), ErrorCode::CorruptMessage);
}

#[test]
fn re_addressing_copies_no_content() {
    let batch = batch_of(Compression::None, &["content"]);
    let content = batch.parts()[1].as_ptr();
    assert_eq!(batch.to_bytes().as_ptr(), batch.to_bytes().as_ptr());
    assert_eq!(batch.with_position(Offset(9), LeaderEpoch(1)).parts()[1].as_ptr(), content);
}

proptest! {
    #[test]
    fn records_survive_every_codec(records in prop::collection::vec(wanted(), 1..20), codec in codec()) {
        let batch = RecordBatch::parse(build(codec, &records)).expect("built");
        let read = read_all(&batch).expect("sound");
        prop_assert_eq!(batch.check_from_producer(), Ok(()));
        prop_assert_eq!(batch.base_timestamp(), Timestamp(records[0].0));
        prop_assert_eq!(batch.max_timestamp().0, records.iter().map(|record| record.0).max().expect("some"));
        prop_assert_eq!(read.len(), records.len());
        for ((index, record), Wanted(timestamp, key, value, headers)) in (0..).zip(read).zip(records) {
            prop_assert_eq!(record.offset, Offset(index));
            prop_assert_eq!(record.timestamp, Timestamp(timestamp));
            prop_assert_eq!(record.key.map(Vec::from), key);
            prop_assert_eq!(record.value.map(Vec::from), value);
            let read: Vec<_> = record.headers.into_iter().map(|(k, v)| (Vec::from(k), v.map(Vec::from))).collect();
            prop_assert_eq!(read, headers);
        }
    }

    #[test]
    fn the_builder_knows_the_uncompressed_size(records in prop::collection::vec(wanted(), 1..20)) {
        let mut builder = BatchBuilder::new(Compression::None);
        for Wanted(timestamp, key, value, _) in &records {
            builder.push(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &[]);
        }
        let size = builder.size_bytes();
        prop_assert_eq!(builder.build().len(), size);
    }

    #[test]
    fn no_bytes_panic(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        exhaust(&Bytes::from(garbage));
    }

    #[test]
    fn no_content_under_a_correct_crc_panics(
        records in prop::collection::vec(wanted(), 1..5),
        codec in codec(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let batch = RecordBatch::parse(build(codec, &records)).expect("built");
        let forged = forge(&batch, |bytes| {
            for (at, value) in changes {
                let at = 21 + at.index(bytes.len() - 21);
                bytes[at] = value;
            }
        });
        let _ = forged.map(|forged| exhaust(&forged.to_bytes()));
    }

    #[test]
    fn a_flipped_bit_under_the_crc_is_always_an_error(
        records in prop::collection::vec(wanted(), 1..5),
        codec in codec(),
        at in any::<Index>(),
        bit in 0_u8..8,
    ) {
        let mut bytes = build(codec, &records).to_vec();
        // The CRC itself included.
        let at = 17 + at.index(bytes.len() - 17);
        bytes[at] ^= 1 << bit;
        let flipped_error = matches!(RecordBatch::parse(Bytes::from(bytes)), Err(BatchError::Crc { .. }));
        prop_assert!(flipped_error);
    }

    #[test]
    fn a_position_changes_base_offset_and_epoch_and_nothing_else(
        records in prop::collection::vec(wanted(), 1..5),
        codec in codec(),
        base in 0_i64..1 << 60,
        epoch in 0_i32..1000,
    ) {
        let original = RecordBatch::parse(build(codec, &records)).expect("built");
        let placed = original.clone().with_position(Offset(base), LeaderEpoch(epoch));
        let mut expected = original.to_bytes().to_vec();
        expected[..8].copy_from_slice(&base.to_be_bytes());
        expected[12..16].copy_from_slice(&epoch.to_be_bytes());
        prop_assert_eq!(&placed.to_bytes()[..], &expected[..]);
        prop_assert_eq!(placed.parts().concat(), expected);
        let parsed = RecordBatch::parse(placed.to_bytes()).expect("still sound");
        prop_assert_eq!(parsed.id(), placed.id());
        prop_assert_eq!(parsed, placed);
    }

    #[test]
    fn a_stream_cut_anywhere_yields_its_whole_batches(
        records in prop::collection::vec(prop::collection::vec(wanted(), 1..4), 1..5),
        codec in codec(),
        cut in any::<Index>(),
    ) {
        let whole: Vec<Bytes> = records.iter().map(|records| build(codec, records)).collect();
        let mut stream = whole.concat();
        stream.truncate(cut.index(stream.len() + 1));
        let mut left = stream.len();
        let fitting = whole.iter().take_while(|batch| {
            let fits = batch.len() <= left;
            left = left.saturating_sub(batch.len());
            fits
        });
        let fitting = fitting.count();
        let read: Result<Vec<RecordBatch>, BatchError> = batches(Bytes::from(stream)).collect();
        let read: Vec<Bytes> = read.expect("a cut is no error").iter().map(RecordBatch::to_bytes).collect();
        prop_assert_eq!(&read[..], &whole[..fitting]);
    }
}
