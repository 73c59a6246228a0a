//! One partition after the other to one member after the other (Kafka's `RoundRobinAssignor`).

use super::{Assignments, Candidate, Topics, give, partitions_of};

/// `members` by rank.
pub(super) fn assign(members: &[&Candidate], topics: &Topics, assignments: &mut Assignments) {
    let mut turn = members.iter().cycle();
    for (topic, count) in topics {
        if !members.iter().any(|member| member.wants(topic)) {
            continue;
        }
        for partition in partitions_of(topic, *count) {
            if let Some(member) = turn.by_ref().find(|member| member.wants(topic)) {
                give(assignments, member, partition);
            }
        }
    }
}
