//! A record batch: parsed or refused, its records read or refused, and every view within the bytes that came.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tribunal_engine::record::RecordBatch;

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = RecordBatch::parse(Bytes::copy_from_slice(bytes)) else { return };
    assert!(batch.size() <= bytes.len());
    assert_eq!(batch.to_bytes(), bytes[..batch.size()]);
    let _ = batch.check_from_producer();
    let Ok(records) = batch.records() else { return };
    for record in records {
        if record.is_err() {
            return;
        }
    }
});
