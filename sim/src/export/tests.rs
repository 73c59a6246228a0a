//! What the artifact says of small runs made by hand.

use std::sync::atomic::AtomicBool;

use tribunal_reports::artifact::{BrokerState, Exhibit, ReplicaRole};

use super::*;
use crate::campaign::{CampaignOptions, run};
use crate::run::RunOutcome;
use crate::sample::{finding, outcome, scenario, with_finding};
use crate::scenario::{Guarantee, Plan};

const S: u64 = 1_000_000_000;

fn breaking(plan: &Plan, seed: u64) -> RunOutcome {
    let broken = u64::from(plan.label == "acks=all" && seed == 3);
    with_finding(outcome(seed), finding(Guarantee::SingleLeaderPerEpoch, 10, broken))
}

fn exported(jobs: usize) -> RunArtifact {
    let scenario = scenario(r#"{ that = "happens truncated(orders/0) > 0" }"#);
    let options = CampaignOptions::of(&scenario, jobs);
    let campaign = run(&scenario, &options, &breaking, &|_| {}, &AtomicBool::new(false));
    artifact(&scenario, &[], &campaign)
}

fn shown() -> Exhibit {
    exported(1).variants[0].exhibit.clone().expect("an exhibit")
}

#[test]
fn the_same_campaign_gives_the_same_bytes() {
    assert_eq!(exported(1).to_json(), exported(4).to_json());
}

#[test]
fn the_artifact_names_no_folder_and_reads_back() {
    let artifact = exported(1);
    let text = artifact.to_json();
    assert!(!text.contains("folder/"), "the scenario was given as folder/sample.toml");
    assert_eq!(RunArtifact::from_json(&text).expect("valid"), artifact);
}

#[test]
fn the_report_leads_with_the_worst_case_and_its_hash() {
    let artifact = exported(1);
    assert_eq!(leading_case(&artifact), Some(("acks=all".to_owned(), 3)));
    assert_eq!(artifact.run.reproduce, "tribunal replay report.html --variant acks=all --seed 3");
    assert_eq!(artifact.run.event_hash, hash_text(outcome(3).trace_hash));
    assert_eq!(
        artifact.variants[1].exhibit.as_ref().map(|shown| &shown.event_hash),
        Some(&artifact.run.event_hash)
    );
}

#[test]
fn every_seed_has_its_outcome_in_the_campaign() {
    let rows = exported(1).campaign.rows;
    assert_eq!(rows[0].outcomes, [Outcome::Held; 4]);
    assert_eq!(rows[1].outcomes, [Outcome::Held, Outcome::Held, Outcome::Broken, Outcome::Held]);
}

#[test]
fn a_lane_has_no_gap_and_no_role_while_its_broker_is_down() {
    let lanes = shown().brokers;
    assert_eq!(lanes.iter().map(|lane| lane.broker).collect::<Vec<_>>(), [1, 2, 3]);
    let states = &lanes[0].states;
    let words: Vec<BrokerState> = states.iter().map(|state| state.state).collect();
    assert_eq!(words, [BrokerState::Up, BrokerState::Down, BrokerState::Fenced, BrokerState::Up]);
    assert!(states.windows(2).all(|pair| pair[0].end_ns == pair[1].start_ns));
    assert_eq!((states[0].start_ns, states.last().map(|state| state.end_ns)), (0, Some(36 * S)));
    let roles: Vec<(ReplicaRole, u64, u64)> =
        lanes[0].roles.iter().map(|role| (role.role, role.start_ns / S, role.end_ns / S)).collect();
    assert_eq!(
        roles,
        [(ReplicaRole::Leader, 0, 11), (ReplicaRole::OutOfSync, 23, 24), (ReplicaRole::InSync, 24, 36)]
    );
}

#[test]
fn isr_steps_are_ascending_and_without_repeats() {
    let track = &shown().isr[0];
    let steps: Vec<&[i32]> = track.steps.iter().map(|step| step.members.as_slice()).collect();
    assert_eq!(steps, [&[1, 2, 3][..], &[2, 3], &[1, 2, 3]]);
    assert_eq!((track.replicas, track.min_insync_replicas), (3, 2));
}

#[test]
fn windows_count_every_record_once() {
    let shown = shown();
    assert_eq!(shown.window_ns, 36 * S / 200);
    assert_eq!(shown.outcomes.iter().map(|window| window.acked).sum::<u64>(), 300);
    assert_eq!(shown.latency.iter().map(|window| window.samples).sum::<u64>(), 300);
    assert!(shown.outcomes.windows(2).all(|pair| pair[0].start_ns < pair[1].start_ns));
}

#[test]
fn lag_returns_to_zero_when_everything_is_read() {
    let shown = shown();
    assert_eq!(shown.lag.len(), 1);
    assert_eq!(shown.lag[0].windows.last().map(|window| (window.records, window.age_ns)), Some((0, 0)));
    let caught_up = shown.recoveries[0].lag_zero_ns.expect("it caught up");
    assert_eq!(caught_up, 17_220_000_000);
}

#[test]
fn the_story_is_short_and_in_order() {
    let story = shown().story;
    assert!((5..=9).contains(&story.len()), "{story:#?}");
    assert!(story.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns));
    assert!(story.iter().any(|step| step.text.contains("Broker 2 is elected leader of orders/0 in epoch 1")));
}

#[test]
fn settings_say_where_they_come_from_and_which_variant_they_are_for() {
    let artifact = exported(1);
    let acks: Vec<_> = artifact
        .configuration
        .iter()
        .filter(|setting| setting.scope == "producer shop" && setting.name == "acks")
        .map(|setting| (setting.value.as_str(), setting.variant.as_deref()))
        .collect();
    assert_eq!(acks, [("1", Some("acks=1")), ("all", Some("acks=all"))]);
    let min = artifact
        .configuration
        .iter()
        .find(|one| one.scope == "topic orders" && one.name == "min.insync.replicas");
    assert_eq!(min.map(|one| (one.origin.as_str(), one.variant.is_none())), Some(("sample.toml:15", true)));
}

#[test]
fn a_clause_that_never_happened_is_marked_and_listed() {
    let artifact = exported(1);
    let marks: Vec<(&str, u64)> =
        artifact.scenario.marks.iter().map(|mark| (mark.what.as_str(), mark.fired)).collect();
    assert_eq!(marks, [("happens truncated(orders/0) > 0", 0), ("fault kill", 8)]);
    assert!(artifact.not_tested.iter().any(|item| item.what == "happens truncated(orders/0) > 0"));
}

#[test]
fn words_with_spaces_are_quoted_for_a_shell() {
    assert_eq!(quoted("acks=1"), "acks=1");
    assert_eq!(quoted("acks=1, flush=default"), "'acks=1, flush=default'");
    assert_eq!(quoted("it's"), "'it'\\''s'");
}
