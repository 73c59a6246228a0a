//! The codecs of a record batch.
//!
//! Decompression is bounded: a small batch must not become a large allocation. Compression uses each library's
//! default level, which is what Kafka's producers do. Which codec a topic stores is not decided here.

use std::io::{Read, Write};

use bytes::Bytes;

use super::snappy;

/// How the records of a batch are compressed; the low three bits of its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Snappy in xerial's framing, as the Java client writes it.
    Snappy,
    /// LZ4 frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Why a payload does not decompress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompressionError {
    /// The codec does not understand the bytes.
    #[error("malformed {codec} data")]
    Malformed {
        /// Kafka's name of the codec.
        codec: &'static str,
    },
    /// The content is larger than allowed.
    #[error("more than {bytes_max} bytes")]
    TooLarge {
        /// The bound, in bytes.
        bytes_max: usize,
    },
}

impl Compression {
    /// Every codec, in the order of their numbers.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// The codec of Kafka's name for it (`compression.type`).
    #[must_use]
    pub fn named(name: &str) -> Option<Compression> {
        match name {
            "none" => Some(Compression::None),
            "gzip" => Some(Compression::Gzip),
            "snappy" => Some(Compression::Snappy),
            "lz4" => Some(Compression::Lz4),
            "zstd" => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// Kafka's name, as in `compression.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// The number in the attributes of a batch.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    /// The codec of a number; none if Kafka has no such codec.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Compression> {
        Compression::ALL.into_iter().find(|codec| codec.code() == code)
    }

    /// Compresses `content`.
    #[must_use]
    pub fn compress(self, content: &[u8]) -> Bytes {
        const REASON: &str = "compressing from memory into memory cannot fail";
        match self {
            Compression::None => Bytes::copy_from_slice(content),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(content).expect(REASON);
                Bytes::from(encoder.finish().expect(REASON))
            }
            Compression::Snappy => Bytes::from(snappy::compress(content)),
            Compression::Lz4 => {
                // The frame the Java client writes: independent blocks of 64 KiB, no content checksum.
                let frame = lz4_flex::frame::FrameInfo::new()
                    .block_mode(lz4_flex::frame::BlockMode::Independent)
                    .block_size(lz4_flex::frame::BlockSize::Max64KB);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
                encoder.write_all(content).expect(REASON);
                Bytes::from(encoder.finish().expect(REASON))
            }
            Compression::Zstd => {
                Bytes::from(zstd::stream::encode_all(content, zstd::DEFAULT_COMPRESSION_LEVEL).expect(REASON))
            }
        }
    }

    /// Decompresses `content` to at most `bytes_max` bytes. Without compression it is a view of `content`.
    ///
    /// # Errors
    /// [`CompressionError`] if the bytes are malformed or hold more.
    pub fn decompress(self, content: &Bytes, bytes_max: usize) -> Result<Bytes, CompressionError> {
        match self {
            Compression::None if content.len() > bytes_max => Err(CompressionError::TooLarge { bytes_max }),
            Compression::None => Ok(content.clone()),
            Compression::Gzip => {
                self.read_bounded(flate2::bufread::MultiGzDecoder::new(&content[..]), bytes_max)
            }
            Compression::Snappy => snappy::decompress(content, bytes_max).map(Bytes::from),
            Compression::Lz4 => {
                self.read_bounded(lz4_flex::frame::FrameDecoder::new(&content[..]), bytes_max)
            }
            Compression::Zstd => {
                let decoder =
                    zstd::stream::read::Decoder::with_buffer(&content[..]).map_err(|_| self.malformed())?;
                self.read_bounded(decoder, bytes_max)
            }
        }
    }

    fn malformed(self) -> CompressionError {
        CompressionError::Malformed { codec: self.name() }
    }

    fn read_bounded(self, decoder: impl Read, bytes_max: usize) -> Result<Bytes, CompressionError> {
        let mut content = Vec::new();
        let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        decoder.take(bound).read_to_end(&mut content).map_err(|_| self.malformed())?;
        if content.len() > bytes_max {
            return Err(CompressionError::TooLarge { bytes_max });
        }
        Ok(Bytes::from(content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_numbers_are_kafkas() {
        for (code, codec) in (0_i16..).zip(Compression::ALL) {
            assert_eq!(Compression::from_code(code), Some(codec));
            assert_eq!(Compression::named(codec.name()), Some(codec));
        }
        assert_eq!(Compression::from_code(5), None);
        assert_eq!(Compression::named("brotli"), None);
    }

    #[test]
    fn a_small_payload_that_would_become_large_is_refused() {
        let content = vec![0; 1 << 20];
        for codec in Compression::ALL {
            let compressed = codec.compress(&content);
            let refused = codec.decompress(&compressed, (1 << 20) - 1);
            assert_eq!(refused, Err(CompressionError::TooLarge { bytes_max: (1 << 20) - 1 }), "{codec:?}");
            assert_eq!(
                codec.decompress(&compressed, 1 << 20).map(|bytes| bytes.len()),
                Ok(1 << 20),
                "{codec:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn content_survives_every_codec(content in prop::collection::vec(any::<u8>(), 0..5000), repeat in 1_usize..30) {
            let content = content.repeat(repeat);
            for codec in Compression::ALL {
                let back = codec.decompress(&codec.compress(&content), content.len());
                prop_assert_eq!(back.as_deref(), Ok(&content[..]), "{:?}", codec);
            }
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(
            garbage in prop::collection::vec(any::<u8>(), 0..200),
            content in prop::collection::vec(0_u8..4, 0..400),
            cut in any::<prop::sample::Index>(),
        ) {
            for codec in Compression::ALL {
                let _ = codec.decompress(&Bytes::from(garbage.clone()), 10_000);
                let mut damaged = codec.compress(&content).to_vec();
                if !damaged.is_empty() {
                    let at = cut.index(damaged.len());
                    damaged[at] = damaged[at].wrapping_add(garbage.first().copied().unwrap_or(1));
                    let _ = codec.decompress(&Bytes::from(damaged.clone()), 10_000);
                    damaged.truncate(at);
                    let _ = codec.decompress(&Bytes::from(damaged), 10_000);
                }
            }
        }
    }
}
