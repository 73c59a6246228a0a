//! A classic member as a machine: what it asks its polls and its task to do.

use bytes::Bytes;

use super::super::classic::Classic;
use super::super::membership::{After, Membership as _, Step};
use super::super::protocol::{Subscription, encode_assignment};
use super::super::work::Work;
use crate::config::{ConsumerConfig, Properties};
use crate::error::ErrorCode;
use crate::id::{TopicName, TopicPartition};
use crate::message::{JoinGroupResponse, SyncGroupResponse};
use crate::time::{Duration, Instant};
use crate::variant::Guard;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

fn machine(strategy: &str) -> Classic {
    let given: Properties = [
        ("group.id", "g"),
        ("partition.assignment.strategy", strategy),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "1000"),
        ("max.poll.interval.ms", "5000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
    let mut machine = Classic::new(config.membership.expect("a group"), "", at(0));
    machine.subscribe(vec![TopicName::new("t")], at(0));
    machine
}

fn partitions(indexes: &[i32]) -> Vec<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
}

fn join_answer(error: ErrorCode, generation: i32) -> JoinGroupResponse {
    JoinGroupResponse {
        error,
        generation,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        leader: "other".to_owned(),
        skip_assignment: false,
        member_id: "me".to_owned(),
        members: Vec::new(),
    }
}

fn sync_answer(error: ErrorCode, indexes: &[i32]) -> SyncGroupResponse {
    let assignment = encode_assignment(&partitions(indexes));
    SyncGroupResponse { error, protocol_type: None, protocol_name: None, assignment }
}

/// Joins, and is given these partitions.
fn join(machine: &mut Classic, generation: i32, indexes: &[i32]) {
    assert_eq!(machine.work(), None, "nothing is left to give up");
    assert_eq!(machine.step(at(0)), Step::Join);
    machine.join_request();
    assert_eq!(machine.joined(&join_answer(ErrorCode::None, generation)), After::GoOn);
    assert_eq!(machine.synced(&sync_answer(ErrorCode::None, indexes), at(0)), After::GoOn);
}

/// Takes over what it was given.
fn take_over(machine: &mut Classic) {
    match machine.work() {
        Some(Work::Assign(partitions)) => {
            machine.takes_over(&partitions);
            machine.took_over(&partitions);
        }
        other => panic!("nothing to take over but {other:?}"),
    }
}

fn member(strategy: &str, indexes: &[i32]) -> Classic {
    let mut machine = machine(strategy);
    join(&mut machine, 3, indexes);
    take_over(&mut machine);
    assert!(machine.is_stable());
    machine
}

fn rebalances(machine: &mut Classic) {
    let sent = machine.identity();
    assert_eq!(machine.answered(ErrorCode::RebalanceInProgress, &sent), After::GoOn);
}

#[test]
fn a_member_without_an_id_joins_again_with_the_one_it_is_told() {
    let mut machine = machine("range");
    assert_eq!(machine.work(), None);
    assert_eq!(machine.join_request().member_id, "");
    assert_eq!(machine.joined(&join_answer(ErrorCode::MemberIdRequired, -1)), After::GoOn);
    assert_eq!(machine.step(at(0)), Step::Join);
    assert_eq!(machine.join_request().member_id, "me");
}

#[test]
fn an_eager_member_gives_up_everything_before_it_joins() {
    let mut machine = member("range", &[0, 1]);
    rebalances(&mut machine);
    assert_eq!(machine.work(), Some(Work::Revoke(partitions(&[0, 1]))));
    assert_ne!(machine.step(at(0)), Step::Join, "not before the listener was told");
    machine.gave_up(&partitions(&[0, 1]));
    join(&mut machine, 4, &[1]);
    assert_eq!(machine.work(), Some(Work::Assign(partitions(&[1]))));
}

#[test]
fn a_cooperative_member_gives_up_what_moves_and_joins_once_more() {
    let mut machine = member("cooperative-sticky", &[0, 1]);
    rebalances(&mut machine);
    join(&mut machine, 4, &[0]);
    assert_eq!(machine.work(), Some(Work::Revoke(partitions(&[1]))));
    machine.gave_up(&partitions(&[1]));
    take_over(&mut machine);
    assert_eq!(machine.work(), None);
    assert_eq!(machine.step(at(0)), Step::Join, "another member waits for what it gave up");
    let request = machine.join_request();
    let told = Subscription::decode(&request.protocols[0].1).expect("a subscription");
    assert_eq!((told.owned, told.generation), (partitions(&[0]), 4));
}

#[test]
fn whoever_is_in_no_generation_any_more_has_lost_its_partitions() {
    for (error, member_id) in [(ErrorCode::IllegalGeneration, "me"), (ErrorCode::UnknownMemberId, "")] {
        let mut machine = member("cooperative-sticky", &[0, 1]);
        let sent = machine.identity();
        machine.answered(error, &sent);
        assert!(machine.committer().is_err());
        assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0, 1]))));
        machine.gave_up(&partitions(&[0, 1]));
        assert_eq!(machine.work(), None);
        let request = machine.join_request();
        assert_eq!(request.member_id, member_id);
        let told = Subscription::decode(&request.protocols[0].1).expect("a subscription");
        assert_eq!((told.owned, told.generation), (Vec::new(), -1));
    }
}

#[test]
fn a_member_that_missed_its_assignment_claims_nothing() {
    let mut machine = member("cooperative-sticky", &[0]);
    rebalances(&mut machine);
    assert_eq!(machine.work(), None);
    machine.join_request();
    machine.joined(&join_answer(ErrorCode::None, 4));
    machine.synced(&sync_answer(ErrorCode::RebalanceInProgress, &[]), at(0));
    assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0]))));
}

/// A member that owns two partitions and drops out when its JoinGroup, or its SyncGroup, is refused with this error.
fn dropped_out_while_joining(check: Guard, at_join: bool, error: ErrorCode) -> Classic {
    let mut machine = member("cooperative-sticky", &[0, 1]);
    machine.set_claim_check(check);
    rebalances(&mut machine);
    assert_eq!(machine.work(), None);
    machine.join_request();
    if at_join {
        machine.joined(&join_answer(error, -1));
    } else {
        machine.joined(&join_answer(ErrorCode::None, 4));
        machine.synced(&sync_answer(error, &[]), at(0));
    }
    machine
}

#[test]
fn whoever_drops_out_while_it_joins_has_lost_its_partitions() {
    for at_join in [true, false] {
        for error in [ErrorCode::UnknownMemberId, ErrorCode::IllegalGeneration] {
            let mut machine = dropped_out_while_joining(Guard::On, at_join, error);
            assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0, 1]))), "{error} at_join={at_join}");
        }
    }
}

#[test]
fn without_the_check_whoever_drops_out_while_it_joins_claims_what_it_owned() {
    let errors = [(ErrorCode::UnknownMemberId, ""), (ErrorCode::RebalanceInProgress, "me")];
    for (error, member_id) in errors {
        let mut machine = dropped_out_while_joining(Guard::Off, false, error);
        assert_eq!(machine.work(), None, "{error}: nobody tells the listener");
        assert_eq!(machine.step(at(0)), Step::Join);
        let request = machine.join_request();
        let told = Subscription::decode(&request.protocols[0].1).expect("a subscription");
        assert_eq!((request.member_id.as_str(), told.owned), (member_id, partitions(&[0, 1])), "{error}");
    }
}

#[test]
fn without_the_check_a_stable_member_that_is_out_has_still_lost_its_partitions() {
    let mut machine = member("cooperative-sticky", &[0]);
    machine.set_claim_check(Guard::Off);
    let sent = machine.identity();
    machine.answered(ErrorCode::UnknownMemberId, &sent);
    assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0]))));
}

#[test]
fn an_answer_to_an_earlier_generation_changes_nothing() {
    let mut machine = member("range", &[0]);
    let sent = machine.identity();
    rebalances(&mut machine);
    machine.gave_up(&partitions(&[0]));
    join(&mut machine, 4, &[0]);
    take_over(&mut machine);
    machine.answered(ErrorCode::IllegalGeneration, &sent);
    assert!(machine.is_stable());
}

#[test]
fn commits_wait_for_the_end_of_a_rebalance() {
    let mut machine = member("range", &[0]);
    assert_eq!(machine.committer().map(|identity| identity.generation), Ok(3));
    rebalances(&mut machine);
    assert!(machine.committer().is_ok(), "what is given up can still be committed");
    machine.gave_up(&partitions(&[0]));
    assert_eq!(machine.work(), None);
    assert_eq!(machine.committer(), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn a_member_that_does_not_poll_leaves_and_one_that_does_sends_heartbeats() {
    let mut machine = member("range", &[0]);
    assert_eq!(machine.step(at(500)), Step::Wait(Some(at(1000))));
    assert_eq!(machine.step(at(1000)), Step::Heartbeat);
    machine.heartbeat_request(at(1000));
    machine.polled(at(1500));
    assert_eq!(machine.step(at(1999)), Step::Wait(Some(at(2000))));
    assert_eq!(machine.step(at(6500)), Step::PollLate);
    machine.leave();
    assert_eq!(machine.step(at(6500)), Step::Wait(None), "it joins when it polls");
    assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0]))));
}

#[test]
fn a_fenced_static_member_is_out_for_good() {
    let mut machine = member("range", &[0]);
    let sent = machine.identity();
    machine.answered(ErrorCode::FencedInstanceId, &sent);
    assert_eq!(machine.failure(), Some(ErrorCode::FencedInstanceId));
    assert_eq!(machine.work(), Some(Work::Lose(partitions(&[0]))));
    machine.gave_up(&partitions(&[0]));
    assert_eq!((machine.work(), machine.step(at(0))), (None, Step::Wait(None)));
}

#[test]
fn an_assignment_that_cannot_be_read_is_the_end() {
    let mut machine = machine("range");
    assert_eq!(machine.work(), None);
    machine.join_request();
    machine.joined(&join_answer(ErrorCode::None, 1));
    let mut answer = sync_answer(ErrorCode::None, &[]);
    answer.assignment = Bytes::from_static(b"nonsense");
    machine.synced(&answer, at(0));
    assert!(machine.failure().is_some());
}
