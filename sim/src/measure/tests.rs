//! Latency, outages, recovery and losses of small runs made by hand.

use super::*;
use crate::history::SendOutcome;
use crate::sample::{FAULT, finding, millis, orders, outcome, scenario, with_finding};
use crate::scenario::expr::{Facts, MaxOf, Metric, Quantity, Value, Window};

fn measured(run: &RunOutcome) -> Measured {
    measure(&scenario("").variants[0], run)
}

fn value(run: &RunOutcome, quantity: &Quantity, window: Option<&Window>) -> Option<Value> {
    let measured = measured(run);
    RunFacts { run, measured: &measured }.value(quantity, window)
}

#[test]
fn a_send_that_a_fault_overlaps_is_not_outside_faults() {
    let latency = measured(&outcome(1)).latency;
    assert_eq!(latency.outside_faults.max(), Some(Duration::from_millis(5)));
    assert_eq!(latency.during_faults.max(), Some(Duration::from_millis(6_201)));
    assert_eq!(latency.all.samples(), latency.outside_faults.samples() + latency.during_faults.samples());
}

#[test]
fn a_send_wanted_after_the_fault_ended_is_outside_faults() {
    let mut run = outcome(1);
    run.history.sends[0][230].completed =
        Some(run.history.sends[0][230].intended.after(Duration::from_secs(3)));
    assert_eq!(measured(&run).latency.outside_faults.max(), Some(Duration::from_secs(3)));
}

#[test]
fn latency_of_the_client_thread_counts_from_the_call() {
    let mut run = outcome(1);
    for send in &mut run.history.sends[0] {
        send.invoked = send.completed.expect("acknowledged");
    }
    let latency = measured(&run).latency;
    assert_eq!(latency.client_thread.max(), Some(Duration::ZERO));
    assert_eq!(latency.all.max(), Some(Duration::from_millis(6_201)));
}

#[test]
fn the_outage_lasts_from_the_first_send_that_waited_to_the_next_acknowledgement() {
    let measured = measured(&outcome(1));
    let (partition, span) = measured.longest_outage().expect("an outage");
    assert_eq!(*partition, orders());
    assert_eq!(span, Span { start: millis(10_999), end: millis(17_200) });
    assert_eq!(measured.clients["shop-0"].longest, Some(span));
}

#[test]
fn recovery_counts_sends_that_were_wanted_after_the_fault_began() {
    let measured = measured(&outcome(1));
    let recovery = measured.recovery(&outcome(1).faults[0]).expect("it fired");
    assert_eq!(recovery.rto(), Some(Duration::from_millis(6_200)));
    assert_eq!(recovery.detected, Some(millis(17_000)));
    assert_eq!(recovery.new_leader, Some(millis(17_000)));
    assert_eq!(recovery.isr_full, Some(millis(24_000)));
}

#[test]
fn a_cluster_that_never_answers_again_recovers_without_end() {
    let mut run = outcome(1);
    for send in run.history.sends[0].iter_mut().filter(|send| send.intended >= millis(11_000)) {
        (send.completed, send.outcome) = (None, SendOutcome::Pending);
    }
    assert_eq!(value(&run, &Quantity::Rto(FAULT.to_owned()), None), Some(Value::Duration(Duration::MAX)));
}

#[test]
fn what_never_happened_is_not_known() {
    let mut run = outcome(1);
    run.faults[0].began = None;
    let during = Window::During(FAULT.to_owned());
    assert_eq!(value(&run, &Quantity::Rto(FAULT.to_owned()), None), None);
    assert_eq!(value(&run, &Quantity::Percentile(9_900, Metric::Produce), Some(&during)), None);
    let unchecked = with_finding(run, finding(Guarantee::NoAckedRecordLost, 0, 0));
    assert_eq!(value(&unchecked, &Quantity::Lost, None), None);
}

#[test]
fn records_are_counted_by_how_they_ended() {
    let mut run = outcome(1);
    run.history.sends[0][0].outcome = SendOutcome::Failed("refused".to_owned());
    run.history.sends[0][1].outcome = SendOutcome::Unknown("timed out".to_owned());
    run.history.sends[0][2].outcome = SendOutcome::Pending;
    let counts = measured(&run).counts;
    assert_eq!((counts.sent, counts.acked, counts.failed, counts.unknown), (300, 297, 1, 2));
}

#[test]
fn the_lost_window_spans_the_acknowledgements_of_lost_records() {
    let mut run = with_finding(outcome(1), finding(Guarantee::NoAckedRecordLost, 300, 2));
    let lost = [run.history.sends[0][10].record, run.history.sends[0][40].record];
    let reads = run.history.final_reads.get_mut(&orders()).expect("read");
    reads.retain(|(_, record)| record.is_none_or(|record| !lost.contains(&record)));
    assert_eq!(value(&run, &Quantity::Lost, None), Some(Value::Count(2)));
    assert_eq!(value(&run, &Quantity::LostWindow, None), Some(Value::Duration(Duration::from_secs(3))));
}

#[test]
fn the_largest_isr_is_found_in_the_happenings() {
    let run = outcome(1);
    let largest = Quantity::Max(MaxOf::Quantity(Box::new(Quantity::Isr(orders()))));
    assert_eq!(value(&run, &largest, None), Some(Value::Count(3)));
    assert_eq!(value(&run, &Quantity::Epoch(orders()), None), Some(Value::Count(1)));
}
