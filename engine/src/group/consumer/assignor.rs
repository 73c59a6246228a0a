//! Server-side assignors: pure functions from members and topics to who shall own what.
//!
//! Both give every partition that somebody subscribes to to exactly one subscriber. `range` gives each topic's
//! partitions in runs to its subscribers in their order. `uniform` balances: no partition could be moved to a subscriber
//! that has two less; and it is sticky: what can stay does.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignment, Place};
use crate::config::ServerAssignor;
use crate::id::{PartitionIndex, TopicId};

/// A member as an assignor sees it.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct Subscriber<'a> {
    /// Its `group.instance.id`.
    pub(in crate::group) instance: Option<&'a str>,
    /// The topics it subscribes to that exist.
    pub(in crate::group) topics: BTreeSet<TopicId>,
    /// What it should own so far.
    pub(in crate::group) has: Option<&'a Assignment>,
}

/// The members by id.
pub(in crate::group) type Subscribers<'a> = BTreeMap<&'a str, Subscriber<'a>>;
/// How many partitions each topic has.
pub(in crate::group) type Counts = BTreeMap<TopicId, i32>;
/// Who shall own what; every member is in it.
pub(in crate::group) type Assigned<'a> = BTreeMap<&'a str, Assignment>;

/// Assigns.
pub(in crate::group) fn assign<'a>(
    assignor: ServerAssignor,
    members: &Subscribers<'a>,
    topics: &Counts,
) -> Assigned<'a> {
    match assignor {
        ServerAssignor::Range => range(members, topics),
        ServerAssignor::Uniform => uniform(members, topics),
    }
}

fn range<'a>(members: &Subscribers<'a>, topics: &Counts) -> Assigned<'a> {
    let mut assigned: Assigned<'a> = members.keys().map(|id| (*id, Assignment::default())).collect();
    for (topic, count) in topics {
        let mut takers: Vec<(bool, &str, &'a str)> = members
            .iter()
            .filter(|(_, member)| member.topics.contains(topic))
            .map(|(id, member)| (member.instance.is_none(), member.instance.unwrap_or(id), *id))
            .collect();
        // Static members first, by their instance: they keep their place when they come back.
        takers.sort_unstable();
        let Ok(people) = i32::try_from(takers.len()) else { continue };
        if people == 0 {
            continue;
        }
        let (each, more) = (count / people, count % people);
        let mut partitions = 0..*count;
        for (rank, (.., id)) in (0..people).zip(takers) {
            let take = usize::try_from(each + i32::from(rank < more)).unwrap_or(0);
            let mine = assigned.get_mut(id).expect("every member is in it");
            for partition in partitions.by_ref().take(take) {
                mine.insert((*topic, PartitionIndex(partition)));
            }
        }
    }
    assigned
}

fn uniform<'a>(members: &Subscribers<'a>, topics: &Counts) -> Assigned<'a> {
    let mut owners: BTreeMap<Place, &'a str> = BTreeMap::new();
    let is_there = |(topic, partition): Place| {
        topics.get(&topic).is_some_and(|count| (0..*count).contains(&partition.0))
    };
    for (id, member) in members {
        for place in member.has.iter().flat_map(|has| has.iter()) {
            if is_there(place) && member.topics.contains(&place.0) {
                owners.entry(place).or_insert(id);
            }
        }
    }
    let mut plan = Plan::new(members, owners);
    plan.trim(topics);
    for (topic, count) in topics {
        for partition in 0..*count {
            plan.give((*topic, PartitionIndex(partition)));
        }
    }
    plan.balance();
    plan.assigned
}

/// Who has what so far.
struct Plan<'m, 'a> {
    members: &'m Subscribers<'a>,
    /// Each topic's subscribers.
    takers: BTreeMap<TopicId, Vec<&'a str>>,
    owners: BTreeMap<Place, &'a str>,
    assigned: Assigned<'a>,
    loads: BTreeMap<&'a str, usize>,
}

impl<'m, 'a> Plan<'m, 'a> {
    fn new(members: &'m Subscribers<'a>, owners: BTreeMap<Place, &'a str>) -> Plan<'m, 'a> {
        let mut assigned: Assigned<'a> = members.keys().map(|id| (*id, Assignment::default())).collect();
        let mut loads: BTreeMap<&'a str, usize> = members.keys().map(|id| (*id, 0)).collect();
        for (place, owner) in &owners {
            assigned.entry(owner).or_default().insert(*place);
            *loads.entry(owner).or_default() += 1;
        }
        let mut takers: BTreeMap<TopicId, Vec<&'a str>> = BTreeMap::new();
        for (id, member) in members {
            for topic in &member.topics {
                takers.entry(*topic).or_default().push(id);
            }
        }
        Plan { members, takers, owners, assigned, loads }
    }

    /// If everybody wants the same, whoever has more than its share gives the rest up: at most one member more than
    /// others have, and those that have most keep it.
    fn trim(&mut self, topics: &Counts) {
        let mut wanted = self.members.values().map(|member| &member.topics);
        let Some(first) = wanted.next() else { return };
        if !wanted.all(|topics| topics == first) {
            return;
        }
        let of_topic = |topic| topics.get(topic).and_then(|count| usize::try_from(*count).ok()).unwrap_or(0);
        let total: usize = first.iter().map(of_topic).sum();
        let (share, mut more) = (total / self.members.len(), total % self.members.len());
        for (id, mine) in &mut self.assigned {
            let mut quota = share;
            if more > 0 && mine.len() > share {
                quota += 1;
                more -= 1;
            }
            if mine.len() <= quota {
                continue;
            }
            for given_up in mine.iter().skip(quota) {
                self.owners.remove(&given_up);
            }
            *mine = mine.iter().take(quota).collect();
            self.loads.insert(id, quota);
        }
    }

    /// The subscriber of a topic that has least; of equals the first.
    fn least(&self, topic: TopicId) -> Option<&'a str> {
        let takers = self.takers.get(&topic)?;
        takers.iter().min_by_key(|id| self.loads[*id]).copied()
    }

    fn give(&mut self, place: Place) {
        if self.owners.contains_key(&place) {
            return;
        }
        if let Some(taker) = self.least(place.0) {
            self.put(place, taker);
        }
    }

    fn put(&mut self, place: Place, taker: &'a str) {
        if let Some(old) = self.owners.insert(place, taker) {
            let kept = self.assigned[old].iter().filter(|other| *other != place).collect();
            self.assigned.insert(old, kept);
            *self.loads.entry(old).or_default() -= 1;
        }
        self.assigned.entry(taker).or_default().insert(place);
        *self.loads.entry(taker).or_default() += 1;
    }

    /// Moves partitions to subscribers that have two less, until there is none. Every move makes the loads more equal,
    /// so it ends.
    fn balance(&mut self) {
        loop {
            let unfair = |(place, owner): (&Place, &&'a str)| {
                let least = self.least(place.0)?;
                (self.loads[owner] > self.loads[least] + 1).then_some((*place, least))
            };
            let moves: Vec<(Place, &'a str)> = self.owners.iter().filter_map(unfair).collect();
            if moves.is_empty() {
                return;
            }
            for (place, _) in moves {
                // Earlier moves may have made this one needless.
                let Some(least) = self.least(place.0) else { continue };
                if self.loads[self.owners[&place]] > self.loads[least] + 1 {
                    self.put(place, least);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "../tests/assignors.rs"]
mod tests;
