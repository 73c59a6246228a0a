//! A member whose coordinator assigns, as a machine.

use uuid::Uuid;

use super::super::consumer_protocol::ConsumerMember;
use super::super::membership::{After, Membership as _, Step};
use super::super::work::Work;
use crate::config::{ConsumerConfig, Properties};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicIdPartitions};
use crate::time::{Duration, Instant};

const ID: TopicId = TopicId(Uuid::from_u128(5));

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

fn machine(settings: &[(&str, &str)]) -> ConsumerMember {
    let common = [("group.id", "g"), ("group.protocol", "consumer"), ("max.poll.interval.ms", "5000")];
    let given: Properties = common
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
    let membership = config.membership.expect("a group");
    let mut machine = ConsumerMember::new(membership, "", "me".to_owned(), at(0));
    machine.subscribe(vec![TopicName::new("t")], at(0));
    machine
}

fn partitions(indexes: &[i32]) -> Vec<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
}

fn by_id(indexes: &[i32]) -> Vec<TopicIdPartitions> {
    let partitions: Vec<_> = indexes.iter().map(|index| PartitionIndex(*index)).collect();
    if partitions.is_empty() { Vec::new() } else { vec![TopicIdPartitions { topic_id: ID, partitions }] }
}

fn answer(epoch: i32, assignment: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member_id: Some("me".to_owned()),
        member_epoch: epoch,
        heartbeat_interval: Duration::from_secs(1),
        assignment: assignment.map(by_id),
    }
}

fn beat(
    machine: &mut ConsumerMember,
    response: &ConsumerGroupHeartbeatResponse,
) -> ConsumerGroupHeartbeatRequest {
    let sent = machine.identity();
    let request = machine.heartbeat_request(at(0));
    assert_eq!(machine.heartbeat_answered(response, &sent, at(0)), After::GoOn);
    machine.learn_names(|_| ID);
    request
}

fn take_over(machine: &mut ConsumerMember, indexes: &[i32]) {
    assert_eq!(machine.work(), Some(Work::Assign(partitions(indexes))));
    machine.takes_over(&partitions(indexes));
    machine.took_over(&partitions(indexes));
}

/// A member that owns these partitions at epoch 3, and has said so.
fn member(indexes: &[i32]) -> ConsumerMember {
    let mut machine = machine(&[]);
    assert_eq!((machine.work(), machine.step(at(0))), (None, Step::Heartbeat));
    beat(&mut machine, &answer(3, Some(indexes)));
    take_over(&mut machine, indexes);
    beat(&mut machine, &answer(3, None));
    machine
}

#[test]
fn it_joins_with_all_there_is_to_say_and_then_says_what_has_changed() {
    let mut machine = machine(&[("group.remote.assignor", "uniform")]);
    assert_eq!(machine.work(), None);
    let join = beat(&mut machine, &answer(1, Some(&[0, 1])));
    assert_eq!((join.member_id.as_str(), join.member_epoch), ("me", ConsumerGroupHeartbeatRequest::JOIN));
    assert_eq!(join.subscribed_topic_names, Some(vec![TopicName::new("t")]));
    assert_eq!(join.rebalance_timeout, Some(Duration::from_secs(5)));
    assert_eq!(join.server_assignor.as_deref(), Some("uniform"));
    assert_eq!(join.topic_partitions, Some(Vec::new()));
    take_over(&mut machine, &[0, 1]);
    assert_eq!(machine.step(at(0)), Step::Heartbeat, "what it owns is news");
    let second = beat(&mut machine, &answer(1, None));
    assert_eq!((second.member_epoch, second.topic_partitions), (1, Some(by_id(&[0, 1]))));
    assert_eq!((second.subscribed_topic_names, second.rebalance_timeout), (None, None));
    assert_eq!(machine.step(at(0)), Step::Wait(Some(at(1000))));
    assert_eq!(beat(&mut machine, &answer(1, None)).topic_partitions, None);
}

#[test]
fn it_gives_up_and_says_so_before_it_gets_anything_new() {
    let mut machine = member(&[0, 1]);
    beat(&mut machine, &answer(3, Some(&[1])));
    assert_eq!(machine.work(), Some(Work::Revoke(partitions(&[0]))));
    assert_eq!(machine.committer().map(|identity| identity.generation), Ok(3), "it can still commit");
    assert_eq!(machine.step(at(0)), Step::Wait(Some(at(1000))), "the listener does not know yet");
    machine.gave_up(&partitions(&[0]));
    assert_eq!(machine.step(at(0)), Step::Heartbeat);
    take_over(&mut machine, &[1]);
    assert_eq!(beat(&mut machine, &answer(4, Some(&[1, 2]))).topic_partitions, Some(by_id(&[1])));
    take_over(&mut machine, &[1, 2]);
}

#[test]
fn a_fenced_member_loses_everything_and_joins_again_under_its_id() {
    for error in [ErrorCode::FencedMemberEpoch, ErrorCode::UnknownMemberId] {
        let mut machine = member(&[0, 1]);
        let mut fenced = answer(0, None);
        fenced.error = error;
        beat(&mut machine, &fenced);
        assert!(machine.committer().is_err());
        assert_eq!(machine.step(at(0)), Step::Wait(None), "not before the listener knows");
        assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0, 1]))));
        machine.gave_up(&partitions(&[0, 1]));
        assert_eq!((machine.work(), machine.step(at(0))), (None, Step::Heartbeat));
        let join = machine.heartbeat_request(at(0));
        assert_eq!((join.member_id.as_str(), join.member_epoch), ("me", 0));
        assert_eq!(join.topic_partitions, Some(Vec::new()));
    }
}

#[test]
fn after_a_lost_answer_everything_is_said_again() {
    let mut machine = member(&[0]);
    machine.heartbeat_request(at(1000));
    machine.heartbeat_lost(at(1000));
    assert_eq!(machine.step(at(1000)), Step::Heartbeat);
    let again = machine.heartbeat_request(at(1000));
    assert_eq!((again.member_epoch, again.topic_partitions), (3, Some(by_id(&[0]))));
    assert_eq!(again.subscribed_topic_names, Some(vec![TopicName::new("t")]));
}

#[test]
fn another_coordinator_is_looked_for_when_this_one_says_so() {
    let mut machine = member(&[0]);
    let sent = machine.identity();
    machine.heartbeat_request(at(1000));
    let mut moved = answer(0, None);
    moved.error = ErrorCode::NotCoordinator;
    assert_eq!(machine.heartbeat_answered(&moved, &sent, at(1000)), After::FindCoordinator);
    assert!(machine.is_stable(), "that costs nothing");
}

#[test]
fn a_member_that_does_not_poll_leaves() {
    let mut machine = member(&[0]);
    assert_eq!(machine.step(at(5000)), Step::PollLate);
    machine.leave();
    assert_eq!(machine.step(at(5000)), Step::Wait(None), "it joins when it polls");
    assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0]))));
}

#[test]
fn a_static_member_leaves_for_a_while_and_others_for_good() {
    assert_eq!(machine(&[]).leave_request().member_epoch, ConsumerGroupHeartbeatRequest::LEAVE);
    let leaving = machine(&[("group.instance.id", "pos-1")]).leave_request();
    assert_eq!(leaving.member_epoch, ConsumerGroupHeartbeatRequest::LEAVE_STATIC);
}

#[test]
fn an_instance_id_that_another_member_holds_is_the_end() {
    let mut machine = machine(&[("group.instance.id", "pos-1")]);
    assert_eq!(machine.work(), None);
    let mut refused = answer(0, None);
    refused.error = ErrorCode::UnreleasedInstanceId;
    beat(&mut machine, &refused);
    assert_eq!(machine.failure(), Some(ErrorCode::UnreleasedInstanceId));
}

#[test]
fn partitions_of_a_topic_without_a_known_name_wait() {
    let mut machine = machine(&[]);
    assert_eq!(machine.work(), None);
    let sent = machine.identity();
    machine.heartbeat_request(at(0));
    machine.heartbeat_answered(&answer(1, Some(&[0])), &sent, at(0));
    assert!(machine.learn_names(|_| TopicId::ZERO), "it asks for metadata");
    take_over(&mut machine, &[]);
    assert!(!machine.learn_names(|_| ID));
    take_over(&mut machine, &[0]);
}

#[test]
fn a_new_subscription_is_told_at_once() {
    let mut machine = member(&[0]);
    let topics = vec![TopicName::new("t"), TopicName::new("u")];
    machine.subscribe(topics.clone(), at(0));
    assert_eq!(machine.step(at(0)), Step::Heartbeat);
    assert_eq!(machine.heartbeat_request(at(0)).subscribed_topic_names, Some(topics));
}
