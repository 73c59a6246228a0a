//! `zombie-commit-fenced`: a commit of a client that is no current member of the group is refused.
//!
//! Source: `kafka.md` C4 and B39; `ClassicGroup.validateOffsetCommit`, KIP-848's STALE_MEMBER_EPOCH. A coordinator took
//! a commit whose generation or member epoch was not the current one, or whose sender it had counted out before.
//!
//! Why not stricter: clients outside the group may commit while it is empty (tools do), and do not name a member.

use std::collections::BTreeMap;

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::groups;
use crate::scenario::Guarantee;
use crate::view::{AcceptedCommit, GroupView};

/// The checker.
#[derive(Debug, Default)]
pub struct ZombieCommitFenced;

impl Checker for ZombieCommitFenced {
    fn guarantee(&self) -> Guarantee {
        Guarantee::ZombieCommitFenced
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut checked = 0;
        let mut found = Found::default();
        for group in groups(run.plan, run.history, run.view) {
            let Some(view) = group.view else { continue };
            let absent = absences(view);
            for commit in view.commits.iter().filter(|commit| !commit.member.is_empty()) {
                checked += 1;
                let gone = absent.get(commit.member.as_str()).is_some_and(|left| *left < commit.at);
                if commit.fenced || commit.epoch != commit.current_epoch {
                    found.add(|| violation(group.id, commit, gone));
                }
            }
        }
        found.finding(self.guarantee(), checked, "commits of members")
    }
}

/// When each member that left did so.
fn absences(view: &GroupView) -> BTreeMap<&str, tribunal_engine::time::Instant> {
    view.departures.iter().map(|departure| (departure.member.as_str(), departure.at)).collect()
}

fn violation(group: &str, commit: &AcceptedCommit, gone: bool) -> Violation {
    let who = if gone { "had been counted out" } else { "was of another generation" };
    let text = format!(
        "group {group} took the commit of offset {} of {} by {}, which {who}: it came with epoch {}, the current one was {}",
        commit.offset, commit.partition, commit.member, commit.epoch, commit.current_epoch
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
    fn a_commit_of_a_current_member_is_held() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 5, ("a", 1, 1));
        let finding = sample.finish(ZombieCommitFenced);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn a_commit_of_an_older_generation_is_found() {
        let mut sample = GroupSample::new();
        sample.expelled(9, "a");
        sample.committed(10, 0, 5, ("a", 1, 2));
        let finding = sample.finish(ZombieCommitFenced);
        assert_eq!(finding.violated, 1);
        assert!(finding.violations[0].text.contains("counted out"), "{}", finding.violations[0].text);
    }

    #[test]
    fn a_tool_that_commits_for_an_empty_group_is_no_zombie() {
        let mut sample = GroupSample::new();
        sample.committed(10, 0, 5, ("", -1, 3));
        assert_eq!(sample.finish(ZombieCommitFenced).checked, 0);
    }
}
