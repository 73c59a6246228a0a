//! The producer against scripted brokers.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;

use super::{Producer, ProducerRecord};
use crate::client::connection::ConnectionError;
use crate::client::outcome::{ClientError, Outcome};
use crate::client::test_broker::{Answer, TOPIC, TestCluster, produced, record_counts};
use crate::client::test_platform::{TestPlatform, is_pending_after};
use crate::config::{ProducerConfig, Properties};
use crate::driver::Clock as _;
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicName};
use crate::message::ApiKey;
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::Duration;

fn config(settings: &[(&str, &str)]) -> ProducerConfig {
    let given: Properties =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ProducerConfig::from_properties(&given).expect("settings of a test")
}

pub(super) fn start(cluster: &TestCluster, settings: &[(&str, &str)]) -> Producer<TestPlatform> {
    let (platform, bootstrap) = (cluster.platform.clone(), cluster.bootstrap());
    Producer::start(platform, bootstrap, "test", config(settings), Rng::from_seed(1))
}

pub(super) fn record(value: &str) -> ProducerRecord {
    ProducerRecord {
        topic: TopicName::new(TOPIC),
        partition: None,
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        timestamp: None,
    }
}

/// A script that answers the first `codes` in turn and then success.
fn codes<const COUNT: usize>(
    codes: [ErrorCode; COUNT],
) -> impl FnMut(&crate::message::Request) -> Answer + 'static {
    let mut codes = codes.into_iter();
    move |request| produced(request, codes.next().unwrap_or(ErrorCode::None))
}

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn a_record_that_is_acknowledged_has_its_offset() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[]);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert_eq!(outcome.ok().expect("acknowledged").offset, Some(Offset(100)));
}

#[test]
fn records_that_linger_together_are_sent_together() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[("linger.ms", "5")]);
    let offsets = cluster.platform.run(async move {
        let sends: Vec<_> = (0..10).map(|_| producer.send(record("a"))).collect();
        futures_util::future::join_all(sends).await
    });
    let offsets: Vec<_> =
        offsets.into_iter().map(|outcome| outcome.ok().expect("acknowledged").offset).collect();
    assert_eq!(offsets, (100..110).map(|offset| Some(Offset(offset))).collect::<Vec<_>>());
    let requests = cluster.produced(1);
    assert_eq!(requests.iter().map(record_counts).collect::<Vec<_>>(), [[10]]);
}

#[test]
fn a_new_leader_is_found_after_not_leader() {
    let cluster = TestCluster::new(&[1]);
    let moving = cluster.clone();
    cluster.broker(1, move |request| {
        moving.lead(0, 2, 1);
        produced(request, ErrorCode::NotLeaderOrFollower)
    });
    cluster.broker(2, codes([]));
    let producer = start(&cluster, &[]);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
    assert_eq!((cluster.produced(1).len(), cluster.produced(2).len()), (1, 1));
}

#[test]
fn a_request_timeout_closes_the_connection_and_leaves_the_outcome_unknown() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |_| Answer::Silence);
    let settings = [("request.timeout.ms", "1000"), ("delivery.timeout.ms", "2500"), ("linger.ms", "0")];
    let producer = start(&cluster, &settings);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    let timeout = ClientError::Connection(ConnectionError::RequestTimeout(ApiKey::Produce));
    let error = ClientError::DeliveryTimeout { after: millis(2500), last: Some(Box::new(timeout)) };
    assert_eq!(outcome, Outcome::Unknown(error));
    assert_eq!(cluster.produced(1).len(), 3, "one attempt a second on connections of their own");
}

#[test]
fn too_few_replicas_are_retried_and_then_a_failure() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |request| produced(request, ErrorCode::NotEnoughReplicas));
    let producer = start(&cluster, &[("retries", "3")]);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert_eq!(outcome, Outcome::Failed(ClientError::Broker(ErrorCode::NotEnoughReplicas)));
    assert_eq!(cluster.produced(1).len(), 4);
}

#[test]
fn doubt_of_an_earlier_attempt_stays() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([ErrorCode::RequestTimedOut, ErrorCode::MessageTooLarge]));
    let producer = start(&cluster, &[]);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert_eq!(outcome, Outcome::Unknown(ClientError::Broker(ErrorCode::RequestTimedOut)));
}

#[test]
fn success_after_doubt_is_success() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([ErrorCode::NotEnoughReplicasAfterAppend]));
    let producer = start(&cluster, &[]);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
}

#[test]
fn without_acks_a_record_is_done_once_written() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[("acks", "0")]);
    let outcomes = cluster.platform.run(async move {
        let first = producer.send(record("a")).await;
        (first, producer.send(record("b")).await)
    });
    for outcome in [outcomes.0, outcomes.1] {
        assert_eq!(outcome.ok().expect("written").offset, None);
    }
}

#[test]
fn no_more_requests_than_allowed_are_in_flight() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |_| Answer::Silence);
    let settings = [
        ("max.in.flight.requests.per.connection", "2"),
        ("batch.size", "0"),
        ("linger.ms", "0"),
        // An idempotent producer has one batch under way until the first is acknowledged.
        ("enable.idempotence", "false"),
    ];
    let producer = start(&cluster, &settings);
    let platform = cluster.platform.clone();
    cluster.platform.run(async move {
        for _ in 0..5 {
            drop(producer.send(record("a")));
        }
        platform.sleep(millis(1000)).await;
    });
    assert_eq!(cluster.produced(1).len(), 2);
}

#[test]
fn one_request_in_flight_keeps_the_order_across_retries() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([ErrorCode::NotEnoughReplicas, ErrorCode::NotEnoughReplicas]));
    let settings = [("max.in.flight.requests.per.connection", "1"), ("batch.size", "0"), ("linger.ms", "0")];
    let producer = start(&cluster, &settings);
    cluster.platform.run(async move {
        for value in ["a", "b", "c"] {
            drop(producer.send(record(value)));
        }
        producer.close().await;
    });
    let sent: Vec<Bytes> = cluster.produced(1).iter().map(value_of).collect();
    assert_eq!(sent, ["a", "a", "a", "b", "c"]);
}

pub(super) fn value_of(request: &crate::message::ProduceRequest) -> Bytes {
    let records = request.partitions[0].records.clone().expect("records");
    let batch = crate::record::RecordBatch::parse(records).expect("a batch");
    let first = batch.records().expect("readable").next().expect("one record").expect("readable");
    first.value.expect("a value")
}

#[test]
fn round_robin_spreads_records_over_all_partitions() {
    let cluster = TestCluster::new(&[1, 1, 1]);
    cluster.broker(1, codes([]));
    let class = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    let producer = start(&cluster, &[("partitioner.class", class)]);
    let outcomes = cluster.platform.run(async move {
        let sends: Vec<_> = (0..6).map(|_| producer.send(record("a"))).collect();
        futures_util::future::join_all(sends).await
    });
    let partitions: Vec<i32> = outcomes
        .into_iter()
        .map(|outcome| outcome.ok().expect("acknowledged").partition.partition)
        .map(|partition| partition.0)
        .collect();
    assert_eq!(partitions, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn records_without_a_key_stick_to_one_partition_per_batch() {
    let cluster = TestCluster::new(&[1, 1, 1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[]);
    let outcomes = cluster.platform.run(async move {
        let sends: Vec<_> = (0..6).map(|_| producer.send(record("a"))).collect();
        futures_util::future::join_all(sends).await
    });
    let mut partitions: Vec<PartitionIndex> =
        outcomes.into_iter().map(|outcome| outcome.ok().expect("acknowledged").partition.partition).collect();
    partitions.dedup();
    assert_eq!(partitions.len(), 1);
}

#[test]
fn a_record_without_a_topic_to_go_to_fails_after_max_block() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[("max.block.ms", "3000")]);
    let platform = cluster.platform.clone();
    let (outcome, waited) = cluster.platform.run(async move {
        let nowhere = ProducerRecord { topic: TopicName::new("nowhere"), ..record("a") };
        let outcome = producer.send(nowhere).await;
        (outcome, platform.now().mono)
    });
    assert_eq!(outcome, Outcome::Failed(ClientError::Blocked(millis(3000))));
    assert_eq!(waited.as_nanos(), 3_000_000_000);
}

#[test]
fn a_full_buffer_holds_records_back_until_batches_are_done() {
    let cluster = TestCluster::new(&[1]);
    let held = Rc::new(Cell::new(true));
    let hold = held.clone();
    cluster.broker(1, move |request| match produced(request, ErrorCode::None) {
        Answer::Now(response) if hold.get() => Answer::After(millis(500), response),
        answer => answer,
    });
    let producer = start(&cluster, &[("buffer.memory", "150"), ("batch.size", "150"), ("linger.ms", "0")]);
    let platform = cluster.platform.clone();
    let later = cluster.platform.run(async move {
        drop(producer.send(record("the first takes the whole buffer")));
        let mut second = Box::pin(producer.send(record("the second has to wait for the first")));
        let waits = is_pending_after(&platform, millis(400), &mut second).await;
        held.set(false);
        (waits, second.await)
    });
    assert!(later.0);
    assert!(matches!(later.1, Outcome::Ok(_)), "{:?}", later.1);
}

#[test]
fn a_record_above_the_request_size_is_refused() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[("max.request.size", "100")]);
    let outcome = cluster.platform.run(async move { producer.send(record(&"x".repeat(100))).await });
    assert!(
        matches!(outcome, Outcome::Failed(ClientError::RecordTooLarge { bytes_max: 100, .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_broker_that_refuses_connections_leaves_records_failed_and_not_unknown() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    cluster.lead(0, 2, 0);
    cluster.unreachable_broker(2);
    let settings = [("request.timeout.ms", "1000"), ("delivery.timeout.ms", "2500")];
    let producer = start(&cluster, &settings);
    let outcome = cluster.platform.run(async move { producer.send(record("a")).await });
    assert_eq!(outcome, Outcome::Failed(ClientError::DeliveryTimeout { after: millis(2500), last: None }));
}

#[test]
fn flush_sends_what_lingers() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, codes([]));
    let producer = start(&cluster, &[("linger.ms", "60000")]);
    let platform = cluster.platform.clone();
    let waited = cluster.platform.run(async move {
        drop(producer.send(record("a")));
        producer.flush().await;
        platform.now().mono
    });
    assert!(waited.as_nanos() < 1_000_000_000, "{waited}");
    assert_eq!(cluster.produced(1).len(), 1);
}

#[test]
fn metadata_is_asked_elsewhere_when_a_silent_leader_takes_no_more() {
    let cluster = TestCluster::new(&[1]);
    let moving = cluster.clone();
    cluster.broker(1, move |_| {
        moving.lead(0, 2, 1);
        Answer::Silence
    });
    cluster.broker(2, codes([]));
    let settings = [
        ("max.in.flight.requests.per.connection", "1"),
        ("metadata.max.age.ms", "2000"),
        ("batch.size", "0"),
        ("linger.ms", "0"),
        ("acks", "1"),
    ];
    let producer = start(&cluster, &settings);
    let platform = cluster.platform.clone();
    cluster.platform.run(async move {
        drop(producer.send(record("a")));
        platform.sleep(millis(500)).await;
        drop(producer.send(record("b")));
        platform.sleep(millis(5000)).await;
    });
    // Order is kept: the second record waits for the first, whose request timeout is far away.
    assert_eq!(cluster.produced(2).len(), 0);
    assert!(cluster.metadata_asked(2) > 0);
}
