//! What can be wrong with a record batch.

use super::compression::CompressionError;
use crate::error::ErrorCode;

/// Why bytes are not a record batch, or its payload not records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("the batch has {have} of {need} bytes")]
    Truncated {
        /// Bytes there are.
        have: usize,
        /// Bytes the header needs or announces.
        need: usize,
    },
    /// More bytes follow where exactly one batch was expected.
    #[error("{extra} bytes follow the batch")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// The length field cannot be right: a v2 batch has at least 49 bytes after it.
    #[error("the length field says {length}")]
    Length {
        /// The field's value.
        length: i32,
    },
    /// Not format v2.
    #[error("the magic byte is {magic}, expected 2")]
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// The content is not what was written.
    #[error("the checksum is {stored:08x} but the content has {computed:08x}")]
    Crc {
        /// The checksum in the header.
        stored: u32,
        /// The CRC-32C of the content.
        computed: u32,
    },
    /// The attributes name a codec that does not exist.
    #[error("compression codec {code} is unknown")]
    Codec {
        /// Low three bits of the attributes.
        code: i16,
    },
    /// Record count and offsets of the header contradict each other or the size of the batch.
    #[error("{records} records cannot span a last offset delta of {last_offset_delta}")]
    Counts {
        /// The record count.
        records: i32,
        /// Last offset minus base offset.
        last_offset_delta: i32,
    },
    /// The offsets are negative or above [`super::OFFSET_MAX`].
    #[error("base offset {base} is out of range")]
    OffsetRange {
        /// The base offset.
        base: i64,
    },
    /// A producer may not write such a batch.
    #[error("a producer may not write this batch: {reason}")]
    NotFromProducer {
        /// What it may not do.
        reason: &'static str,
    },
    /// The payload does not decompress, or to too much.
    #[error("the payload does not decompress: {0}")]
    Compression(#[from] CompressionError),
    /// A record is malformed.
    #[error("record {index} is malformed: {reason}")]
    Record {
        /// Index of the record in the batch.
        index: i32,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl BatchError {
    /// The code a broker answers with.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Magic { magic: 0 | 1 } => ErrorCode::UnsupportedForMessageFormat,
            BatchError::Codec { .. } => ErrorCode::UnsupportedCompressionType,
            BatchError::Counts { .. } | BatchError::NotFromProducer { .. } | BatchError::Record { .. } => {
                ErrorCode::InvalidRecord
            }
            BatchError::Compression(CompressionError::TooLarge { .. }) => ErrorCode::MessageTooLarge,
            BatchError::Truncated { .. }
            | BatchError::TrailingBytes { .. }
            | BatchError::Length { .. }
            | BatchError::Magic { .. }
            | BatchError::Crc { .. }
            | BatchError::OffsetRange { .. }
            | BatchError::Compression(CompressionError::Malformed { .. }) => ErrorCode::CorruptMessage,
        }
    }

    /// The kind of damage in a few words, for traces.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            BatchError::Truncated { .. } => "torn batch",
            BatchError::TrailingBytes { .. } => "trailing bytes",
            BatchError::Length { .. } => "impossible length",
            BatchError::Magic { .. } => "unknown format",
            BatchError::Crc { .. } => "checksum mismatch",
            BatchError::Codec { .. } => "unknown codec",
            BatchError::Counts { .. } => "inconsistent counts",
            BatchError::OffsetRange { .. } => "offset out of range",
            BatchError::NotFromProducer { .. } => "not from a producer",
            BatchError::Compression(_) => "malformed compression",
            BatchError::Record { .. } => "malformed record",
        }
    }
}
