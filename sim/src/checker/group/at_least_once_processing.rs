//! `at-least-once-processing`: every record that the position of a group has passed was processed by one of its members.
//!
//! Source: `kafka.md` C6; Jepsen's `poll-skip` for groups, without its exemption for rebalances. A record of the final
//! read lies below the furthest committed (or processed) offset of the group and no member has processed it.
//!
//! Why not stricter: with `auto.offset.reset=latest` what lies below the first record a member was given was never
//! asked for. Records that are in no log at the end cannot be missed: losing them is another guarantee. Processing
//! one twice is what at least once means.

use std::collections::BTreeSet;

use tribunal_engine::config::OffsetReset;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::{Group, groups};
use crate::history::{Delivery, History, RecordId};
use crate::scenario::{Guarantee, Plan};
use crate::view::ClusterView;

/// The checker.
#[derive(Debug, Default)]
pub struct AtLeastOnceProcessing;

/// A record that a group passed and nobody processed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unprocessed {
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// What it is.
    pub record: Option<RecordId>,
    /// Whether a member had it and did not finish.
    pub was_given: bool,
}

impl Checker for AtLeastOnceProcessing {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnceProcessing
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, missed) = unprocessed(run.plan, run.history, run.view);
        let mut found = Found::default();
        for one in &missed {
            found.add(|| violation(one));
        }
        found.finding(self.guarantee(), checked, "records that groups have passed")
    }
}

/// How many records groups have passed, and those that nobody processed, by group, partition and offset.
#[must_use]
pub fn unprocessed(plan: &Plan, history: &History, view: &ClusterView) -> (u64, Vec<Unprocessed>) {
    let mut checked = 0;
    let mut missed = Vec::new();
    for group in groups(plan, history, view) {
        for partition in &group.partitions {
            let Some(log) = history.final_reads.get(partition) else { continue };
            let passed = Passed::of(&group, partition);
            let range = passed.start..passed.end;
            for (offset, record) in log.iter().filter(|(offset, _)| range.contains(offset)) {
                checked += 1;
                if !passed.processed.contains(&(*offset, *record)) {
                    missed.push(Unprocessed {
                        group: group.id.to_owned(),
                        partition: partition.clone(),
                        offset: *offset,
                        record: *record,
                        was_given: passed.given.contains(&(*offset, *record)),
                    });
                }
            }
        }
    }
    (checked, missed)
}

/// What a group did in one partition.
struct Passed {
    /// The first offset it asked for.
    start: Offset,
    /// The position it reached.
    end: Offset,
    given: BTreeSet<(Offset, Option<RecordId>)>,
    processed: BTreeSet<(Offset, Option<RecordId>)>,
}

impl Passed {
    fn of(group: &Group<'_>, partition: &TopicPartition) -> Passed {
        let deliveries = || {
            group.lives.iter().flat_map(|life| {
                let own = move |delivery: &&Delivery| life.partition(delivery.partition) == Some(partition);
                life.deliveries.iter().filter(own)
            })
        };
        let first = match group.table.config.auto_offset_reset {
            OffsetReset::Earliest => Some(Offset::ZERO),
            OffsetReset::Latest | OffsetReset::None => deliveries().map(|delivery| delivery.offset).min(),
        };
        let done = || deliveries().filter(|delivery| delivery.processed.is_some());
        let reached = done().map(|delivery| delivery.offset.next()).max();
        let commits = group.view.into_iter().flat_map(|view| &view.commits);
        let committed = commits.filter(|commit| commit.partition == *partition).map(|commit| commit.offset);
        let end = reached.into_iter().chain(committed).max().unwrap_or(Offset::ZERO);
        Passed {
            start: first.unwrap_or(end),
            end,
            given: deliveries().map(|delivery| (delivery.offset, delivery.record)).collect(),
            processed: done().map(|delivery| (delivery.offset, delivery.record)).collect(),
        }
    }
}

fn violation(one: &Unprocessed) -> Violation {
    let how =
        if one.was_given { "was given to a member that did not finish it" } else { "was given to nobody" };
    let text = format!(
        "group {} has passed offset {} of {}, which no member processed: it {how}",
        one.group, one.offset, one.partition
    );
    Violation {
        partition: Some(one.partition.clone()),
        offset: Some(one.offset),
        record: one.record,
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::GroupSample;
    use super::*;

    #[test]
    fn a_group_that_processed_everything_is_held() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.processes(life, 0, 0..4);
        let finding = sample.finish(AtLeastOnceProcessing);
        assert_eq!((finding.checked, finding.violated), (4, 0));
    }

    #[test]
    fn a_record_below_the_committed_offset_that_nobody_processed_is_found() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.processes(life, 0, 0..2);
        sample.is_given(life, 0, 2..3);
        sample.committed(50, 0, 3, ("a", 1, 1));
        let finding = sample.finish(AtLeastOnceProcessing);
        assert_eq!((finding.checked, finding.violated), (3, 1));
        assert!(finding.violations[0].text.contains("did not finish"), "{}", finding.violations[0].text);
    }

    #[test]
    fn a_record_that_was_skipped_is_found_though_nothing_was_committed() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.processes(life, 0, 0..1);
        sample.processes(life, 0, 2..4);
        let finding = sample.finish(AtLeastOnceProcessing);
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(1))));
    }

    #[test]
    fn a_successor_may_process_what_its_predecessor_was_given() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 3);
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.is_given(one, 0, 0..3);
        sample.processes(other, 0, 0..3);
        assert_eq!(sample.finish(AtLeastOnceProcessing).violated, 0);
    }

    #[test]
    fn what_nobody_reached_yet_is_not_missed() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 9);
        let life = sample.life("billing-0", "a");
        sample.processes(life, 0, 0..2);
        assert_eq!(sample.finish(AtLeastOnceProcessing).checked, 2);
    }

    #[test]
    fn latest_does_not_ask_for_what_was_there_before() {
        let mut sample = GroupSample::with(&[("\"earliest\"", "\"latest\"")]);
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.processes(life, 0, 2..4);
        let finding = sample.finish(AtLeastOnceProcessing);
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }
}
