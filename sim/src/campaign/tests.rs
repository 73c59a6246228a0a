//! A campaign gives the same result whatever its threads do, and survives panics and interruptions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::*;
use crate::sample::{finding, outcome, scenario, with_finding};
use crate::scenario::Guarantee;

/// Seed 3 of the variant acks=all breaks a promise.
fn breaking(plan: &Plan, seed: u64) -> RunOutcome {
    let broken = u64::from(plan.label == "acks=all" && seed >= 3);
    with_finding(outcome(seed), finding(Guarantee::SingleLeaderPerEpoch, 10, broken))
}

fn campaign(runner: &Runner<'_>, jobs: usize) -> Campaign {
    let scenario = scenario("");
    let options = CampaignOptions::of(&scenario, jobs);
    run(&scenario, &options, runner, &|_| {}, &AtomicBool::new(false))
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let alone = campaign(&breaking, 1);
    for jobs in [2, 3, 16] {
        assert_eq!(campaign(&breaking, jobs), alone, "{jobs} threads");
    }
}

#[test]
fn the_exhibit_is_the_first_seed_that_breaks_a_promise_else_the_first() {
    let campaign = campaign(&breaking, 2);
    let shown: Vec<Option<u64>> = campaign
        .variants
        .iter()
        .map(|variant| variant.exhibit.as_ref().map(|exhibit| exhibit.seed))
        .collect();
    assert_eq!(shown, [Some(1), Some(3)]);
}

#[test]
fn among_equals_the_exhibit_is_the_first_that_lost_a_record() {
    let runner = |_: &Plan, seed: u64| {
        let run = with_finding(outcome(seed), finding(Guarantee::SingleLeaderPerEpoch, 10, 1));
        with_finding(run, finding(Guarantee::NoAckedRecordLost, 10, u64::from(seed > 2)))
    };
    let shown = campaign(&runner, 2).variants[0].exhibit.as_ref().map(|exhibit| exhibit.seed);
    assert_eq!(shown, Some(3));
}

#[test]
fn a_panic_is_a_result_that_names_variant_and_seed_and_ends_no_other_run() {
    let runner = |plan: &Plan, seed: u64| {
        assert!(!(plan.label == "acks=1" && seed == 2), "an invariant is broken");
        outcome(seed)
    };
    let campaign = campaign(&runner, 2);
    let failures: Vec<(usize, u64)> = campaign.failures().map(|(variant, seed, _)| (variant, seed)).collect();
    assert_eq!(failures, [(0, 2)]);
    assert!(campaign.failures().all(|(.., text)| text.contains("an invariant is broken")));
    assert_eq!(campaign.variants.iter().map(|variant| variant.summaries().count()).sum::<usize>(), 7);
}

#[test]
fn a_stopped_campaign_keeps_what_it_has() {
    let scenario = scenario("");
    let options = CampaignOptions::of(&scenario, 1);
    let stop = AtomicBool::new(false);
    let runner = |_: &Plan, seed: u64| {
        stop.store(seed == 2, Ordering::Relaxed);
        outcome(seed)
    };
    let campaign = run(&scenario, &options, &runner, &|_| {}, &stop);
    assert!(campaign.partial);
    let finished: Vec<usize> = campaign.variants.iter().map(|variant| variant.summaries().count()).collect();
    assert_eq!(finished, [2, 1], "seed 2 of the first variant was the last run");
}

#[test]
fn progress_counts_every_run_once() {
    let scenario = scenario("");
    let (sender, receiver) = mpsc::channel();
    let note = |progress: Progress| sender.send((progress.done, progress.broken)).expect("somebody listens");
    let _ = run(&scenario, &CampaignOptions::of(&scenario, 1), &breaking, &note, &AtomicBool::new(false));
    let seen: Vec<(usize, usize)> = receiver.try_iter().collect();
    assert_eq!(seen.iter().map(|(done, _)| *done).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert_eq!(seen.last(), Some(&(8, 2)));
}

#[test]
fn totals_add_every_seed_and_the_first_of_equal_outages_wins() {
    let campaign = campaign(&breaking, 3);
    let totals = &campaign.variants[0].totals;
    assert_eq!(totals.counts.acked, 4 * 300);
    assert_eq!(totals.latency.all.samples(), 4 * 300);
    assert_eq!(totals.longest_outage.as_ref().map(|outage| outage.seed), Some(1));
    assert_eq!(totals.recovery["kill"].len(), 4);
}
