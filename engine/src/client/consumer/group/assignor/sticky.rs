//! Balanced, and everybody keeps what they have as far as that goes (what Kafka's `AbstractStickyAssignor` promises).
//!
//! Balanced means: no partition can move to a member with at least two partitions less than its owner has. If all
//! members read the same topics, their shares differ by one at most. The way there is our own and much simpler than
//! Kafka's: keep valid claims, give what is left to whoever has least, then move single partitions from those with
//! most to those with least while that makes it more even. The sum of squares falls with every move, so it ends.
//!
//! Members and partitions are numbers here: places in sorted lists.

use std::collections::BTreeMap;

use super::{Assignments, Candidate, Claim, Topics, partitions_of};
use crate::id::TopicPartition;
use crate::variant::Guard;

/// `members` by rank, with the claim of each.
pub(super) fn assign(
    members: &[&Candidate],
    claims: &[Claim],
    topics: &Topics,
    generation_check: Guard,
    assignments: &mut Assignments,
) {
    let all: Vec<TopicPartition> =
        topics.iter().flat_map(|(topic, count)| partitions_of(topic, *count)).collect();
    let readers: Vec<Vec<usize>> = {
        let readers_of = |topic| {
            let places = members.iter().enumerate();
            places.filter(|(_, member)| member.wants(topic)).map(|(place, _)| place).collect::<Vec<_>>()
        };
        let by_topic: BTreeMap<_, _> = topics.keys().map(|topic| (topic, readers_of(topic))).collect();
        all.iter().map(|partition| by_topic[&partition.topic].clone()).collect()
    };
    let mut plan =
        Plan { readers, owner: vec![None; all.len()], load: vec![0; members.len()], kept: Vec::new() };
    let twice = plan.keep_claims(&all, claims, generation_check);
    plan.give_the_rest();
    plan.even_out();
    for (partition, owner) in all.iter().zip(&plan.owner) {
        if let Some(owner) = owner {
            assignments.entry(members[*owner].member_id.clone()).or_default().push(partition.clone());
        }
    }
    for (partition, member) in twice {
        assignments.entry(members[member].member_id.clone()).or_default().push(all[partition].clone());
    }
}

struct Plan {
    /// Who may read each partition.
    readers: Vec<Vec<usize>>,
    /// Who gets each partition.
    owner: Vec<Option<usize>>,
    /// How many partitions each member gets.
    load: Vec<usize>,
    /// For each partition, whether its owner had it before.
    kept: Vec<bool>,
}

impl Plan {
    /// Leaves partitions where they are. Only claims of the newest generation count, and of those only where nobody
    /// contradicts: both who claim the same partition have lost track (KAFKA-12984, KAFKA-13406).
    ///
    /// Without the check all claims count, and what the later ones claim again is returned.
    fn keep_claims(
        &mut self,
        all: &[TopicPartition],
        claims: &[Claim],
        generation_check: Guard,
    ) -> Vec<(usize, usize)> {
        let owning = claims.iter().filter(|claim| !claim.owned.is_empty());
        let newest = owning.map(|claim| claim.generation).max();
        let mut claimed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (member, claim) in claims.iter().enumerate() {
            if generation_check == Guard::On && Some(claim.generation) != newest {
                continue;
            }
            for owned in &claim.owned {
                let Ok(partition) = all.binary_search(owned) else { continue };
                let claimants = claimed.entry(partition).or_default();
                if self.readers[partition].contains(&member) && !claimants.contains(&member) {
                    claimants.push(member);
                }
            }
        }
        self.kept = vec![false; all.len()];
        let mut twice = Vec::new();
        for (partition, claimants) in claimed {
            let Some((first, others)) = claimants.split_first() else { continue };
            if generation_check == Guard::On && !others.is_empty() {
                continue;
            }
            self.kept[partition] = true;
            self.owner[partition] = Some(*first);
            self.load[*first] += 1;
            for member in others {
                self.load[*member] += 1;
                twice.push((partition, *member));
            }
        }
        twice
    }

    /// Gives every partition without an owner to the reader with the fewest; first those with few readers.
    fn give_the_rest(&mut self) {
        let mut rest: Vec<usize> =
            (0..self.owner.len()).filter(|place| self.owner[*place].is_none()).collect();
        rest.sort_by_key(|place| self.readers[*place].len());
        for partition in rest {
            let least = self.readers[partition].iter().copied().min_by_key(|member| self.load[*member]);
            if let Some(member) = least {
                self.owner[partition] = Some(member);
                self.load[member] += 1;
            }
        }
    }

    /// Moves partitions until it is balanced; rather those that have just been given than those somebody had.
    fn even_out(&mut self) {
        while let Some((partition, to)) = self.best_move() {
            if let Some(from) = self.owner[partition].replace(to) {
                self.load[from] -= 1;
            }
            self.load[to] += 1;
            self.kept[partition] = false;
        }
    }

    /// The move from the fullest member that has somewhere to move something to.
    fn best_move(&self) -> Option<(usize, usize)> {
        let moves = self.owner.iter().enumerate().filter_map(|(partition, owner)| {
            let from = (*owner)?;
            let to = self.readers[partition].iter().copied().min_by_key(|member| self.load[*member])?;
            let gain = self.load[from].checked_sub(self.load[to]).filter(|gain| *gain >= 2)?;
            Some((gain, !self.kept[partition], partition, to))
        });
        moves
            .max_by_key(|(gain, fresh, partition, _)| (*gain, *fresh, *partition))
            .map(|best| (best.2, best.3))
    }
}
