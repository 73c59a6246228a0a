//! The museum of protocol bugs: each script is played twice, under the safe protocol and under one planted bug.
//!
//! A line that starts with `$` is a command; below it stands what followed. Where both plays agree the answer
//! stands once; where they part it stands twice, under `safe:` and under the variant's name. Every script ends with
//! `$ judge`: the safe play must answer `  fine`, the other must not. Run with `UPDATE_EXPECT=1` to write the
//! answers anew, then read the diff like code.
//!
//! Scripts about replicas alone play on [`replicas::Replicas`], where the script is the controller; scripts about
//! what the controller accepts play on a whole [`cluster::Museum`], and those about groups on [`groups::Groups`].

mod cluster;
mod groups;
mod replicas;

use std::fmt::Write as _;

use bytes::Bytes;
use expect_test::{ExpectFile, expect_file};
use tribunal_engine::record::batches;
use tribunal_engine::variant::ProtocolVariant;

/// What a script plays on.
trait Stage {
    /// Does one command; returns what followed, one indented line each.
    fn obey(&mut self, command: &str) -> String;
}

fn run<S: Stage>(name: &str, golden: &ExpectFile, variant: &str, stage: impl Fn(ProtocolVariant) -> S) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/museum").join(name);
    let script = std::fs::read_to_string(&path).expect("the script's file");
    let mut safe = stage(ProtocolVariant::SAFE);
    let mut bug = stage(ProtocolVariant::named(variant).expect("a named variant"));
    let mut played = String::new();
    let mut last = (String::new(), String::new());
    let mut in_answer = false;
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            last = (safe.obey(command), bug.obey(command));
            writeln!(played, "{line}").expect("a string takes everything");
            if last.0 == last.1 {
                played.push_str(&last.0);
            } else {
                write!(played, "  safe:\n{}  {variant}:\n{}", indented(&last.0), indented(&last.1))
                    .expect("a string takes everything");
            }
            in_answer = true;
        } else if !(in_answer && line.starts_with("  ")) {
            in_answer = false;
            writeln!(played, "{line}").expect("a string takes everything");
        }
    }
    golden.assert_eq(&played);
    assert_eq!(last.0, "  fine\n", "the safe protocol must come out well");
    assert_ne!(last.1, "  fine\n", "the planted bug must show");
}

fn indented(answer: &str) -> String {
    answer.lines().fold(String::new(), |mut all, line| {
        writeln!(all, "  {line}").expect("a string takes everything");
        all
    })
}

/// A record of a log: its value and the leader epoch it was written in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) value: String,
    epoch: i32,
}

/// Every record of a log, in order; the logs of these scripts begin at offset 0.
pub(crate) fn held(log: Bytes) -> Vec<Held> {
    let mut all = Vec::new();
    for batch in batches(log) {
        let batch = batch.expect("a log of whole batches");
        let epoch = batch.leader_epoch().0;
        for record in batch.records().expect("a readable batch") {
            let value = record.expect("a readable record").value.unwrap_or_default();
            all.push(Held { value: String::from_utf8_lossy(&value).into_owned(), epoch });
        }
    }
    all
}

/// Where two logs first differ below `end`.
fn parting(one: &[Held], other: &[Held], end: usize) -> Option<usize> {
    (0..end).find(|offset| one.get(*offset) != other.get(*offset))
}

macro_rules! museum {
    ($($name:ident $stage:path: $file:literal $variant:literal;)*) => {
        $(#[test]
        fn $name() {
            run($file, &expect_file![$file], $variant, $stage);
        })*
    };
}

museum! {
    b08_truncation_to_the_high_watermark_loses_a_committed_record
        replicas::Replicas::new: "b08_truncate_to_high_watermark.txt" "truncate-to-high-watermark";
    b10_an_offset_without_its_epoch_leaves_logs_parted
        replicas::Replicas::new: "b10_offset_without_epoch.txt" "truncate-to-offset-only";
    b12_missed_epochs_under_the_same_leader_leave_logs_parted
        replicas::Replicas::new: "b12_missed_epochs.txt" "reconcile-on-leader-change-only";
    b13_an_unfenced_fetch_counts_for_data_the_follower_does_not_have
        replicas::Replicas::new: "b13_unfenced_fetch.txt" "unfenced-fetches";
    b16_a_stale_high_watermark_lets_a_lagging_follower_into_the_isr
        replicas::Replicas::new: "b16_join_below_epoch_start.txt" "isr-join-below-epoch-start";
    b18_a_proposed_member_that_does_not_count_is_elected_without_the_data
        replicas::Replicas::new: "b18_committed_isr.txt" "high-watermark-over-committed-isr";
    b19_a_forgotten_proposal_that_was_committed_elects_a_stale_replica
        replicas::Replicas::new: "b19_rollback_on_lost_answer.txt" "isr-rollback-on-any-error";
    b20_an_isr_from_an_old_state_elects_a_stale_replica
        cluster::Museum::new: "b20_no_partition_epoch_check.txt" "no-partition-epoch-check";
    b21_an_earlier_boot_of_a_wiped_broker_joins_the_isr
        cluster::Museum::new: "b21_no_broker_epoch_check.txt" "no-broker-epoch-check";
    b30_a_late_diverging_epoch_cuts_the_log_of_a_leader
        replicas::Replicas::new: "b30_late_response.txt" "late-responses-truncate";
    b38_a_living_group_that_commits_rarely_loses_its_offsets
        groups::Groups::new: "b38_commit_age.txt" "offsets-expire-by-commit-age";
    b38_a_group_that_forms_again_loses_its_offsets
        groups::Groups::new: "b38_while_rebalancing.txt" "offsets-expire-while-rebalancing";
    b39_a_zombie_commits_over_its_successor
        groups::Groups::new: "b39_zombie_commit.txt" "no-commit-generation-check";
    b47_a_partition_that_came_back_is_given_away_as_well
        groups::Groups::new: "b47_owner_forgotten.txt" "owner-forgotten-on-reassignment";
    b48_the_next_coordinator_fences_a_living_static_member
        groups::Groups::new: "b48_static_member.txt" "static-member-not-stored";
    b49_a_leader_that_never_assigns_holds_up_its_group
        groups::Groups::new: "b49_no_sync_timer.txt" "no-sync-timer";
}
