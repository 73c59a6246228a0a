//! Answers of a broker that has applied hand-made metadata: two topics, one partition of them without a leader.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::broker::{Broker, BrokerSettings};
use crate::config::{BrokerConfig, KEYS, Key, Properties, Scope, key};
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::id::{
    ConnectionId, CorrelationId, Endpoint, IncarnationId, NodeId, PartitionIndex, TopicId, TopicName,
    TopicPartition,
};
use crate::machine::{Effect, Effects, Input, Machine as _, RequestContext};
use crate::message::{
    ApiKey, ConfigEntry, ConfigQuery, ConfigResource, ConfigResourceType, ConfigSource, ConfigType,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
    MetadataRequest, PushTelemetryRequest, PushTelemetryResponse, Request, Response, TopicRef,
};
use crate::metadata::{self, MetadataRecord, PartitionImage};
use crate::offset::Offset;
use crate::time::{Instant, Now, Timestamp};
use crate::variant::ProtocolVariant;
use crate::wire::{Listener, advertised, decode_request};

fn properties(given: &[(&str, &str)]) -> Properties {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn topic_id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

/// Broker 2 of brokers 2 and 3 (3 is fenced); `orders` with partitions 0 to 2, of which 2 has no leader; `users`
/// with one.
fn broker() -> Broker {
    let given = properties(&[("log.segment.bytes", "2000000"), ("min.insync.replicas", "2")]);
    let endpoint = |id: i32| Endpoint::new(&format!("host-{id}"), 9092);
    let settings = BrokerSettings {
        node: NodeId(2),
        cluster_id: "mini".to_owned(),
        endpoint: endpoint(2),
        rack: Some("a".to_owned()),
        incarnation: IncarnationId(Uuid::from_u128(7)),
        voters: BTreeMap::from([(NodeId(100), endpoint(100))]),
        config: BrokerConfig::from_properties(&given).expect("valid"),
        variant: ProtocolVariant::default(),
    };
    let mut broker = Broker::new(settings, Vec::new());
    let register = |id| MetadataRecord::RegisterBroker {
        broker: NodeId(id),
        incarnation: IncarnationId(Uuid::from_u128(7)),
        endpoint: endpoint(id),
        rack: None,
    };
    let partition = |topic, index, leader| MetadataRecord::Partition {
        topic: topic_id(topic),
        partition: PartitionIndex(index),
        state: PartitionImage {
            leader_epoch: LeaderEpoch(4),
            partition_epoch: PartitionEpoch(6),
            ..PartitionImage::new(vec![NodeId(2), NodeId(3)], vec![NodeId(2)], leader)
        },
    };
    let topic = |name, number| MetadataRecord::Topic { name: TopicName::new(name), id: topic_id(number) };
    let setting = MetadataRecord::Config {
        resource: metadata::ConfigResource::Topic(TopicName::new("orders")),
        name: "max.message.bytes".to_owned(),
        value: Some("1234".to_owned()),
    };
    let records = [
        register(2),
        register(3),
        MetadataRecord::UnfenceBroker { broker: NodeId(2), broker_epoch: BrokerEpoch(0) },
        topic("orders", 1),
        setting,
        partition(1, 0, Some(NodeId(2))),
        partition(1, 1, Some(NodeId(2))),
        partition(1, 2, None),
        topic("users", 2),
        partition(2, 0, Some(NodeId(2))),
    ];
    for (offset, record) in (0..).map(Offset).zip(&records) {
        broker.image.replay(offset, record);
    }
    broker
}

/// What the broker answers; none if it closes the connection.
fn ask(broker: &mut Broker, request: impl Into<Request>) -> Option<Response> {
    let context = RequestContext {
        connection: ConnectionId(1),
        correlation: CorrelationId(1),
        api_version: 0,
        client_id: None,
    };
    let mut effects = Effects::default();
    broker.on_query(&context, request.into(), &mut effects);
    effects.drain().find_map(|effect| match effect {
        Effect::Respond { response, .. } => response,
        _ => None,
    })
}

fn answer<R: TryFrom<Response, Error = ApiKey>>(broker: &mut Broker, request: impl Into<Request>) -> R {
    R::try_from(ask(broker, request).expect("an answer")).expect("an answer to this request")
}

#[test]
fn the_controller_of_a_description_is_a_broker_that_is_described() {
    let request = DescribeClusterRequest { include_authorized_operations: true, endpoint_type: 1 };
    let response = broker().describe_cluster(&request);
    assert_eq!(response.error, ErrorCode::None);
    assert_eq!(response.controller, NodeId(2));
    assert_eq!(response.brokers.iter().map(|broker| broker.id).collect::<Vec<_>>(), [NodeId(2)]);
}

#[test]
fn a_broker_does_not_describe_controllers() {
    let error = |endpoint_type| {
        let request = DescribeClusterRequest { include_authorized_operations: false, endpoint_type };
        broker().describe_cluster(&request).error
    };
    assert_eq!(error(2), ErrorCode::MismatchedEndpointType);
    assert_eq!(error(9), ErrorCode::UnsupportedEndpointType);
}

fn page(
    topics: &[&str],
    partitions_max: i32,
    cursor: Option<TopicPartition>,
) -> DescribeTopicPartitionsResponse {
    let topics = topics.iter().map(|name| TopicName::new(name)).collect();
    answer(&mut broker(), DescribeTopicPartitionsRequest { topics, partitions_max, cursor })
}

/// What stands on a page, as `orders/0`.
fn listed(page: &DescribeTopicPartitionsResponse) -> Vec<String> {
    let names = page.topics.iter().flat_map(|topic| {
        let name = topic.name.as_ref().expect("asked by name");
        topic.partitions.iter().map(move |partition| format!("{name}/{}", partition.partition))
    });
    names.collect()
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let mut cursor = None;
    let mut all = Vec::new();
    for _ in 0..10 {
        let page = page(&[], 2, cursor);
        all.push(listed(&page));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all, [vec!["orders/0", "orders/1"], vec!["orders/2", "users/0"]]);
}

#[test]
fn a_page_that_is_full_at_the_end_of_a_topic_points_to_the_next_topic() {
    let page = page(&[], 3, None);
    assert_eq!(listed(&page), ["orders/0", "orders/1", "orders/2"]);
    assert_eq!(page.next_cursor, Some(TopicPartition::new("users", 0)));
}

#[test]
fn a_page_of_no_partitions_still_has_one() {
    assert_eq!(listed(&page(&[], 0, None)), ["orders/0"]);
}

#[test]
fn topics_that_are_not_there_are_named_with_their_error() {
    let page = page(&["nobody", "no body", "users"], 10, None);
    let errors: Vec<ErrorCode> = page.topics.iter().map(|topic| topic.error).collect();
    let expected = [ErrorCode::InvalidTopicException, ErrorCode::UnknownTopicOrPartition, ErrorCode::None];
    assert_eq!(errors, expected);
}

#[test]
fn a_cursor_before_the_first_partition_is_refused() {
    let page = page(&["users"], 10, Some(TopicPartition::new("users", -1)));
    assert_eq!(page.topics[0].error, ErrorCode::InvalidRequest);
}

#[test]
fn q31_a_partition_without_a_leader_is_leader_not_available() {
    let broker = broker();
    let all = broker.metadata_response(&MetadataRequest { topics: None, allow_auto_topic_creation: false });
    let leaderless = &all.topics[0].partitions[2];
    assert_eq!((leaderless.error, leaderless.leader), (ErrorCode::LeaderNotAvailable, NodeId::NONE));
    assert_eq!(all.topics[0].partitions[0].error, ErrorCode::None);
    let described = page(&["orders"], 10, None);
    assert_eq!(described.topics[0].partitions[2].error, ErrorCode::LeaderNotAvailable);
}

#[test]
fn q10_the_controller_of_metadata_is_a_broker_in_it_or_none() {
    let request = MetadataRequest { topics: Some(Vec::new()), allow_auto_topic_creation: false };
    let mut broker = broker();
    let named = broker.metadata_response(&request);
    assert!(named.brokers.iter().any(|broker| broker.id == named.controller));
    let fence = MetadataRecord::FenceBroker { broker: NodeId(2), broker_epoch: BrokerEpoch(0) };
    broker.image.replay(Offset(10), &fence);
    let alone = broker.metadata_response(&request);
    assert_eq!((alone.controller, alone.brokers), (NodeId::NONE, Vec::new()));
}

#[test]
fn metadata_finds_topics_by_id() {
    let by_id = |id| TopicRef { name: None, id };
    let topics = Some(vec![by_id(topic_id(2)), by_id(topic_id(9))]);
    let response = broker().metadata_response(&MetadataRequest { topics, allow_auto_topic_creation: false });
    assert_eq!(response.topics[0].name, Some(TopicName::new("users")));
    assert_eq!(response.topics[1].error, ErrorCode::UnknownTopicId);
    assert_eq!(response.topics[1].id, topic_id(9));
}

fn configs(kind: ConfigResourceType, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResponse {
    let keys = keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
    let resource = ConfigResource { kind, name: name.to_owned() };
    let resources = vec![ConfigQuery { resource, keys }];
    answer(
        &mut broker(),
        DescribeConfigsRequest { resources, include_synonyms: true, include_documentation: true },
    )
}

fn entries(kind: ConfigResourceType, name: &str) -> Vec<ConfigEntry> {
    let mut response = configs(kind, name, None);
    assert_eq!(response.resources[0].error, ErrorCode::None);
    response.resources.remove(0).configs
}

fn entry<'a>(entries: &'a [ConfigEntry], name: &str) -> &'a ConfigEntry {
    entries.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("{name} is described"))
}

#[test]
fn q13_every_known_key_is_described_with_type_and_documentation() {
    for (kind, name, scope) in [
        (ConfigResourceType::Topic, "orders", Scope::Topic),
        (ConfigResourceType::Broker, "2", Scope::Broker),
    ] {
        let entries = entries(kind, name);
        for key in KEYS.iter().filter(|key| key.scope == scope) {
            let entry = entry(&entries, key.name);
            assert!(!matches!(entry.config_type, ConfigType::Unknown(_)), "{}", key.name);
            assert_eq!(entry.documentation.as_deref(), Some(key.doc));
            assert!(entry.value.is_some(), "{}", key.name);
        }
    }
}

#[test]
fn q13_a_broker_says_where_it_is_advertised() {
    let entries = entries(ConfigResourceType::Broker, "2");
    assert_eq!(entry(&entries, "advertised.listeners").value.as_deref(), Some("PLAINTEXT://host-2:9092"));
    assert_eq!(entry(&entries, "replica.lag.time.max.ms").config_type, ConfigType::Long);
    let dynamic = |name: &str| key(Scope::Broker, name).is_some_and(Key::is_dynamic);
    assert!(entries.iter().all(|entry| entry.is_read_only != dynamic(&entry.name)));
}

#[test]
fn a_topic_setting_comes_from_the_topic_then_the_broker_then_the_default() {
    let entries = entries(ConfigResourceType::Topic, "orders");
    let told = |name| {
        let entry = entry(&entries, name);
        let synonyms: Vec<_> = entry.synonyms.iter().map(|it| (it.name.as_str(), it.source)).collect();
        (entry.value.clone().expect("a value"), entry.source, synonyms)
    };
    let own =
        vec![("max.message.bytes", ConfigSource::DynamicTopic), ("message.max.bytes", ConfigSource::Default)];
    assert_eq!(told("max.message.bytes"), ("1234".to_owned(), ConfigSource::DynamicTopic, own));
    let inherited =
        vec![("log.segment.bytes", ConfigSource::StaticBroker), ("log.segment.bytes", ConfigSource::Default)];
    assert_eq!(told("segment.bytes"), ("2000000".to_owned(), ConfigSource::StaticBroker, inherited));
    let default = vec![("unclean.leader.election.enable", ConfigSource::Default)];
    assert_eq!(told("unclean.leader.election.enable"), ("false".to_owned(), ConfigSource::Default, default));
}

#[test]
fn only_the_keys_asked_about_are_described() {
    let response = configs(ConfigResourceType::Topic, "orders", Some(&["segment.bytes", "nothing"]));
    let names: Vec<&str> = response.resources[0].configs.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["segment.bytes"]);
}

#[test]
fn synonyms_and_documentation_come_only_if_asked_for() {
    let resource = ConfigResource { kind: ConfigResourceType::Topic, name: "orders".to_owned() };
    let resources = vec![ConfigQuery { resource, keys: None }];
    let request = DescribeConfigsRequest { resources, include_synonyms: false, include_documentation: false };
    let response: DescribeConfigsResponse = answer(&mut broker(), request);
    let bare = |entry: &ConfigEntry| entry.synonyms.is_empty() && entry.documentation.is_none();
    assert!(response.resources[0].configs.iter().all(bare));
}

#[test]
fn things_without_settings_here_are_refused_by_name() {
    let error = |kind, name: &str| configs(kind, name, None).resources[0].error;
    assert_eq!(error(ConfigResourceType::Topic, "nobody"), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(error(ConfigResourceType::Topic, "no body"), ErrorCode::InvalidTopicException);
    assert_eq!(error(ConfigResourceType::Broker, "3"), ErrorCode::InvalidRequest);
    assert_eq!(error(ConfigResourceType::BrokerLogger, "2"), ErrorCode::InvalidRequest);
    assert_eq!(error(ConfigResourceType::Unknown(77), ""), ErrorCode::InvalidRequest);
}

#[test]
fn a_client_without_an_id_gets_one_of_its_own_and_no_metrics_to_push() {
    let mut broker = broker();
    let mut subscribe = |client_instance_id| {
        let request = GetTelemetrySubscriptionsRequest { client_instance_id };
        answer::<GetTelemetrySubscriptionsResponse>(&mut broker, request)
    };
    let (first, second) = (subscribe(Uuid::nil()), subscribe(Uuid::nil()));
    assert_ne!(first.client_instance_id, second.client_instance_id);
    assert!(!first.client_instance_id.is_nil());
    assert_eq!(first.requested_metrics, Vec::<String>::new());
    let known = Uuid::from_u128(5);
    assert_eq!(subscribe(known).client_instance_id, known);
}

#[test]
fn pushed_metrics_are_taken_from_those_who_have_an_id() {
    let push = |id, subscription_id| {
        let request = PushTelemetryRequest {
            client_instance_id: Uuid::from_u128(id),
            subscription_id,
            terminating: false,
            compression_type: 0,
            metrics: bytes::Bytes::from_static(b"metrics"),
        };
        answer::<PushTelemetryResponse>(&mut broker(), request).error
    };
    assert_eq!(push(5, 0), ErrorCode::None);
    assert_eq!(push(0, 0), ErrorCode::InvalidRequest);
    assert_eq!(push(5, 1), ErrorCode::UnknownSubscriptionId);
}

/// Some request of an API in one of its versions: a header, then the same byte again and again. What a message does
/// not need is ignored.
fn some_request(key: i16) -> Request {
    let frames = (0..20i16).flat_map(|version| [0, 1].map(|filler| (version, filler)));
    let request = |(version, filler): (i16, u8)| {
        let numbers = [key, version, 0, 1, -1].map(i16::to_be_bytes).concat();
        let frame = [numbers, vec![0; usize::from(filler)], vec![filler; 200]].concat();
        decode_request(frame.into()).ok().map(|(_, request)| request)
    };
    frames.into_iter().find_map(request).unwrap_or_else(|| panic!("no request of API {key}"))
}

#[test]
fn every_api_a_broker_advertises_is_served() {
    for range in advertised(Listener::Broker) {
        let mut broker = broker();
        let context = RequestContext {
            connection: ConnectionId(1),
            correlation: CorrelationId(1),
            api_version: 0,
            client_id: None,
        };
        let mut effects = Effects::default();
        let now = Now { mono: Instant::START, wall: Timestamp(0) };
        broker.step(now, Input::Request { context, request: some_request(range.key) }, &mut effects);
        let closed = effects.drain().any(|effect| matches!(effect, Effect::Close { .. }));
        assert!(!closed, "API {}", range.key);
    }
}
