//! One frame as a request, and as a response to every API: what is decoded can be encoded, and says the same then.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use tribunal_engine::message::ApiKey;
use tribunal_engine::wire::{
    FRAME_BYTES_MAX, decode_request, decode_response, encode_request, split_frame, supported_versions,
};

fuzz_target!(|bytes: &[u8]| {
    let frame = Bytes::copy_from_slice(bytes);
    if let Ok((header, request)) = decode_request(frame.clone()) {
        let mut out = BytesMut::new();
        encode_request(&header, &request, &mut out);
        let again = split_frame(&mut out, FRAME_BYTES_MAX).expect("a legal prefix").expect("a whole frame");
        assert_eq!(decode_request(again), Ok((header, request)));
    }
    // The first byte chooses the API, so that the fuzzer learns one at a time.
    let Some((choice, _)) = bytes.split_first() else { return };
    let key = ApiKey::ALL[usize::from(*choice) % ApiKey::ALL.len()];
    for version in supported_versions(key) {
        let _ = decode_response(key, version, frame.slice(1..));
    }
});
