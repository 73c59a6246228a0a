//! `assignment-complete`: an assignment that stands gives every subscribed partition to exactly one member of the group,
//! and no two members share a `group.instance.id`.
//!
//! Source: `kafka.md` C2, C10 and C11; KIP-345 for static members. Two members with one partition in one assignment, a
//! partition for somebody who is no member, and two members with one instance id are wrong at once. A partition
//! without an owner is wrong when the assignment stands longer than a rebalance may take, or still stands at the end.
//!
//! Why not stricter: cooperative assignors leave a partition to nobody for one round, until its old owner has given it
//! up (KIP-429).

use std::collections::{BTreeMap, BTreeSet};

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::{Group, groups};
use crate::scenario::Guarantee;
use crate::view::{Assigned, GroupView};

/// The checker.
#[derive(Debug, Default)]
pub struct AssignmentComplete;

impl Checker for AssignmentComplete {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AssignmentComplete
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut checked = 0;
        let mut found = Found::default();
        for group in groups(run.plan, run.history, run.view) {
            let Some(view) = group.view else { continue };
            checked += view.assignments.len() as u64;
            for (index, assigned) in view.assignments.iter().enumerate() {
                illegal(&group, assigned, &mut found);
                let patience = group.patience(run.plan);
                let until = stands_until(view, index);
                let last = until.is_none() && !view.members.is_empty();
                if last || until.is_some_and(|until| until.since(assigned.at) > patience) {
                    incomplete(&group, assigned, until, &mut found);
                }
            }
            shared_instances(&group, view, &mut found);
        }
        found.finding(self.guarantee(), checked, "assignments")
    }
}

/// When the next assignment, or a rebalance, made this one a thing of the past; `None` if nothing did.
fn stands_until(view: &GroupView, index: usize) -> Option<Instant> {
    let at = view.assignments[index].at;
    let next = view.assignments.get(index + 1).map(|next| next.at);
    let rebalance = view.rebalances.iter().map(|rebalance| rebalance.began).find(|began| *began > at);
    next.into_iter().chain(rebalance).min()
}

/// A partition given twice, or to somebody who is no member.
fn illegal(group: &Group<'_>, assigned: &Assigned, found: &mut Found) {
    let mut owners: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for (member, partitions) in &assigned.assignments {
        if !partitions.is_empty() && !assigned.members.contains(member) {
            found.add(|| {
                wrong(
                    group,
                    assigned,
                    partitions.first(),
                    &format!("gives partitions to {member}, which is no member"),
                )
            });
        }
        for partition in partitions {
            if let Some(other) = owners.insert(partition, member) {
                let what = format!("gives {partition} to {other} and to {member}");
                found.add(|| wrong(group, assigned, Some(partition), &what));
            }
        }
    }
}

fn incomplete(group: &Group<'_>, assigned: &Assigned, until: Option<Instant>, found: &mut Found) {
    let given: BTreeSet<&TopicPartition> =
        assigned.assignments.iter().flat_map(|(_, partitions)| partitions).collect();
    for partition in group.partitions.iter().filter(|partition| !given.contains(partition)) {
        let how_long = match until {
            Some(until) => format!("for {} ms", until.since(assigned.at).as_millis()),
            None => "to the end".to_owned(),
        };
        found.add(|| {
            wrong(group, assigned, Some(partition), &format!("left {partition} to nobody, {how_long}"))
        });
    }
}

fn shared_instances(group: &Group<'_>, view: &GroupView, found: &mut Found) {
    for (index, arrival) in view.arrivals.iter().enumerate() {
        let Some(instance) = &arrival.instance else { continue };
        let earlier = view.arrivals.iter().take(index);
        let still_there = |member: &str, since: Instant| {
            view.left(member, since).is_none_or(|departure| departure.at > arrival.at)
        };
        let mut others = earlier.filter(|other| other.member != arrival.member);
        let other = others
            .find(|other| other.instance.as_ref() == Some(instance) && still_there(&other.member, other.at));
        if let Some(other) = other {
            let text = format!(
                "group {}: {} joined as {instance} while {} was a member under that group.instance.id",
                group.id, arrival.member, other.member
            );
            found.add(|| Violation { at: Some(arrival.at), ..Violation::saying(text) });
        }
    }
}

fn wrong(
    group: &Group<'_>,
    assigned: &Assigned,
    partition: Option<&TopicPartition>,
    what: &str,
) -> Violation {
    let text = format!("the assignment of group {} in epoch {} {what}", group.id, assigned.epoch);
    Violation { at: Some(assigned.at), partition: partition.cloned(), ..Violation::saying(text) }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::id::NodeId;

    use super::super::sample::GroupSample;
    use super::*;

    fn of_two() -> GroupSample {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.joined(2, "b", None);
        sample
    }

    #[test]
    fn what_a_coordinator_had_not_stored_is_void_for_the_next_one() {
        let mut sample = of_two();
        sample.expelled(3, "b");
        sample.joined(4, "c", Some("till"));
        sample.taken_up_by(5, 2, &["a", "b"]);
        sample.joined(6, "d", Some("till"));
        sample.assigned(7, 2, &[("a", &[0]), ("b", &[1])]);
        assert_eq!(sample.finish(AssignmentComplete).violated, 0);
    }

    #[test]
    fn a_coordinator_that_does_not_know_of_its_successor_takes_nobody_out() {
        let mut sample = of_two();
        sample.taken_up_by(3, 2, &["a", "b"]);
        sample.teller = NodeId(1);
        sample.expelled(4, "b");
        sample.teller = NodeId(2);
        sample.assigned(5, 2, &[("a", &[0]), ("b", &[1])]);
        assert_eq!(sample.finish(AssignmentComplete).violated, 0);
    }

    #[test]
    fn every_partition_with_one_member_is_held() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0]), ("b", &[1])]);
        let finding = sample.finish(AssignmentComplete);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn a_partition_that_is_given_twice_is_found() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0, 1]), ("b", &[1])]);
        assert_eq!(sample.finish(AssignmentComplete).violated, 1);
    }

    #[test]
    fn a_partition_for_a_stranger_is_found() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0]), ("z", &[1])]);
        assert_eq!(sample.finish(AssignmentComplete).violated, 1);
    }

    #[test]
    fn a_partition_left_to_nobody_at_the_end_is_found() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0]), ("b", &[])]);
        let finding = sample.finish(AssignmentComplete);
        assert!(
            finding.violations[0].text.contains("left orders/1 to nobody, to the end"),
            "{:?}",
            finding.violations
        );
    }

    #[test]
    fn a_cooperative_round_may_leave_a_partition_for_a_moment() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0]), ("b", &[])]);
        sample.assigned(15, 2, &[("a", &[0]), ("b", &[1])]);
        assert_eq!(sample.finish(AssignmentComplete).violated, 0);
    }

    #[test]
    fn an_empty_group_owes_nothing() {
        let mut sample = of_two();
        sample.assigned(10, 1, &[("a", &[0, 1])]);
        sample.assigned(20, 2, &[]);
        sample.expelled(21, "a");
        sample.expelled(22, "b");
        assert_eq!(sample.finish(AssignmentComplete).violated, 0);
    }

    #[test]
    fn two_members_with_one_instance_id_are_found() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", Some("till"));
        sample.joined(2, "b", Some("till"));
        assert_eq!(sample.finish(AssignmentComplete).violated, 1);
    }

    #[test]
    fn a_static_member_that_replaces_itself_is_one_member() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", Some("till"));
        sample.expelled(2, "a");
        sample.joined(2, "b", Some("till"));
        assert_eq!(sample.finish(AssignmentComplete).violated, 0);
    }
}
