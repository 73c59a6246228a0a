//! `commits-never-regress`: the committed offset of a group in a partition never decreases.
//!
//! Source: `kafka.md` C3, after Jepsen's positions that go back. Commits are compared in the order of the coordinator's
//! log, over failovers.
//!
//! Why not stricter: an offset that has expired is gone, and what comes after it starts anew; a tool that commits for
//! an empty group may set any offset. Whether a log that lost records excuses a step back is for the promise to say.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::groups;
use crate::scenario::Guarantee;
use crate::view::{AcceptedCommit, GroupView};

/// The checker.
#[derive(Debug, Default)]
pub struct CommitsNeverRegress;

impl Checker for CommitsNeverRegress {
    fn guarantee(&self) -> Guarantee {
        Guarantee::CommitsNeverRegress
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut checked = 0;
        let mut found = Found::default();
        for group in groups(run.plan, run.history, run.view) {
            let Some(view) = group.view else { continue };
            let mut last: BTreeMap<&TopicPartition, &AcceptedCommit> = BTreeMap::new();
            for commit in &view.commits {
                let Some(before) = last.insert(&commit.partition, commit) else { continue };
                if commit.member.is_empty() || expired_between(view, before, commit) {
                    continue;
                }
                checked += 1;
                if commit.offset < before.offset {
                    found.add(|| violation(group.id, before, commit));
                }
            }
        }
        found.finding(self.guarantee(), checked, "commits after another")
    }
}

fn expired_between(view: &GroupView, before: &AcceptedCommit, commit: &AcceptedCommit) -> bool {
    let mut expirations = view.expirations.iter();
    expirations.any(|expired| {
        before.at <= expired.at && expired.at <= commit.at && expired.partitions.contains(&commit.partition)
    })
}

fn violation(group: &str, before: &AcceptedCommit, commit: &AcceptedCommit) -> Violation {
    let text = format!(
        "the committed offset of group {group} in {} went back from {} (by {}) to {} (by {}, epoch {})",
        commit.partition, before.offset, before.member, commit.offset, commit.member, commit.epoch
    );
    Violation {
        at: Some(commit.at),
        partition: Some(commit.partition.clone()),
        offset: Some(commit.offset),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::GroupSample;
    use super::*;

    #[test]
    fn commits_that_grow_are_held() {
        let mut sample = GroupSample::new();
        for (at, offset) in [(10, 5), (20, 5), (30, 9)] {
            sample.committed(at, 0, offset, ("a", 1, 1));
        }
        let finding = sample.finish(CommitsNeverRegress);
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }

    #[test]
    fn a_step_back_is_found() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 9, ("b", 2, 2));
        sample.committed(20, 0, 5, ("a", 1, 2));
        let finding = sample.finish(CommitsNeverRegress);
        assert_eq!(finding.violated, 1);
        assert!(
            finding.violations[0].text.contains("from 9 (by b) to 5 (by a"),
            "{}",
            finding.violations[0].text
        );
    }

    #[test]
    fn partitions_are_compared_with_themselves() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 9, ("a", 1, 1));
        sample.committed(20, 1, 5, ("a", 1, 1));
        assert_eq!(sample.finish(CommitsNeverRegress).checked, 0);
    }

    #[test]
    fn what_comes_after_an_expiration_starts_anew() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 9, ("a", 1, 1));
        sample.expired(15, &[0]);
        sample.committed(20, 0, 2, ("a", 1, 1));
        assert_eq!(sample.finish(CommitsNeverRegress).violated, 0);
    }

    #[test]
    fn a_tool_may_set_any_offset() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 9, ("a", 1, 1));
        sample.committed(20, 0, 0, ("", -1, 1));
        sample.committed(30, 0, 3, ("b", 2, 2));
        assert_eq!(sample.finish(CommitsNeverRegress).violated, 0);
    }
}
