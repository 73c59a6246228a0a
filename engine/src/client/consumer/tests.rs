//! The consumer against scripted brokers.

use bytes::Bytes;

use super::{ConsumedRecord, Consumer, ConsumerEvent, Position};
use crate::client::outcome::Outcome;
use crate::client::test_broker::{Answer, TOPIC, TestCluster, asked, batch, fetched};
use crate::client::test_platform::TestPlatform;
use crate::config::{ConsumerConfig, Properties};
use crate::driver::Clock as _;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::{
    EpochEndOffset, ListOffsetsResponse, ListedOffset, OffsetForLeaderEpochResponse, OffsetSpec,
    PartitionEpochQuery, Request, Response,
};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::{Duration, Timestamp};

const WAIT: Duration = Duration::from_secs(5);

fn start(cluster: &TestCluster, settings: &[(&str, &str)]) -> Consumer<TestPlatform> {
    let given: Properties =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
    let consumer =
        Consumer::start(cluster.platform.clone(), cluster.bootstrap(), "test", config, Rng::from_seed(1));
    consumer.assign(vec![partition()]);
    consumer
}

fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// Answers like a broker whose log starts at 10 and ends at 13; the three records are one batch of epoch 3.
fn log_of_three(request: &Request) -> Answer {
    match request {
        Request::ListOffsets(list) => {
            let answer = |question: &crate::message::ListOffsetsPartition| ListedOffset {
                partition: question.partition.clone(),
                error: ErrorCode::None,
                timestamp: Timestamp::NONE,
                offset: if question.spec == OffsetSpec::Earliest { Offset(10) } else { Offset(13) },
                leader_epoch: LeaderEpoch(3),
            };
            ListOffsetsResponse { partitions: list.partitions.iter().map(answer).collect() }.into()
        }
        _ => match asked(request) {
            Some((Offset(10..=12), _)) => {
                fetched(request, ErrorCode::None, &batch(10, 3, &["a", "b", "c"])).into()
            }
            Some((Offset(13), _)) => {
                let empty = fetched(request, ErrorCode::None, &Bytes::new());
                Answer::After(Duration::from_millis(500), empty)
            }
            _ => fetched(request, ErrorCode::OffsetOutOfRange, &Bytes::new()).into(),
        },
    }
}

fn offsets(records: &[ConsumedRecord]) -> Vec<i64> {
    records.iter().map(|record| record.offset.0).collect()
}

#[test]
fn without_a_position_it_starts_where_the_setting_says() {
    for (setting, first, read) in [("earliest", 10, vec![10, 11, 12]), ("latest", 13, vec![])] {
        let cluster = TestCluster::new(&[1]);
        cluster.broker(1, log_of_three);
        let consumer = start(&cluster, &[("auto.offset.reset", setting)]);
        let (records, events) = cluster.platform.run(async move {
            let records = consumer.poll(WAIT).await;
            (records, consumer.take_events())
        });
        assert_eq!(offsets(&records), read);
        assert_eq!(events, [ConsumerEvent::Reset { partition: partition(), from: None, to: Offset(first) }]);
    }
}

#[test]
fn records_below_the_position_are_dropped() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[]);
    let (records, position) = cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(12));
        let records = consumer.poll(WAIT).await;
        (records, consumer.position(&partition()))
    });
    assert_eq!(offsets(&records), [12]);
    assert_eq!(position, Some(Position { offset: Offset(13), leader_epoch: LeaderEpoch(3) }));
}

#[test]
fn a_position_out_of_range_is_reset_and_told() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[("auto.offset.reset", "earliest")]);
    let (records, events) = cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(99));
        let records = consumer.poll(WAIT).await;
        (records, consumer.take_events())
    });
    assert_eq!(offsets(&records), [10, 11, 12]);
    let reset = ConsumerEvent::Reset { partition: partition(), from: Some(Offset(99)), to: Offset(10) };
    assert_eq!(events, [reset]);
}

#[test]
fn a_poll_returns_no_more_records_than_the_setting_says() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[("max.poll.records", "2"), ("auto.offset.reset", "earliest")]);
    let platform = cluster.platform.clone();
    let (first, position, second) = cluster.platform.run(async move {
        let first = consumer.poll(WAIT).await;
        let position = consumer.position(&partition()).map(|position| position.offset);
        platform.sleep(Duration::from_millis(100)).await;
        let second = consumer.poll(WAIT).await;
        platform.sleep(Duration::from_millis(100)).await;
        (first, position, second)
    });
    assert_eq!((offsets(&first), position, offsets(&second)), (vec![10, 11], Some(Offset(12)), vec![12]));
    assert_eq!(
        cluster.seen(1).iter().filter_map(asked).map(|(offset, _)| offset.0).collect::<Vec<_>>(),
        [10, 13]
    );
}

#[test]
fn a_new_leader_is_followed() {
    for code in [ErrorCode::NotLeaderOrFollower, ErrorCode::FencedLeaderEpoch] {
        let cluster = TestCluster::new(&[1]);
        let moving = cluster.clone();
        cluster.broker(1, move |request| {
            moving.lead(0, 2, 7);
            fetched(request, code, &Bytes::new()).into()
        });
        cluster.broker(2, log_of_three);
        let consumer = start(&cluster, &[]);
        let records = cluster.platform.run(async move {
            consumer.seek(&partition(), Offset(10));
            consumer.poll(WAIT).await
        });
        assert_eq!(offsets(&records), [10, 11, 12]);
        let first = cluster.seen(2).iter().find_map(asked);
        assert_eq!(first, Some((Offset(10), LeaderEpoch(7))), "the new epoch is sent");
    }
}

#[test]
fn an_offset_that_is_not_available_yet_is_asked_for_again() {
    let cluster = TestCluster::new(&[1]);
    let mut refused = false;
    cluster.broker(1, move |request| {
        if std::mem::replace(&mut refused, true) {
            return log_of_three(request);
        }
        fetched(request, ErrorCode::OffsetNotAvailable, &Bytes::new()).into()
    });
    let consumer = start(&cluster, &[]);
    let (records, events) = cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(10));
        let records = consumer.poll(WAIT).await;
        (records, consumer.take_events())
    });
    assert_eq!((offsets(&records), events), (vec![10, 11, 12], vec![]));
}

#[test]
fn a_broken_batch_is_told_and_not_returned() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |request| {
        let mut broken = batch(10, 3, &["a"]).to_vec();
        let last = broken.len() - 1;
        broken[last] ^= 1;
        fetched(request, ErrorCode::None, &Bytes::from(broken)).into()
    });
    let consumer = start(&cluster, &[]);
    let (records, events) = cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(10));
        let records = consumer.poll(Duration::from_millis(50)).await;
        (records, consumer.take_events())
    });
    assert_eq!(records, []);
    let failed = ConsumerEvent::FetchFailed { partition: partition(), error: ErrorCode::CorruptMessage };
    assert_eq!(events, [failed]);
}

#[test]
fn one_fetch_is_in_flight_and_the_next_goes_out_before_poll_returns() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[]);
    let platform = cluster.platform.clone();
    cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(10));
        consumer.poll(WAIT).await;
        platform.sleep(Duration::from_millis(100)).await;
    });
    let fetches: Vec<i64> = cluster.seen(1).iter().filter_map(asked).map(|(offset, _)| offset.0).collect();
    assert_eq!(fetches, [10, 13]);
}

#[test]
fn a_poll_without_records_ends_in_time() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, |_| Answer::Silence);
    let consumer = start(&cluster, &[]);
    let platform = cluster.platform.clone();
    let waited = cluster.platform.run(async move {
        assert_eq!(consumer.poll(Duration::from_millis(250)).await, []);
        platform.now().mono
    });
    assert_eq!(waited.as_nanos(), 250_000_000);
}

#[test]
fn both_ends_of_a_partition_can_be_asked_for() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[]);
    let (mut beginning, mut end) = cluster.platform.run(async move {
        let beginning = consumer.beginning_offsets(vec![partition()]).await;
        (beginning, consumer.end_offsets(vec![partition()]).await)
    });
    assert_eq!(beginning.remove(&partition()), Some(Outcome::Ok(Offset(10))));
    assert_eq!(end.remove(&partition()), Some(Outcome::Ok(Offset(13))));
}

/// A broker that leads in epoch 8 and whose records of epoch 3 end at `end`.
fn new_leader(end: i64) -> impl FnMut(&Request) -> Answer + 'static {
    move |request| match request {
        Request::OffsetForLeaderEpoch(query) => {
            let answer = |query: &PartitionEpochQuery| EpochEndOffset {
                partition: query.partition.clone(),
                error: ErrorCode::None,
                leader_epoch: query.leader_epoch,
                end_offset: Offset(end),
            };
            OffsetForLeaderEpochResponse { partitions: query.partitions.iter().map(answer).collect() }.into()
        }
        _ => fetched(request, ErrorCode::None, &batch(end, 8, &["x", "y", "z"])).into(),
    }
}

#[test]
fn the_position_is_checked_against_a_new_leaders_log() {
    let truncated = ConsumerEvent::Truncated { partition: partition(), from: Offset(13), to: Offset(11) };
    for (end, read, told) in [(11, vec![11, 12, 13], vec![truncated]), (13, vec![13, 14, 15], vec![])] {
        let cluster = TestCluster::new(&[1]);
        cluster.lead(0, 1, 3);
        let moving = cluster.clone();
        cluster.broker(1, move |request| match asked(request) {
            Some((Offset(10), _)) => log_of_three(request),
            _ => {
                moving.lead(0, 2, 8);
                fetched(request, ErrorCode::NotLeaderOrFollower, &Bytes::new()).into()
            }
        });
        cluster.broker(2, new_leader(end));
        let consumer = start(&cluster, &[]);
        let (records, events) = cluster.platform.run(async move {
            consumer.seek(&partition(), Offset(10));
            consumer.poll(WAIT).await;
            (consumer.poll(WAIT).await, consumer.take_events())
        });
        assert_eq!((offsets(&records), events), (read, told));
    }
}

#[test]
fn a_silent_old_leader_does_not_hold_up_the_new_one() {
    let cluster = TestCluster::new(&[1, 2]);
    cluster.broker(1, |_| Answer::Silence);
    cluster.broker(2, log_of_three);
    let consumer = start(&cluster, &[("metadata.max.age.ms", "1000")]);
    let moving = cluster.clone();
    let records = cluster.platform.run(async move {
        // A connection to the other broker is what metadata is asked on.
        consumer.end_offsets(vec![TopicPartition::new(TOPIC, 1)]).await;
        consumer.seek(&partition(), Offset(10));
        consumer.poll(Duration::from_millis(500)).await;
        moving.lead(0, 2, 7);
        consumer.poll(WAIT).await
    });
    assert_eq!(offsets(&records), [10, 11, 12]);
}

/// Sends consumers of rack `b` to broker 2.
fn sends_to_broker_2(request: &Request) -> Answer {
    match request {
        Request::Fetch(fetch) if fetch.rack_id == "b" => {
            let Response::Fetch(mut response) = fetched(request, ErrorCode::None, &Bytes::new()) else {
                panic!("an answer to a fetch");
            };
            response.topics[0].partitions[0].preferred_read_replica = NodeId(2);
            response.into()
        }
        _ => log_of_three(request),
    }
}

#[test]
fn it_reads_from_the_replica_in_its_rack_that_the_leader_names() {
    for (rack, leader_reads, follower_reads) in [("b", 1, 2), ("", 2, 0)] {
        let cluster = TestCluster::new(&[1]);
        cluster.broker(1, sends_to_broker_2);
        cluster.broker(2, log_of_three);
        let consumer = start(&cluster, &[("client.rack", rack)]);
        let platform = cluster.platform.clone();
        let records = cluster.platform.run(async move {
            consumer.seek(&partition(), Offset(10));
            let records = consumer.poll(WAIT).await;
            platform.sleep(Duration::from_millis(100)).await;
            records
        });
        assert_eq!(offsets(&records), [10, 11, 12]);
        let fetches = |broker| cluster.seen(broker).iter().filter_map(asked).count();
        assert_eq!((fetches(1), fetches(2)), (leader_reads, follower_reads), "rack {rack:?}");
    }
}

#[test]
fn out_of_range_at_a_follower_is_no_reason_to_reset() {
    let cluster = TestCluster::new(&[1]);
    let mut sent = false;
    cluster.broker(1, move |request| {
        if std::mem::replace(&mut sent, true) { log_of_three(request) } else { sends_to_broker_2(request) }
    });
    cluster.broker(2, |request| fetched(request, ErrorCode::OffsetOutOfRange, &Bytes::new()).into());
    let consumer = start(&cluster, &[("client.rack", "b")]);
    let (records, events) = cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(10));
        (consumer.poll(WAIT).await, consumer.take_events())
    });
    assert_eq!((offsets(&records), events), (vec![10, 11, 12], vec![]));
    assert_eq!(cluster.seen(2).iter().filter_map(asked).count(), 1);
}

#[test]
fn the_leader_is_asked_again_when_the_choice_is_old() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, sends_to_broker_2);
    cluster.broker(2, |request| {
        Answer::After(Duration::from_millis(400), fetched(request, ErrorCode::None, &Bytes::new()))
    });
    let settings = [("client.rack", "b"), ("metadata.max.age.ms", "1000")];
    let consumer = start(&cluster, &settings);
    cluster.platform.run(async move {
        consumer.seek(&partition(), Offset(10));
        consumer.poll(Duration::from_millis(1900)).await;
    });
    let fetches = |broker| cluster.seen(broker).iter().filter_map(asked).count();
    assert_eq!(fetches(1), 2);
    assert!(fetches(2) >= 4, "{}", fetches(2));
}

#[test]
fn without_a_reset_policy_the_caller_decides() {
    let cluster = TestCluster::new(&[1]);
    cluster.broker(1, log_of_three);
    let consumer = start(&cluster, &[("auto.offset.reset", "none")]);
    let (nothing, events, records) = cluster.platform.run(async move {
        let nothing = consumer.poll(Duration::from_millis(100)).await;
        consumer.seek(&partition(), Offset(99));
        consumer.poll(Duration::from_millis(100)).await;
        let events = consumer.take_events();
        consumer.seek(&partition(), Offset(10));
        (nothing, events, consumer.poll(WAIT).await)
    });
    let told = |lost| ConsumerEvent::NoOffset { partition: partition(), lost };
    assert_eq!((nothing, events), (vec![], vec![told(None), told(Some(Offset(99)))]));
    assert_eq!(offsets(&records), [10, 11, 12]);
}

#[test]
fn offsets_can_be_asked_for_by_time() {
    for (at, found) in [(40, Some((Offset(7), Timestamp(49)))), (60, None)] {
        let cluster = TestCluster::new(&[1]);
        cluster.broker(1, |request| {
            let Request::ListOffsets(list) = request else { return Answer::Close };
            let answer = |question: &crate::message::ListOffsetsPartition| {
                let OffsetSpec::Timestamp(at) = question.spec else { panic!("asked by time") };
                let found = at < Timestamp(50);
                ListedOffset {
                    partition: question.partition.clone(),
                    error: ErrorCode::None,
                    timestamp: if found { Timestamp(49) } else { Timestamp::NONE },
                    offset: if found { Offset(7) } else { Offset::NONE },
                    leader_epoch: LeaderEpoch::NONE,
                }
            };
            ListOffsetsResponse { partitions: list.partitions.iter().map(answer).collect() }.into()
        });
        let consumer = start(&cluster, &[]);
        let mut answers = cluster
            .platform
            .run(async move { consumer.offsets_for_times([(partition(), Timestamp(at))].into()).await });
        assert_eq!(answers.remove(&partition()), Some(Outcome::Ok(found)));
    }
}
