//! Bytes nobody should send.
//!
//! None may panic, and none may reach the decoder with a count or length that the remaining bytes do not hold.
//! The named tests look at the reason of the refusal, so that it is the guard that refused and not the decoder
//! after it had reserved the memory.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::sample::{Index, select};

use super::generate;
use super::{every_version, only_frame, request_frame, response_frame, supported_versions};
use crate::id::CorrelationId;
use crate::message::{ApiKey, Request};
use crate::wire::guard::{ELEMENTS_MAX, UNKNOWN_TAGS_MAX};
use crate::wire::version::is_flexible;
use crate::wire::{DecodeError, decode_request, decode_response, encode_request};

/// The largest 32-bit number as a varint.
const HUGE_VARINT: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

/// A request frame with a good header and this body.
fn frame(key: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let mut frame = [key.code().to_be_bytes(), version.to_be_bytes(), [0, 0], [0, 7], [0xff, 0xff]].concat();
    if is_flexible(key, version) {
        frame.push(0);
    }
    frame.extend(body);
    frame.into()
}

/// Why such a frame is refused.
fn refusal(key: ApiKey, version: i16, body: &[u8]) -> String {
    match decode_request(frame(key, version, body)) {
        Err(DecodeError::Malformed { what }) => what,
        other => panic!("a malformed message, not {other:?}"),
    }
}

/// The guard and the decoder behind it must agree where a message ends.
fn assert_layouts_agree<T>(outcome: &Result<T, DecodeError>) {
    if let Err(DecodeError::Malformed { what }) = outcome {
        assert!(!what.contains("were not read"), "{what}");
    }
}

fn any_version() -> impl Strategy<Value = (ApiKey, i16)> {
    select(every_version().collect::<Vec<_>>())
}

fn any_request_frame() -> impl Strategy<Value = Bytes> {
    any_version().prop_flat_map(|(key, version)| {
        generate::request(key).prop_map(move |request| request_frame(version, &request))
    })
}

fn any_response_frame() -> impl Strategy<Value = (ApiKey, i16, Bytes)> {
    any_version().prop_flat_map(|(key, version)| {
        generate::response(key).prop_map(move |response| (key, version, response_frame(version, &response)))
    })
}

/// Bytes to write over others: the ones that make lengths and counts wild come often.
fn wild_byte() -> impl Strategy<Value = u8> {
    proptest::prop_oneof![select(vec![0, 1, 0x7f, 0x80, 0xff]), any::<u8>()]
}

fn overwritten(frame: &Bytes, changes: &[(Index, u8)]) -> Bytes {
    let mut frame = frame.to_vec();
    for (at, byte) in changes {
        let at = at.index(frame.len());
        frame[at] = *byte;
    }
    frame.into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_bytes_as_a_request_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        assert_layouts_agree(&decode_request(bytes.into()));
    }

    #[test]
    fn any_bytes_as_a_request_body_are_decoded_or_refused(
        (key, version) in any_version(),
        body in vec(wild_byte(), 0..200),
    ) {
        assert_layouts_agree(&decode_request(frame(key, version, &body)));
    }

    #[test]
    fn any_bytes_as_a_response_are_decoded_or_refused(
        (key, version) in any_version(),
        bytes in vec(wild_byte(), 0..200),
    ) {
        assert_layouts_agree(&decode_response(key, version, bytes.into()));
    }

    #[test]
    fn a_request_with_bytes_changed_is_decoded_or_refused(
        frame in any_request_frame(),
        changes in vec((any::<Index>(), wild_byte()), 1..4),
    ) {
        assert_layouts_agree(&decode_request(overwritten(&frame, &changes)));
    }

    #[test]
    fn a_response_with_bytes_changed_is_decoded_or_refused(
        (key, version, frame) in any_response_frame(),
        changes in vec((any::<Index>(), wild_byte()), 1..4),
    ) {
        assert_layouts_agree(&decode_response(key, version, overwritten(&frame, &changes)));
    }

    #[test]
    fn what_is_decoded_from_changed_bytes_can_be_encoded_and_says_the_same_then(
        frame in any_request_frame(),
        changes in vec((any::<Index>(), wild_byte()), 1..4),
    ) {
        if let Ok((header, request)) = decode_request(overwritten(&frame, &changes)) {
            let mut out = BytesMut::new();
            encode_request(&header, &request, &mut out);
            proptest::prop_assert_eq!(decode_request(only_frame(out)), Ok((header, request)));
        }
    }

    #[test]
    fn a_request_cut_short_is_refused(frame in any_request_frame(), at in any::<Index>()) {
        let cut = frame.slice(..at.index(frame.len()));
        let refused = matches!(decode_request(cut), Err(DecodeError::Malformed { .. }));
        proptest::prop_assert!(refused);
    }

    #[test]
    fn a_response_cut_short_is_refused((key, version, frame) in any_response_frame(), at in any::<Index>()) {
        let cut = frame.slice(..at.index(frame.len()));
        let refused = matches!(decode_response(key, version, cut), Err(DecodeError::Malformed { .. }));
        proptest::prop_assert!(refused);
    }

    #[test]
    fn bytes_behind_a_request_are_ignored(frame in any_request_frame(), extra in any::<[u8; 3]>()) {
        let long = Bytes::from([&frame[..], &extra].concat());
        proptest::prop_assert_eq!(decode_request(long), decode_request(frame));
    }
}

#[test]
fn a_header_of_0_to_9_bytes_is_refused() {
    let header = frame(ApiKey::Metadata, 1, &[]);
    for length in 0..header.len() {
        let refused = decode_request(header.slice(..length));
        assert!(matches!(refused, Err(DecodeError::Malformed { .. })), "{length} bytes: {refused:?}");
    }
}

#[test]
fn an_unknown_api_is_named_with_its_correlation_id() {
    let bytes = Bytes::from_static(&[0, 99, 0, 3, 0, 0, 0, 7, 0xff]);
    let correlation = CorrelationId(7);
    assert_eq!(decode_request(bytes), Err(DecodeError::UnknownKey { key: 99, version: 3, correlation }));
}

#[test]
fn a_client_id_that_is_not_text_is_refused() {
    let bytes = Bytes::from_static(&[0, 18, 0, 0, 0, 0, 0, 7, 0, 1, 0xff]);
    let what = "the client id is not UTF-8".to_owned();
    assert_eq!(decode_request(bytes), Err(DecodeError::Malformed { what }));
}

#[test]
fn a_huge_count_in_four_bytes_is_refused() {
    let what = refusal(ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(what, "2147483647 elements do not fit in 0 bytes");
}

#[test]
fn a_huge_compact_count_is_refused() {
    let what = refusal(ApiKey::Metadata, 9, &HUGE_VARINT);
    assert_eq!(what, "4294967294 elements do not fit in 0 bytes");
}

#[test]
fn a_count_is_held_against_the_smallest_element() {
    // 20 bytes hold one topic of version 10 (id, name, tags: 18 bytes), not two.
    let body = [&[3][..], &[0; 20]].concat();
    assert_eq!(refusal(ApiKey::Metadata, 10, &body), "2 elements do not fit in 20 bytes");
}

#[test]
fn a_huge_count_in_an_inner_array_is_refused() {
    // No transactional id, acks, timeout; one topic with an empty name, whose partitions are too many.
    let start = [0xff, 0xff, 0, 1, 0, 0, 0, 0];
    let topics = [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let body = [&start[..], &topics].concat();
    assert_eq!(refusal(ApiKey::Produce, 3, &body), "16777216 elements do not fit in 4 bytes");
}

#[test]
fn negative_lengths_are_refused() {
    let count = refusal(ApiKey::Metadata, 1, &(-2i32).to_be_bytes());
    assert_eq!(count, "length -2 is negative");
    let string = refusal(ApiKey::Metadata, 1, &[0, 0, 0, 1, 0x80, 0]);
    assert_eq!(string, "length -32768 is negative");
    let records: &[u8] = &[0xff, 0xff, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let bytes = refusal(ApiKey::Produce, 3, &[records, &[0x80, 0, 0, 0]].concat());
    assert_eq!(bytes, "length -2147483648 is negative");
}

#[test]
fn a_string_longer_than_kafka_allows_is_refused_though_its_bytes_are_there() {
    // The varint is 32 769: one more than the length, as compact lengths are.
    let body = [&[2, 0x81, 0x80, 0x02][..], &[b'a'; 32_768], &[0, 0, 0, 0, 0]].concat();
    assert_eq!(refusal(ApiKey::Metadata, 9, &body), "a string of 32768 bytes is too long");
}

#[test]
fn a_varint_of_more_than_32_bits_is_refused() {
    for varint in [[0xff, 0xff, 0xff, 0xff, 0x1f], [0x80; 5]] {
        assert_eq!(refusal(ApiKey::Metadata, 9, &varint), "a varint has more than 32 bits");
    }
}

#[test]
fn more_elements_than_a_message_may_have_are_refused() {
    let topics = u32::try_from(ELEMENTS_MAX + 1).expect("it is small");
    let body = [&topics.to_be_bytes()[..], &vec![0; 2 * (ELEMENTS_MAX + 1)]].concat();
    assert_eq!(refusal(ApiKey::Metadata, 1, &body), "more than 1048576 elements");
}

#[test]
fn a_huge_number_of_tagged_fields_is_refused() {
    let body = [&[1, 1][..], &HUGE_VARINT].concat();
    assert_eq!(refusal(ApiKey::ApiVersions, 3, &body), "1 bytes expected where 0 are left");
}

#[test]
fn a_tagged_field_longer_than_the_message_is_refused() {
    let body = [&[1, 1, 1, 9][..], &HUGE_VARINT].concat();
    assert_eq!(refusal(ApiKey::ApiVersions, 3, &body), "4294967295 bytes expected where 0 are left");
}

#[test]
fn tagged_fields_we_do_not_know_are_skipped_up_to_a_limit() {
    // Two empty strings, then tags without a value. A count of two bytes: the low seven bits, then the rest.
    let body = |tags: usize| {
        let count = [(tags & 0x7f) as u8 | 0x80, (tags >> 7) as u8];
        [&[1, 1][..], &count, &[9, 0].repeat(tags)].concat()
    };
    assert!(decode_request(frame(ApiKey::ApiVersions, 3, &body(UNKNOWN_TAGS_MAX))).is_ok());
    let what = refusal(ApiKey::ApiVersions, 3, &body(UNKNOWN_TAGS_MAX + 1));
    assert_eq!(what, "too many unknown tagged fields");
}

#[test]
fn a_known_tagged_field_must_be_as_long_as_it_says() {
    // BrokerHeartbeat 1: tag 0 is an array of directory ids; here an empty one (1 byte) that claims 2 bytes.
    let fixed = [0; 4 + 8 + 8 + 1 + 1];
    let heartbeat = |tags: &[u8]| [&fixed[..], tags].concat();
    assert!(decode_request(frame(ApiKey::BrokerHeartbeat, 1, &heartbeat(&[1, 0, 1, 1]))).is_ok());
    let what = refusal(ApiKey::BrokerHeartbeat, 1, &heartbeat(&[1, 0, 2, 1, 0]));
    assert_eq!(what, "1 bytes are left over");
}

#[test]
fn librdkafkas_request_for_all_topics_is_understood() {
    // Metadata 12 of librdkafka 2.16.0, byte for byte: null topics, and the last bytes three too late.
    let client = b"\x00\x03\x00\x0c\x00\x00\x00\x03\x00\x07rdkafka\x00";
    let frame = Bytes::from([&client[..], &[0, 0, 0, 0, 1, 0, 0]].concat());
    let Ok((_, Request::Metadata(request))) = decode_request(frame) else { panic!("not understood") };
    assert_eq!(request.topics, None);
}

#[test]
fn a_port_that_is_none_is_refused() {
    let broker = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0xff, 0xff];
    let body = [&[0, 0, 0, 7][..], &broker, &[0, 0, 0, 1, 0, 0, 0, 0]].concat();
    let what = "65536 is not a TCP port".to_owned();
    assert_eq!(decode_response(ApiKey::Metadata, 1, body.into()), Err(DecodeError::Malformed { what }));
}

#[test]
fn a_response_in_a_version_we_do_not_speak_is_refused() {
    let version = supported_versions(ApiKey::Fetch).end() + 1;
    let correlation = CorrelationId(7);
    let error = DecodeError::UnsupportedVersion { key: 1, version, correlation };
    assert_eq!(decode_response(ApiKey::Fetch, version, Bytes::from_static(&[0, 0, 0, 7])), Err(error));
}

#[test]
fn a_count_of_strings_is_held_against_the_bytes_that_remain() {
    // DeleteTopics 1: 20 names in 8 bytes.
    let what = refusal(ApiKey::DeleteTopics, 1, &[0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(what, "20 elements do not fit in 8 bytes");
}

#[test]
fn a_struct_is_there_or_it_is_null() {
    // DescribeTopicPartitions 0: no topics, a limit, the cursor, no tags.
    let request = |cursor: &[u8]| [&[1, 0, 0, 0, 9][..], cursor, &[0]].concat();
    let body = request(&[0xff]);
    assert!(decode_request(frame(ApiKey::DescribeTopicPartitions, 0, &body)).is_ok());
    let body = request(&[1, 2, b'a', 0, 0, 0, 3, 0]);
    assert!(decode_request(frame(ApiKey::DescribeTopicPartitions, 0, &body)).is_ok());
    let what = refusal(ApiKey::DescribeTopicPartitions, 0, &request(&[2]));
    assert_eq!(what, "2 does not say whether a struct is there");
}
