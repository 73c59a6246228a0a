//! `acknowledged-commit-survives`: whoever takes a partition over starts where the last acknowledged commit says, or
//! behind it; and the coordinator says so at the end.
//!
//! Source: `kafka.md` C8 (published as Redpanda #9571: the commit passed, and a later fetch of it gave the old offset).
//!
//! Why not stricter: a later commit that was lower and was taken is a step back, which `commits-never-regress` counts.
//! A member that begins behind the commit skips, which `at-least-once-processing` counts. Commits whose answer the
//! client never saw may or may not stand.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::{Group, groups};
use crate::history::{CommitOutcome, History, MemberLife, Ownership, PositionReset};
use crate::scenario::{Guarantee, Plan};
use crate::view::ClusterView;

/// The checker.
#[derive(Debug, Default)]
pub struct AcknowledgedCommitSurvives;

/// A commit that was acknowledged and not found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostCommit {
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: TopicPartition,
    /// What was committed.
    pub committed: Offset,
    /// When it was acknowledged.
    pub acknowledged: Instant,
    /// What was found; `None` for no commit at all.
    pub found: Option<Offset>,
    /// When; `None` for the question at the end.
    pub at: Option<Instant>,
    /// Who found it.
    pub by: String,
}

impl Checker for AcknowledgedCommitSurvives {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AcknowledgedCommitSurvives
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, lost) = lost_commits(run.plan, run.history, run.view);
        let mut found = Found::default();
        for one in &lost {
            found.add(|| violation(one));
        }
        found.finding(self.guarantee(), checked, "times a committed offset was asked for")
    }
}

/// How often somebody could see whether acknowledged commits stand, and when they did not.
#[must_use]
pub fn lost_commits(plan: &Plan, history: &History, view: &ClusterView) -> (u64, Vec<LostCommit>) {
    let mut checked = 0;
    let mut lost = Vec::new();
    for group in groups(plan, history, view) {
        let acknowledged = Acknowledged::of(&group);
        for look in looks(&group, history) {
            let Some((committed, at)) = acknowledged.before(look.partition, look.at) else { continue };
            checked += 1;
            if look.found.is_some_and(|found| found >= committed) || stepped_back(&group, &look, committed) {
                continue;
            }
            lost.push(LostCommit {
                group: group.id.to_owned(),
                partition: look.partition.clone(),
                committed,
                acknowledged: at,
                found: look.found,
                at: look.at,
                by: look.by.to_owned(),
            });
        }
    }
    (checked, lost)
}

/// Somebody learns where a group stands in a partition.
struct Look<'a> {
    partition: &'a TopicPartition,
    /// Acknowledgements before this count; `None` for all.
    at: Option<Instant>,
    found: Option<Offset>,
    by: &'a str,
}

/// The start of each ownership, and the question at the end.
fn looks<'a>(group: &Group<'a>, history: &'a History) -> Vec<Look<'a>> {
    let mut looks = Vec::new();
    for life in &group.lives {
        for (index, ownership) in life.ownerships.iter().enumerate() {
            let Some(partition) = life.partition(ownership.partition) else { continue };
            let Some(found) = start_of(life, index, ownership) else { continue };
            looks.push(Look { partition, at: Some(ownership.from), found, by: &life.name });
        }
    }
    if let Some(committed) = history.committed_at_end.get(group.id) {
        let held = group.lives.iter().flat_map(|life| &life.partitions);
        let mut partitions: Vec<&TopicPartition> = held.collect();
        partitions.sort();
        partitions.dedup();
        let look = |partition: &'a TopicPartition| {
            let found = committed.get(partition).copied();
            Look { partition, at: None, found, by: "the operator at the end" }
        };
        looks.extend(partitions.into_iter().map(look));
    }
    looks
}

/// What an owner began with: no commit at all if `auto.offset.reset` had to say where, else the commit that its first
/// record shows. `None` if it shows neither.
fn start_of(life: &MemberLife, index: usize, ownership: &Ownership) -> Option<Option<Offset>> {
    let until = ownership.until.or(life.ended);
    let within = |at: Instant| ownership.from <= at && until.is_none_or(|until| at <= until);
    let here = |reset: &&PositionReset| reset.partition == ownership.partition && within(reset.at);
    if life.resets.iter().filter(here).any(|reset| reset.from.is_none()) {
        return Some(None);
    }
    let first = life.deliveries.iter().find(|delivery| delivery.ownership as usize == index);
    first.map(|first| Some(first.offset))
}

/// The acknowledged commits of a group: for each partition the furthest so far, by the time it was acknowledged.
struct Acknowledged<'a>(BTreeMap<&'a TopicPartition, Vec<(Instant, Offset)>>);

impl<'a> Acknowledged<'a> {
    fn of(group: &Group<'a>) -> Acknowledged<'a> {
        let mut all: BTreeMap<&TopicPartition, Vec<(Instant, Offset)>> = BTreeMap::new();
        for life in &group.lives {
            for commit in life.commits.iter().filter(|commit| commit.outcome == CommitOutcome::Acknowledged) {
                if let Some((partition, at)) = life.partition(commit.partition).zip(commit.answered) {
                    all.entry(partition).or_default().push((at, commit.offset));
                }
            }
        }
        for commits in all.values_mut() {
            commits.sort_unstable();
            let mut furthest = Offset::ZERO;
            commits.retain(|(_, offset)| {
                let further = *offset > furthest;
                furthest = furthest.max(*offset);
                further
            });
        }
        Acknowledged(all)
    }

    /// The furthest commit acknowledged before `at`, and when it was.
    fn before(&self, partition: &TopicPartition, at: Option<Instant>) -> Option<(Offset, Instant)> {
        let commits = self.0.get(partition)?;
        let count = at.map_or(commits.len(), |at| commits.partition_point(|(acked, _)| *acked < at));
        commits.get(count.checked_sub(1)?).map(|(acked, offset)| (*offset, *acked))
    }
}

/// Whether the coordinator took a lower commit after `committed`: the step back is not a loss.
fn stepped_back(group: &Group<'_>, look: &Look<'_>, committed: Offset) -> bool {
    let commits = group.view.into_iter().flat_map(|view| &view.commits);
    let mut here = commits.filter(|commit| commit.partition == *look.partition);
    let later = here.by_ref().any(|commit| commit.offset >= committed);
    later && here.any(|commit| Some(commit.offset) <= look.found && commit.offset < committed)
}

fn violation(lost: &LostCommit) -> Violation {
    let found = match lost.found {
        Some(found) => format!("found offset {found}"),
        None => "found none".to_owned(),
    };
    let text = format!(
        "offset {} of {} was committed by group {} and acknowledged; later {} {found}",
        lost.committed, lost.partition, lost.group, lost.by
    );
    Violation {
        at: lost.at,
        partition: Some(lost.partition.clone()),
        offset: Some(lost.committed),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::GroupSample;
    use super::*;

    /// One member commits 5 and is told so at 20 ms; another takes over at 30 ms and is given `first`.
    fn takeover(first: i64) -> GroupSample {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.commits(one, 0, 5, (19, Some(20)));
        sample.committed(20, 0, 5, ("a", 1, 1));
        sample.owns(other, 0, 2, (30, None));
        sample.is_given(other, 0, first..first + 1);
        sample
    }

    #[test]
    fn a_successor_that_starts_at_the_commit_is_held() {
        let finding = takeover(5).finish(AcknowledgedCommitSurvives);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn a_successor_that_starts_before_the_commit_shows_that_it_is_lost() {
        let finding = takeover(3).finish(AcknowledgedCommitSurvives);
        assert_eq!(finding.violated, 1);
        assert!(
            finding.violations[0].text.contains("later billing-1 found offset 3"),
            "{:?}",
            finding.violations
        );
    }

    #[test]
    fn a_successor_that_finds_no_commit_shows_that_it_is_lost_wherever_it_begins() {
        let mut sample = takeover(8);
        assert_eq!(sample.finish(AcknowledgedCommitSurvives).violated, 0);
        sample.finds_no_commit(1, 0, 31, 8);
        let finding = sample.finish(AcknowledgedCommitSurvives);
        assert_eq!((finding.checked, finding.violated), (1, 1));
        assert!(
            finding.violations[0].text.contains("later billing-1 found none"),
            "{:?}",
            finding.violations
        );
    }

    #[test]
    fn a_reset_of_an_earlier_owner_says_nothing_about_a_later_one() {
        let mut sample = takeover(5);
        sample.finds_no_commit(1, 0, 29, 0);
        assert_eq!(sample.finish(AcknowledgedCommitSurvives).violated, 0);
    }

    #[test]
    fn a_commit_that_was_acknowledged_later_says_nothing_about_an_earlier_start() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.commits(one, 0, 5, (19, Some(40)));
        sample.owns(other, 0, 2, (30, None));
        sample.is_given(other, 0, 3..4);
        assert_eq!(sample.finish(AcknowledgedCommitSurvives).checked, 0);
    }

    #[test]
    fn a_step_back_is_not_a_loss() {
        let mut sample = takeover(3);
        sample.committed(25, 0, 3, ("z", 1, 2));
        assert_eq!(sample.finish(AcknowledgedCommitSurvives).violated, 0);
    }

    #[test]
    fn the_answer_at_the_end_counts_too() {
        let mut sample = GroupSample::new();
        let life = sample.life("billing-0", "a");
        sample.commits(life, 0, 5, (19, Some(20)));
        sample.committed(20, 0, 5, ("a", 1, 1));
        sample.answers_at_the_end(&[]);
        let finding = sample.finish(AcknowledgedCommitSurvives);
        assert_eq!((finding.checked, finding.violated), (1, 1));
        sample.answers_at_the_end(&[(0, 5)]);
        assert_eq!(sample.finish(AcknowledgedCommitSurvives).violated, 0);
    }
}
