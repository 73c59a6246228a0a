//! The wire: frames, headers, and the translation between our messages and every version of Kafka's.
//!
//! Bytes come in as a frame ([`split_frame`]), go through the header, then the guard, and only then reach the
//! `kafka-protocol` crate, whose structs the `convert` modules turn into [`crate::message`]. On the way out the
//! same modules go back. No wire struct leaves this module.
//!
//! Promises: nothing panics on outside bytes, and nothing is reserved on the word of a length or count before
//! the guard has seen that so many bytes are there. Record bytes of Produce and Fetch stay views of the frame, and
//! those of a Fetch response can leave without being copied into one ([`encode_response_in_parts`]).
//! Tagged fields are sent only if they say something: old librdkafka cannot skip them.
//!
//! Deliberately absent: sockets, ordering of replies, and what to do about an error. The caller decides.

mod convert;
mod error;
mod frame;
mod guard;
mod header;
mod parts;
mod shape;
mod version;

#[cfg(test)]
mod tests;

pub use error::DecodeError;
pub use frame::{FRAME_BYTES_MAX, FrameError, make_room, split_frame};
pub use header::{RequestHeader, api_and_version, client_id};
pub use parts::{Part, Parts, Slices};
pub use version::{Listener, advertised, client_version, supported_versions};

use bytes::{Bytes, BytesMut};

use self::convert::Splice;
use self::frame::{put_frame, put_open_frame};
use crate::error::ErrorCode;
use crate::id::CorrelationId;
use crate::message::{ApiKey, ApiVersionsResponse, Request, Response};

/// Decodes one request frame (the body, without its length prefix).
///
/// # Errors
/// [`DecodeError`]; the variants that know the correlation id carry it.
pub fn decode_request(mut frame: Bytes) -> Result<(RequestHeader, Request), DecodeError> {
    let header = header::read_request_header(&mut frame)?;
    let request = convert::read_request(header.key, header.version, frame)?;
    Ok((header, request))
}

/// Decodes one response frame to a request that was sent as `key` in `version`.
///
/// A broker that does not know our version of ApiVersions answers in version 0; that answer is understood too.
///
/// # Errors
/// [`DecodeError::Malformed`], or [`DecodeError::UnsupportedVersion`] if we never speak this version.
pub fn decode_response(
    key: ApiKey,
    version: i16,
    mut frame: Bytes,
) -> Result<(CorrelationId, Response), DecodeError> {
    let correlation = header::read_response_header(key, version, &mut frame)?;
    let refused = ErrorCode::UnsupportedVersion.code().to_be_bytes();
    let version = if key == ApiKey::ApiVersions && frame.starts_with(&refused) { 0 } else { version };
    let response = convert::read_response(key, version, frame)?;
    Ok((correlation, response))
}

/// Appends a request to `out`, with its length prefix.
///
/// # Panics
/// If the header names another API than the request is, or a version we do not speak.
pub fn encode_request(header: &RequestHeader, request: &Request, out: &mut BytesMut) {
    assert_eq!(header.key, request.key(), "a header must name the API of its request");
    assert!(supported_versions(header.key).contains(&header.version), "the version must be one we speak");
    put_frame(out, |out| {
        header::write_request_header(header, out);
        convert::write_request(request, header.version, out);
    });
}

/// Appends a response to `out`, with its length prefix.
///
/// What `version` cannot carry is left out.
///
/// # Panics
/// If `response` belongs to another API than `key`, `version` is none we speak, or records lie in a file: those are
/// sent in parts.
pub fn encode_response(
    key: ApiKey,
    version: i16,
    correlation: CorrelationId,
    response: &Response,
    out: &mut BytesMut,
) {
    assert_eq!(key, response.key(), "a response must answer its request");
    assert!(supported_versions(key).contains(&version), "the version must be one we speak");
    assert!(!has_records_in_files(response), "records in a file are sent in parts");
    put_frame(out, |out| {
        header::write_response_header(key, version, correlation, out);
        convert::write_response(response, version, out);
    });
}

fn has_records_in_files(response: &Response) -> bool {
    let Response::Fetch(fetch) = response else { return false };
    let mut partitions = fetch.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.any(|partition| partition.records_in_file.is_some())
}

/// Encodes a response into parts that together are what [`encode_response`] appends. Record bytes of a Fetch response
/// are parts of their own, not copies, and those in files are not even read. `room` is taken for the rest and comes back empty.
///
/// # Panics
/// As [`encode_response`], and if `room` is not empty.
pub fn encode_response_in_parts(
    key: ApiKey,
    version: i16,
    correlation: CorrelationId,
    response: &Response,
    room: &mut BytesMut,
) -> Parts {
    assert!(room.is_empty(), "a frame begins with its length");
    let Response::Fetch(fetch) = response else {
        encode_response(key, version, correlation, response, room);
        return Parts::new(room, Vec::new());
    };
    assert_eq!(key, ApiKey::Fetch, "a response must answer its request");
    assert!(supported_versions(key).contains(&version), "the version must be one we speak");
    let mut splices = Vec::new();
    put_open_frame(room, |out| {
        header::write_response_header(key, version, correlation, out);
        splices = convert::write_fetch_response(fetch, version, out);
        splices.iter().map(Splice::length).sum()
    });
    Parts::new(room, splices)
}

/// The whole answer (with its length prefix) to ApiVersions in a version we do not know.
///
/// Header and body are those of version 0, because that is the one version every client can read (KIP-511). It
/// carries UNSUPPORTED_VERSION and the ranges, among them that of ApiVersions itself, so that the client can
/// ask again.
#[must_use]
pub fn unsupported_api_versions_reply(correlation: CorrelationId, listener: Listener) -> Bytes {
    let response = ApiVersionsResponse { error: ErrorCode::UnsupportedVersion, apis: advertised(listener) };
    let mut out = BytesMut::new();
    encode_response(ApiKey::ApiVersions, 0, correlation, &response.into(), &mut out);
    out.freeze()
}
