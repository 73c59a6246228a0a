//! What real clients need beyond the specification.

use bytes::{Bytes, BytesMut};

use super::{response_frame, supported_versions};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, ApiRange, ApiVersionsResponse, FetchResponse, FetchedPartition, FetchedTopic, ProduceResponse,
    ProducedPartition, Response,
};
use crate::offset::Offset;
use crate::wire::{
    DecodeError, FRAME_BYTES_MAX, Listener, advertised, decode_request, decode_response, split_frame,
    unsupported_api_versions_reply,
};

/// The start of a request header.
fn head(key: i16, version: i16, correlation: i32) -> Bytes {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes()].concat().into()
}

#[test]
fn q1_an_unknown_version_of_api_versions_is_told_from_other_errors() {
    let error = decode_request(head(18, 99, 5)).expect_err("there is no such version");
    let correlation = CorrelationId(5);
    assert_eq!(error, DecodeError::UnsupportedVersion { key: 18, version: 99, correlation });
    assert_eq!(error.asks_for_api_versions(), Some(correlation));

    let other_api = decode_request(head(0, 99, 5)).expect_err("there is no such version");
    assert_eq!(other_api, DecodeError::UnsupportedVersion { key: 0, version: 99, correlation });
    assert_eq!(other_api.asks_for_api_versions(), None);
}

#[test]
fn q1_the_reply_to_it_is_in_version_0_with_error_35_and_the_ranges() {
    let reply = unsupported_api_versions_reply(CorrelationId(5), Listener::Controller);
    let ranges = advertised(Listener::Controller);
    assert!(ranges.contains(&ApiRange { key: 18, min: 0, max: 4 }), "clients look for ApiVersions itself");
    let count = u8::try_from(ranges.len()).expect("there are few");
    let mut expected = vec![0, 0, 0, 10 + 6 * count, 0, 0, 0, 5, 0, 35, 0, 0, 0, count];
    for range in ranges {
        expected.extend([range.key, range.min, range.max].iter().flat_map(|number| number.to_be_bytes()));
    }
    assert_eq!(reply, expected);
}

#[test]
fn q1_a_client_understands_that_reply_whatever_version_it_asked_in() {
    for version in supported_versions(ApiKey::ApiVersions) {
        let mut reply = BytesMut::from(unsupported_api_versions_reply(CorrelationId(5), Listener::Broker));
        let frame = split_frame(&mut reply, FRAME_BYTES_MAX).expect("legal").expect("whole");
        let response =
            ApiVersionsResponse { error: ErrorCode::UnsupportedVersion, apis: advertised(Listener::Broker) };
        let decoded = decode_response(ApiKey::ApiVersions, version, frame);
        assert_eq!(decoded, Ok((CorrelationId(5), response.into())));
    }
}

#[test]
fn q2_no_tagged_field_is_sent_that_says_nothing() {
    // Correlation id, error, count, ranges (three numbers and no tags), throttle time, no tags.
    let ranges = advertised(Listener::Broker);
    let size = 4 + 2 + 1 + ranges.len() * (6 + 1) + 4 + 1;
    let response = Response::from(ApiVersionsResponse { error: ErrorCode::None, apis: ranges });
    for version in [3, 4] {
        assert_eq!(response_frame(version, &response).len(), size);
    }

    // Header; count, name, count, partition (index, error, three offsets, no errors, no message, no tags), no
    // tags; throttle time, no tags.
    let size = (4 + 1) + 1 + 7 + 1 + (4 + 2 + 24 + 1 + 1 + 1) + 1 + 4 + 1;
    for version in [9, 10, 11] {
        assert_eq!(response_frame(version, &produced()).len(), size);
    }

    // Header; throttle time, error, session; count, id, count, partition (index, error, three offsets, no
    // transactions, replica, no records, no tags), no tags; no tags.
    let size = (4 + 1) + 4 + 2 + 4 + 1 + 16 + 1 + (4 + 2 + 24 + 1 + 4 + 1 + 1) + 1 + 1;
    for version in [13, 16] {
        assert_eq!(response_frame(version, &nothing_fetched()).len(), size);
    }
}

#[test]
fn q3_produce_is_advertised_from_0_though_served_from_3() {
    let produce = advertised(Listener::Broker)[0];
    assert_eq!(produce, ApiRange { key: 0, min: 0, max: 11 });
    let correlation = CorrelationId(5);
    for version in 0..3 {
        let error = DecodeError::UnsupportedVersion { key: 0, version, correlation };
        assert_eq!(decode_request(head(0, version, 5)), Err(error));
    }
}

#[test]
fn q3_every_single_version_old_librdkafka_tests_for_is_advertised() {
    let ranges = advertised(Listener::Broker);
    for (key, version) in [(0, 2), (0, 3), (0, 7), (1, 4), (1, 10), (2, 1), (18, 0)] {
        let inside = |range: &ApiRange| range.key == key && (range.min..=range.max).contains(&version);
        assert!(ranges.iter().any(inside), "API {key} version {version}");
    }
}

#[test]
fn q5_fetched_nothing_is_empty_and_never_null() {
    for version in supported_versions(ApiKey::Fetch) {
        let frame = response_frame(version, &nothing_fetched());
        // Compact, an empty length is 1, and the tags of partition, topic and response follow.
        let end: &[u8] = if version < 12 { &[0, 0, 0, 0] } else { &[1, 0, 0, 0] };
        assert!(frame.ends_with(end), "version {version}");
    }
}

#[test]
fn q5_null_from_another_broker_reads_as_empty() {
    let mut frame = response_frame(4, &nothing_fetched()).to_vec();
    let records = frame.len() - 4;
    frame[records..].copy_from_slice(&[0xff; 4]);
    let Ok((_, Response::Fetch(fetched))) = decode_response(ApiKey::Fetch, 4, frame.into()) else {
        panic!("a Fetch response")
    };
    assert_eq!(fetched.topics[0].partitions[0].records, Bytes::new());
}

fn produced() -> Response {
    let partition = ProducedPartition {
        base_offset: Offset(7),
        log_start_offset: Offset::ZERO,
        ..ProducedPartition::new(TopicPartition::new("orders", 0))
    };
    ProduceResponse::new(vec![partition]).into()
}

fn nothing_fetched() -> Response {
    let partition = FetchedPartition {
        high_watermark: Offset(7),
        last_stable_offset: Offset(7),
        log_start_offset: Offset::ZERO,
        ..FetchedPartition::new(PartitionIndex(0))
    };
    let topic =
        FetchedTopic { name: Some(TopicName::new("orders")), id: TopicId::ZERO, partitions: vec![partition] };
    FetchResponse::new(vec![topic]).into()
}
