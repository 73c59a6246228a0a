//! Whole consumers against a scripted coordinator.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use super::super::protocol::encode_assignment;
use crate::client::consumer::{Callback, Consumer, ConsumerEvent, Position, RebalanceListener};
use crate::client::outcome::{ClientError, Outcome};
use crate::client::signal::within;
use crate::client::test_broker::{Answer, TOPIC, TestCluster, asked, batch, fetched, topic_id};
use crate::client::test_platform::TestPlatform;
use crate::config::{ConsumerConfig, Properties};
use crate::driver::Clock as _;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, TopicName, TopicPartition};
use crate::message::{
    ConsumerGroupHeartbeatResponse, Coordinator, EpochEndOffset, FetchedOffset, FetchedOffsets,
    FindCoordinatorResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse,
    OffsetFetchResponse, OffsetForLeaderEpochResponse, OffsetOutcome, Request, SyncGroupResponse,
    TopicIdPartitions,
};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::Duration;

const WAIT: Duration = Duration::from_millis(200);

/// What the coordinator says.
struct Script {
    generation: i32,
    heartbeat: ErrorCode,
    commit: ErrorCode,
    committed: Offset,
}

type Shared = Rc<RefCell<Script>>;

fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// A broker that coordinates a group of one member, which gets `orders/0`; the log holds 10 to 12 in epoch 0.
fn coordinator(cluster: &TestCluster) -> Shared {
    let script = Rc::new(RefCell::new(Script {
        generation: 0,
        heartbeat: ErrorCode::None,
        commit: ErrorCode::None,
        committed: Offset(11),
    }));
    let said = script.clone();
    cluster.broker(1, move |request| answer(&mut said.borrow_mut(), request));
    script
}

fn answer(script: &mut Script, request: &Request) -> Answer {
    match request {
        Request::FindCoordinator(find) => {
            let node = Some((NodeId(1), Endpoint::new("broker-1", 9092)));
            let key = find.keys[0].clone();
            let found = Coordinator { key, node, error: ErrorCode::None, error_message: None };
            FindCoordinatorResponse { coordinators: vec![found] }.into()
        }
        Request::JoinGroup(join) => {
            let known = !join.member_id.is_empty();
            script.generation += i32::from(known);
            script.heartbeat = ErrorCode::None;
            JoinGroupResponse {
                error: if known { ErrorCode::None } else { ErrorCode::MemberIdRequired },
                generation: script.generation,
                protocol_type: Some("consumer".to_owned()),
                protocol_name: Some("range".to_owned()),
                leader: "other".to_owned(),
                skip_assignment: false,
                member_id: "me".to_owned(),
                members: Vec::new(),
            }
            .into()
        }
        Request::SyncGroup(_) => {
            let assignment = encode_assignment(&[partition()]);
            SyncGroupResponse { error: ErrorCode::None, protocol_type: None, protocol_name: None, assignment }
                .into()
        }
        Request::Heartbeat(_) => HeartbeatResponse { error: script.heartbeat }.into(),
        Request::ConsumerGroupHeartbeat(heartbeat) => {
            let joins = heartbeat.member_epoch == 0;
            let error = if joins { ErrorCode::None } else { script.heartbeat };
            if joins {
                script.generation += 1;
                script.heartbeat = ErrorCode::None;
            }
            let all = vec![TopicIdPartitions { topic_id: topic_id(), partitions: vec![PartitionIndex(0)] }];
            ConsumerGroupHeartbeatResponse {
                error,
                error_message: None,
                member_id: Some(heartbeat.member_id.clone()),
                member_epoch: script.generation,
                heartbeat_interval: Duration::from_secs(3),
                assignment: Some(all).filter(|_| joins),
            }
            .into()
        }
        Request::LeaveGroup(_) => LeaveGroupResponse { error: ErrorCode::None, members: Vec::new() }.into(),
        _ => answer_about_offsets(script, request),
    }
}

fn answer_about_offsets(script: &Script, request: &Request) -> Answer {
    match request {
        Request::OffsetFetch(fetch) => {
            let fetched = FetchedOffset {
                partition: partition(),
                offset: script.committed,
                leader_epoch: LeaderEpoch(0),
                metadata: None,
                error: ErrorCode::None,
            };
            let group_id = fetch.groups[0].group_id.clone();
            let group = FetchedOffsets { group_id, error: ErrorCode::None, partitions: vec![fetched] };
            OffsetFetchResponse { groups: vec![group] }.into()
        }
        Request::OffsetCommit(commit) => {
            let outcome = |partition: &TopicPartition| OffsetOutcome {
                partition: partition.clone(),
                error: script.commit,
            };
            let partitions = commit.partitions.iter().map(|one| outcome(&one.partition)).collect();
            OffsetCommitResponse { partitions }.into()
        }
        Request::Fetch(_) => match asked(request) {
            Some((Offset(10..=12), _)) => {
                fetched(request, ErrorCode::None, &batch(10, 0, &["a", "b", "c"])).into()
            }
            _ => Answer::After(WAIT, fetched(request, ErrorCode::None, &Bytes::new())),
        },
        Request::OffsetForLeaderEpoch(_) => {
            let (error, leader_epoch) = (ErrorCode::None, LeaderEpoch(0));
            let end = EpochEndOffset { partition: partition(), error, leader_epoch, end_offset: Offset(13) };
            OffsetForLeaderEpochResponse { partitions: vec![end] }.into()
        }
        _ => Answer::Close,
    }
}

fn start(cluster: &TestCluster, settings: &[(&str, &str)]) -> Consumer<TestPlatform> {
    let common = [("group.id", "g"), ("max.poll.interval.ms", "8000")];
    let given: Properties = common
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
    Consumer::start(cluster.platform.clone(), cluster.bootstrap(), "test", config, Rng::from_seed(1))
}

fn subscribe(consumer: &Consumer<TestPlatform>, listener: impl RebalanceListener<TestPlatform> + 'static) {
    consumer.subscribe(vec![TopicName::new(TOPIC)], listener).expect("a group");
}

/// Polls until something came, and gives the offsets.
async fn read(consumer: &Consumer<TestPlatform>) -> Vec<i64> {
    for _ in 0..50 {
        let records = consumer.poll(WAIT).await;
        if !records.is_empty() {
            return records.iter().map(|record| record.offset.0).collect();
        }
    }
    Vec::new()
}

fn commits(cluster: &TestCluster) -> Vec<(i32, i64)> {
    let commit = |request| match request {
        Request::OffsetCommit(commit) => Some((commit.generation, commit.partitions[0].offset.0)),
        _ => None,
    };
    cluster.seen(1).into_iter().filter_map(commit).collect()
}

const PROTOCOLS: [(&str, &str); 2] = [("group.protocol", "classic"), ("group.protocol", "consumer")];

#[test]
fn a_member_starts_where_the_group_has_committed() {
    for protocol in PROTOCOLS {
        let cluster = TestCluster::new(&[1]);
        coordinator(&cluster);
        let consumer = start(&cluster, &[protocol]);
        let (offsets, events) = cluster.platform.run(async move {
            subscribe(&consumer, ());
            (read(&consumer).await, consumer.take_events())
        });
        assert_eq!(offsets, [11, 12], "{protocol:?}");
        let assigned = ConsumerEvent::Assigned { partitions: vec![partition()], generation: 1 };
        assert_eq!(events, [assigned], "{protocol:?}");
    }
}

#[test]
fn automatic_commits_hold_what_earlier_polls_returned() {
    for protocol in PROTOCOLS {
        let cluster = TestCluster::new(&[1]);
        coordinator(&cluster);
        let settings = [protocol, ("auto.commit.interval.ms", "1000"), ("max.poll.records", "1")];
        let consumer = start(&cluster, &settings);
        let platform = cluster.platform.clone();
        cluster.platform.run(async move {
            subscribe(&consumer, ());
            assert_eq!(read(&consumer).await, [11]);
            platform.sleep(Duration::from_secs(2)).await;
            assert_eq!(read(&consumer).await, [12]);
            platform.sleep(Duration::from_millis(10)).await;
        });
        assert_eq!(commits(&cluster), [(1, 12)], "{protocol:?}: 12 is being processed");
    }
}

#[test]
fn a_close_commits_and_leaves() {
    for (protocol, leave) in PROTOCOLS.into_iter().zip(["LeaveGroup", "member_epoch: -1"]) {
        let cluster = TestCluster::new(&[1]);
        coordinator(&cluster);
        let consumer = start(&cluster, &[protocol]);
        cluster.platform.run(async move {
            subscribe(&consumer, ());
            read(&consumer).await;
            consumer.close(Duration::from_secs(5)).await;
        });
        assert_eq!(commits(&cluster), [(1, 13)], "{protocol:?}");
        let last = format!("{:?}", cluster.seen(1).last());
        assert!(last.contains(leave), "{protocol:?}: {last}");
    }
}

#[test]
fn a_member_that_is_closed_while_it_looks_for_the_coordinator_does_not_join_behind_its_leave() {
    for protocol in PROTOCOLS {
        let cluster = TestCluster::new(&[1]);
        let script = Rc::new(RefCell::new(Script {
            generation: 0,
            heartbeat: ErrorCode::None,
            commit: ErrorCode::None,
            committed: Offset(11),
        }));
        cluster.broker(1, move |request| match (request, answer(&mut script.borrow_mut(), request)) {
            (Request::FindCoordinator(_), Answer::Now(found)) => Answer::After(WAIT, found),
            (_, answer) => answer,
        });
        let consumer = start(&cluster, &[protocol]);
        let platform = cluster.platform.clone();
        cluster.platform.run(async move {
            subscribe(&consumer, ());
            within(&platform, WAIT / 2, consumer.poll(WAIT)).await;
            consumer.close(Duration::from_secs(5)).await;
        });
        let joins = |request: &Request| match request {
            Request::JoinGroup(_) => true,
            Request::ConsumerGroupHeartbeat(heartbeat) => heartbeat.member_epoch == 0,
            _ => false,
        };
        let joined: Vec<Request> = cluster.seen(1).into_iter().filter(joins).collect();
        assert_eq!(joined, [], "{protocol:?}");
    }
}

#[test]
fn a_member_that_polls_too_late_has_lost_its_partitions_and_joins_again() {
    for protocol in PROTOCOLS {
        let cluster = TestCluster::new(&[1]);
        coordinator(&cluster);
        let consumer = start(&cluster, &[protocol, ("enable.auto.commit", "false")]);
        let platform = cluster.platform.clone();
        let events = cluster.platform.run(async move {
            subscribe(&consumer, ());
            read(&consumer).await;
            consumer.take_events();
            platform.sleep(Duration::from_secs(9)).await;
            let refused = ClientError::Broker(ErrorCode::UnknownMemberId);
            assert_eq!(consumer.commit_sync(None).await, Outcome::Failed(refused));
            assert_eq!(read(&consumer).await, [11, 12], "from what is committed");
            consumer.take_events()
        });
        let partitions = vec![partition()];
        let lost = ConsumerEvent::Lost { partitions: partitions.clone() };
        assert_eq!(events, [lost, ConsumerEvent::Assigned { partitions, generation: 2 }], "{protocol:?}");
    }
}

#[test]
fn a_member_that_is_fenced_joins_again() {
    let fences = [ErrorCode::IllegalGeneration, ErrorCode::FencedMemberEpoch];
    for (protocol, fence) in PROTOCOLS.into_iter().zip(fences) {
        let cluster = TestCluster::new(&[1]);
        let script = coordinator(&cluster);
        let consumer = start(&cluster, &[protocol]);
        let generation = cluster.platform.run(async move {
            subscribe(&consumer, ());
            read(&consumer).await;
            script.borrow_mut().heartbeat = fence;
            for _ in 0..30 {
                consumer.poll(WAIT).await;
            }
            consumer.group_metadata().expect("a group").generation
        });
        assert_eq!(generation, 2, "{protocol:?}");
    }
}

#[test]
fn a_commit_is_only_called_failed_if_it_had_no_effect() {
    for (error, failed) in [
        (ErrorCode::IllegalGeneration, true),
        (ErrorCode::OffsetMetadataTooLarge, true),
        (ErrorCode::CoordinatorLoadInProgress, true),
        (ErrorCode::CoordinatorNotAvailable, false),
        (ErrorCode::UnknownServerError, false),
    ] {
        let cluster = TestCluster::new(&[1]);
        let script = coordinator(&cluster);
        let consumer = start(&cluster, &[("enable.auto.commit", "false"), ("max.poll.interval.ms", "90000")]);
        let outcome = cluster.platform.run(async move {
            subscribe(&consumer, ());
            read(&consumer).await;
            script.borrow_mut().commit = error;
            consumer.commit_sync(None).await
        });
        assert_eq!(matches!(outcome, Outcome::Failed(_)), failed, "{error}: {outcome:?}");
        assert!(!matches!(outcome, Outcome::Ok(())), "{error}");
    }
}

/// Takes a second for every callback, and writes down when it begins and ends.
#[derive(Clone)]
struct Slow {
    platform: TestPlatform,
    told: Rc<RefCell<Vec<&'static str>>>,
}

impl RebalanceListener<TestPlatform> for Slow {
    fn assigned(&self, consumer: Consumer<TestPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let slow = self.clone();
        Box::pin(async move {
            slow.told.borrow_mut().push("begun");
            assert!(consumer.poll(WAIT).await.is_empty(), "a callback cannot poll");
            slow.platform.sleep(Duration::from_secs(1)).await;
            for partition in &partitions {
                assert!(consumer.seek(partition, Offset(10)));
            }
            slow.told.borrow_mut().push("ended");
        })
    }

    fn revoked(&self, _: Consumer<TestPlatform>, _: Vec<TopicPartition>) -> Callback {
        Box::pin(async {})
    }
}

#[test]
fn a_callback_goes_on_where_a_dropped_poll_has_left_it() {
    for protocol in PROTOCOLS {
        let cluster = TestCluster::new(&[1]);
        coordinator(&cluster);
        let consumer = start(&cluster, &[protocol]);
        let platform = cluster.platform.clone();
        let told = Rc::new(RefCell::new(Vec::new()));
        let slow = Slow { platform: platform.clone(), told: told.clone() };
        let offsets = cluster.platform.run(async move {
            subscribe(&consumer, slow);
            let mut offsets = Vec::new();
            for _ in 0..40 {
                let polled = within(&platform, Duration::from_millis(100), consumer.poll(WAIT)).await;
                offsets.extend(polled.into_iter().flatten().map(|record| record.offset.0));
            }
            offsets
        });
        assert_eq!(*told.borrow(), ["begun", "ended"], "{protocol:?}");
        assert_eq!(offsets, [10, 11, 12], "{protocol:?}: it sought");
    }
}

#[test]
fn what_is_paused_is_neither_fetched_nor_returned() {
    let cluster = TestCluster::new(&[1]);
    coordinator(&cluster);
    let consumer = start(&cluster, &[("max.poll.records", "1")]);
    cluster.platform.run(async move {
        subscribe(&consumer, ());
        assert_eq!(read(&consumer).await, [11]);
        assert!(consumer.pause(&partition()));
        assert!(consumer.poll(WAIT).await.is_empty());
        assert!(consumer.resume(&partition()));
        assert_eq!(read(&consumer).await, [12]);
    });
}

#[test]
fn a_consumer_without_a_group_has_nothing_to_subscribe_to() {
    let cluster = TestCluster::new(&[1]);
    coordinator(&cluster);
    let config = ConsumerConfig::from_properties(&Properties::new()).expect("defaults");
    let platform = cluster.platform.clone();
    let consumer = Consumer::start(platform, cluster.bootstrap(), "test", config, Rng::from_seed(1));
    assert!(consumer.subscribe(vec![TopicName::new(TOPIC)], ()).is_err());
    assert!(consumer.group_metadata().is_none());
}

#[test]
fn a_consumer_that_assigns_itself_partitions_can_commit_for_a_group() {
    let cluster = TestCluster::new(&[1]);
    coordinator(&cluster);
    let consumer = start(&cluster, &[]);
    let committed = cluster.platform.run(async move {
        consumer.assign(vec![partition()]);
        let position = Position { offset: Offset(12), leader_epoch: LeaderEpoch(0) };
        let offsets = BTreeMap::from([(partition(), position)]);
        assert_eq!(consumer.commit_sync(Some(offsets)).await, Outcome::Ok(()));
        consumer.committed(vec![partition()]).await
    });
    assert_eq!(commits(&cluster), [(-1, 12)]);
    let position = Position { offset: Offset(11), leader_epoch: LeaderEpoch(0) };
    assert_eq!(committed, Outcome::Ok(BTreeMap::from([(partition(), Some(position))])));
}
