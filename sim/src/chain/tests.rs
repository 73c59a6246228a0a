//! Chains of small runs made by hand.

use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::NodeId;
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;

use super::*;
use crate::checker::sample::Sample;
use crate::view::What;

fn losses(sample: &Sample) -> Losses {
    loss_chains(&sample.plan, &sample.outcome(), 10)
}

fn only(sample: &Sample) -> LossChain {
    let losses = losses(sample);
    assert_eq!((losses.total, losses.chains.len()), (1, 1));
    losses.chains.into_iter().next().expect("one chain")
}

fn kinds(chain: &LossChain) -> Vec<StepKind> {
    chain.steps.iter().map(|step| step.kind).collect()
}

/// Broker 1 leads epoch 0, all hold offset 0, and `held_by` hold offset 1, which is acknowledged with `acks`.
fn acknowledged(acks: Acks, isr: &[i32], held_by: &[i32]) -> Sample {
    let mut sample = Sample::new();
    sample.elect(1, 0, isr);
    for broker in 1..=3 {
        sample.append(broker, 0, 0, 0, broker == 1);
    }
    for broker in 1..=3 {
        sample.high_watermark(broker, 1);
    }
    for broker in held_by {
        sample.append(*broker, 1, 1, 0, *broker == 1);
    }
    sample.acknowledge(1, 1, 0, acks, isr);
    let producer = sample.producer(acks);
    sample.acked(producer, 1);
    sample
}

fn returns(sample: &mut Sample, broker: i32, end: i64) {
    sample.process(broker, What::Started);
    let partition = sample.partition.clone();
    sample.event(broker, Event::Recovered { partition, end: Offset(end) });
}

/// The classic: acks=1, the leader dies, its successor has not got the record, the old leader follows it.
fn leader_alone() -> Sample {
    let mut sample = acknowledged(Acks::Leader, &[1, 2, 3], &[1]);
    sample.process(1, What::Crashed);
    sample.elect(2, 1, &[2, 3]);
    sample.append(2, 1, 1, 1, true);
    returns(&mut sample, 1, 2);
    sample.truncate(1, 1);
    sample.append(1, 1, 1, 1, false);
    sample.log_is(&[]);
    sample
}

#[test]
fn a_record_the_leader_had_alone_is_told_from_send_to_hole() {
    let chain = only(&leader_alone());
    assert_eq!((chain.acked_by, chain.held_by.as_slice()), (Some(NodeId(1)), &[NodeId(1)][..]));
    assert_eq!(chain.isr, [1, 2, 3].map(NodeId));
    assert_eq!((chain.offset, chain.epoch), (Some(Offset(1)), Some(LeaderEpoch(0))));
    assert_eq!(
        chain.rule,
        "acks=1: broker 1 acknowledged before any follower had the record, and broker 2 was elected without it."
    );
    let mut kinds = kinds(&chain);
    // In this sample the client's call is noted after the broker's events.
    kinds.retain(|kind| *kind != StepKind::Message);
    assert_eq!(
        kinds,
        [
            StepKind::Appended,
            StepKind::Acked,
            StepKind::Fault,
            StepKind::Election,
            StepKind::Truncation,
            StepKind::Missing
        ]
    );
}

#[test]
fn the_signature_is_the_same_for_the_same_kind_of_loss() {
    let signature = signature(&only(&leader_alone()));
    assert_eq!(signature, "acknowledged by the leader alone, leader crashed, truncated on return");
}

#[test]
fn steps_are_in_order_of_time() {
    let chain = only(&leader_alone());
    assert!(chain.steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn the_grid_shows_three_moments_around_the_divergence() {
    let grid = losses(&leader_alone()).grid.expect("a grid");
    assert_eq!((grid.first, grid.divergence), (Offset(0), Some(Offset(1))));
    let titles: Vec<&str> = grid.moments.iter().map(|moment| moment.title.as_str()).collect();
    assert_eq!(titles, ["before broker 1 crashed", "when broker 2 was elected", "at the end"]);
    let row = |moment: usize, replica: usize| &grid.moments[moment].rows[replica];
    let lost = row(0, 0).cells[1].as_ref().expect("broker 1 has it");
    assert_eq!(
        (lost.record, lost.acked, lost.lost),
        (Some(RecordId { producer: 0, sequence: 0 }), true, true)
    );
    assert_eq!(row(0, 1).cells[1], None);
    assert_eq!(row(0, 0).high_watermark, Some(Offset(1)));
    assert_eq!((row(1, 0).role, row(1, 0).high_watermark), ("down", None));
    assert_eq!((row(1, 1).role, row(2, 0).role), ("leader", "follower"));
    let anew = row(2, 0).cells[1].as_ref().expect("written anew");
    assert_eq!((anew.epoch, anew.lost), (LeaderEpoch(1), false));
}

#[test]
fn a_record_some_followers_had_is_no_loss_of_the_leader_alone() {
    let mut sample = acknowledged(Acks::Leader, &[1, 2, 3], &[1, 3]);
    sample.process(1, What::Paused);
    sample.elect(2, 1, &[2, 3]);
    sample.truncate(3, 1);
    sample.truncate(1, 1);
    sample.log_is(&[]);
    let chain = only(&sample);
    assert_eq!(
        (chain.cause, chain.strike, chain.removal),
        (Cause::NotOnTheNewLeader, Strike::Paused, Removal::Truncated)
    );
    assert_eq!(chain.held_by, [1, 3].map(NodeId));
}

#[test]
fn an_unclean_election_is_named() {
    let mut sample = acknowledged(Acks::All, &[1, 2], &[1, 2]);
    sample.process(1, What::Crashed);
    sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]);
    sample.log_is(&[]);
    let chain = only(&sample);
    assert_eq!(chain.cause, Cause::UncleanElection);
    assert!(chain.rule.starts_with("unclean.leader.election.enable=true: broker 3"));
}

#[test]
fn a_leader_that_lost_power_and_led_on_is_named() {
    let mut sample = acknowledged(Acks::All, &[1], &[1]);
    sample.power_cycle(1, 1);
    sample.elect_because(ElectionReason::EligibleReplicaReturned, 1, 1, &[1]);
    sample.log_is(&[]);
    let chain = only(&sample);
    assert_eq!((chain.cause, chain.removal), (Cause::LostWithPower, Removal::LostAtRestart));
    assert_eq!(signature(&chain), "not on disk when the power failed, leader lost power, lost at restart");
}

#[test]
fn an_acknowledgement_before_all_in_sync_replicas_had_it_is_named() {
    let mut sample = acknowledged(Acks::All, &[1, 2, 3], &[1, 2]);
    sample.process(1, What::Crashed);
    sample.elect(3, 1, &[3]);
    sample.log_is(&[]);
    let chain = only(&sample);
    assert_eq!(chain.cause, Cause::AcknowledgedTooEarly);
    assert!(chain.rule.contains("although broker 3 of the in-sync replicas had not got"), "{}", chain.rule);
}

#[test]
fn a_cut_by_the_replica_that_then_led_is_named() {
    let mut sample = acknowledged(Acks::All, &[1, 2], &[1, 2]);
    sample.truncate(2, 1);
    sample.process(1, What::Crashed);
    sample.elect(2, 1, &[2]);
    sample.log_is(&[]);
    assert_eq!(only(&sample).cause, Cause::CutBeforeElection);
}

#[test]
fn a_leader_with_the_record_is_passed_over() {
    let mut sample = acknowledged(Acks::Leader, &[1, 2, 3], &[1, 2]);
    sample.process(1, What::Crashed);
    sample.elect(2, 1, &[2, 3]);
    sample.process(2, What::Crashed);
    sample.elect(3, 2, &[3]);
    sample.log_is(&[]);
    let chain = only(&sample);
    let election = chain.steps.iter().find(|step| step.kind == StepKind::Election).expect("an election");
    assert_eq!(election.to.as_deref(), Some("broker 3"));
}

#[test]
fn a_record_sent_with_acks_0_into_the_void_has_a_chain_without_an_offset() {
    let mut sample = Sample::new();
    sample.elect(1, 0, &[1, 2]);
    sample.process(1, What::Crashed);
    let producer = sample.producer(Acks::None);
    sample.acked_without_offset(producer);
    sample.log_is(&[]);
    let losses = losses(&sample);
    let chain = &losses.chains[0];
    assert_eq!((chain.offset, chain.acked_by, chain.cause), (None, None, Cause::NeverAppended));
    assert_eq!(chain.strike, Strike::Crashed);
    let sent = chain.steps.iter().find(|step| step.kind == StepKind::Message).expect("sent");
    assert_eq!((sent.to.as_deref(), sent.delivered), (Some("broker 1"), false));
    assert_eq!(losses.grid, None);
}

#[test]
fn a_record_sent_with_acks_0_that_a_reader_saw_has_its_offset() {
    let mut sample = Sample::new();
    sample.elect(1, 0, &[1, 2]);
    let producer = sample.producer(Acks::None);
    sample.acked_without_offset(producer);
    sample.append(1, 0, 0, 0, true);
    sample.acknowledge(1, 0, 0, Acks::None, &[1, 2]);
    sample.reader("audit", &[(0, 0, 0)]);
    sample.process(1, What::Crashed);
    sample.elect(2, 1, &[2]);
    sample.log_is(&[]);
    let chain = only(&sample);
    assert_eq!((chain.offset, chain.acked_by), (Some(Offset(0)), Some(NodeId(1))));
}

#[test]
fn a_fault_of_the_network_that_names_the_leader_is_found() {
    let mut sample = Sample::new();
    let began = What::FaultBegan {
        fault: "cut".to_owned(),
        action: "partition".to_owned(),
        targets: "broker 1 | broker 2, broker 3".to_owned(),
    };
    sample.view.take(&crate::view::Happening { at: Instant::START, node: None, what: began });
    sample.elect(1, 0, &[1, 2, 3]);
    sample.append(1, 0, 0, 0, true);
    sample.acknowledge(1, 0, 0, Acks::Leader, &[1, 2, 3]);
    let producer = sample.producer(Acks::Leader);
    sample.acked(producer, 0);
    sample.elect(2, 1, &[2, 3]);
    sample.log_is(&[]);
    assert_eq!(only(&sample).strike, Strike::OtherFault);
}

#[test]
fn a_fault_that_was_over_before_the_acknowledgement_is_not_blamed() {
    let mut sample = acknowledged(Acks::Leader, &[1, 2, 3], &[1]);
    let began = What::FaultBegan { fault: "slow".to_owned(), action: String::new(), targets: String::new() };
    let ended = What::FaultEnded { fault: "slow".to_owned() };
    for what in [ended, began] {
        let happening = crate::view::Happening { at: Instant::START, node: None, what };
        sample.view.happenings.insert(0, happening);
    }
    sample.elect(2, 1, &[2, 3]);
    sample.log_is(&[]);
    assert_eq!(only(&sample).strike, Strike::None);
}

#[test]
fn the_total_counts_what_is_not_kept() {
    let mut sample = Sample::new();
    let producer = sample.producer(Acks::None);
    for _ in 0..5 {
        sample.acked_without_offset(producer);
    }
    sample.log_is(&[]);
    let losses = loss_chains(&sample.plan, &sample.outcome(), 2);
    assert_eq!((losses.total, losses.chains.len()), (5, 2));
}
