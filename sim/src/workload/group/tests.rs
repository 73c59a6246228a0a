//! What a member writes down of one boot, and what its callbacks do.

use std::cell::RefCell;
use std::rc::Rc;

use tribunal_engine::client::{
    ClientError, ConsumedRecord, Consumer, ConsumerEvent, GroupMetadata, Offsets, Outcome, Position,
    RebalanceListener as _,
};
use tribunal_engine::config::{ConsumerConfig, Properties};
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{Endpoint, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Instant, Timestamp};

use super::diary::Diary;
use super::listener::Listener;
use crate::history::{CommitOutcome, MemberLife, Ownership, RecordId};
use crate::runtime::{HostId, HostSettings, RuntimeSettings, SimPlatform, Simulation};
use crate::workload::Load;

const RECORD: RecordId = RecordId { producer: 0, sequence: 7 };

/// A member of the group `billing` that reads `orders`, two partitions, and its diary.
struct Boot {
    simulation: Simulation,
    host: HostId,
    load: Load,
    diary: Diary,
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("orders", index)
}

fn offsets(committed: &[(i32, i64)]) -> Offsets {
    let position = |offset| Position { offset: Offset(offset), leader_epoch: LeaderEpoch(0) };
    committed.iter().map(|(index, offset)| (partition(*index), position(*offset))).collect()
}

fn member(id: &str, generation: i32) -> GroupMetadata {
    GroupMetadata {
        group_id: "billing".to_owned(),
        member_id: id.to_owned(),
        generation,
        group_instance_id: None,
    }
}

fn record(index: i32, offset: i64) -> ConsumedRecord {
    ConsumedRecord {
        partition: partition(index),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
        timestamp: Timestamp(0),
        key: None,
        value: Some(RECORD.to_value(16)),
    }
}

impl Boot {
    fn new() -> Boot {
        let mut simulation = Simulation::new(1, RuntimeSettings::default());
        // It is up and listens to nobody.
        simulation.add_host("broker", HostSettings::default());
        let host = simulation.add_host("billing-0", HostSettings::default());
        let load = Load::new(simulation.handle());
        let diary = Diary::begin(&load, "billing", "billing-0", &[partition(0), partition(1)]);
        Boot { simulation, host, load, diary }
    }

    fn pass_to(&mut self, millis: u64) {
        self.simulation.run_until(at(millis));
    }

    fn life(&self) -> MemberLife {
        self.load.history.borrow().members[0].clone()
    }

    fn consumer(&self) -> Consumer<SimPlatform> {
        let given = Properties::from([("group.id".to_owned(), "billing".to_owned())]);
        let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
        let platform = self.simulation.platform(self.host);
        let bootstrap = vec![Endpoint::new("broker", 9092)];
        Consumer::start(platform, bootstrap, "billing-0", config, Rng::from_seed(1))
    }
}

/// Partition, member, epoch, from, to, lost.
fn brief(ownership: &Ownership) -> (u32, &str, i32, Instant, Option<Instant>, bool) {
    let Ownership { partition, member, epoch, from, until, lost } = ownership;
    (*partition, member, *epoch, *from, *until, *lost)
}

#[test]
fn a_partition_is_owned_until_it_is_given_up() {
    let mut boot = Boot::new();
    boot.pass_to(10);
    boot.diary.owns(Some(&member("a", 3)), &[partition(0), partition(1)]);
    boot.pass_to(20);
    boot.diary.gives_up(&[partition(1)], true);
    let life = boot.life();
    let owned: Vec<_> = life.ownerships.iter().map(brief).collect();
    assert_eq!(owned, [(0, "a", 3, at(10), None, false), (1, "a", 3, at(10), Some(at(20)), true)]);
}

#[test]
fn what_a_member_keeps_under_another_id_it_owns_anew() {
    let mut boot = Boot::new();
    boot.diary.owns(Some(&member("a", 3)), &[partition(0)]);
    boot.pass_to(10);
    boot.diary.owns(Some(&member("a", 4)), &[]);
    assert_eq!(boot.life().ownerships.len(), 1, "a later generation of the same member");
    boot.diary.owns(Some(&member("b", 5)), &[partition(1)]);
    let life = boot.life();
    let owned: Vec<_> = life.ownerships.iter().map(brief).collect();
    let before = (0, "a", 3, at(0), Some(at(10)), false);
    assert_eq!(owned, [before, (1, "b", 5, at(10), None, false), (0, "b", 5, at(10), None, false)]);
}

#[test]
fn a_record_belongs_to_the_ownership_that_lasts() {
    let mut boot = Boot::new();
    boot.diary.owns(Some(&member("a", 3)), &[partition(0)]);
    boot.diary.gives_up(&[partition(0)], false);
    boot.diary.owns(Some(&member("a", 5)), &[partition(0)]);
    boot.pass_to(10);
    assert_eq!(boot.diary.delivered(&[record(0, 41), record(0, 42)]), 0..2);
    boot.pass_to(20);
    boot.diary.processed(1);
    let deliveries = boot.life().deliveries;
    assert!(deliveries.iter().all(|delivery| (delivery.ownership, delivery.at) == (1, at(10))));
    assert!(deliveries.iter().all(|delivery| delivery.record == Some(RECORD)));
    let processed: Vec<_> = deliveries.iter().map(|one| (one.offset.0, one.processed)).collect();
    assert_eq!(processed, [(41, None), (42, Some(at(20)))]);
}

#[test]
fn whoever_reads_what_it_was_not_given_owns_it_as_nobody() {
    let boot = Boot::new();
    boot.diary.delivered(&[record(1, 5)]);
    let life = boot.life();
    let owned: Vec<_> = life.ownerships.iter().map(brief).collect();
    assert_eq!(owned, [(1, "", -1, at(0), None, false)]);
    assert_eq!(life.deliveries.len(), 1);
}

#[test]
fn a_commit_ends_as_the_coordinator_said() {
    let mut boot = Boot::new();
    let error = || ClientError::Broker(ErrorCode::IllegalGeneration);
    let endings = [Outcome::Ok(()), Outcome::Failed(error()), Outcome::Unknown(error())];
    for ending in &endings {
        let sent = boot.diary.commits(&offsets(&[(0, 5)]));
        boot.diary.committed(sent, ending);
    }
    boot.pass_to(10);
    boot.diary.commits(&offsets(&[(0, 6)]));
    let commits = boot.life().commits;
    let refused = error().to_string();
    let expected = [
        CommitOutcome::Acknowledged,
        CommitOutcome::Refused(refused.clone()),
        CommitOutcome::Unknown(refused),
        CommitOutcome::Pending,
    ];
    assert_eq!(commits.iter().map(|commit| commit.outcome.clone()).collect::<Vec<_>>(), expected);
    assert_eq!((commits[3].offset, commits[3].sent, commits[3].answered), (Offset(6), at(10), None));
}

#[test]
fn positions_that_are_set_anew_and_automatic_commits_are_noted() {
    let boot = Boot::new();
    let events = vec![
        ConsumerEvent::Reset { partition: partition(0), from: None, to: Offset(3) },
        ConsumerEvent::Truncated { partition: partition(1), from: Offset(9), to: Offset(7) },
        ConsumerEvent::Committed { offsets: offsets(&[(1, 7)]), outcome: Outcome::Ok(()), automatic: true },
    ];
    assert!(boot.diary.take_events(events).is_ok());
    let life = boot.life();
    let resets: Vec<_> = life.resets.iter().map(|reset| (reset.partition, reset.from, reset.to)).collect();
    assert_eq!(resets, [(0, None, Offset(3)), (1, Some(Offset(9)), Offset(7))]);
    assert_eq!(life.commits[0].outcome, CommitOutcome::Acknowledged);
}

#[test]
fn a_group_that_refuses_its_member_ends_the_loop() {
    let refused = || vec![ConsumerEvent::GroupFailed { error: ErrorCode::FencedInstanceId }];
    let boot = Boot::new();
    assert!(boot.diary.take_events(refused()).is_err());
    drop(boot);
    let boot = Boot::new();
    assert!(boot.diary.take_events(Vec::new()).is_ok());
    boot.diary.note_events(refused());
    assert!(boot.diary.take_events(Vec::new()).is_err(), "a callback heard of it first");
}

#[test]
fn the_end_of_a_process_is_noted_however_it_comes() {
    let mut boot = Boot::new();
    let guard = boot.diary.end_guard();
    boot.pass_to(30);
    assert_eq!(boot.life().ended, None);
    drop(guard);
    assert_eq!(boot.life().ended, Some(at(30)));
}

#[test]
fn what_comes_after_the_run_is_written_nowhere() {
    let boot = Boot::new();
    let (guard, history) = (boot.diary.end_guard(), boot.load.finish());
    boot.diary.owns(Some(&member("a", 1)), &[partition(0)]);
    assert_eq!(boot.diary.commits(&offsets(&[(0, 5)])), 0..0);
    drop(guard);
    assert_eq!((history.members.len(), history.members[0].ended), (1, None));
    assert!(boot.load.finish().members.is_empty());
}

/// A listener of a member that owns both partitions and could not commit 5 and 6; what is left to commit.
fn listener(boot: &Boot) -> (Listener, Rc<RefCell<Offsets>>) {
    boot.diary.owns(Some(&member("a", 3)), &[partition(0), partition(1)]);
    let uncommitted = Rc::new(RefCell::new(offsets(&[(0, 5), (1, 6)])));
    (Listener::new(boot.diary.clone(), uncommitted.clone()), uncommitted)
}

#[test]
fn a_member_that_must_give_up_commits_first() {
    let mut boot = Boot::new();
    let (listener, uncommitted) = listener(&boot);
    let consumer = boot.consumer();
    let callback = async move { listener.revoked(consumer, vec![partition(0)]).await };
    boot.simulation.spawn(boot.host, "test", callback);
    boot.pass_to(1_000);
    let life = boot.life();
    assert_eq!(life.commits.len(), 2, "all it has processed");
    assert_eq!(life.ownerships[0].until, None, "nothing is given up before the commit has ended");
    // There is no broker: the commit fails after its minute.
    boot.pass_to(120_000);
    let life = boot.life();
    assert_ne!(life.commits[0].outcome, CommitOutcome::Pending);
    assert!(life.ownerships[0].until >= life.commits[0].answered);
    assert_eq!((life.ownerships[0].lost, life.ownerships[1].until), (false, None));
    assert_eq!(*uncommitted.borrow(), offsets(&[(1, 6)]), "what is somebody else's is not committed later");
}

#[test]
fn a_member_that_has_lost_partitions_commits_nothing_of_them() {
    let mut boot = Boot::new();
    let (listener, uncommitted) = listener(&boot);
    let consumer = boot.consumer();
    let callback = async move { listener.lost(consumer, vec![partition(0)]).await };
    boot.simulation.spawn(boot.host, "test", callback);
    boot.pass_to(1_000);
    let life = boot.life();
    assert!(life.commits.is_empty() && life.ownerships[0].lost);
    assert_eq!(*uncommitted.borrow(), offsets(&[(1, 6)]));
}

#[test]
fn what_is_assigned_is_owned() {
    let mut boot = Boot::new();
    let listener = Listener::new(boot.diary.clone(), Rc::default());
    let consumer = boot.consumer();
    let callback = async move { listener.assigned(consumer, vec![partition(1)]).await };
    boot.simulation.spawn(boot.host, "test", callback);
    boot.pass_to(1_000);
    let life = boot.life();
    assert_eq!((life.ownerships.len(), life.ownerships[0].partition), (1, 1));
}
