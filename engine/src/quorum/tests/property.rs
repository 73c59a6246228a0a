//! Whatever happens to messages, processes and power: one leader an epoch, and what is committed stays, in the log or
//! in snapshots.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Voters;
use crate::config::{MetadataLogConfig, QuorumConfig};
use crate::id::NodeId;
use crate::time::Duration;
use crate::variant::{ProtocolVariant, QuorumMemory};

/// Something that may happen.
#[derive(Clone, Debug)]
enum Act {
    Deliver(usize),
    Lose(usize),
    Repeat(usize),
    Perform(usize),
    Wait(u64),
    Append(usize),
    Crash(usize),
    LosePower(usize),
    Start(usize),
    Run(u64),
    /// Whoever is active appends, and everything works for a moment.
    Busy(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        30 => (0..6usize).prop_map(Act::Deliver),
        3 => (0..6usize).prop_map(Act::Lose),
        3 => (0..6usize).prop_map(Act::Repeat),
        30 => (0..5usize).prop_map(Act::Perform),
        8 => (1..700u64).prop_map(Act::Wait),
        10 => (0..5usize).prop_map(Act::Append),
        1 => (0..5usize).prop_map(Act::Crash),
        3 => (0..5usize).prop_map(Act::LosePower),
        5 => (0..5usize).prop_map(Act::Start),
        4 => (50..4000u64).prop_map(Act::Run),
    ]
}

/// As [`act`], and many records.
fn busy_act() -> impl Strategy<Value = Act> {
    prop_oneof![8 => act(), 1 => (1..5usize).prop_map(Act::Busy)]
}

fn perform(voters: &mut Voters, act: &Act) {
    let ids = voters.ids();
    let id = |index: &usize| -> NodeId { ids[index % ids.len()] };
    match act {
        Act::Deliver(index) => {
            voters.deliver(*index);
        }
        Act::Lose(index) => {
            voters.messages.remove(*index);
        }
        // A request may arrive twice, an old one long after newer ones; an answer only once, by its correlation.
        Act::Repeat(index) => {
            if let Some(again @ super::Message::Request { .. }) = voters.messages.get(*index).cloned() {
                voters.messages.push_back(again);
            }
        }
        Act::Perform(index) => {
            voters.perform(id(index));
        }
        Act::Wait(millis) => voters.wait(Duration::from_millis(*millis)),
        Act::Append(index) => {
            voters.append(id(index));
        }
        Act::Crash(index) => voters.crash(id(index)),
        Act::LosePower(index) => voters.lose_power(id(index)),
        Act::Start(index) => voters.start(id(index)),
        Act::Run(millis) => voters.run(Duration::from_millis(*millis)),
        Act::Busy(batches) => {
            for _ in 0..*batches {
                if let Some(active) = voters.active() {
                    voters.append(active);
                }
                voters.run(Duration::from_millis(50));
            }
        }
    }
}

/// Runs a history, then heals everything; says what was wrong.
fn judge(mut voters: Voters, acts: &[Act]) -> Result<Voters, String> {
    for act in acts {
        perform(&mut voters, act);
        if let Some(violation) = voters.violation.take() {
            return Err(violation);
        }
    }
    for id in voters.ids() {
        voters.start(id);
    }
    voters.run(Duration::from_secs(30));
    let leader = voters.active().ok_or("nobody leads half a minute after the last fault")?;
    voters.append(leader);
    voters.run(Duration::from_secs(2));
    if let Some(violation) = voters.violation.take() {
        return Err(violation);
    }
    let committed =
        voters.committed.values().map(|batch| batch.last.next()).max().unwrap_or(crate::offset::Offset::ZERO);
    match voters.voters.iter().find(|(_, voter)| voter.committed < committed) {
        Some((id, voter)) => Err(format!("{id} knows {} of {committed} as committed", voter.committed)),
        None => Ok(voters),
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::with_cases(cases) },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
}

#[test]
fn no_history_elects_two_leaders_in_an_epoch_or_loses_a_committed_record() {
    let outcome =
        runner(150).run(&(prop_oneof![Just(3), Just(5), Just(1)], vec(act(), 0..500)), |(count, acts)| {
            let voters = Voters::new(count, ProtocolVariant::default());
            judge(voters, &acts).map(drop).map_err(TestCaseError::fail)
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn no_history_with_snapshots_loses_a_committed_record_or_changes_the_image() {
    let counts = Cell::new((0, 0));
    let outcome = runner(120).run(
        &(prop_oneof![Just(3), Just(5), Just(1)], small_log(), vec(busy_act(), 0..400)),
        |(count, log, acts)| {
            let config = QuorumConfig { log, ..Voters::default_config() };
            let voters = Voters::with_config(count, ProtocolVariant::default(), config);
            let voters = judge(voters, &acts).map_err(TestCaseError::fail)?;
            let (written, loaded) = counts.get();
            counts.set((written + voters.written, loaded + voters.loaded));
            Ok(())
        },
    );
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (written, loaded) = counts.get();
    assert!(written > 1000 && loaded > 30, "only {written} snapshots, and {loaded} were fetched");
}

/// Snapshots after every few batches, and logs that keep little besides the newest.
fn small_log() -> impl Strategy<Value = MetadataLogConfig> {
    (1..400u64, 100..600usize, prop_oneof![Just(0), Just(700), Just(-1)]).prop_map(
        |(snapshot_bytes, segment_bytes, retention_bytes)| MetadataLogConfig {
            snapshot_bytes,
            segment_bytes,
            retention_bytes,
            ..Voters::default_config().log
        },
    )
}

fn some_history_breaks(quorum_memory: QuorumMemory) {
    let variant = ProtocolVariant { quorum_memory, ..ProtocolVariant::default() };
    let outcome = runner(3000).run(&vec(act(), 200..600), |acts| {
        judge(Voters::new(3, variant), &acts).map(drop).map_err(TestCaseError::fail)
    });
    assert!(outcome.is_err(), "{quorum_memory:?} is harmless");
}

#[test]
fn planted_bug_a_vote_that_is_not_written_down_breaks_the_quorum() {
    some_history_breaks(QuorumMemory::VoteForgotten);
}

#[test]
fn planted_bug_a_leader_that_restarts_in_its_epoch_breaks_the_quorum() {
    some_history_breaks(QuorumMemory::LeaderRestartsInItsEpoch);
}
