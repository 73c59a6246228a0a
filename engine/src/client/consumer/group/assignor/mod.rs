//! Who gets which partitions in a classic group: pure functions that the group's leader runs.
//!
//! What a member says of itself is in its [`Subscription`]. Members on other clients may use the same protocol: the
//! names, and what is kept in user data, are Kafka's. Racks are not looked at.

mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::protocol::{Subscription, decode_generation, decode_sticky, encode_generation, encode_sticky};
use crate::config::Assignor;
use crate::id::{PartitionIndex, TopicName, TopicPartition};
use crate::variant::Guard;

/// How many partitions each topic has. One that does not exist is not in it.
pub(in crate::client) type Topics = BTreeMap<TopicName, usize>;

/// What everybody gets, by member id.
pub(in crate::client) type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// A member, as the leader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::client) struct Candidate {
    /// Its id.
    pub(in crate::client) member_id: String,
    /// Its `group.instance.id`.
    pub(in crate::client) instance_id: Option<String>,
    /// What it says of itself.
    pub(in crate::client) subscription: Subscription,
}

impl Candidate {
    /// Static members come first, by the name that stays; the others by member id (Kafka's `MemberInfo`).
    fn rank(&self) -> (bool, &str, &str) {
        match &self.instance_id {
            Some(instance) => (false, instance, &self.member_id),
            None => (true, "", &self.member_id),
        }
    }

    fn wants(&self, topic: &TopicName) -> bool {
        self.subscription.topics.contains(topic)
    }
}

/// True if members give up only what moves (KIP-429): if every assignor they know can do with that.
pub(in crate::client) fn is_cooperative(assignors: &[Assignor]) -> bool {
    assignors.iter().all(|assignor| *assignor == Assignor::CooperativeSticky)
}

/// What a member tells `assignor` beside its subscription: what it had last, and of which generation.
pub(in crate::client) fn user_data(
    assignor: Assignor,
    last: Option<&(Vec<TopicPartition>, i32)>,
) -> Option<Bytes> {
    match assignor {
        Assignor::Range | Assignor::RoundRobin => None,
        Assignor::Sticky => last.map(|(owned, generation)| encode_sticky(owned, *generation)),
        Assignor::CooperativeSticky => {
            Some(encode_generation(last.map_or(-1, |(_, generation)| *generation)))
        }
    }
}

/// Every partition of every topic that somebody wants to exactly one member that wants it; with the cooperative
/// assignor, what one member must give up first is given to nobody yet.
///
/// `generation_check` off believes every claim, and so may give a partition to two members (KAFKA-12984).
pub(in crate::client) fn assign(
    assignor: Assignor,
    members: &[Candidate],
    topics: &Topics,
    generation_check: Guard,
) -> Assignments {
    let mut ranked: Vec<&Candidate> = members.iter().collect();
    ranked.sort_by(|one, other| one.rank().cmp(&other.rank()));
    let mut assignments: Assignments =
        members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
    match assignor {
        Assignor::Range => range::assign(&ranked, topics, &mut assignments),
        Assignor::RoundRobin => round_robin::assign(&ranked, topics, &mut assignments),
        Assignor::Sticky | Assignor::CooperativeSticky => {
            let claims: Vec<Claim> = ranked.iter().map(|member| claim(assignor, member)).collect();
            sticky::assign(&ranked, &claims, topics, generation_check, &mut assignments);
            if assignor == Assignor::CooperativeSticky {
                hold_back(&ranked, &claims, generation_check, &mut assignments);
            }
        }
    }
    assignments
}

/// What a member says it owns, and since which generation.
struct Claim {
    owned: Vec<TopicPartition>,
    generation: i32,
}

/// The eager assignor remembers in user data what members have given up by now; the cooperative one believes the
/// subscription, and looks for the generation in user data if the member's client is too old to say it there.
fn claim(assignor: Assignor, member: &Candidate) -> Claim {
    let subscription = &member.subscription;
    let user_data = subscription.user_data.as_deref().unwrap_or_default();
    if assignor == Assignor::Sticky {
        let (owned, generation) = decode_sticky(user_data).unwrap_or_default();
        return Claim { owned, generation: generation.unwrap_or(-1) };
    }
    let generation = match subscription.generation {
        -1 => decode_generation(user_data).unwrap_or(-1),
        generation => generation,
    };
    Claim { owned: subscription.owned.clone(), generation }
}

/// Takes from everybody what somebody else still owns: it is given up in this round and given away in the next. Old
/// claims count here: whoever makes one may still read the partition. Only a newer claim of one's own beats them.
fn hold_back(
    members: &[&Candidate],
    claims: &[Claim],
    generation_check: Guard,
    assignments: &mut Assignments,
) {
    let mut claimed: BTreeMap<&TopicPartition, BTreeMap<&str, i32>> = BTreeMap::new();
    for (member, claim) in members.iter().zip(claims) {
        for partition in &claim.owned {
            claimed.entry(partition).or_default().insert(&member.member_id, claim.generation);
        }
    }
    for (member, partitions) in assignments {
        partitions.retain(|partition| {
            let Some(claimants) = claimed.get(partition) else { return true };
            let Some(own) = claimants.get(member.as_str()) else { return false };
            let mut others = claimants.iter().filter(|(other, _)| *other != member);
            generation_check == Guard::Off || others.all(|(_, generation)| generation < own)
        });
    }
}

/// All partitions of a topic.
fn partitions_of<'a>(topic: &'a TopicName, count: usize) -> impl Iterator<Item = TopicPartition> + 'a {
    let indexes = 0..i32::try_from(count).unwrap_or(i32::MAX);
    indexes.map(|index| TopicPartition { topic: topic.clone(), partition: PartitionIndex(index) })
}

/// Gives `partition` to `member`.
fn give(assignments: &mut Assignments, member: &Candidate, partition: TopicPartition) {
    assignments.entry(member.member_id.clone()).or_default().push(partition);
}
