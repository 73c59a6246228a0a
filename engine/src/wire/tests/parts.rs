//! A response in parts says what the response in one piece says, and its records were not copied.

use std::fs::File;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;

use super::{every_version, generate};
use crate::file_range::{FileRange, Lease};
use crate::id::{CorrelationId, PartitionIndex, TopicId, TopicName};
use crate::message::{ApiKey, FetchResponse, FetchedPartition, FetchedTopic, Response};
use crate::wire::{Part, Parts, encode_response, encode_response_in_parts, supported_versions};

const CORRELATION: CorrelationId = CorrelationId(7);

fn in_parts(version: i16, response: &Response) -> Parts {
    encode_response_in_parts(response.key(), version, CORRELATION, response, &mut BytesMut::new())
}

/// What the parts send; of a range of a file as many zeros.
fn sent(mut parts: Parts) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(part) = parts.next_part() {
        match part {
            Part::Memory(slices) => all.put(slices),
            Part::File(range) => all.put_bytes(0, range.length()),
        }
    }
    all.freeze()
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
                let parts = sent(in_parts(version, &response));
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
        let Some(Part::Memory(mut slices)) = parts.next_part() else { panic!("all is in memory") };
        assert!(parts.is_empty());
        let mut views = 0;
        while slices.has_remaining() {
            views += usize::from(slices.chunk().as_ptr() == records.as_ptr());
            slices.advance(slices.chunk().len());
        }
        assert_eq!(views, 2, "version {version}");
    }
}

#[test]
fn records_in_a_file_lie_where_records_in_memory_would() {
    let file = Arc::new(File::open("Cargo.toml").expect("a file"));
    for length in [1, 127, 128, 40_000] {
        let answer = |records: Bytes, records_in_file| {
            let partition =
                FetchedPartition { records, records_in_file, ..FetchedPartition::new(PartitionIndex(3)) };
            let (name, id) = (Some(TopicName::new("orders")), TopicId::ZERO);
            let partitions = vec![FetchedPartition::new(PartitionIndex(0)), partition.clone(), partition];
            FetchResponse::new(vec![FetchedTopic { name, id, partitions }]).into()
        };
        let range = FileRange::new(file.clone(), 7, length, Lease::default());
        let (in_file, in_memory) = (answer(Bytes::new(), Some(range)), answer(vec![0; length].into(), None));
        for version in supported_versions(ApiKey::Fetch) {
            assert_eq!(sent(in_parts(version, &in_file)), in_one_piece(version, &in_memory), "{version}");
        }
    }
}
