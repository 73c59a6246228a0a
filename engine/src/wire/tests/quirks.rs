//! What real clients need beyond the specification.

use bytes::{Bytes, BytesMut};

use super::{request_frame, response_frame, supported_versions};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{CorrelationId, NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, ApiRange, ApiVersionsResponse, ConfigEntry, ConfigResource, ConfigResourceType, ConfigSource,
    ConfigType, DeleteTopicsRequest, DescribeClusterResponse, DescribeConfigsResponse, DescribedConfigs,
    FetchRequest, FetchResponse, FetchedPartition, FetchedTopic, ListOffsetsPartition, ListOffsetsRequest,
    MetadataRequest, MetadataResponse, OffsetForLeaderEpochRequest, OffsetSpec, ProduceResponse,
    ProducedPartition, RecordError, Request, Response, TopicRef,
};
use crate::offset::Offset;
use crate::time::Duration;
use crate::wire::header::write_response_header;
use crate::wire::version::is_flexible;
use crate::wire::{
    DecodeError, FRAME_BYTES_MAX, Listener, advertised, decode_request, decode_response, split_frame,
    unsupported_api_versions_reply,
};

/// The start of a request header.
fn head(key: i16, version: i16, correlation: i32) -> Bytes {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes()].concat().into()
}

#[test]
fn q01_an_unknown_version_of_api_versions_is_told_from_other_errors() {
    let error = decode_request(head(18, 99, 5)).expect_err("there is no such version");
    let correlation = CorrelationId(5);
    assert_eq!(error, DecodeError::UnsupportedVersion { key: 18, version: 99, correlation });
    assert_eq!(error.asks_for_api_versions(), Some(correlation));

    let other_api = decode_request(head(0, 99, 5)).expect_err("there is no such version");
    assert_eq!(other_api, DecodeError::UnsupportedVersion { key: 0, version: 99, correlation });
    assert_eq!(other_api.asks_for_api_versions(), None);
}

#[test]
fn q01_the_reply_to_it_is_in_version_0_with_error_35_and_the_ranges() {
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
fn q01_a_client_understands_that_reply_whatever_version_it_asked_in() {
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
fn q02_no_tagged_field_is_sent_that_says_nothing() {
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
fn q03_produce_is_advertised_from_0_though_served_from_3() {
    let produce = advertised(Listener::Broker)[0];
    assert_eq!(produce, ApiRange { key: 0, min: 0, max: 11 });
    let correlation = CorrelationId(5);
    for version in 0..3 {
        let error = DecodeError::UnsupportedVersion { key: 0, version, correlation };
        assert_eq!(decode_request(head(0, version, 5)), Err(error));
    }
}

#[test]
fn q03_every_single_version_old_librdkafka_tests_for_is_advertised() {
    let ranges = advertised(Listener::Broker);
    let alone = [(0, 2), (0, 3), (0, 7), (1, 4), (1, 10), (2, 1), (18, 0)];
    let of_groups = [(8, 2), (9, 1), (10, 0), (11, 0), (12, 0), (13, 0), (14, 0)];
    for (key, version) in alone.into_iter().chain(of_groups) {
        let inside = |range: &ApiRange| range.key == key && (range.min..=range.max).contains(&version);
        assert!(ranges.iter().any(inside), "API {key} version {version}");
    }
}

#[test]
fn q05_fetched_nothing_is_empty_and_never_null() {
    for version in supported_versions(ApiKey::Fetch) {
        let frame = response_frame(version, &nothing_fetched());
        // Compact, an empty length is 1, and the tags of partition, topic and response follow.
        let end: &[u8] = if version < 12 { &[0, 0, 0, 0] } else { &[1, 0, 0, 0] };
        assert!(frame.ends_with(end), "version {version}");
    }
}

#[test]
fn q05_null_from_another_broker_reads_as_empty() {
    let mut frame = response_frame(4, &nothing_fetched()).to_vec();
    let records = frame.len() - 4;
    frame[records..].copy_from_slice(&[0xff; 4]);
    let Ok((_, Response::Fetch(fetched))) = decode_response(ApiKey::Fetch, 4, frame.into()) else {
        panic!("a Fetch response")
    };
    assert_eq!(fetched.topics[0].partitions[0].records, Bytes::new());
}

#[test]
fn q04_fetch_by_id_is_advertised_only_beside_metadata_that_tells_ids() {
    let ranges = advertised(Listener::Broker);
    let highest = |key: ApiKey| ranges.iter().find(|range| range.key == key.code()).expect("served").max;
    assert!(highest(ApiKey::Fetch) < 13 || highest(ApiKey::Metadata) >= 10);
}

#[test]
fn q09_no_aborted_transactions_are_an_empty_array_and_never_null() {
    let frame = response_frame(4, &nothing_fetched());
    // Before the length of the records stands the count of the transactions.
    let count = frame.len() - 8;
    assert_eq!(frame[count..count + 4], [0; 4]);
}

#[test]
fn q11_no_advertised_version_is_newer_than_kafka_3_9() {
    let newest = |key| match key {
        0 => 11,
        1 => 17,
        2 | 8 | 9 | 11 => 9,
        3 => 12,
        19 => 7,
        10 | 20 => 6,
        13..=16 | 22 | 24 => 5,
        12 | 18 | 23 | 25 | 26 | 28 | 32 | 35 => 4,
        37 => 3,
        21 | 33 | 42 | 43 | 55 => 2,
        27 | 36 | 44 | 60 | 66 => 1,
        // KIP-848 was a preview until Kafka 4.0, and librdkafka speaks no earlier version of its heartbeat.
        68 | 69 => 1,
        _ => 0,
    };
    for range in advertised(Listener::Broker) {
        assert!(range.max <= newest(range.key), "API {} version {}", range.key, range.max);
    }
}

#[test]
fn q12_authorized_operations_that_nobody_computed_are_the_smallest_number() {
    let unknown = i32::MIN.to_be_bytes();
    let cluster = DescribeClusterResponse {
        error: ErrorCode::None,
        error_message: None,
        endpoint_type: 1,
        cluster_id: "c".to_owned(),
        controller: NodeId(1),
        brokers: Vec::new(),
    };
    let metadata =
        MetadataResponse { brokers: Vec::new(), cluster_id: None, controller: NodeId(1), topics: Vec::new() };
    // The number, then no tags where there could be some.
    assert!(response_frame(1, &cluster.into()).ends_with(&[&unknown[..], &[0]].concat()));
    assert!(response_frame(8, &metadata.clone().into()).ends_with(&unknown));
    assert!(response_frame(10, &metadata.into()).ends_with(&[&unknown[..], &[0]].concat()));
}

#[test]
fn q13_types_of_settings_are_told_from_version_3_on() {
    let entry = ConfigEntry {
        name: "k".to_owned(),
        value: None,
        is_read_only: false,
        source: ConfigSource::Default,
        is_sensitive: false,
        synonyms: Vec::new(),
        config_type: ConfigType::Long,
        documentation: None,
    };
    let resource = ConfigResource { kind: ConfigResourceType::Topic, name: "t".to_owned() };
    let described =
        DescribedConfigs { resource, error: ErrorCode::None, error_message: None, configs: vec![entry] };
    let response = Response::from(DescribeConfigsResponse { resources: vec![described] });
    for (version, known) in [(2, ConfigType::Unknown(0)), (3, ConfigType::Long), (4, ConfigType::Long)] {
        let frame = response_frame(version, &response);
        let decoded = decode_response(ApiKey::DescribeConfigs, version, frame);
        let Ok((_, Response::DescribeConfigs(decoded))) = decoded else { panic!("{decoded:?}") };
        assert_eq!(decoded.resources[0].configs[0].config_type, known, "version {version}");
    }
}

#[test]
fn q14_describe_cluster_is_advertised_with_endpoint_types() {
    let range = advertised(Listener::Broker).into_iter().find(|range| range.key == 60);
    assert_eq!(range, Some(ApiRange { key: 60, min: 0, max: 1 }));
}

#[test]
fn q19_no_finalized_feature_is_told() {
    let response = ApiVersionsResponse { error: ErrorCode::None, apis: Vec::new() };
    // Correlation id, error, no ranges, throttle time, no tags.
    assert_eq!(response_frame(3, &response.into()), [&[0, 0, 0, 7, 0, 0, 1][..], &[0; 5]].concat());
}

#[test]
fn q21_a_refused_batch_names_its_records_from_version_8_on() {
    let Response::Produce(mut produce) = produced() else { panic!("Produce") };
    let named = RecordError { batch_index: 3, message: Some("no key".to_owned()) };
    produce.partitions[0].error = ErrorCode::InvalidRecord;
    produce.partitions[0].record_errors = vec![named.clone()];
    for version in supported_versions(ApiKey::Produce) {
        let frame = response_frame(version, &produce.clone().into());
        let Ok((_, Response::Produce(told))) = decode_response(ApiKey::Produce, version, frame) else {
            panic!("a Produce response")
        };
        let expected = if version < 8 { Vec::new() } else { vec![named.clone()] };
        assert_eq!(told.partitions[0].record_errors, expected, "version {version}");
    }
}

#[test]
fn q24_the_ends_of_a_log_are_asked_for_with_times_below_zero() {
    let question = |spec| ListOffsetsRequest {
        replica: NodeId::NONE,
        isolation_level: 0,
        partitions: vec![ListOffsetsPartition {
            partition: TopicPartition::new("orders", 0),
            current_leader_epoch: LeaderEpoch::NONE,
            spec,
        }],
    };
    let latest = request_frame(1, &question(OffsetSpec::Latest).into());
    assert!(latest.ends_with(&(-1i64).to_be_bytes()));
    let earliest = request_frame(1, &question(OffsetSpec::Earliest).into());
    assert!(earliest.ends_with(&(-2i64).to_be_bytes()));
}

#[test]
fn q28_an_unknown_key_is_told_with_its_version_so_that_it_can_be_logged() {
    let error = decode_request(head(999, 4, 5)).expect_err("there is no such API");
    assert_eq!(error.to_string(), "API 999 is not known (version 4)");
    assert_eq!(error.asks_for_api_versions(), None);
}

#[test]
fn q29_a_fetch_without_a_session_asks_for_none_and_gets_none() {
    let request = FetchRequest::new(NodeId::NONE, Vec::new());
    assert_eq!((request.session_id, request.session_epoch), (0, FetchRequest::FINAL_EPOCH));
    for version in supported_versions(ApiKey::Fetch) {
        let decoded = decode_request(request_frame(version, &request.clone().into())).expect("sound").1;
        assert_eq!(decoded, Request::from(request.clone()), "version {version}");
        let answered = decode_response(ApiKey::Fetch, version, response_frame(version, &nothing_fetched()));
        let Ok((_, Response::Fetch(answered))) = answered else { panic!("{answered:?}") };
        assert_eq!(answered.session_id, 0);
    }
}

#[test]
fn q30_the_one_version_of_offset_for_leader_epoch_that_librdkafka_speaks_is_served() {
    assert!(supported_versions(ApiKey::OffsetForLeaderEpoch).contains(&2));
    let request = OffsetForLeaderEpochRequest { replica: NodeId(3), partitions: Vec::new() };
    let (_, decoded) = decode_request(request_frame(2, &request.into())).expect("sound");
    let anonymous = OffsetForLeaderEpochRequest { replica: NodeId::NONE, partitions: Vec::new() };
    assert_eq!(decoded, Request::from(anonymous));
}

#[test]
fn q32_flexible_versions_begin_where_kafkas_do() {
    let first = |key: ApiKey| match key {
        ApiKey::Produce | ApiKey::Metadata => 9,
        ApiKey::Fetch => 12,
        ApiKey::OffsetCommit => 8,
        ApiKey::ListOffsets | ApiKey::JoinGroup | ApiKey::OffsetFetch => 6,
        ApiKey::CreateTopics | ApiKey::DescribeGroups => 5,
        ApiKey::SyncGroup | ApiKey::Heartbeat | ApiKey::LeaveGroup => 4,
        ApiKey::DeleteTopics | ApiKey::DescribeConfigs | ApiKey::OffsetForLeaderEpoch => 4,
        ApiKey::ApiVersions | ApiKey::FindCoordinator | ApiKey::ListGroups => 3,
        ApiKey::DeleteGroups => 2,
        ApiKey::DeleteRecords | ApiKey::InitProducerId | ApiKey::AlterConfigs => 2,
        ApiKey::DescribeLogDirs | ApiKey::CreatePartitions | ApiKey::ElectLeaders => 2,
        ApiKey::IncrementalAlterConfigs | ApiKey::BeginQuorumEpoch | ApiKey::EndQuorumEpoch => 1,
        _ => 0,
    };
    assert!(!is_flexible(ApiKey::OffsetDelete, 0), "it has no flexible version");
    for key in ApiKey::ALL.into_iter().filter(|key| *key != ApiKey::OffsetDelete) {
        let first = first(key);
        assert!(is_flexible(key, first) && (first == 0 || !is_flexible(key, first - 1)), "{key:?}");
        // A response header has tags as its body has, but for ApiVersions, which is read before it is known.
        for version in supported_versions(key) {
            let mut header = BytesMut::new();
            write_response_header(key, version, CorrelationId(7), &mut header);
            let tags = usize::from(key != ApiKey::ApiVersions && is_flexible(key, version));
            assert_eq!(header.len(), 4 + tags, "{key:?} version {version}");
        }
    }
}

#[test]
fn q33_topics_to_delete_are_the_same_request_in_both_wire_shapes() {
    let topics = vec![TopicRef { name: Some(TopicName::new("orders")), id: TopicId::ZERO }];
    let request = Request::from(DeleteTopicsRequest { topics, timeout: Duration::from_secs(1) });
    for version in supported_versions(ApiKey::DeleteTopics) {
        let (_, decoded) = decode_request(request_frame(version, &request)).expect("sound");
        assert_eq!(decoded, request, "version {version}");
    }
}

#[test]
fn q34_a_topic_is_asked_for_by_id_alone_from_metadata_12_on() {
    let id = TopicId(uuid::Uuid::from_u128(5));
    let topics = Some(vec![TopicRef { name: None, id }]);
    let request = Request::from(MetadataRequest { topics, allow_auto_topic_creation: false });
    let (_, decoded) = decode_request(request_frame(12, &request)).expect("sound");
    assert_eq!(decoded, request);
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
