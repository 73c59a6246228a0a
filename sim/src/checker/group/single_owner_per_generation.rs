//! `single-owner-per-generation`: no two members of a group own one partition at a time.
//!
//! Source: `kafka.md` C1; the purpose of generations and member epochs (KIP-429, KIP-848). Two stretches of ownership
//! of one partition overlap while the coordinator counts both owners as members.
//!
//! Why not stricter: a member that has not noticed yet that its session has ended goes on processing, and the
//! coordinator cannot stop it. That overlap is allowed by every protocol and shows as records processed twice.

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::groups;
use super::ownership::{Interval, intervals};
use crate::scenario::Guarantee;
use tribunal_engine::id::TopicPartition;

/// The checker.
#[derive(Debug, Default)]
pub struct SingleOwnerPerGeneration;

impl Checker for SingleOwnerPerGeneration {
    fn guarantee(&self) -> Guarantee {
        Guarantee::SingleOwnerPerGeneration
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut checked = 0;
        let mut found = Found::default();
        for group in groups(run.plan, run.history, run.view) {
            for (partition, intervals) in intervals(&group, run.end) {
                checked += intervals.len() as u64;
                let mut longest: Option<Interval<'_>> = None;
                for interval in intervals {
                    if let Some(owner) = longest.filter(|owner| interval.from < owner.until) {
                        found.add(|| violation(group.id, partition, &owner, &interval));
                    }
                    if longest.is_none_or(|owner| owner.until < interval.until) {
                        longest = Some(interval);
                    }
                }
            }
        }
        found.finding(self.guarantee(), checked, "stretches of ownership")
    }
}

fn violation(group: &str, partition: &TopicPartition, one: &Interval<'_>, other: &Interval<'_>) -> Violation {
    let overlap = one.until.min(other.until).since(other.from);
    let text = format!(
        "{partition} had two owners in group {group} for {} ms: {} ({}, epoch {}) and {} ({}, epoch {})",
        overlap.as_millis(),
        one.life.name,
        one.member,
        one.epoch,
        other.life.name,
        other.member,
        other.epoch,
    );
    Violation { at: Some(other.from), partition: Some(partition.clone()), ..Violation::saying(text) }
}

#[cfg(test)]
mod tests {
    use super::super::sample::GroupSample;
    use super::*;

    #[test]
    fn one_owner_after_the_other_is_held() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.owns(one, 0, 1, (10, Some(20)));
        sample.owns(other, 0, 2, (20, None));
        let finding = sample.finish(SingleOwnerPerGeneration);
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }

    #[test]
    fn two_members_that_own_a_partition_at_a_time_are_found() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.owns(one, 0, 1, (10, Some(25)));
        sample.owns(other, 0, 2, (20, None));
        let finding = sample.finish(SingleOwnerPerGeneration);
        assert_eq!(finding.violated, 1);
        assert!(finding.violations[0].text.contains("for 5 ms"), "{}", finding.violations[0].text);
    }

    #[test]
    fn a_long_owner_is_compared_with_everyone_who_comes_later() {
        let mut sample = GroupSample::new();
        let lives =
            [sample.life("billing-0", "a"), sample.life("billing-1", "b"), sample.life("billing-2", "c")];
        sample.owns(lives[0], 0, 1, (10, Some(90)));
        sample.owns(lives[1], 0, 2, (20, Some(30)));
        sample.owns(lives[2], 0, 3, (40, Some(50)));
        assert_eq!(sample.finish(SingleOwnerPerGeneration).violated, 2);
    }

    #[test]
    fn a_zombie_owns_nothing_once_its_session_has_ended() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.owns(one, 0, 1, (10, Some(60)));
        sample.expelled(19, "a");
        sample.owns(other, 0, 2, (20, None));
        assert_eq!(sample.finish(SingleOwnerPerGeneration).violated, 0);
    }

    #[test]
    fn the_dead_own_nothing() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.owns(one, 0, 1, (10, None));
        sample.dies(one, 15);
        sample.owns(other, 0, 2, (20, None));
        assert_eq!(sample.finish(SingleOwnerPerGeneration).violated, 0);
    }

    #[test]
    fn two_partitions_may_have_two_owners() {
        let mut sample = GroupSample::new();
        let (one, other) = (sample.life("billing-0", "a"), sample.life("billing-1", "b"));
        sample.owns(one, 0, 1, (10, None));
        sample.owns(other, 1, 1, (10, None));
        assert_eq!(sample.finish(SingleOwnerPerGeneration).violated, 0);
    }
}
