//! Bytes written out by hand from Kafka's message definitions.

use bytes::{Bytes, BytesMut};

use super::{header, request_frame, response_frame};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, TopicId, TopicName};
use crate::message::{
    ApiKey, ApiRange, ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, Request, Response, TopicRef,
};
use crate::wire::{decode_request, decode_response, encode_request};

/// ApiVersions, header version 2: the client id keeps its two-byte length, then come the header's tagged fields.
const API_VERSIONS_V3_REQUEST: &[u8] = b"\
    \x00\x12\x00\x03\x00\x00\x00\x07\x00\x04test\x00\
    \x09tribunal\x040.1\x00";

/// ApiVersions, response header version 0: no tagged fields after the correlation id, flexible body or not.
const API_VERSIONS_V3_RESPONSE: &[u8] = b"\
    \x00\x00\x00\x07\
    \x00\x00\
    \x03\
    \x00\x01\x00\x04\x00\x10\x00\
    \x00\x12\x00\x00\x00\x04\x00\
    \x00\x00\x00\x00\
    \x00";

/// Metadata: one topic (id, then name), create it or not, with operations or not.
const METADATA_V12_REQUEST: &[u8] = b"\
    \x00\x03\x00\x0c\x00\x00\x00\x07\x00\x04test\x00\
    \x02\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07orders\x00\
    \x01\x00\x00";

/// Metadata version 1, header version 1: null for "all topics".
const METADATA_V1_REQUEST: &[u8] = b"\x00\x03\x00\x01\x00\x00\x00\x07\x00\x04test\xff\xff\xff\xff";

fn reads_and_writes(golden: &'static [u8], version: i16, request: Request) {
    assert_eq!(request_frame(version, &request), golden);
    let decoded = decode_request(Bytes::from_static(golden));
    assert_eq!(decoded, Ok((header(request.key(), version), request)));
}

#[test]
fn an_api_versions_request_of_version_3_has_these_bytes() {
    let request = ApiVersionsRequest {
        client_software_name: "tribunal".to_owned(),
        client_software_version: "0.1".to_owned(),
    };
    reads_and_writes(API_VERSIONS_V3_REQUEST, 3, request.into());
}

#[test]
fn an_api_versions_response_of_version_3_has_these_bytes() {
    let range = |key: ApiKey, min, max| ApiRange { key: key.code(), min, max };
    let apis = vec![range(ApiKey::Fetch, 4, 16), range(ApiKey::ApiVersions, 0, 4)];
    let response = Response::from(ApiVersionsResponse { error: ErrorCode::None, apis });
    assert_eq!(response_frame(3, &response), API_VERSIONS_V3_RESPONSE);
    let decoded = decode_response(ApiKey::ApiVersions, 3, Bytes::from_static(API_VERSIONS_V3_RESPONSE));
    assert_eq!(decoded, Ok((CorrelationId(7), response)));
}

#[test]
fn a_metadata_request_of_version_12_has_these_bytes() {
    let topic = TopicRef { name: Some(TopicName::new("orders")), id: TopicId::ZERO };
    let request = MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: true };
    reads_and_writes(METADATA_V12_REQUEST, 12, request.into());
}

#[test]
fn a_metadata_request_of_version_1_for_all_topics_has_these_bytes() {
    let request = MetadataRequest { topics: None, allow_auto_topic_creation: true };
    reads_and_writes(METADATA_V1_REQUEST, 1, request.into());
}

#[test]
fn a_frame_begins_with_its_length() {
    let request = Request::from(MetadataRequest { topics: None, allow_auto_topic_creation: true });
    let mut out = BytesMut::from("earlier");
    encode_request(&header(ApiKey::Metadata, 1), &request, &mut out);
    assert_eq!(out, [b"earlier\x00\x00\x00\x12", METADATA_V1_REQUEST].concat());
}
