//! Verdicts, expectations and exit codes of small campaigns made by hand.

use std::sync::atomic::AtomicBool;

use tribunal_reports::artifact::{Expectation, ExpectationStatus, Outcome};

use super::*;
use crate::campaign::{Campaign, CampaignOptions, Runner, run};
use crate::run::RunOutcome;
use crate::sample::{finding, millis, outcome, scenario, with_finding};
use crate::scenario::{Plan, Scenario};

const CHECKED: Guarantee = Guarantee::SingleLeaderPerEpoch;

fn judged(expect: &str, runner: &Runner<'_>) -> (Scenario, Campaign, Vec<Expectation>) {
    let scenario = scenario(expect);
    let options = CampaignOptions::of(&scenario, 1);
    let campaign = run(&scenario, &options, runner, &|_| {}, &AtomicBool::new(false));
    let expectations = expectations(&scenario, &campaign);
    (scenario, campaign, expectations)
}

fn status(expect: &str, runner: &Runner<'_>) -> (ExpectationStatus, String) {
    let (_, _, expectations) = judged(&format!(r#"{{ that = "{expect}" }}"#), runner);
    (expectations[0].status, expectations[0].sentence.clone())
}

fn exit_of(expect: &str, runner: &Runner<'_>) -> Exit {
    let (scenario, campaign, expectations) = judged(expect, runner);
    exit(&scenario, &campaign, &expectations)
}

fn calm(_: &Plan, seed: u64) -> RunOutcome {
    outcome(seed)
}

/// Seeds 2 and 4 of acks=all break it.
fn sometimes(plan: &Plan, seed: u64) -> RunOutcome {
    let violated = u64::from(plan.label == "acks=all" && seed.is_multiple_of(2));
    with_finding(outcome(seed), finding(CHECKED, 10, violated))
}

fn always(_: &Plan, seed: u64) -> RunOutcome {
    with_finding(outcome(seed), finding(CHECKED, 10, 1))
}

fn unseen(_: &Plan, seed: u64) -> RunOutcome {
    with_finding(outcome(seed), finding(CHECKED, 0, 0))
}

#[test]
fn holds_is_met_when_no_seed_breaks_it() {
    let (status, sentence) = status("holds single-leader-per-epoch", &calm);
    assert_eq!(status, ExpectationStatus::Met);
    assert_eq!(sentence, "single-leader-per-epoch held with acks=1 in 4 of 4 seeds.");
}

#[test]
fn holds_names_the_variant_and_the_first_seed_that_breaks_it() {
    let (status, sentence) = status("holds single-leader-per-epoch", &sometimes);
    assert_eq!(status, ExpectationStatus::NotMet);
    assert_eq!(
        sentence,
        "single-leader-per-epoch did not hold with acks=all in 2 of 4 seeds, first in seed 2."
    );
}

#[test]
fn holds_is_not_met_by_what_was_not_tested() {
    assert_eq!(status("holds single-leader-per-epoch", &unseen).0, ExpectationStatus::NotMet);
}

#[test]
fn breaks_counts_seeds() {
    let on_all = |seeds: &str, runner: &Runner<'_>| {
        let expect = format!(
            r#"{{ that = "breaks single-leader-per-epoch in {seeds} seed", on = {{ acks = "all" }} }}"#
        );
        judged(&expect, runner).2[0].status
    };
    assert_eq!(on_all("some", &sometimes), ExpectationStatus::Met);
    assert_eq!(on_all("every", &sometimes), ExpectationStatus::NotMet);
    assert_eq!(on_all("every", &always), ExpectationStatus::Met);
    assert_eq!(on_all("some", &calm), ExpectationStatus::NotMet);
}

#[test]
fn a_condition_names_the_worst_seed_and_its_value() {
    let slower = |_: &Plan, seed: u64| {
        let mut run = outcome(seed);
        for send in &mut run.history.sends[0] {
            let late = if seed == 3 { 700 } else { seed };
            send.completed = send.completed.map(|at| millis(at.as_nanos() / 1_000_000 + late));
        }
        run
    };
    let (not_met, sentence) = status("rto(kill) < 6.5s", &slower);
    assert_eq!(not_met, ExpectationStatus::NotMet);
    assert_eq!(
        sentence.replace('\u{202f}', " "),
        "rto(kill) was 6.90 s with acks=1 in seed 3, expected < 6.50 s; not met in 1 of 4 seeds."
    );
    let (met, sentence) = status("rto(kill) < 7s", &slower);
    assert_eq!(met, ExpectationStatus::Met);
    assert!(sentence.contains("(seed 3)"), "{sentence}");
}

#[test]
fn a_condition_nobody_can_answer_is_inconclusive() {
    let silent = |_: &Plan, seed: u64| {
        let mut run = outcome(seed);
        run.faults[0].began = None;
        run
    };
    assert_eq!(status("rto(kill) < 7s", &silent).0, ExpectationStatus::Inconclusive);
    assert_eq!(status("rto(kill) < 7s", &calm).0, ExpectationStatus::Met);
}

#[test]
fn happens_needs_one_seed() {
    let later = |_: &Plan, seed: u64| {
        let mut run = outcome(seed);
        if seed < 4 {
            run.history.sends[0].truncate(100);
        }
        run
    };
    assert_eq!(status("happens acked >= 300", &later).0, ExpectationStatus::Met);
    assert_eq!(status("happens acked >= 301", &later).0, ExpectationStatus::NotMet);
}

#[test]
fn a_promise_that_breaks_without_being_spoken_of_is_unexpected() {
    let (_, _, silent) = judged("", &sometimes);
    assert_eq!(silent.len(), 1);
    assert_eq!(
        (silent[0].status, silent[0].on.as_slice()),
        (ExpectationStatus::NotMet, &["acks=all".to_owned()][..])
    );
    let (_, _, spoken) = judged(r#"{ that = "may break single-leader-per-epoch" }"#, &sometimes);
    assert!(spoken.iter().all(|expectation| expectation.status == ExpectationStatus::Met));
}

#[test]
fn verdicts_count_seeds_and_name_the_first() {
    let (_, campaign, _) = judged("", &sometimes);
    let verdicts = guarantees(&campaign.variants[1]);
    let verdict = verdicts.iter().find(|verdict| verdict.guarantee == CHECKED.name()).expect("judged");
    assert_eq!(verdict.outcome, Outcome::Broken);
    assert_eq!((verdict.seeds_affected, verdict.occurrences, verdict.first_seed), (2, 2, Some(2)));
    assert_eq!(verdict.checked, 40);
    let held = guarantees(&campaign.variants[0]);
    assert!(held.iter().all(|verdict| verdict.outcome == Outcome::Held));
}

#[test]
fn a_fault_that_never_fires_is_not_tested() {
    let silent = |_: &Plan, seed: u64| {
        let mut run = outcome(seed);
        run.faults[0].began = None;
        run
    };
    let (scenario, campaign, _) = judged("", &silent);
    let listed = not_tested(&scenario, &campaign);
    assert_eq!(listed[0].what, "fault kill");
    assert_eq!(exit_of("", &silent), Exit::NothingTested);
}

#[test]
fn exit_codes_follow_expectations() {
    assert_eq!(exit_of("", &calm), Exit::Met);
    assert_eq!(exit_of(r#"{ that = "lost == 0" }"#, &calm), Exit::Met);
    assert_eq!(exit_of(r#"{ that = "acked == 0" }"#, &calm), Exit::NotMet);
    assert_eq!(exit_of("", &sometimes), Exit::NotMet);
    assert_eq!(exit_of(r#"{ that = "max(unreplicated(orders/0)) < 5" }"#, &calm), Exit::Inconclusive);
    let nothing = |_: &Plan, seed: u64| {
        let mut run = outcome(seed);
        run.history.sends[0].clear();
        run
    };
    assert_eq!(exit_of("", &nothing), Exit::NothingTested);
    assert_eq!(exit_of("", &|_: &Plan, _: u64| panic!("ours")), Exit::Internal);
}

#[test]
fn our_own_bug_outweighs_everything() {
    assert_eq!(Exit::Met.gravest(Exit::NotMet).gravest(Exit::Inconclusive), Exit::NotMet);
    assert_eq!(Exit::Interrupted.gravest(Exit::Internal), Exit::Internal);
    assert_eq!(
        Exit::MEANINGS.iter().map(|(exit, _)| exit.code()).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 70, 130]
    );
}
