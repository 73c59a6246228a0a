//! What the admin client makes of answers, and of none.

use std::collections::BTreeMap;

use super::Admin;
use crate::client::cluster::ClusterConfig;
use crate::client::outcome::{ClientError, Outcome};
use crate::client::test_broker::{Answer, TOPIC, TestCluster};
use crate::client::test_platform::TestPlatform;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{
    ConfigQuery, ConfigResource, ConfigResourceType, CreatePartitionsResponse, CreateTopicsResponse,
    CreatedPartitions, CreatedTopic, DeleteRecordsResponse, DeletedRecords, DescribeConfigsResponse,
    DescribeTopicPartitionsResponse, DescribedConfigs, DescribedPartition, DescribedTopic, MorePartitions,
    NewTopic, RecordsToDelete, Request,
};
use crate::offset::Offset;
use crate::rng::Rng;

fn start(cluster: &TestCluster) -> Admin<TestPlatform> {
    let (platform, bootstrap) = (cluster.platform.clone(), cluster.bootstrap());
    Admin::start(platform, bootstrap, "test", ClusterConfig::default(), Rng::from_seed(1))
}

fn answer(request: &Request, error: ErrorCode) -> Answer {
    let Request::CreateTopics(request) = request else { return Answer::Close };
    let created = |topic: &NewTopic| CreatedTopic {
        name: topic.name.clone(),
        id: TopicId::ZERO,
        error,
        error_message: None,
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
    };
    CreateTopicsResponse { topics: request.topics.iter().map(created).collect() }.into()
}

fn create(cluster: &TestCluster) -> Outcome<CreatedTopic> {
    let admin = start(cluster);
    let topic = NewTopic {
        name: "payments".to_owned(),
        partitions: 3,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: BTreeMap::new(),
    };
    let mut created = cluster.platform.run(async move { admin.create_topics(vec![topic]).await });
    created.remove("payments").expect("an outcome for each topic")
}

#[test]
fn a_topic_is_created_by_the_controller_even_if_it_has_to_be_asked_twice() {
    let cluster = TestCluster::new(&[1]);
    let mut codes = [ErrorCode::NotController].into_iter();
    cluster.broker(1, move |request| answer(request, codes.next().unwrap_or(ErrorCode::None)));
    assert_eq!(create(&cluster).ok().expect("created").partitions, 3);
}

#[test]
fn a_topic_that_exists_is_a_failure() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |request| answer(request, ErrorCode::TopicAlreadyExists));
    assert_eq!(create(&cluster), Outcome::Failed(ClientError::Broker(ErrorCode::TopicAlreadyExists)));
}

#[test]
fn a_topic_that_exists_after_a_lost_answer_is_unknown() {
    let cluster = TestCluster::new(&[1]);
    let mut first = true;
    cluster.broker(1, move |request| {
        if std::mem::take(&mut first) {
            Answer::Close
        } else {
            answer(request, ErrorCode::TopicAlreadyExists)
        }
    });
    assert_eq!(create(&cluster), Outcome::Unknown(ClientError::Broker(ErrorCode::TopicAlreadyExists)));
}

#[test]
fn topics_and_brokers_are_described() {
    let cluster = TestCluster::new(&[1, 1]);
    cluster.broker(1, |_| Answer::Silence);
    let admin = start(&cluster);
    let (topics, brokers) = cluster.platform.run(async move {
        let topics = admin.describe_topics(Some(vec![TopicName::new(TOPIC)])).await;
        (topics, admin.describe_cluster().await)
    });
    assert_eq!(topics.ok().expect("described")[0].partitions.len(), 2);
    let described = brokers.ok().expect("described");
    assert_eq!((described.controller, described.brokers.len()), (Some(NodeId(1)), 1));
}

fn more_partitions(cluster: &TestCluster) -> Outcome<Vec<CreatedPartitions>> {
    let admin = start(cluster);
    let topics = vec![MorePartitions { topic: TopicName::new(TOPIC), count: 4, assignments: None }];
    cluster.platform.run(async move { admin.create_partitions(topics, false).await })
}

#[test]
fn a_change_is_handed_on_as_the_broker_answers_it() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |request| {
        let Request::CreatePartitions(request) = request else { return Answer::Close };
        let refused = |topic: &MorePartitions| CreatedPartitions {
            topic: topic.topic.clone(),
            error: ErrorCode::InvalidPartitions,
            error_message: Some("no".to_owned()),
        };
        CreatePartitionsResponse { topics: request.topics.iter().map(refused).collect() }.into()
    });
    let answered = more_partitions(&cluster).ok().expect("an answer");
    assert_eq!(answered[0].error, ErrorCode::InvalidPartitions);
}

#[test]
fn a_change_whose_answer_is_lost_is_unknown_and_not_sent_again() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |_| Answer::Close);
    assert!(matches!(more_partitions(&cluster), Outcome::Unknown(ClientError::Connection(_))));
    assert_eq!(cluster.seen(1).len(), 1);
}

#[test]
fn records_are_deleted_at_the_leaders_even_if_they_must_be_asked_twice() {
    let cluster = TestCluster::new(&[1, 2]);
    for broker in [1, 2] {
        let mut codes = [ErrorCode::NotLeaderOrFollower].into_iter();
        cluster.broker(broker, move |request| {
            let Request::DeleteRecords(request) = request else { return Answer::Close };
            let error = codes.next().unwrap_or(ErrorCode::None);
            let deleted = |records: &RecordsToDelete| DeletedRecords {
                partition: records.partition.clone(),
                error,
                low_watermark: records.before,
            };
            DeleteRecordsResponse { partitions: request.partitions.iter().map(deleted).collect() }.into()
        });
    }
    let admin = start(&cluster);
    let records = |partition, before| RecordsToDelete {
        partition: TopicPartition::new(TOPIC, partition),
        before: Offset(before),
    };
    let asked = vec![records(0, 5), records(1, 7)];
    let deleted = cluster.platform.run(async move { admin.delete_records(asked).await });
    let starts: Vec<Option<Offset>> = deleted.into_values().map(Outcome::ok).collect();
    assert_eq!(starts, [Some(Offset(5)), Some(Offset(7))]);
}

#[test]
fn the_settings_of_a_broker_are_asked_of_that_broker() {
    let cluster = TestCluster::new(&[1, 2]);
    for broker in [1, 2] {
        cluster.broker(broker, move |request| {
            let Request::DescribeConfigs(request) = request else { return Answer::Close };
            let described = |query: &ConfigQuery| DescribedConfigs {
                resource: query.resource.clone(),
                error: ErrorCode::None,
                error_message: Some(broker.to_string()),
                configs: Vec::new(),
            };
            let resources = request.resources.iter().map(described).collect();
            DescribeConfigsResponse { resources }.into()
        });
    }
    let admin = start(&cluster);
    let query = |id: i32| {
        let resource = ConfigResource { kind: ConfigResourceType::Broker, name: id.to_string() };
        ConfigQuery { resource, keys: None }
    };
    let queries = vec![query(2), query(1)];
    let described = cluster.platform.run(async move { admin.describe_configs(queries, false).await });
    for configs in described.ok().expect("described") {
        assert_eq!(configs.error_message, Some(configs.resource.name));
    }
}

/// A page with partition `index` of the topic of all tests.
fn page(index: i32, next: Option<i32>) -> DescribeTopicPartitionsResponse {
    let partition = DescribedPartition {
        error: ErrorCode::None,
        partition: PartitionIndex(index),
        leader: NodeId(1),
        leader_epoch: LeaderEpoch(0),
        replicas: Vec::new(),
        isr: Vec::new(),
        eligible_leader_replicas: None,
        last_known_eligible: None,
        offline: Vec::new(),
    };
    let topic = DescribedTopic {
        error: ErrorCode::None,
        name: Some(TopicName::new(TOPIC)),
        id: TopicId::ZERO,
        is_internal: false,
        partitions: vec![partition],
    };
    let next_cursor = next.map(|next| TopicPartition::new(TOPIC, next));
    DescribeTopicPartitionsResponse { topics: vec![topic], next_cursor }
}

fn pages(answer: impl Fn(i32) -> DescribeTopicPartitionsResponse + 'static) -> Outcome<Vec<DescribedTopic>> {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, move |request| {
        let Request::DescribeTopicPartitions(request) = request else { return Answer::Close };
        answer(request.cursor.as_ref().map_or(0, |cursor| cursor.partition.0)).into()
    });
    let admin = start(&cluster);
    cluster.platform.run(async move { admin.describe_topic_partitions(Vec::new()).await })
}

#[test]
fn a_topic_on_many_pages_is_put_together() {
    let described = pages(|from| page(from, (from < 2).then_some(from + 1))).ok().expect("described");
    assert_eq!(described.len(), 1);
    let indexes: Vec<i32> = described[0].partitions.iter().map(|it| it.partition.0).collect();
    assert_eq!(indexes, [0, 1, 2]);
}

#[test]
fn pages_that_go_in_circles_are_an_error() {
    let described = pages(|_| page(0, Some(1)));
    assert!(matches!(described, Outcome::Failed(ClientError::Incomplete(_))));
}
