//! A response in parts says what the response in one piece says, and its records were not copied.

use bytes::{Buf, Bytes, BytesMut};
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;

use super::{every_version, generate};
use crate::id::{CorrelationId, PartitionIndex, TopicId, TopicName};
use crate::message::{ApiKey, FetchResponse, FetchedPartition, FetchedTopic, Response};
use crate::wire::{Parts, encode_response, encode_response_in_parts, supported_versions};

const CORRELATION: CorrelationId = CorrelationId(7);

fn in_parts(version: i16, response: &Response) -> Parts {
    encode_response_in_parts(response.key(), version, CORRELATION, response, &mut BytesMut::new())
}

fn in_one_piece(version: i16, response: &Response) -> BytesMut {
    let mut out = BytesMut::new();
    encode_response(response.key(), version, CORRELATION, response, &mut out);
    out
}

/// The response with records of these sizes in its partitions.
fn with_long_records(mut response: Response, sizes: &[usize]) -> Response {
    if let Response::Fetch(fetch) = &mut response {
        let partitions = fetch.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for (partition, size) in partitions.zip(sizes.iter().cycle()) {
            partition.records = (0..*size).map(|at| at as u8).collect();
        }
    }
    response
}

#[test]
fn the_parts_of_any_response_are_the_response() {
    for (key, version) in every_version() {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) };
        let sizes = any::<[u16; 5]>().prop_map(|sizes| sizes.map(usize::from));
        let responses = (generate::response(key), sizes);
        let outcome = TestRunner::new(config).run(&responses, |(response, sizes)| {
            for response in [response.clone(), with_long_records(response, &sizes)] {
                let mut parts = in_parts(version, &response);
                let parts = parts.copy_to_bytes(parts.remaining());
                proptest::prop_assert_eq!(parts, in_one_piece(version, &response));
            }
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{key:?} response version {version}: {failure}"));
    }
}

#[test]
fn record_bytes_of_a_response_in_parts_are_not_copied() {
    let records = Bytes::from(vec![7; 100_000]);
    let partition = FetchedPartition { records: records.clone(), ..FetchedPartition::new(PartitionIndex(0)) };
    let topic = FetchedTopic {
        name: Some(TopicName::new("orders")),
        id: TopicId::ZERO,
        partitions: vec![partition.clone(), partition],
    };
    let response = FetchResponse::new(vec![topic]).into();
    for version in supported_versions(ApiKey::Fetch) {
        let mut parts = in_parts(version, &response);
        let mut views = 0;
        while parts.has_remaining() {
            views += usize::from(parts.chunk().as_ptr() == records.as_ptr());
            parts.advance(parts.chunk().len());
        }
        assert_eq!(views, 2, "version {version}");
    }
}
