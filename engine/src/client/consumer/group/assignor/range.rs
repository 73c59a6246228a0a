//! Neighbouring partitions of each topic, topic by topic; the first members get one more if it does not come out even
//! (Kafka's `RangeAssignor`).

use super::{Assignments, Candidate, Topics, give, partitions_of};

/// `members` by rank.
pub(super) fn assign(members: &[&Candidate], topics: &Topics, assignments: &mut Assignments) {
    for (topic, count) in topics {
        let readers: Vec<&Candidate> = members.iter().copied().filter(|member| member.wants(topic)).collect();
        if readers.is_empty() {
            continue;
        }
        let (share, more) = (count / readers.len(), count % readers.len());
        let mut partitions = partitions_of(topic, *count);
        for (place, member) in readers.into_iter().enumerate() {
            for partition in partitions.by_ref().take(share + usize::from(place < more)) {
                give(assignments, member, partition);
            }
        }
    }
}
