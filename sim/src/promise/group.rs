//! The promise for consumer groups: records that nobody processed, commits that are gone.
//!
//! What a group promises depends on when it commits. Commits after processing, and auto-commit in the loop that polls
//! and processes, promise at least once: what is committed has been processed. Commits before processing, and
//! auto-commit with processing in another task, promise at most once.

use std::collections::BTreeSet;

use tribunal_engine::config::OffsetReset;
use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::Instant;

use super::Excuse;
use super::evidence::{Evidence, unclean};
use crate::checker::group::acknowledged_commit_survives::LostCommit;
use crate::checker::group::at_least_once_processing::Unprocessed;
use crate::scenario::plan::{Commit, ConsumerPlan};
use crate::view::{GroupView, What};

/// The topic in which coordinators keep commits.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Whether a group may have passed a record without processing it.
pub(super) fn unprocessed(evidence: &Evidence<'_>, one: &Unprocessed) -> Option<Excuse> {
    let table = table_of(evidence, &one.group)?;
    match table.group.as_ref()?.commit {
        Commit::BeforeProcessing => {
            return Some(Excuse::new(
                "commit=before-processing",
                "Who commits before processing processes at most once: what a member had taken and not finished when it died is skipped.",
            ));
        }
        Commit::AutoAsync if one.was_given => {
            return Some(Excuse::new(
                "enable.auto.commit=true",
                "Auto-commit commits what the poll before returned; a record that another task has not finished by then is skipped when the member dies.",
            ));
        }
        Commit::AutoAsync | Commit::AfterProcessing | Commit::Auto | Commit::Never => {}
    }
    let in_the_log = evidence
        .unclean_election(&one.partition)
        .map(|_| unclean())
        .or_else(|| evidence.too_many_copies_lost(&one.partition, one.offset, None));
    in_the_log.or_else(|| began_at_the_end(evidence, table, one))
}

/// Whether a member began at the end of the log, behind the record, because nothing was committed.
fn began_at_the_end(evidence: &Evidence<'_>, table: &ConsumerPlan, one: &Unprocessed) -> Option<Excuse> {
    if table.config.auto_offset_reset != OffsetReset::Latest {
        return None;
    }
    let lives = evidence.run.history.members.iter().filter(|life| life.group == one.group);
    let mut jumps = lives.flat_map(|life| {
        let here = move |index: u32| life.partition(index) == Some(&one.partition);
        life.resets.iter().filter(move |reset| here(reset.partition) && reset.from.is_none())
    });
    let jump = jumps.find(|reset| reset.to > one.offset)?;
    let view = evidence.run.view.groups.get(&one.group)?;
    let committed =
        view.commits.iter().any(|commit| commit.partition == one.partition && commit.at < jump.at);
    if !committed {
        return Some(Excuse::new(
            "auto.offset.reset=latest",
            "A group without a committed offset begins at the end of the log: what was written before it first committed is not read.",
        ));
    }
    expired_while_empty(view, &one.partition, jump.at)
}

/// Whether an acknowledged commit may be gone.
pub(super) fn lost_commit(evidence: &Evidence<'_>, lost: &LostCommit) -> Option<Excuse> {
    let until = lost.at.unwrap_or(Instant::from_nanos(u64::MAX));
    let view = evidence.run.view.groups.get(&lost.group)?;
    expired_while_empty(view, &lost.partition, until)
        .or_else(|| offsets_topic_elected_uncleanly(evidence))
        .or_else(|| offsets_topic_lost_power(evidence, lost.acknowledged, until))
}

fn table_of<'a>(evidence: &Evidence<'a>, group: &str) -> Option<&'a ConsumerPlan> {
    let mut tables = evidence.plan.consumers.iter();
    tables.find(|table| table.group.as_ref().is_some_and(|own| own.id == group))
}

fn expired_while_empty(view: &GroupView, partition: &TopicPartition, until: Instant) -> Option<Excuse> {
    let mut expirations = view.expirations.iter().filter(|expired| expired.at <= until);
    expirations.any(|expired| expired.members == 0 && expired.partitions.contains(partition)).then(|| {
        Excuse::new(
            "offsets.retention.minutes",
            "The offsets of a group that has been empty for so long are dropped (KIP-211).",
        )
    })
}

fn offsets_topic_elected_uncleanly(evidence: &Evidence<'_>) -> Option<Excuse> {
    let mut happenings = evidence.run.view.happenings.iter();
    let elected = happenings.any(|happening| {
        matches!(&happening.what, What::Event(Event::LeaderElected {
            partition, reason: ElectionReason::Unclean, ..
        }) if partition.topic.as_str() == OFFSETS_TOPIC)
    });
    elected.then(unclean)
}

/// As many brokers lost their power as may take a commit with them. Which of them held it is not looked up: any of
/// them may have been the ones in sync.
fn offsets_topic_lost_power(evidence: &Evidence<'_>, from: Instant, until: Instant) -> Option<Excuse> {
    let config = &evidence.plan.cluster.config.topic_defaults;
    if config.log.flush_messages == 1 {
        return None;
    }
    let happenings = evidence.run.view.happenings.iter();
    let within = happenings.filter(|happening| from <= happening.at && happening.at <= until);
    let dark = within.filter(|happening| happening.what == What::PowerLost);
    let brokers: BTreeSet<NodeId> = dark.filter_map(|happening| happening.node).collect();
    let min = config.min_insync_replicas;
    (brokers.len() >= min).then(|| {
        Excuse::new(
            format!("min.insync.replicas={min}"),
            "As many brokers as a commit needs lost their power before it was on their disks: Kafka does not wait for the disk.",
        )
    })
}
