//! Bytes of a connection, as they may come in pieces: frames come off the front, or the stream is refused.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tribunal_engine::wire::{decode_request, make_room, split_frame};

/// Largest frame of this stream, in bytes.
const BYTES_MAX: usize = 1 << 16;

fuzz_target!(|pieces: Vec<&[u8]>| {
    let mut buffer = BytesMut::new();
    for piece in pieces {
        make_room(&mut buffer);
        buffer.extend_from_slice(piece);
        loop {
            match split_frame(&mut buffer, BYTES_MAX) {
                Ok(Some(frame)) => {
                    let _ = decode_request(frame);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
