//! Headers of requests and responses.
//!
//! Read by hand: the crate's reader panics on a short header and loses the correlation id of an unknown API.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::convert::clipped;
use super::error::{DecodeError, malformed};
use super::guard::Guard;
use super::version::{is_flexible, supported_versions};
use crate::id::CorrelationId;
use crate::message::ApiKey;

/// What stands before every request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHeader {
    /// The API.
    pub key: ApiKey,
    /// Its version.
    pub version: i16,
    /// The reply will carry the same.
    pub correlation: CorrelationId,
    /// `client.id`, if the client has one.
    pub client_id: Option<String>,
}

/// Longest client id that is told of a frame that could not be read, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 255;

/// The API and version a request frame names, whether we know them or not; none if it is too short for that.
#[must_use]
pub fn api_and_version(frame: &[u8]) -> Option<(i16, i16)> {
    let (key, rest) = frame.split_first_chunk()?;
    let version = rest.first_chunk()?;
    Some((i16::from_be_bytes(*key), i16::from_be_bytes(*version)))
}

/// The client id of a request frame that could not be read, as far as one can tell: it stands in the same place in
/// every version of the header but the oldest, which has none. Not longer than 255 bytes.
#[must_use]
pub fn client_id(frame: &[u8]) -> Option<String> {
    let (_, rest) = frame.split_first_chunk::<{ 2 + 2 + 4 }>()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
    let bytes = rest.get(..length.min(CLIENT_ID_BYTES_MAX))?;
    let whole = match str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut within a character, or not text at all.
        Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    (!whole.is_empty()).then(|| whole.to_owned())
}

/// Takes the header off a request frame.
pub(super) fn read_request_header(frame: &mut Bytes) -> Result<RequestHeader, DecodeError> {
    let mut guard = Guard::new(frame, 0, false);
    let code = guard.int16()?;
    let version = guard.int16()?;
    let correlation = CorrelationId(guard.int32()?);
    let key = ApiKey::from_code(code).ok_or(DecodeError::UnknownKey { key: code, version, correlation })?;
    if !supported_versions(key).contains(&version) {
        return Err(DecodeError::UnsupportedVersion { key: code, version, correlation });
    }
    // The client id keeps its two-byte length in flexible versions too (KIP-482).
    let client_id = match guard.string()? {
        Some(bytes) => {
            Some(str::from_utf8(bytes).map_err(|_| malformed("the client id is not UTF-8"))?.to_owned())
        }
        None => None,
    };
    if is_flexible(key, version) {
        guard.tagged_fields(&[])?;
    }
    let header_bytes = frame.len() - guard.remaining();
    frame.advance(header_bytes);
    Ok(RequestHeader { key, version, correlation, client_id })
}

/// Writes the header of a request.
pub(super) fn write_request_header(header: &RequestHeader, out: &mut BytesMut) {
    out.put_i16(header.key.code());
    out.put_i16(header.version);
    out.put_i32(header.correlation.0);
    match header.client_id.as_deref().map(clipped) {
        Some(id) => {
            out.put_i16(i16::try_from(id.len()).expect("clipped to what two bytes can say"));
            out.put_slice(id.as_bytes());
        }
        None => out.put_i16(-1),
    }
    if is_flexible(header.key, header.version) {
        out.put_u8(0);
    }
}

/// Whether the response header has tagged fields. That of ApiVersions never has: its reader does not know yet
/// which version it will find (KIP-511).
fn has_tagged_fields(key: ApiKey, version: i16) -> bool {
    key != ApiKey::ApiVersions && is_flexible(key, version)
}

/// Takes the header off a response frame.
pub(super) fn read_response_header(
    key: ApiKey,
    version: i16,
    frame: &mut Bytes,
) -> Result<CorrelationId, DecodeError> {
    let mut guard = Guard::new(frame, 0, false);
    let correlation = CorrelationId(guard.int32()?);
    if !supported_versions(key).contains(&version) {
        return Err(DecodeError::UnsupportedVersion { key: key.code(), version, correlation });
    }
    if has_tagged_fields(key, version) {
        guard.tagged_fields(&[])?;
    }
    let header_bytes = frame.len() - guard.remaining();
    frame.advance(header_bytes);
    Ok(correlation)
}

/// Writes the header of a response.
pub(super) fn write_response_header(
    key: ApiKey,
    version: i16,
    correlation: CorrelationId,
    out: &mut BytesMut,
) {
    out.put_i32(correlation.0);
    if has_tagged_fields(key, version) {
        out.put_u8(0);
    }
}
