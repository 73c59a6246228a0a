//! Snappy as Kafka uses it: xerial's framing around raw blocks.
//!
//! The Java client writes the framing (`org.xerial.snappy.SnappyOutputStream`); librdkafka writes one raw
//! block. Readers accept both, so this does too. Google's own framing format is not part of Kafka.

use bytes::Buf;

use super::compression::CompressionError;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version and oldest compatible version of the framing.
const VERSION: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Size of an uncompressed block, xerial's default.
const BLOCK_BYTES: usize = 32 * 1024;

const MALFORMED: CompressionError = CompressionError::Malformed { codec: "snappy" };

/// Compresses in xerial's framing.
pub(super) fn compress(content: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(MAGIC.len() + VERSION.len() + content.len() / 2);
    framed.extend_from_slice(&MAGIC);
    framed.extend_from_slice(&VERSION);
    let mut encoder = snap::raw::Encoder::new();
    for block in content.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).expect("a block of 32 KiB is not too large for snappy");
        let length = u32::try_from(compressed.len()).expect("a block of 32 KiB stays small");
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&compressed);
    }
    framed
}

/// Decompresses either form, to at most `bytes_max` bytes.
pub(super) fn decompress(content: &[u8], bytes_max: usize) -> Result<Vec<u8>, CompressionError> {
    let mut decompressed = Vec::new();
    let Some(mut blocks) = content.strip_prefix(&MAGIC) else {
        append_block(&mut decompressed, content, bytes_max)?;
        return Ok(decompressed);
    };
    blocks = blocks.get(VERSION.len()..).ok_or(MALFORMED)?;
    while !blocks.is_empty() {
        let length = usize::try_from(blocks.try_get_u32().map_err(|_| MALFORMED)?).map_err(|_| MALFORMED)?;
        let (block, rest) = blocks.split_at_checked(length).ok_or(MALFORMED)?;
        append_block(&mut decompressed, block, bytes_max)?;
        blocks = rest;
    }
    Ok(decompressed)
}

fn append_block(decompressed: &mut Vec<u8>, block: &[u8], bytes_max: usize) -> Result<(), CompressionError> {
    let length = snap::raw::decompress_len(block).map_err(|_| MALFORMED)?;
    if length > bytes_max.saturating_sub(decompressed.len()) {
        return Err(CompressionError::TooLarge { bytes_max });
    }
    let start = decompressed.len();
    decompressed.resize(start + length, 0);
    let target = decompressed.get_mut(start..).ok_or(MALFORMED)?;
    snap::raw::Decoder::new().decompress(block, target).map_err(|_| MALFORMED)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_framing_is_xerials() {
        let framed = compress(b"tribunal");
        assert_eq!(&framed[..16], b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let block = &framed[20..];
        assert_eq!(framed[16..20], u32::try_from(block.len()).expect("small").to_be_bytes());
        assert_eq!(snap::raw::Decoder::new().decompress_vec(block), Ok(b"tribunal".to_vec()));
    }

    #[test]
    fn a_raw_block_is_accepted() {
        let raw = snap::raw::Encoder::new().compress_vec(b"librdkafka").expect("small");
        assert_eq!(decompress(&raw, 100), Ok(b"librdkafka".to_vec()));
    }

    #[test]
    fn a_cut_frame_is_malformed() {
        let framed = compress(b"tribunal");
        for length in 1..framed.len() {
            // Exactly the frame's header is an empty payload.
            assert_eq!(decompress(&framed[..length], 100).is_ok(), length == 16, "{length}");
        }
    }
}
