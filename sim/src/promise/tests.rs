//! One test for each row of the table.

use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::NodeId;
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::*;
use crate::checker::Recovery;
use crate::checker::sample::{Sample, plan};
use crate::run::FaultRecord;
use crate::view::What;

const MANY_IN_FLIGHT: (&str, &str) = ("= 5, \"retries\" = 10", "= 5, \"retries\" = 10");
const ONE_IN_FLIGHT: (&str, &str) = ("= 5, \"retries\" = 10", "= 1, \"retries\" = 10");
const NO_RETRIES: (&str, &str) = ("= 5, \"retries\" = 10", "= 5, \"retries\" = 0");
const IDEMPOTENT: (&str, &str) = ("\"enable.idempotence\" = false", "\"enable.idempotence\" = true");
const ACKS_0: (&str, &str) = ("acks = \"all\"", "acks = \"0\"");

fn verdict(sample: &Sample, guarantee: Guarantee) -> Verdict {
    let run = sample.outcome();
    judge(&sample.plan, &run, run.finding(guarantee).expect("every guarantee has a finding"))
}

fn setting(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Allowed { setting, .. } => setting,
        other => panic!("not allowed but {other:?}"),
    }
}

/// Broker 1 leads, `held_by` hold offset 0, and it is acknowledged; nothing else is known of the record.
fn acked_on(sample: &mut Sample, acks: Acks, isr: &[i32], held_by: &[i32]) {
    sample.elect(1, 0, isr);
    for broker in held_by {
        sample.append(*broker, 0, 0, 0, *broker == 1);
    }
    sample.acknowledge(1, 0, 0, acks, isr);
    let producer = sample.producer(acks);
    sample.acked(producer, 0);
    sample.log_is(&[]);
}

#[test]
fn nothing_violated_is_held() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.log_is(&[(0, 0, 0)]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Held);
}

#[test]
fn nothing_seen_is_not_tested_and_says_why() {
    let reason = |sample: &Sample, guarantee| match verdict(sample, guarantee) {
        Verdict::NotTested { reason } => reason,
        other => panic!("tested: {other:?}"),
    };
    let mut sample = Sample::new();
    assert_eq!(reason(&sample, Guarantee::NoAckedRecordLost), "no record was acknowledged");
    assert_eq!(reason(&sample, Guarantee::NoSkippedRecords), "no consumer ran during the load");
    let producer = sample.producer(Acks::All);
    sample.acked(producer, 0);
    sample.history.unread.push(sample.partition.clone());
    assert_eq!(
        reason(&sample, Guarantee::NoAckedRecordLost),
        "the final read did not reach the end of orders/0"
    );
}

#[test]
fn a_run_that_was_abandoned_holds_nothing() {
    let sample = Sample::new();
    let mut run = sample.outcome();
    run.abandoned = Some("the cluster never became ready".to_owned());
    let finding = run.finding(Guarantee::Recovers).expect("a finding").clone();
    assert!(matches!(judge(&sample.plan, &run, &finding), Verdict::NotTested { .. }));
}

#[test]
fn a_loss_under_acks_0_is_allowed() {
    let mut sample = Sample::new();
    let producer = sample.producer(Acks::None);
    sample.acked_without_offset(producer);
    sample.log_is(&[]);
    assert_eq!(setting(&verdict(&sample, Guarantee::NoAckedRecordLost)), "acks=0");
}

#[test]
fn a_loss_under_acks_1_is_allowed_after_another_leader_was_elected() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::Leader, &[1, 2], &[1]);
    sample.elect(2, 1, &[2]);
    assert_eq!(setting(&verdict(&sample, Guarantee::NoAckedRecordLost)), "acks=1");
}

#[test]
fn a_loss_under_acks_1_is_allowed_after_the_leader_lost_its_log() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::Leader, &[1, 2], &[1]);
    sample.power_cycle(1, 0);
    assert_eq!(setting(&verdict(&sample, Guarantee::NoAckedRecordLost)), "acks=1");
}

#[test]
fn a_loss_under_acks_1_is_broken_while_the_leader_stays_and_keeps_its_log() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::Leader, &[1, 2], &[1]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_of_what_was_acknowledged_before_an_unclean_election_is_allowed() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]);
    let verdict = verdict(&sample, Guarantee::NoAckedRecordLost);
    assert_eq!(setting(&verdict), "unclean.leader.election.enable=true");
}

#[test]
fn a_loss_of_what_was_acknowledged_after_an_unclean_election_is_broken() {
    let mut sample = Sample::new();
    sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]);
    sample.elect(1, 2, &[1, 2]);
    sample.append(1, 0, 0, 2, true);
    sample.acknowledge(1, 0, 2, Acks::All, &[1, 2]);
    let producer = sample.producer(Acks::All);
    sample.acked(producer, 0);
    sample.log_is(&[]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_under_acks_all_after_a_plain_crash_is_broken() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1]);
    sample.process(1, What::Crashed);
    sample.elect(2, 1, &[2]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_under_acks_all_is_allowed_if_every_copy_went_with_its_power() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2, 3], &[1, 2, 3]);
    for broker in 1..=3 {
        sample.power_cycle(broker, 0);
    }
    let verdict = verdict(&sample, Guarantee::NoAckedRecordLost);
    assert_eq!(setting(&verdict), "log.flush.interval.messages (default)");
}

#[test]
fn a_loss_under_acks_all_is_broken_if_fewer_copies_than_the_minimum_went_with_their_power() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.power_cycle(1, 0);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_with_the_power_of_the_last_replica_standing_is_broken() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.elect(1, 1, &[1]);
    sample.power_cycle(1, 0);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_by_the_last_known_leader_is_allowed_if_as_many_as_the_minimum_stopped_uncleanly() {
    let stop = |crashed: &[i32]| {
        let mut sample = Sample::new();
        acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
        for broker in crashed {
            sample.process(*broker, What::Crashed);
        }
        sample.power_cycle(1, 0);
        sample.elect_because(ElectionReason::LastKnownLeader, 1, 1, &[1]);
        verdict(&sample, Guarantee::NoAckedRecordLost)
    };
    assert_eq!(setting(&stop(&[2])), "min.insync.replicas=2");
    assert_eq!(stop(&[]), Verdict::Broken, "only one had stopped: the other was eligible");
}

#[test]
fn a_boot_that_died_before_it_had_the_replica_does_not_hide_the_power_loss_before_it() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.power_cycle(1, 0);
    sample.process(2, What::PowerLost);
    sample.process(2, What::Started);
    sample.process(2, What::Crashed);
    sample.process(2, What::Started);
    let (partition, end) = (sample.partition.clone(), Offset(0));
    sample.event(2, Event::Recovered { partition, end });
    let verdict = verdict(&sample, Guarantee::NoAckedRecordLost);
    assert_eq!(setting(&verdict), "log.flush.interval.messages (default)");
}

#[test]
fn a_loss_of_what_every_replica_had_flushed_is_broken() {
    let mut sample = Sample::new();
    sample.plan.topics.iter_mut().for_each(|topic| topic.config.log.flush_messages = 1);
    acked_on(&mut sample, Acks::All, &[1, 2, 3], &[1, 2, 3]);
    for broker in 1..=3 {
        sample.power_cycle(broker, 0);
    }
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_of_the_only_copy_that_min_insync_replicas_1_asked_for_names_that_setting() {
    let mut sample = Sample::new();
    let partition = sample.partition.clone();
    sample.view.partitions.get_mut(&partition).expect("there").min_insync_replicas = 1;
    acked_on(&mut sample, Acks::All, &[1], &[1]);
    sample.power_cycle(1, 0);
    assert_eq!(setting(&verdict(&sample, Guarantee::NoAckedRecordLost)), "min.insync.replicas=1");
}

/// A fault of the disk of each broker, before anything else happens, that struck so many operations.
fn disk_fault(sample: &mut Sample, action: &str, struck: u64) {
    let table = format!(
        "topics = [\"orders\"]\n[fault.disk]\nat = \"1s\"\naction = \"{action}\"\ntarget = \"disk(all-brokers)\"\n"
    );
    sample.plan = plan(&[("topics = [\"orders\"]\n", &table)]);
    sample.faults.push(FaultRecord {
        firing: None,
        strike: 0,
        name: "disk".to_owned(),
        began: Some(Instant::START),
        ended: Some(Instant::from_nanos(u64::MAX)),
        targets: (1..=3).map(|broker| format!("broker {broker}")).collect(),
        struck: Some(struck),
    });
}

#[test]
fn a_loss_after_lying_flushes_and_the_power_loss_of_every_replica_names_the_lie() {
    let mut sample = Sample::new();
    disk_fault(&mut sample, "fsync-lies", 7);
    acked_on(&mut sample, Acks::All, &[1, 2, 3], &[1, 2, 3]);
    for broker in 1..=3 {
        sample.power_cycle(broker, 0);
    }
    let verdict = verdict(&sample, Guarantee::NoAckedRecordLost);
    assert_eq!(setting(&verdict), "fsync-lies (illegal hardware)");
}

#[test]
fn a_loss_with_one_copy_whose_flush_failed_is_broken() {
    let mut sample = Sample::new();
    disk_fault(&mut sample, "fsync-error", 7);
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.power_cycle(1, 0);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn a_loss_on_a_full_disk_is_broken() {
    let mut sample = Sample::new();
    disk_fault(&mut sample, "disk-full", 7);
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn rot_excuses_replicas_that_differ_and_a_cluster_that_does_not_come_back() {
    for (action, allowed) in [("disk-corrupt", true), ("disk-full", false)] {
        let mut sample = Sample::new();
        disk_fault(&mut sample, action, 1);
        for guarantee in [Guarantee::ReplicasIdenticalBelowHighWatermark, Guarantee::Recovers] {
            let verdict = event_verdict(&sample, guarantee, false, 0);
            assert_eq!(matches!(verdict, Verdict::Allowed { .. }), allowed, "{action} {guarantee}");
        }
    }
}

#[test]
fn a_fault_of_disks_that_changed_nothing_tests_nothing() {
    let mut sample = Sample::new();
    disk_fault(&mut sample, "fsync-error", 0);
    acked_on(&mut sample, Acks::All, &[1, 2], &[1, 2]);
    sample.log_is(&[(0, 0, 0)]);
    assert_eq!(
        verdict(&sample, Guarantee::NoAckedRecordLost),
        Verdict::NotTested { reason: "fault disk (fsync-error) changed no operation of a disk".to_owned() }
    );
}

#[test]
fn bytes_missing_after_a_plain_crash_excuse_nothing() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1], &[1]);
    sample.process(1, What::Crashed);
    let partition = sample.partition.clone();
    sample.event(1, Event::Recovered { partition, end: Offset(0) });
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn one_broken_promise_outweighs_an_allowed_loss_of_another_producer() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::All, &[1, 2], &[1]);
    let careless = sample.producer(Acks::None);
    sample.acked_without_offset(careless);
    sample.elect(2, 1, &[2]);
    assert_eq!(verdict(&sample, Guarantee::NoAckedRecordLost), Verdict::Broken);
}

#[test]
fn losses_under_two_settings_name_both() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::Leader, &[1, 2], &[1]);
    let careless = sample.producer(Acks::None);
    sample.acked_without_offset(careless);
    sample.acked_without_offset(careless);
    sample.elect(2, 1, &[2]);
    assert_eq!(setting(&verdict(&sample, Guarantee::NoAckedRecordLost)), "acks=0, acks=1");
}

/// Two records that are there the wrong way round; they were acknowledged at these offsets.
fn reversed(change: (&str, &str), first: Option<i64>, second: Option<i64>) -> Verdict {
    let mut sample = Sample::new();
    sample.plan = plan(&[change]);
    let producer = sample.producer(sample.plan.producers[0].config.acks);
    for acked in [first, second] {
        match acked {
            Some(offset) => sample.acked(producer, offset),
            None => sample.unknown(producer),
        };
    }
    sample.log_is(&[(0, 0, 1), (1, 0, 0)]);
    verdict(&sample, Guarantee::OrderPerPartition)
}

#[test]
fn a_reversed_order_under_acks_0_is_allowed() {
    assert_eq!(setting(&reversed(ACKS_0, Some(1), Some(0))), "acks=0");
}

#[test]
fn a_reversed_order_with_several_requests_in_flight_and_retries_is_allowed() {
    let verdict = reversed(MANY_IN_FLIGHT, Some(1), Some(0));
    assert_eq!(setting(&verdict), "max.in.flight.requests.per.connection=5");
}

#[test]
fn a_reversed_order_of_acknowledged_records_with_one_request_in_flight_is_broken() {
    assert_eq!(reversed(ONE_IN_FLIGHT, Some(1), Some(0)), Verdict::Broken);
}

#[test]
fn a_reversed_order_of_acknowledged_records_without_retries_is_broken() {
    assert_eq!(reversed(NO_RETRIES, Some(1), Some(0)), Verdict::Broken);
}

#[test]
fn a_record_the_client_gave_up_may_arrive_late() {
    assert_eq!(setting(&reversed(ONE_IN_FLIGHT, None, Some(0))), "enable.idempotence=false");
}

#[test]
fn a_late_copy_of_a_record_that_was_lost_may_stand_behind() {
    assert_eq!(setting(&reversed(ONE_IN_FLIGHT, Some(7), Some(0))), "enable.idempotence=false");
}

fn stored_twice(change: (&str, &str)) -> Verdict {
    let mut sample = Sample::new();
    sample.plan = plan(&[change]);
    let producer = sample.producer(Acks::All);
    sample.acked(producer, 0);
    sample.log_is(&[(0, 0, 0), (1, 0, 0)]);
    verdict(&sample, Guarantee::NoDuplicates)
}

#[test]
fn a_copy_with_retries_is_allowed() {
    assert_eq!(setting(&stored_twice(MANY_IN_FLIGHT)), "enable.idempotence=false");
}

#[test]
fn a_copy_without_retries_is_broken() {
    assert_eq!(stored_twice(NO_RETRIES), Verdict::Broken);
}

#[test]
fn a_copy_of_an_idempotent_producer_is_broken() {
    assert_eq!(stored_twice(IDEMPOTENT), Verdict::Broken);
}

#[test]
fn a_reversed_order_of_an_idempotent_producer_is_broken_even_if_a_record_was_given_up() {
    assert_eq!(reversed(IDEMPOTENT, Some(1), Some(0)), Verdict::Broken);
    assert_eq!(reversed(IDEMPOTENT, None, Some(0)), Verdict::Broken);
}

#[test]
fn two_sessions_of_an_idempotent_producer_have_no_order() {
    let mut sample = Sample::new();
    sample.plan = plan(&[IDEMPOTENT]);
    let producer = sample.producer(Acks::All);
    sample.unknown(producer);
    sample.history.sessions.insert(producer, vec![1]);
    sample.acked(producer, 0);
    sample.log_is(&[(0, 0, 1), (1, 0, 0)]);
    assert_eq!(setting(&verdict(&sample, Guarantee::OrderPerPartition)), "enable.idempotence=true");
}

#[test]
fn an_unclean_election_takes_what_a_leader_knew_of_producers() {
    let mut sample = Sample::new();
    sample.plan = plan(&[IDEMPOTENT]);
    let producer = sample.producer(Acks::All);
    sample.acked(producer, 0);
    sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]);
    sample.log_is(&[(0, 0, 0), (1, 0, 0)]);
    let verdict = verdict(&sample, Guarantee::NoDuplicates);
    assert_eq!(setting(&verdict), "unclean.leader.election.enable=true");
}

#[test]
fn an_offset_that_was_used_again_after_an_allowed_loss_is_allowed() {
    let mut sample = Sample::new();
    acked_on(&mut sample, Acks::Leader, &[1, 2], &[1]);
    sample.elect(2, 1, &[2]);
    let other = sample.producer(Acks::Leader);
    sample.unknown(other);
    sample.log_is(&[(0, 1, 0)]);
    assert_eq!(setting(&verdict(&sample, Guarantee::OffsetMeansOneRecord)), "acks=1");
}

fn readers_disagree(script: impl FnOnce(&mut Sample)) -> Verdict {
    let mut sample = Sample::new();
    sample.elect(1, 0, &[1, 2]);
    sample.append(1, 0, 0, 0, true);
    script(&mut sample);
    sample.reader("audit", &[(0, 0, 0)]);
    sample.log_is(&[(0, 0, 1)]);
    verdict(&sample, Guarantee::OffsetMeansOneRecord)
}

#[test]
fn readers_may_disagree_after_an_unclean_election() {
    let verdict = readers_disagree(|sample| sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]));
    assert_eq!(setting(&verdict), "unclean.leader.election.enable=true");
}

#[test]
fn readers_may_disagree_about_what_went_with_the_power_of_too_many() {
    let verdict = readers_disagree(|sample| {
        sample.append(2, 0, 0, 0, false);
        sample.power_cycle(1, 0);
        sample.power_cycle(2, 0);
    });
    assert_eq!(setting(&verdict), "log.flush.interval.messages (default)");
}

#[test]
fn readers_that_disagree_otherwise_are_broken() {
    assert_eq!(readers_disagree(|sample| sample.elect(2, 1, &[2])), Verdict::Broken);
}

fn skipped(script: impl FnOnce(&mut Sample)) -> Verdict {
    let mut sample = Sample::new();
    script(&mut sample);
    sample.reader("audit", &[(0, 0, 0), (2, 0, 2)]);
    sample.log_is(&[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
    verdict(&sample, Guarantee::NoSkippedRecords)
}

#[test]
fn a_skipped_record_is_allowed_only_after_an_unclean_election() {
    assert_eq!(skipped(|sample| sample.elect(1, 0, &[1])), Verdict::Broken);
    let unclean = skipped(|sample| sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]));
    assert_eq!(setting(&unclean), "unclean.leader.election.enable=true");
}

/// What a violation of a property seen in the events is judged as.
fn event_verdict(sample: &Sample, guarantee: Guarantee, at: bool, offset: i64) -> Verdict {
    let run = sample.outcome();
    let violation = Violation {
        at: at.then(|| Instant::from_nanos(40_000_000_000)),
        partition: Some(sample.partition.clone()),
        offset: Some(Offset(offset)),
        broker: Some(NodeId(1)),
        ..Violation::saying("made by hand".to_owned())
    };
    let finding = Finding { guarantee, checked: 1, unit: "", violated: 1, violations: vec![violation] };
    judge(&sample.plan, &run, &finding)
}

fn after_unclean_election() -> Sample {
    let mut sample = Sample::new();
    sample.elect_because(ElectionReason::Unclean, 3, 1, &[3]);
    sample
}

fn after_power_of_both() -> Sample {
    let mut sample = Sample::new();
    sample.elect(1, 0, &[1, 2]);
    sample.append(1, 0, 0, 0, true);
    sample.append(2, 0, 0, 0, false);
    sample.power_cycle(1, 0);
    sample.power_cycle(2, 0);
    sample
}

#[test]
fn two_leaders_in_one_epoch_are_broken_whatever_happened() {
    let sample = after_unclean_election();
    assert_eq!(event_verdict(&sample, Guarantee::SingleLeaderPerEpoch, true, 0), Verdict::Broken);
}

#[test]
fn replicas_may_differ_for_a_while_after_committed_records_were_given_up() {
    let guarantee = Guarantee::ReplicasIdenticalBelowHighWatermark;
    let unclean = event_verdict(&after_unclean_election(), guarantee, true, 0);
    assert_eq!(setting(&unclean), "unclean.leader.election.enable=true");
    let power = event_verdict(&after_power_of_both(), guarantee, true, 0);
    assert_eq!(setting(&power), "log.flush.interval.messages (default)");
    assert_eq!(event_verdict(&Sample::new(), guarantee, true, 0), Verdict::Broken);
}

#[test]
fn disks_that_differ_at_the_end_are_broken_whatever_happened() {
    let guarantee = Guarantee::ReplicasIdenticalBelowHighWatermark;
    assert_eq!(event_verdict(&after_unclean_election(), guarantee, false, 0), Verdict::Broken);
}

#[test]
fn the_high_watermark_may_go_back_only_if_committed_records_were_given_up() {
    let guarantee = Guarantee::HighWatermarkNeverBack;
    let unclean = event_verdict(&after_unclean_election(), guarantee, true, 0);
    assert_eq!(setting(&unclean), "unclean.leader.election.enable=true");
    let power = event_verdict(&after_power_of_both(), guarantee, true, 0);
    assert_eq!(setting(&power), "log.flush.interval.messages (default)");
    assert_eq!(event_verdict(&Sample::new(), guarantee, true, 0), Verdict::Broken);
}

#[test]
fn violations_that_were_not_kept_cannot_be_excused() {
    let sample = after_unclean_election();
    let run = sample.outcome();
    let violation = Violation {
        partition: Some(sample.partition.clone()),
        ..Violation::saying("made by hand".to_owned())
    };
    let guarantee = Guarantee::HighWatermarkNeverBack;
    let finding = Finding { guarantee, checked: 9, unit: "", violated: 2, violations: vec![violation] };
    assert_eq!(judge(&sample.plan, &run, &finding), Verdict::Broken);
}

#[test]
fn a_cluster_that_does_not_recover_is_broken() {
    let mut sample = after_unclean_election();
    sample.recovery = Recovery::Pending(vec!["orders/0: no leader".to_owned()]);
    assert_eq!(verdict(&sample, Guarantee::Recovers), Verdict::Broken);
}
