//! What is written is what is read, in every version, but for what the version does not carry.

use bytes::{Bytes, BytesMut};
use proptest::option;
use proptest::prelude::{ProptestConfig, proptest};
use proptest::test_runner::TestRunner;

use super::carried::{carried_request, carried_response};
use super::generate;
use super::{RequestHeader, every_version, header, only_frame, request_frame, response_frame};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, TopicId, TopicPartition};
use crate::message::{
    ApiKey, ApiVersionsRequest, CreateTopicsResponse, CreatedTopic, ProducePartition, ProduceRequest,
    Request, Response,
};
use crate::time::Duration;
use crate::wire::{decode_request, decode_response, encode_request};

/// Values of each API and version.
const CASES: u32 = 48;

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })
}

#[test]
fn a_request_survives_every_version() {
    for (key, version) in every_version() {
        let outcome = runner().run(&generate::request(key), |request| {
            let decoded = decode_request(request_frame(version, &request)).expect("it was just encoded");
            proptest::prop_assert_eq!(decoded, (header(key, version), carried_request(request, version)));
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{key:?} request version {version}: {failure}"));
    }
}

#[test]
fn a_response_survives_every_version() {
    for (key, version) in every_version() {
        let outcome = runner().run(&generate::response(key), |response| {
            let frame = response_frame(version, &response);
            let decoded = decode_response(key, version, frame).expect("it was just encoded");
            proptest::prop_assert_eq!(decoded, (CorrelationId(7), carried_response(response, version)));
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{key:?} response version {version}: {failure}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_client_id_survives(client_id in option::of(".{0,20}"), version in 0..=4i16) {
        let request = ApiVersionsRequest {
            client_software_name: String::new(),
            client_software_version: String::new(),
        };
        let sent = RequestHeader { client_id, ..header(ApiKey::ApiVersions, version) };
        let mut out = BytesMut::new();
        encode_request(&sent, &request.into(), &mut out);
        let (received, _) = decode_request(only_frame(out)).expect("it was just encoded");
        proptest::prop_assert_eq!(received, sent);
    }
}

#[test]
fn record_bytes_are_views_of_the_frame() {
    let records = Bytes::from(vec![7; 1000]);
    let partition = ProducePartition { partition: TopicPartition::new("orders", 0), records: Some(records) };
    let request = ProduceRequest::new(-1, Duration::from_secs(1), vec![partition]);
    let frame = request_frame(9, &request.into());
    let (_, decoded) = decode_request(frame.clone()).expect("it was just encoded");
    let Request::Produce(decoded) = decoded else { panic!("a Produce request") };
    let records = decoded.partitions[0].records.as_ref().expect("they were sent");
    assert!(frame.as_ptr_range().contains(&records.as_ptr()));
}

#[test]
fn a_text_too_long_for_the_wire_is_cut_at_a_character() {
    let long = format!("a{}", "ä".repeat(20_000));
    let outcome = CreatedTopic {
        name: "orders".to_owned(),
        id: TopicId::ZERO,
        error: ErrorCode::InvalidTopicException,
        error_message: Some(long.clone()),
        partitions: -1,
        replication_factor: -1,
    };
    let response = Response::from(CreateTopicsResponse { topics: vec![outcome] });
    for version in [2, 7] {
        let decoded = decode_response(ApiKey::CreateTopics, version, response_frame(version, &response));
        let Ok((_, Response::CreateTopics(decoded))) = decoded else { panic!("{decoded:?}") };
        assert_eq!(decoded.topics[0].error_message.as_deref(), Some(&long[..32_767]));
    }
}
