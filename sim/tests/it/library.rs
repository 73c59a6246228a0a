//! The library of scenarios: every file loads, and the museum's bugs are caught by the checkers they are made for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tribunal_engine::event::Event;
use tribunal_sim::promise::{Verdict, judge};
use tribunal_sim::run::{RunOptions, RunOutcome, run};
use tribunal_sim::scenario::{Guarantee, Plan, load};
use tribunal_sim::view::What;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("scenarios")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("a directory of scenarios")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    entries.sort();
    for path in entries {
        // `lib` holds parts of scenarios.
        if path.file_name().is_some_and(|name| name == "lib") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found
}

fn variant(file: &str, label: &str) -> Plan {
    let (scenario, _) =
        load(&root().join(file)).unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    scenario.variants.into_iter().find(|plan| plan.label == label).expect("a variant of the scenario")
}

fn verdict(plan: &Plan, outcome: &RunOutcome, guarantee: Guarantee) -> Verdict {
    let finding = outcome.finding(guarantee).expect("every guarantee has a checker");
    judge(plan, outcome, finding)
}

/// The first seed up to `seeds` in which the guarantee breaks.
fn first_break(plan: &Plan, seeds: u64, guarantee: Guarantee) -> Option<u64> {
    (1..=seeds)
        .find(|seed| verdict(plan, &run(plan, *seed, RunOptions::default()), guarantee) == Verdict::Broken)
}

#[test]
fn every_scenario_loads_without_a_warning_and_says_what_it_expects() {
    let files = files(&root());
    assert!(files.len() >= 7, "the library has shrunk to {}", files.len());
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        let (scenario, warnings) = load(&file)
            .unwrap_or_else(|problems| panic!("{}: {}", file.display(), problems.render(false, 100)));
        assert!(warnings.is_empty(), "{}: {warnings:?}", file.display());
        assert!(!scenario.expectations.is_empty(), "{} expects nothing", file.display());
        assert!(scenario.hypothesis.is_some(), "{} has no hypothesis", file.display());
    }
}

#[test]
fn a_high_watermark_that_ignores_a_member_is_caught_and_the_safe_one_is_clean() {
    caught("museum/high-watermark-ignores-one-member.toml", "high-watermark-ignores-one-member");
}

#[test]
fn truncation_to_the_high_watermark_is_caught_and_the_safe_way_is_clean() {
    caught("museum/truncate-to-high-watermark.toml", "truncate-to-high-watermark");
}

#[test]
fn a_high_watermark_over_the_committed_isr_is_caught_and_the_safe_one_is_clean() {
    caught("museum/high-watermark-over-committed-isr.toml", "high-watermark-over-committed-isr");
}

#[test]
fn a_controller_that_leads_its_old_epoch_is_caught_and_the_safe_one_is_clean() {
    let (file, bug) =
        ("museum/quorum-leader-restarts-in-its-epoch.toml", "quorum-leader-restarts-in-its-epoch");
    breaks(Guarantee::MetadataQuorumSafe, file, bug);
}

#[test]
fn offsets_of_a_living_group_that_expire_are_caught_and_the_safe_ones_stay() {
    let (file, bug) = ("museum/offsets-expire-by-commit-age.toml", "offsets-expire-by-commit-age");
    breaks(Guarantee::AtLeastOnceProcessing, file, bug);
}

#[test]
fn a_claim_of_an_older_generation_is_caught_and_the_safe_assignor_gives_nothing_twice() {
    let (file, bug) = ("museum/stale-owned-partitions.toml", "stale-owned-partitions");
    breaks(Guarantee::SingleOwnerPerGeneration, file, bug);
}

#[test]
fn a_rebalance_without_a_timer_for_its_second_half_is_caught_and_the_safe_one_ends() {
    breaks(Guarantee::RebalanceEnds, "museum/no-sync-timer.toml", "no-sync-timer");
}

/// The bug loses an acknowledged record in some seed; in that very seed the safe protocol loses none.
fn caught(file: &str, bug: &str) {
    breaks(Guarantee::NoAckedRecordLost, file, bug);
}

fn breaks(guarantee: Guarantee, file: &str, bug: &str) {
    let seed = first_break(&variant(file, &format!("protocol={bug}")), 60, guarantee);
    let seed = seed.unwrap_or_else(|| panic!("{bug} broke nothing in 60 seeds"));
    let safe = variant(file, "protocol=safe");
    assert_eq!(verdict(&safe, &run(&safe, seed, RunOptions::default()), guarantee), Verdict::Held);
}

#[test]
fn the_seeds_that_found_bugs_stay_clean() {
    for file in files(&root().join("regressions")) {
        let (scenario, _) = load(&file).unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
        for plan in &scenario.variants {
            for seed in plan.run.seeds.iter().take(3) {
                let outcome = run(plan, seed, RunOptions::default());
                for finding in &outcome.findings {
                    let verdict = judge(plan, &outcome, finding);
                    assert_ne!(
                        verdict,
                        Verdict::Broken,
                        "{} seed {seed}: {:?}",
                        file.display(),
                        finding.violations
                    );
                }
            }
        }
    }
}

/// Without a compaction in the run its guarantees would say nothing about compaction.
#[test]
fn the_compaction_scenario_compacts_every_replica_and_loses_nothing() {
    let mut plan = variant("compaction.toml", "");
    // Up to a while after the first leader is back: it copies segments that were compacted without it.
    plan.run.duration = Duration::from_secs(25);
    plan.faults.retain(|fault| fault.name == "kill-leader");
    let outcome = run(&plan, 1, RunOptions::default());
    let compacted = outcome.view.happenings.iter().filter_map(|happening| match &happening.what {
        What::Event(Event::Compacted { .. }) => happening.node,
        _ => None,
    });
    assert_eq!(compacted.collect::<BTreeSet<_>>().len(), 3, "every broker compacts its own replica");
    for guarantee in [Guarantee::NoAckedRecordLost, Guarantee::ReplicasIdenticalBelowHighWatermark] {
        assert_eq!(verdict(&plan, &outcome, guarantee), Verdict::Held, "{guarantee:?}");
    }
}
