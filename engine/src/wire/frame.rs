//! Frames: a four-byte length and that many bytes.
//!
//! Owns only the split. It never reserves room for a length it was told; the reader's buffer grows as bytes
//! arrive.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

/// Largest frame a broker takes: Kafka's default of `socket.request.max.bytes`, in bytes.
pub const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Bytes of the length prefix.
const PREFIX_BYTES: usize = 4;
/// Room made for reading, in bytes.
const ROOM_BYTES: usize = 16 * 1024;
/// With less room than this a buffer gets new room.
const ROOM_BYTES_MIN: usize = 4 * 1024;

/// Why bytes are no frame. The stream is out of step from then on, so the connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum FrameError {
    /// The length is negative.
    #[error("frame length {length} is negative")]
    Negative {
        /// The length.
        length: i32,
    },
    /// The length is above the limit.
    #[error("frame of {length} bytes is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The length.
        length: usize,
        /// The limit.
        bytes_max: usize,
    },
}

/// Takes one whole frame off the front of `buffer` and returns its body, without copying.
///
/// `None` if it has not all arrived; `buffer` is untouched then.
///
/// # Errors
/// If the length is negative or above `bytes_max`: as soon as the prefix is there, before the body arrives.
pub fn split_frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Bytes>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    let length = i32::from_be_bytes(*prefix);
    let Ok(length) = usize::try_from(length) else { return Err(FrameError::Negative { length }) };
    if length > bytes_max {
        return Err(FrameError::TooLarge { length, bytes_max });
    }
    if buffer.len() - PREFIX_BYTES < length {
        return Ok(None);
    }
    buffer.advance(PREFIX_BYTES);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Makes room in a connection's read buffer before a read. Frames that still live share its memory, so the buffer
/// moves to new memory only when little is left: many small frames cost one allocation, and none is read in crumbs.
pub fn make_room(buffer: &mut BytesMut) {
    if buffer.capacity() - buffer.len() < ROOM_BYTES_MIN {
        buffer.reserve(ROOM_BYTES);
    }
}

/// Appends a frame: what `body` writes, behind its length.
pub(super) fn put_frame(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    put_open_frame(out, |out| {
        body(out);
        0
    });
}

/// Appends a frame of which `body` leaves out as many bytes as it returns. The length counts them.
pub(super) fn put_open_frame(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut) -> usize) {
    let start = out.len();
    out.put_i32(0);
    let left_out = body(out);
    let length = out.len() - start - PREFIX_BYTES + left_out;
    let length = i32::try_from(length).expect("a message is bounded by the request and fetch size limits");
    out[start..start + PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn small_frames_that_live_share_the_memory_of_one_read_buffer() {
        let mut buffer = BytesMut::new();
        let frames: Vec<Bytes> = (0..10)
            .map(|_| {
                make_room(&mut buffer);
                buffer.extend_from_slice(&[0, 0, 0, 2, 7, 8]);
                split_frame(&mut buffer, 10).expect("sound").expect("whole")
            })
            .collect();
        for (before, after) in frames.iter().zip(&frames[1..]) {
            assert_eq!(after.as_ptr().addr() - before.as_ptr().addr(), 6, "they lie side by side");
        }
    }

    #[test]
    fn frames_come_off_one_by_one() {
        let mut bytes = buffer(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
        assert_eq!(split_frame(&mut bytes, 10), Ok(Some(Bytes::from_static(&[7, 8]))));
        assert_eq!(split_frame(&mut bytes, 10), Ok(Some(Bytes::new())));
        assert_eq!(split_frame(&mut bytes, 10), Ok(Some(Bytes::from_static(&[9]))));
        assert_eq!(split_frame(&mut bytes, 10), Ok(None));
    }

    #[test]
    fn a_frame_that_has_not_all_arrived_stays_in_the_buffer() {
        for bytes in [&[][..], &[0, 0, 0], &[0, 0, 0, 2], &[0, 0, 0, 2, 7]] {
            let mut partial = buffer(bytes);
            assert_eq!(split_frame(&mut partial, 10), Ok(None));
            assert_eq!(&partial[..], bytes);
        }
    }

    #[test]
    fn a_promised_length_reserves_nothing() {
        let mut bytes = buffer(&[0x06, 0, 0, 0, 1]);
        let capacity = bytes.capacity();
        assert_eq!(split_frame(&mut bytes, FRAME_BYTES_MAX.max(0x0600_0000)), Ok(None));
        assert_eq!(bytes.capacity(), capacity);
    }

    #[test]
    fn a_negative_length_is_an_error() {
        assert_eq!(split_frame(&mut buffer(&[0xff; 4]), 10), Err(FrameError::Negative { length: -1 }));
    }

    #[test]
    fn a_length_above_the_limit_is_an_error_before_the_body_arrives() {
        let error = FrameError::TooLarge { length: 11, bytes_max: 10 };
        assert_eq!(split_frame(&mut buffer(&[0, 0, 0, 11]), 10), Err(error));
        assert_eq!(split_frame(&mut buffer(&[0, 0, 0, 10]), 10), Ok(None));
    }
}
