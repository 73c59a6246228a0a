//! Record batches, format v2 (KIP-98): zero-copy views, a builder, an iterator, compression.
//!
//! A broker keeps batches opaque: it checks the header and the CRC and rewrites base offset and leader epoch,
//! which the CRC does not cover. Only clients and checkers look at records.

mod compression;

pub use compression::Compression;
