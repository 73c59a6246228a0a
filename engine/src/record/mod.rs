//! Record batches, format v2 (KIP-98): zero-copy views, a builder, an iterator, compression.
//!
//! A broker keeps batches opaque: it checks the header and the CRC and rewrites base offset and leader epoch,
//! which the CRC does not cover. Only clients and checkers look at records.
//!
//! Everything here reads bytes from outside: no input panics, and no count on the wire is believed before the
//! bytes behind it are seen. Formats v0 and v1 are refused (Kafka 4 dropped them, KIP-724).

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

mod batch;
mod builder;
mod compression;
mod error;
mod head;
mod records;
mod scan;
mod search;
mod sequence;
mod snappy;
mod stream;
mod varint;

#[cfg(test)]
mod tests;

pub use batch::{HEADER_BYTES, OFFSET_MAX, RecordBatch};
pub use builder::BatchBuilder;
pub use compression::{Compression, CompressionError};
pub use error::BatchError;
pub use head::{BatchHead, batch_heads};
pub use records::{DECOMPRESSED_BYTES_MAX, Record, Records};
pub use scan::RecordOutline;
pub use search::BatchSearch;
pub use sequence::sequence_after;
pub use stream::{Batches, batches};
