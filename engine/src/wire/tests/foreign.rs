//! Fields that others send and we leave aside: they must be stepped over in every version that has them.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    self, BrokerId, api_versions_response, broker_registration_request, create_topics_response,
    fetch_request, fetch_response, produce_response,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use uuid::Uuid;

use super::{header, supported_versions};
use crate::message::{ApiKey, Request, Response};
use crate::wire::header::{write_request_header, write_response_header};
use crate::wire::{decode_request, decode_response};

const TEXT: StrBytes = StrBytes::from_static_str("text");
const ONE: BrokerId = BrokerId(1);

/// Decodes what the crate encodes.
fn request(key: ApiKey, version: i16, body: &impl Encodable) -> Request {
    let mut frame = BytesMut::new();
    write_request_header(&header(key, version), &mut frame);
    body.encode(&mut frame, version).expect("a field of this version");
    let (_, request) = decode_request(frame.freeze()).unwrap_or_else(|error| panic!("{version}: {error}"));
    request
}

/// Decodes what the crate encodes.
fn response(key: ApiKey, version: i16, body: &impl Encodable) -> Response {
    let mut frame = BytesMut::new();
    write_response_header(key, version, header(key, version).correlation, &mut frame);
    body.encode(&mut frame, version).expect("a field of this version");
    let response = decode_response(key, version, frame.freeze());
    response.unwrap_or_else(|error| panic!("{version}: {error}")).1
}

#[test]
fn a_transactional_produce_request_is_read() {
    let body = messages::ProduceRequest::default().with_transactional_id(Some(TEXT.into())).with_acks(-1);
    for version in supported_versions(ApiKey::Produce) {
        let Request::Produce(produce) = request(ApiKey::Produce, version, &body) else { panic!("Produce") };
        assert_eq!(produce.acks, -1);
    }
}

#[test]
fn a_produce_response_with_record_errors_and_a_new_leader_is_read() {
    for version in supported_versions(ApiKey::Produce) {
        let mut partition = produce_response::PartitionProduceResponse::default().with_base_offset(7);
        let mut body = messages::ProduceResponse::default();
        if version >= 8 {
            partition.record_errors = vec![
                produce_response::BatchIndexAndErrorMessage::default()
                    .with_batch_index_error_message(Some(TEXT)),
            ];
        }
        if version >= 10 {
            partition.current_leader = produce_response::LeaderIdAndEpoch::default().with_leader_id(ONE);
            body.node_endpoints = vec![produce_response::NodeEndpoint::default().with_host(TEXT)];
        }
        body.responses =
            vec![produce_response::TopicProduceResponse::default().with_partition_responses(vec![partition])];
        let Response::Produce(produce) = response(ApiKey::Produce, version, &body) else { panic!("Produce") };
        assert_eq!(produce.partitions[0].base_offset.0, 7);
    }
}

#[test]
fn a_fetch_request_of_a_session_is_read() {
    for version in supported_versions(ApiKey::Fetch) {
        let mut body = messages::FetchRequest::default().with_max_bytes(9);
        if version >= 7 {
            let forgotten = fetch_request::ForgottenTopic::default().with_partitions(vec![1, 2]);
            body = body.with_session_id(5).with_session_epoch(6).with_forgotten_topics_data(vec![forgotten]);
        }
        if version >= 11 {
            body.rack_id = TEXT;
        }
        if version >= 12 {
            body.cluster_id = Some(TEXT);
            body.unknown_tagged_fields.insert(99, Bytes::from_static(b"later"));
        }
        let Request::Fetch(fetch) = request(ApiKey::Fetch, version, &body) else { panic!("Fetch") };
        assert_eq!((fetch.max_bytes, fetch.topics), (9, Vec::new()));
    }
}

#[test]
fn a_fetch_response_with_transactions_leaders_and_snapshots_is_read() {
    for version in supported_versions(ApiKey::Fetch) {
        let transaction = fetch_response::AbortedTransaction::default().with_first_offset(3);
        let mut partition = fetch_response::PartitionData::default()
            .with_aborted_transactions(Some(vec![transaction]))
            .with_records(Some(Bytes::from_static(b"records")));
        let mut body = messages::FetchResponse::default();
        if version >= 11 {
            partition.preferred_read_replica = ONE;
        }
        if version >= 12 {
            partition.current_leader = fetch_response::LeaderIdAndEpoch::default().with_leader_id(ONE);
            partition.snapshot_id = fetch_response::SnapshotId::default().with_end_offset(3);
        }
        if version >= 16 {
            body.node_endpoints = vec![fetch_response::NodeEndpoint::default().with_rack(Some(TEXT))];
        }
        body.responses =
            vec![fetch_response::FetchableTopicResponse::default().with_partitions(vec![partition])];
        let Response::Fetch(fetch) = response(ApiKey::Fetch, version, &body) else { panic!("Fetch") };
        let partition = &fetch.topics[0].partitions[0];
        assert_eq!((&partition.records[..], partition.diverging_epoch), (&b"records"[..], None));
    }
}

#[test]
fn an_api_versions_response_with_features_is_read() {
    for version in supported_versions(ApiKey::ApiVersions) {
        let api = api_versions_response::ApiVersion::default().with_max_version(3);
        let mut body = messages::ApiVersionsResponse::default().with_api_keys(vec![api]);
        if version >= 3 {
            let supported = api_versions_response::SupportedFeatureKey::default().with_name(TEXT);
            let finalized = api_versions_response::FinalizedFeatureKey::default().with_name(TEXT);
            body = body
                .with_supported_features(vec![supported])
                .with_finalized_features_epoch(4)
                .with_finalized_features(vec![finalized])
                .with_zk_migration_ready(true);
        }
        let Response::ApiVersions(answer) = response(ApiKey::ApiVersions, version, &body) else {
            panic!("ApiVersions")
        };
        assert_eq!(answer.apis[0].max, 3);
    }
}

#[test]
fn a_create_topics_response_with_configs_is_read() {
    for version in supported_versions(ApiKey::CreateTopics) {
        let mut topic = create_topics_response::CreatableTopicResult::default().with_name(TEXT.into());
        if version >= 5 {
            let config = create_topics_response::CreatableTopicConfigs::default().with_name(TEXT);
            topic = topic.with_topic_config_error_code(29).with_configs(Some(vec![config]));
        }
        let body = messages::CreateTopicsResponse::default().with_topics(vec![topic]);
        let Response::CreateTopics(answer) = response(ApiKey::CreateTopics, version, &body) else {
            panic!("CreateTopics")
        };
        assert_eq!(answer.topics[0].name, "text");
    }
}

#[test]
fn a_registration_with_features_directories_and_listeners_is_read() {
    for version in supported_versions(ApiKey::BrokerRegistration) {
        let listener = broker_registration_request::Listener::default().with_host(TEXT).with_port(9092);
        let feature = broker_registration_request::Feature::default().with_name(TEXT);
        let mut body = messages::BrokerRegistrationRequest::default()
            .with_listeners(vec![listener.clone(), listener.with_port(9093)])
            .with_features(vec![feature]);
        if version >= 2 {
            body.log_dirs = vec![Uuid::from_u128(1), Uuid::from_u128(2)];
        }
        let Request::BrokerRegistration(registration) = request(ApiKey::BrokerRegistration, version, &body)
        else {
            panic!("BrokerRegistration")
        };
        assert_eq!(registration.endpoint.port, 9092);
    }
}

#[test]
fn a_registration_without_a_listener_is_refused() {
    let mut frame = BytesMut::new();
    write_request_header(&header(ApiKey::BrokerRegistration, 4), &mut frame);
    messages::BrokerRegistrationRequest::default().encode(&mut frame, 4).expect("fields of this version");
    let error = decode_request(frame.freeze()).expect_err("nobody could reach that broker");
    assert_eq!(error.to_string(), "malformed message: the broker has no listener");
}

#[test]
fn a_heartbeat_with_failed_directories_is_read() {
    let body = messages::BrokerHeartbeatRequest::default()
        .with_current_metadata_offset(7)
        .with_offline_log_dirs(vec![Uuid::from_u128(1)]);
    let Request::BrokerHeartbeat(heartbeat) = request(ApiKey::BrokerHeartbeat, 1, &body) else {
        panic!("BrokerHeartbeat")
    };
    assert_eq!(heartbeat.current_metadata_offset.0, 7);
}

#[test]
fn throttle_times_and_authorized_operations_are_stepped_over() {
    for version in supported_versions(ApiKey::Metadata) {
        let mut body = messages::MetadataRequest::default().with_topics(None);
        if version >= 8 {
            body.include_topic_authorized_operations = true;
        }
        let Request::Metadata(metadata) = request(ApiKey::Metadata, version, &body) else {
            panic!("Metadata")
        };
        assert_eq!(metadata.topics, None);

        let mut body = messages::MetadataResponse::default().with_controller_id(ONE);
        if version >= 3 {
            body.throttle_time_ms = 100;
        }
        if (8..=10).contains(&version) {
            body.cluster_authorized_operations = 3;
        }
        let Response::Metadata(metadata) = response(ApiKey::Metadata, version, &body) else {
            panic!("Metadata")
        };
        assert_eq!(metadata.controller.0, 1);
    }
}
