//! Tests of the wire as a whole.

mod carried;
mod carried_groups;
mod foreign;
mod generate;
mod generate_quorum;
mod golden;
mod hostile;
mod parts;
mod quirks;
mod round_trip;

use bytes::{Bytes, BytesMut};

use super::{
    FRAME_BYTES_MAX, RequestHeader, encode_request, encode_response, split_frame, supported_versions,
};
use crate::id::CorrelationId;
use crate::message::{ApiKey, Request, Response};

/// Every API in every version it is served in.
fn every_version() -> impl Iterator<Item = (ApiKey, i16)> {
    ApiKey::ALL.into_iter().flat_map(|key| supported_versions(key).map(move |version| (key, version)))
}

/// The header of a request with correlation id 7, from client `test`.
fn header(key: ApiKey, version: i16) -> RequestHeader {
    RequestHeader { key, version, correlation: CorrelationId(7), client_id: Some("test".to_owned()) }
}

/// The frame of a request, without its length prefix.
fn request_frame(version: i16, request: &Request) -> Bytes {
    let mut out = BytesMut::new();
    encode_request(&header(request.key(), version), request, &mut out);
    only_frame(out)
}

/// The frame of a response with correlation id 7, without its length prefix.
fn response_frame(version: i16, response: &Response) -> Bytes {
    let mut out = BytesMut::new();
    encode_response(response.key(), version, CorrelationId(7), response, &mut out);
    only_frame(out)
}

fn only_frame(mut out: BytesMut) -> Bytes {
    let frame = split_frame(&mut out, FRAME_BYTES_MAX).expect("a legal prefix").expect("a whole frame");
    assert!(out.is_empty(), "the prefix covers all that was written");
    frame
}
