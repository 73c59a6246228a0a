//! What is written is what is read, in every version, but for what the version does not carry.

use bytes::{Bytes, BytesMut};
use proptest::option;
use proptest::prelude::{ProptestConfig, proptest};
use proptest::test_runner::TestRunner;

use super::generate;
use super::{RequestHeader, every_version, header, only_frame, request_frame, response_frame};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, NodeId, TopicId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, ApiVersionsRequest, CreateTopicsResponse, CreatedTopic, DescribeQuorumResponse, ProducePartition,
    ProduceRequest, Request, Response,
};
use crate::offset::Offset;
use crate::time::{Duration, Timestamp};
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
    let request = ProduceRequest { acks: -1, timeout: Duration::from_secs(1), partitions: vec![partition] };
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

/// The part of a request that a version carries.
fn carried_request(mut request: Request, version: i16) -> Request {
    match &mut request {
        Request::Fetch(fetch) => {
            if version < 15 {
                fetch.replica_epoch = BrokerEpoch::NONE;
            }
            for topic in &mut fetch.topics {
                (topic.name, topic.id) = carried_topic(topic.name.take(), topic.id, version);
                for partition in &mut topic.partitions {
                    if version < 5 {
                        partition.log_start_offset = Offset::NONE;
                    }
                    if version < 9 {
                        partition.current_leader_epoch = LeaderEpoch::NONE;
                    }
                    if version < 12 {
                        partition.last_fetched_epoch = LeaderEpoch::NONE;
                    }
                }
            }
        }
        Request::ListOffsets(list) => {
            if version < 2 {
                list.isolation_level = 0;
            }
            if version < 4 {
                list.partitions.iter_mut().for_each(|it| it.current_leader_epoch = LeaderEpoch::NONE);
            }
        }
        Request::Metadata(metadata) => {
            metadata.allow_auto_topic_creation |= version < 4;
            for topic in metadata.topics.iter_mut().flatten() {
                topic.id = if version < 10 { TopicId::ZERO } else { topic.id };
                topic.name = carried_name(topic.name.take(), version);
            }
        }
        Request::ApiVersions(versions) if version < 3 => {
            versions.client_software_name.clear();
            versions.client_software_version.clear();
        }
        Request::OffsetForLeaderEpoch(query) if version < 3 => query.replica = NodeId::NONE,
        Request::AlterPartition(alter) if version < 3 => {
            let members = alter.partitions.iter_mut().flat_map(|it| it.new_isr.iter_mut());
            members.for_each(|it| it.broker_epoch = BrokerEpoch::NONE);
        }
        Request::BrokerRegistration(registration) if version < 3 => {
            registration.previous_broker_epoch = BrokerEpoch::NONE;
        }
        _ => {}
    }
    request
}

/// The part of a response that a version carries.
fn carried_response(mut response: Response, version: i16) -> Response {
    match &mut response {
        Response::Produce(produce) => {
            for partition in &mut produce.partitions {
                if version < 5 {
                    partition.log_start_offset = Offset::NONE;
                }
                if version < 8 {
                    partition.error_message = None;
                }
            }
        }
        Response::Fetch(fetch) => {
            if version < 7 {
                fetch.error = ErrorCode::None;
                fetch.session_id = 0;
            }
            for topic in &mut fetch.topics {
                (topic.name, topic.id) = carried_topic(topic.name.take(), topic.id, version);
                for partition in &mut topic.partitions {
                    if version < 5 {
                        partition.log_start_offset = Offset::NONE;
                    }
                    if version < 12 {
                        partition.diverging_epoch = None;
                        partition.current_leader = None;
                        partition.snapshot = None;
                    }
                }
            }
        }
        Response::DescribeQuorum(described) => carry_quorum(described, version),
        Response::ListOffsets(list) if version < 4 => {
            list.partitions.iter_mut().for_each(|it| it.leader_epoch = LeaderEpoch::NONE);
        }
        Response::Metadata(metadata) => {
            if version < 2 {
                metadata.cluster_id = None;
            }
            for topic in &mut metadata.topics {
                topic.id = if version < 10 { TopicId::ZERO } else { topic.id };
                topic.name = carried_name(topic.name.take(), version);
                for partition in &mut topic.partitions {
                    if version < 5 {
                        partition.offline.clear();
                    }
                    if version < 7 {
                        partition.leader_epoch = LeaderEpoch::NONE;
                    }
                }
            }
        }
        Response::CreateTopics(create) => {
            for topic in &mut create.topics {
                if version < 5 {
                    topic.partitions = -1;
                    topic.replication_factor = -1;
                }
                if version < 7 {
                    topic.id = TopicId::ZERO;
                }
            }
        }
        _ => {}
    }
    response
}

/// Leaves the part of a DescribeQuorum response that a version carries.
fn carry_quorum(described: &mut DescribeQuorumResponse, version: i16) {
    if version < 2 {
        described.nodes.clear();
    }
    let quorums = described.partitions.iter_mut().filter(|_| version < 1);
    for replica in quorums.flat_map(|it| it.voters.iter_mut().chain(&mut it.observers)) {
        (replica.last_fetch, replica.last_caught_up) = (Timestamp::NONE, Timestamp::NONE);
    }
}

/// Fetch names topics up to version 12 and carries their ids from 13 on.
fn carried_topic(name: Option<TopicName>, id: TopicId, version: i16) -> (Option<TopicName>, TopicId) {
    if version < 13 { (name.or_else(|| Some(TopicName::new(""))), TopicId::ZERO) } else { (None, id) }
}

/// Metadata can leave out a name from version 12 on.
fn carried_name(name: Option<TopicName>, version: i16) -> Option<TopicName> {
    if version < 12 { name.or_else(|| Some(TopicName::new(""))) } else { name }
}
