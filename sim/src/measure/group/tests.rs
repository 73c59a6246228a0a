//! Figures of groups made by hand.

use std::time::Duration;

use tribunal_engine::time::Instant;

use super::*;
use crate::checker::group::sample::GroupSample;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn measured(sample: &GroupSample) -> GroupFigures {
    let end = Instant::from_nanos(60_000_000_000);
    let outcome = sample.sample.outcome();
    let mut all = measure(&sample.sample.plan, &outcome, end);
    all.remove("billing").expect("the sample has one group")
}

#[test]
fn a_member_is_stopped_while_a_rebalance_leaves_it_nothing() {
    let mut sample = GroupSample::new();
    let life = sample.life("billing-0", "a");
    sample.owns(life, 0, 1, (1_000, Some(4_000)));
    sample.owns(life, 1, 2, (5_000, None));
    sample.dies(life, 11_000);
    sample.rebalances(4_100, Some(4_900));
    let figures = measured(&sample);
    assert_eq!((figures.stopped, figures.member_time), (millis(1_000), millis(10_000)));
    assert_eq!(figures.stopped_share(), Some(100_000));
}

#[test]
fn a_member_that_keeps_a_partition_is_not_stopped() {
    let mut sample = GroupSample::new();
    let life = sample.life("billing-0", "a");
    sample.owns(life, 0, 1, (1_000, None));
    sample.owns(life, 1, 1, (1_000, Some(2_000)));
    sample.owns(life, 1, 2, (5_000, None));
    sample.rebalances(2_000, Some(5_000));
    assert_eq!(measured(&sample).stopped, Duration::ZERO);
}

#[test]
fn a_member_that_nobody_needed_is_not_stopped() {
    let mut sample = GroupSample::new();
    let life = sample.life("billing-0", "a");
    sample.owns(life, 0, 1, (1_000, Some(2_000)));
    sample.owns(life, 0, 2, (5_000, None));
    assert_eq!(measured(&sample).stopped, Duration::ZERO);
}

#[test]
fn a_takeover_lasts_from_the_death_of_the_owner_to_the_next() {
    let mut sample = GroupSample::new();
    let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
    sample.owns(one, 0, 1, (1_000, None));
    sample.dies(one, 2_000);
    sample.owns(other, 0, 2, (12_500, None));
    let figures = measured(&sample);
    assert_eq!((figures.moved, figures.takeovers.max()), (1, Some(millis(10_500))));
}

#[test]
fn a_record_given_twice_is_redelivered_once() {
    let mut sample = GroupSample::new();
    let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
    sample.processes(one, 0, 0..3);
    sample.processes(other, 0, 2..5);
    let figures = measured(&sample);
    assert_eq!((figures.processed, figures.redelivered), (6, 1));
}

#[test]
fn what_a_member_finishes_after_its_session_ended_was_done_by_a_zombie() {
    let mut sample = GroupSample::new();
    let life = sample.life("billing-0", "a");
    sample.owns(life, 0, 1, (10, None));
    sample.expelled(30, "a");
    // The sample's records are processed at 41 ms.
    sample.processes(life, 0, 0..3);
    assert_eq!(measured(&sample).by_zombies, 3);
}

#[test]
fn lag_is_what_lies_between_commit_and_high_watermark() {
    let mut sample = GroupSample::new();
    sample.sample.high_watermark(1, 10);
    sample.committed(5_000, 0, 4, ("a", 1, 1));
    sample.committed(7_000, 0, 10, ("a", 1, 1));
    let figures = measured(&sample);
    // The sample's high watermark moved at 1 ms.
    assert_eq!((figures.max_lag, figures.lag_at_end), (Some((10, millis(6_999))), Some(0)));
}

#[test]
fn a_group_rebalances_until_one_that_took_anothers_place_ends() {
    let mut sample = GroupSample::new();
    sample.joined(900, "a", None);
    sample.rebalances(1_000, Some(1_500));
    sample.rebalances(2_000, None);
    sample.rebalances(2_900, Some(4_000));
    assert_eq!(measured(&sample).longest_rebalance, Some(millis(2_000)));
}

#[test]
fn a_rebalance_that_does_not_end_lasts_to_the_end_or_to_the_last_member() {
    let mut sample = GroupSample::new();
    sample.joined(900, "a", None);
    sample.rebalances(50_000, None);
    assert_eq!(measured(&sample).longest_rebalance, Some(millis(10_000)));
    sample.expelled(53_000, "a");
    assert_eq!(measured(&sample).longest_rebalance, Some(millis(3_000)));
}

#[test]
fn a_group_that_never_rebalanced_has_no_duration_of_it() {
    assert_eq!(measured(&GroupSample::new()).longest_rebalance, None);
}

#[test]
fn figures_of_two_runs_add_up() {
    let mut sample = GroupSample::new();
    sample.rebalances(1_000, Some(3_000));
    let mut sum = measured(&sample);
    sum.add(&measured(&sample));
    assert_eq!((sum.rebalances, sum.rebalance_time.max()), (2, Some(millis(2_000))));
}
