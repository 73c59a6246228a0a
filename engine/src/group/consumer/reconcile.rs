//! One step of a member from what it owns towards what it shall own (Kafka's `CurrentAssignmentBuilder`).
//!
//! ```text
//! Stable --a newer target--> keeps what the target gives it too, and:
//!   something to give up and not given up yet  -> UnrevokedPartitions, in its old epoch
//!   something that others still own            -> UnreleasedPartitions, at the target epoch
//!   otherwise                                  -> Stable, at the target epoch
//! ```
//! A partition is given to a member only when nobody owns it at any epoch, which is what keeps two members from owning
//! one: whoever gives it up says so first, and that is stored before the next one is told.

use super::{Assignment, CurrentAssignment, MemberState, Place};

/// What a member shall own, and what is known of the rest.
pub(super) struct Target<'a> {
    /// The epoch of the target assignment.
    pub(super) epoch: i32,
    /// What it gives the member.
    pub(super) assignment: &'a Assignment,
    /// Whether the member subscribes to the topic of a partition.
    pub(super) wants: &'a dyn Fn(Place) -> bool,
    /// Whether somebody owns a partition.
    pub(super) is_owned: &'a dyn Fn(Place) -> bool,
    /// What the member says that it owns; `None` if it does not say.
    pub(super) says: Option<&'a Assignment>,
}

/// The member after the step; the same if it can make none.
pub(super) fn step(current: &CurrentAssignment, target: &Target<'_>) -> CurrentAssignment {
    let still_owns = |revoking: &Assignment| match target.says {
        Some(says) => revoking.iter().any(|place| says.contains(place)),
        // Who says nothing has given nothing up.
        None => !revoking.is_empty(),
    };
    let wants_all = current.assigned.iter().all(target.wants);
    match current.state {
        MemberState::Stable if current.epoch == target.epoch && wants_all => current.clone(),
        MemberState::UnrevokedPartitions if still_owns(&current.revoking) => {
            // What it does not subscribe to any more goes, too.
            let (assigned, gone): (Vec<Place>, Vec<Place>) =
                current.assigned.iter().partition(|place| (target.wants)(*place));
            let revoking = current.revoking.iter().chain(gone).collect();
            CurrentAssignment { assigned: assigned.into_iter().collect(), revoking, ..current.clone() }
        }
        _ => next(current, target, &still_owns),
    }
}

fn next(
    current: &CurrentAssignment,
    target: &Target<'_>,
    still_owns: &dyn Fn(&Assignment) -> bool,
) -> CurrentAssignment {
    let given = |place: Place| target.assignment.contains(place) && (target.wants)(place);
    let mut assigned: Assignment = current.assigned.iter().filter(|place| given(*place)).collect();
    let revoking: Assignment = current.assigned.iter().filter(|place| !given(*place)).collect();
    if !revoking.is_empty() && still_owns(&revoking) {
        let state = MemberState::UnrevokedPartitions;
        return CurrentAssignment { state, assigned, revoking, ..current.clone() };
    }
    let mut unreleased = false;
    for place in target.assignment.iter().filter(|place| (target.wants)(*place)) {
        if assigned.contains(place) {
            continue;
        }
        // What it was to give up and gets again is nobody else's.
        if (target.is_owned)(place) && !current.revoking.contains(place) {
            unreleased = true;
        } else {
            assigned.insert(place);
        }
    }
    let state = if unreleased { MemberState::UnreleasedPartitions } else { MemberState::Stable };
    let moved = current.epoch != target.epoch;
    CurrentAssignment {
        epoch: target.epoch,
        previous_epoch: if moved { current.epoch } else { current.previous_epoch },
        state,
        assigned,
        revoking: Assignment::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PartitionIndex, TopicId};

    fn places(indexes: &[i32]) -> Assignment {
        indexes.iter().map(|index| (TopicId::CLUSTER_METADATA, PartitionIndex(*index))).collect()
    }

    fn stable(epoch: i32, assigned: &[i32]) -> CurrentAssignment {
        CurrentAssignment { epoch, assigned: places(assigned), ..CurrentAssignment::default() }
    }

    /// A step towards `target` at epoch 2, while others own `others`.
    fn stepped(
        from: &CurrentAssignment,
        target: &[i32],
        others: &[i32],
        says: Option<&[i32]>,
    ) -> CurrentAssignment {
        let (assignment, others, says) = (places(target), places(others), says.map(places));
        let own: Assignment = from.assigned.iter().chain(from.revoking.iter()).collect();
        let is_owned = |place| others.contains(place) || own.contains(place);
        let target = Target {
            epoch: 2,
            assignment: &assignment,
            wants: &|_| true,
            is_owned: &is_owned,
            says: says.as_ref(),
        };
        step(from, &target)
    }

    #[test]
    fn a_member_keeps_its_epoch_until_it_has_given_up_what_it_must() {
        let revoking = stepped(&stable(1, &[0, 1]), &[0], &[], None);
        assert_eq!((revoking.epoch, revoking.state), (1, MemberState::UnrevokedPartitions));
        assert_eq!((&revoking.assigned, &revoking.revoking), (&places(&[0]), &places(&[1])));
        assert_eq!(stepped(&revoking, &[0], &[], Some(&[0, 1])), revoking);
        assert_eq!(stepped(&revoking, &[0], &[], None), revoking);
        let done = stepped(&revoking, &[0], &[], Some(&[0]));
        let expected = CurrentAssignment { previous_epoch: 1, ..stable(2, &[0]) };
        assert_eq!(done, expected);
    }

    #[test]
    fn a_member_waits_for_what_others_still_own() {
        let waiting = stepped(&stable(1, &[0]), &[0, 1, 2], &[1], None);
        assert_eq!((waiting.epoch, waiting.state), (2, MemberState::UnreleasedPartitions));
        assert_eq!(waiting.assigned, places(&[0, 2]));
        let done = stepped(&waiting, &[0, 1, 2], &[], None);
        assert_eq!((done.epoch, done.state), (2, MemberState::Stable));
        assert_eq!((done.assigned, done.previous_epoch), (places(&[0, 1, 2]), 1));
    }

    #[test]
    fn a_member_that_gets_back_what_it_gave_up_has_it_at_once() {
        let revoking = stepped(&stable(1, &[0, 1]), &[0], &[], None);
        let again = stepped(&revoking, &[0, 1], &[], Some(&[0]));
        assert_eq!((again.state, again.assigned), (MemberState::Stable, places(&[0, 1])));
    }

    #[test]
    fn a_topic_that_is_not_wanted_any_more_goes_without_a_new_target() {
        let assignment = places(&[0, 1]);
        let target = Target {
            epoch: 1,
            assignment: &assignment,
            wants: &|(_, partition)| partition.0 == 0,
            is_owned: &|_| true,
            says: None,
        };
        let next = step(&stable(1, &[0, 1]), &target);
        assert_eq!((next.state, next.revoking), (MemberState::UnrevokedPartitions, places(&[1])));
    }
}
