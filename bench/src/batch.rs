//! Record batches of a given shape.

use bytes::Bytes;
use tribunal_engine::record::{BatchBuilder, Compression, RecordBatch};
use tribunal_engine::time::Timestamp;

/// A value of `size` bytes that compresses about as well as JSON does: words of a small vocabulary and digits.
#[must_use]
pub fn value(size: usize, salt: u64) -> Bytes {
    const WORDS: [&str; 8] = ["order", "customer", "amount", "EUR", "status", "paid", "shipped", "address"];
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut value = Vec::with_capacity(size + 32);
    while value.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = usize::try_from(state >> 61).unwrap_or(0);
        value.extend_from_slice(format!("\"{}\":{},", WORDS[word], (state >> 40) & 0xFFFF).as_bytes());
    }
    value.truncate(size);
    Bytes::from(value)
}

/// The values of a batch.
#[must_use]
pub fn values(count: usize, size: usize) -> Vec<Bytes> {
    (0..count).map(|index| value(size, index as u64)).collect()
}

/// A batch as a producer sends it: one record for each value, with a short key.
#[must_use]
pub fn build(values: &[Bytes], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for (index, value) in (0_i64..).zip(values) {
        builder.push(Timestamp(1_700_000_000_000 + index), Some(&index.to_be_bytes()), Some(value), &[]);
    }
    builder.build()
}

/// A parsed batch of `count` uncompressed records with values of `size` bytes.
#[must_use]
pub fn parsed(count: usize, size: usize) -> RecordBatch {
    let bytes = build(&values(count, size), Compression::None);
    RecordBatch::parse(bytes).expect("the builder builds what the parser reads")
}
