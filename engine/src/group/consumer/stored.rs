//! What the log says of a group of KIP-848.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignment, Place};
use crate::group::record::ConsumerRecord;
use crate::id::{TopicId, TopicName};
use crate::time::Duration;
use crate::variant::Guard;

/// A topic that members subscribe to, as it was when the group epoch was bumped last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscribedTopic {
    /// Its id.
    pub id: TopicId,
    /// How many partitions it had.
    pub partitions: i32,
}

/// A member and what it wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsumerMember {
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// Its rack.
    pub rack_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// The topics it subscribes to.
    pub subscribed: BTreeSet<TopicName>,
    /// How long it may take to give partitions up, in whole milliseconds.
    pub rebalance_timeout: Duration,
    /// The assignor it would like.
    pub server_assignor: Option<String>,
}

/// How far a member has come towards its target (Kafka's `MemberState`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum MemberState {
    /// It has what the target of its epoch gives it.
    #[default]
    Stable,
    /// It is still to give partitions up.
    UnrevokedPartitions,
    /// It waits for partitions that others are still to give up.
    UnreleasedPartitions,
}

impl MemberState {
    /// Kafka's number.
    pub(in crate::group) fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
        }
    }

    pub(in crate::group) fn from_code(code: i8) -> Option<MemberState> {
        [MemberState::Stable, MemberState::UnrevokedPartitions, MemberState::UnreleasedPartitions]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// What a member owns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CurrentAssignment {
    /// The epoch it is at; -2 for a static member that is away.
    pub epoch: i32,
    /// The epoch it was at before: the answer that told it the new one may be lost.
    pub previous_epoch: i32,
    /// How far it has come.
    pub state: MemberState,
    /// What it may own.
    pub assigned: Assignment,
    /// What it is still to give up.
    pub revoking: Assignment,
}

impl CurrentAssignment {
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.assigned.iter().chain(self.revoking.iter())
    }
}

/// A group. Changes in [`ConsumerGroup::replay`] only.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsumerGroup {
    /// Counts the changes of members, subscriptions and topics; `None` if the group is being forgotten.
    pub epoch: Option<i32>,
    /// The topics that members subscribe to.
    pub topics: BTreeMap<TopicName, SubscribedTopic>,
    /// The members.
    pub members: BTreeMap<String, ConsumerMember>,
    /// The group epoch that the target assignment is for.
    pub target_epoch: i32,
    /// What each member shall own.
    pub targets: BTreeMap<String, Assignment>,
    /// What each member owns.
    pub current: BTreeMap<String, CurrentAssignment>,
    /// The epoch at which a partition is owned; nobody owns one that is not here. Adds up from `current`.
    owned: BTreeMap<Place, i32>,
    /// How many members subscribe to a topic. Adds up from `members`.
    subscribers: BTreeMap<TopicName, usize>,
    /// `group.instance.id` -> member id. Adds up from `members`.
    instances: BTreeMap<String, String>,
}

impl ConsumerGroup {
    /// Takes one record in.
    pub(in crate::group) fn replay(&mut self, record: &ConsumerRecord, epoch_on_reassign: Guard) {
        match record {
            ConsumerRecord::Epoch(epoch) => self.epoch = *epoch,
            ConsumerRecord::Topics(topics) => self.topics = topics.clone().unwrap_or_default(),
            ConsumerRecord::Member(id, member) => self.replay_member(id, member.as_ref()),
            ConsumerRecord::TargetEpoch(epoch) => self.target_epoch = epoch.unwrap_or(0),
            ConsumerRecord::Target(id, target) => drop(put(&mut self.targets, id, target.as_ref())),
            ConsumerRecord::Current(id, current) => {
                let old = put(&mut self.current, id, current.as_ref());
                self.note_owned(&old.unwrap_or_default(), current.as_ref(), epoch_on_reassign);
            }
        }
    }

    fn replay_member(&mut self, id: &str, member: Option<&ConsumerMember>) {
        for topic in member.iter().flat_map(|member| &member.subscribed) {
            *self.subscribers.entry(topic.clone()).or_default() += 1;
        }
        let old = put(&mut self.members, id, member);
        for topic in old.iter().flat_map(|old| &old.subscribed) {
            if let Some(count) = self.subscribers.get_mut(topic) {
                *count -= 1;
                if *count == 0 {
                    self.subscribers.remove(topic);
                }
            }
        }
        if let Some(instance) = old.and_then(|old| old.instance_id)
            && self.instances.get(&instance).is_some_and(|owner| owner == id)
        {
            self.instances.remove(&instance);
        }
        if let Some(instance) = member.and_then(|member| member.instance_id.as_ref()) {
            self.instances.insert(instance.clone(), id.to_owned());
        }
    }

    /// A member owns something else than before.
    fn note_owned(&mut self, old: &CurrentAssignment, new: Option<&CurrentAssignment>, guard: Guard) {
        let assign = |owned: &mut BTreeMap<Place, i32>, places: &Assignment, epoch: i32| {
            owned.extend(places.iter().map(|place| (place, epoch)));
        };
        match (guard, new) {
            (Guard::Off, Some(new)) => {
                // KAFKA-16147: what was to be given up is dropped after it was assigned again.
                self.owned.retain(|place, _| !old.assigned.contains(*place));
                assign(&mut self.owned, &new.assigned, new.epoch);
                self.owned.retain(|place, _| !old.revoking.contains(*place));
                assign(&mut self.owned, &new.revoking, new.epoch);
            }
            (_, new) => {
                for place in old.places() {
                    self.owned.remove(&place);
                }
                if let Some(new) = new {
                    assign(&mut self.owned, &new.assigned, new.epoch);
                    assign(&mut self.owned, &new.revoking, new.epoch);
                }
            }
        }
    }

    /// True if nothing is left of it.
    pub(in crate::group) fn is_forgotten(&self) -> bool {
        self.epoch.is_none()
            && self.members.is_empty()
            && self.targets.is_empty()
            && self.current.is_empty()
            && self.topics.is_empty()
            && self.target_epoch == 0
    }

    /// The group epoch; 0 before the first.
    #[must_use]
    pub fn group_epoch(&self) -> i32 {
        self.epoch.unwrap_or(0)
    }

    /// Whether somebody owns a partition.
    #[must_use]
    pub fn is_owned(&self, place: Place) -> bool {
        self.owned.contains_key(&place)
    }

    /// Whether a member subscribes to a topic.
    #[must_use]
    pub fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        self.subscribers.contains_key(topic)
    }

    /// The topics that members subscribe to, and how many do.
    pub(super) fn subscribers(&self) -> &BTreeMap<TopicName, usize> {
        &self.subscribers
    }

    /// The member of an instance id.
    #[must_use]
    pub fn static_member(&self, instance: &str) -> Option<&str> {
        self.instances.get(instance).map(String::as_str)
    }

    /// Kafka's name of its state.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.group_epoch() > self.target_epoch {
            "Assigning"
        } else if self.members.keys().all(|member| self.is_reconciled(member)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Whether a member has what the target gives it.
    pub(super) fn is_reconciled(&self, member: &str) -> bool {
        let current = self.current.get(member);
        current.is_some_and(|it| it.state == MemberState::Stable && it.epoch == self.target_epoch)
    }

    /// Panics on a bug of ours: no partition has two owners, and what adds up does.
    pub(in crate::group) fn invariants(&self, name: &str, epoch_on_reassign: Guard) {
        if epoch_on_reassign == Guard::On {
            let all: Vec<(Place, i32)> = self
                .current
                .values()
                .flat_map(|current| current.places().map(|place| (place, current.epoch)))
                .collect();
            assert_eq!(all.len(), self.owned.len(), "{name}: a partition has two owners");
            for (place, epoch) in all {
                assert_eq!(self.owned.get(&place), Some(&epoch), "{name}: the epoch of {place:?}");
            }
        }
        for member in self.current.keys().chain(self.targets.keys()) {
            assert!(self.members.contains_key(member), "{name}: {member} owns and is no member");
        }
        assert!(self.target_epoch <= self.group_epoch(), "{name}: a target of the future");
        for (instance, member) in &self.instances {
            let owner = self.members.get(member).and_then(|member| member.instance_id.as_ref());
            assert_eq!(owner, Some(instance), "{name}: an instance id without its member");
        }
    }
}

/// Puts a value in, or takes it out; returns the old one.
fn put<T: Clone>(map: &mut BTreeMap<String, T>, key: &str, value: Option<&T>) -> Option<T> {
    match value {
        Some(value) => map.insert(key.to_owned(), value.clone()),
        None => map.remove(key),
    }
}
