//! The promise for consumer groups: records that nobody processed, commits that are gone.
//!
//! What a group promises depends on when it commits. Commits after processing, and auto-commit in the loop that polls
//! and processes, promise at least once: what is committed has been processed. Commits before processing, and
//! auto-commit with processing in another task, promise at most once.

use std::collections::BTreeSet;

use tribunal_engine::config::{GroupProtocol, OffsetReset};
use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::{Duration, Instant};

use super::Excuse;
use super::evidence::{Evidence, unclean};
use crate::checker::group::acknowledged_commit_survives::LostCommit;
use crate::checker::group::at_least_once_processing::Unprocessed;
use crate::scenario::plan::{Commit, ConsumerPlan};
use crate::view::What;

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
    expired_while_empty(evidence, &one.group, &one.partition, jump.at)
}

/// Whether an acknowledged commit may be gone.
pub(super) fn lost_commit(evidence: &Evidence<'_>, lost: &LostCommit) -> Option<Excuse> {
    let until = lost.at.unwrap_or(Instant::from_nanos(u64::MAX));
    expired_while_empty(evidence, &lost.group, &lost.partition, until)
        .or_else(|| offsets_topic_elected_uncleanly(evidence))
        .or_else(|| offsets_topic_lost_power(evidence, lost.acknowledged, until))
}

fn table_of<'a>(evidence: &Evidence<'a>, group: &str) -> Option<&'a ConsumerPlan> {
    let mut tables = evidence.plan.consumers.iter();
    tables.find(|table| table.group.as_ref().is_some_and(|own| own.id == group))
}

/// Whether the offset was dropped as KIP-211 allows it: the group had no member then, and a classic group had had none
/// for the whole retention. Groups of KIP-848 go by the age of the commit once nobody reads the topic.
fn expired_while_empty(
    evidence: &Evidence<'_>,
    group: &str,
    partition: &TopicPartition,
    until: Instant,
) -> Option<Excuse> {
    let view = evidence.run.view.groups.get(group)?;
    let membership = table_of(evidence, group)?.config.membership.as_ref()?;
    let retention = match membership.group_protocol {
        GroupProtocol::Classic => evidence.plan.cluster.config.group.offsets_retention,
        GroupProtocol::Consumer => Duration::ZERO,
    };
    let empty_for = |at: Instant| {
        let last = view.departures.iter().rev().find(|departure| departure.at <= at);
        last.map(|departure| at.since(departure.at))
    };
    let mut expirations = view.expirations.iter().filter(|expired| expired.at <= until);
    let allowed = expirations.any(|expired| {
        expired.members == 0
            && expired.partitions.contains(partition)
            && empty_for(expired.at).is_none_or(|time| time >= retention)
    });
    allowed.then(|| {
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

#[cfg(test)]
mod tests {
    use crate::checker::group::sample::GroupSample;
    use crate::promise::{Verdict, judge};
    use crate::scenario::Guarantee;

    /// `offsets.retention.minutes` is seven days by default; here in milliseconds.
    const RETENTION: u64 = 7 * 24 * 3_600_000;

    /// A member commits at 20 ms and leaves `left`; its offset expires `expired`, and is not there at the end.
    fn verdict(changes: &[(&str, &str)], left: Option<u64>, expired: u64) -> Verdict {
        let mut sample = GroupSample::with(changes);
        let life = sample.life("billing-0", "a");
        sample.joined(10, "a", None);
        sample.commits(life, 0, 5, (19, Some(20)));
        sample.committed(20, 0, 5, ("a", 1, 1));
        if let Some(left) = left {
            sample.expelled(left, "a");
        }
        sample.expired(expired, &[0]);
        sample.answers_at_the_end(&[]);
        let run = sample.sample.outcome();
        let guarantee = Guarantee::AcknowledgedCommitSurvives;
        judge(&sample.sample.plan, &run, run.finding(guarantee).expect("every guarantee has a finding"))
    }

    #[test]
    fn offsets_of_a_group_that_was_empty_for_the_retention_may_go() {
        let verdict = verdict(&[], Some(30), 30 + RETENTION);
        assert!(
            matches!(&verdict, Verdict::Allowed { setting, .. } if setting == "offsets.retention.minutes"),
            "{verdict:?}"
        );
    }

    #[test]
    fn offsets_of_a_group_that_was_empty_for_a_moment_may_not_go() {
        assert_eq!(verdict(&[], Some(30 + RETENTION), 40 + RETENTION), Verdict::Broken);
    }

    #[test]
    fn offsets_of_a_group_with_a_member_may_not_go() {
        assert_eq!(verdict(&[], None, 30 + RETENTION), Verdict::Broken);
    }

    #[test]
    fn a_group_of_kip_848_goes_by_the_age_of_the_commit() {
        let consumer = [("\"session.timeout.ms\" = 10000", "\"group.protocol\" = \"consumer\"")];
        let verdict = verdict(&consumer, Some(30 + RETENTION), 40 + RETENTION);
        assert!(matches!(verdict, Verdict::Allowed { .. }), "{verdict:?}");
    }
}
