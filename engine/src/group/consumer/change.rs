//! A decision about a group in the making: its records, what it will be like when they are replayed, and what is told
//! when they are committed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::assignor::{self, Counts, Subscriber, Subscribers};
use super::reconcile::{self, Target};
use super::{Assignment, ConsumerGroup, CurrentAssignment, SubscribedTopic, Topics};
use crate::config::{GroupConfig, ServerAssignor};
use crate::event::{Event, LeaveReason, RebalanceReason};
use crate::group::record::{ConsumerRecord, Record};
use crate::id::{TopicId, TopicName};
use crate::variant::Guard;

/// A change of a group.
pub(super) struct Change<'a> {
    name: &'a str,
    old: &'a ConsumerGroup,
    /// The group with the records so far.
    pub(super) group: Cow<'a, ConsumerGroup>,
    epoch_on_reassign: Guard,
    pub(super) records: Vec<Record>,
    pub(super) notes: Vec<Event>,
}

impl<'a> Change<'a> {
    pub(super) fn new(name: &'a str, old: &'a ConsumerGroup, epoch_on_reassign: Guard) -> Change<'a> {
        let group = Cow::Borrowed(old);
        Change { name, old, group, epoch_on_reassign, records: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn record(&mut self, record: ConsumerRecord) {
        self.group.to_mut().replay(&record, self.epoch_on_reassign);
        self.records.push(record.of(self.name));
    }

    pub(super) fn note_joined(&mut self, member: &str, instance: Option<String>, epoch: i32) {
        let (group, member) = (self.name.to_owned(), member.to_owned());
        self.notes.push(Event::GroupMemberJoined { group, member, instance, epoch });
    }

    pub(super) fn note_left(&mut self, member: &str, why: LeaveReason) {
        let (group, member) = (self.name.to_owned(), member.to_owned());
        self.notes.push(Event::GroupMemberLeft { group, member, why });
    }

    /// Forgets a member.
    pub(super) fn remove_member(&mut self, member: &str) {
        if self.group.current.contains_key(member) {
            self.record(ConsumerRecord::Current(member.to_owned(), None));
        }
        if self.group.targets.contains_key(member) {
            self.record(ConsumerRecord::Target(member.to_owned(), None));
        }
        self.record(ConsumerRecord::Member(member.to_owned(), None));
    }

    /// Takes members out; the next heartbeat of another brings about what follows.
    pub(super) fn take_out(&mut self, members: &[(String, LeaveReason)]) {
        for (member, why) in members {
            self.remove_member(member);
            self.note_left(member, *why);
        }
        let wanted = |(name, _): &(&TopicName, &SubscribedTopic)| self.group.is_subscribed_to(name);
        let topics: BTreeMap<TopicName, SubscribedTopic> =
            self.group.topics.iter().filter(wanted).map(|(name, topic)| (name.clone(), *topic)).collect();
        self.bump(topics, RebalanceReason::MemberLeft);
    }

    /// The next group epoch, with these topics.
    fn bump(&mut self, topics: BTreeMap<TopicName, SubscribedTopic>, why: RebalanceReason) {
        if topics != self.group.topics {
            self.record(ConsumerRecord::Topics(Some(topics)));
        }
        let epoch = self.group.group_epoch() + 1;
        self.record(ConsumerRecord::Epoch(Some(epoch)));
        self.notes.push(Event::GroupRebalanceBegan { group: self.name.to_owned(), epoch, why });
    }

    /// Bumps the group epoch if members want something else, or topics are not what they were.
    pub(super) fn attend_topics(&mut self, topics: &dyn Topics, changed: Option<RebalanceReason>) {
        let subscribed = self.group.subscribers().keys();
        let known: BTreeMap<TopicName, SubscribedTopic> =
            subscribed.filter_map(|name| Some((name.clone(), topics.topic(name)?))).collect();
        let why = changed.or_else(|| (known != self.group.topics).then_some(RebalanceReason::TopicsChanged));
        if let Some(why) =
            why.or_else(|| (self.group.group_epoch() == 0).then_some(RebalanceReason::MemberJoined))
        {
            self.bump(known, why);
        }
    }

    /// Makes the target assignment of the group epoch, if there is none.
    pub(super) fn assign(&mut self, config: &GroupConfig, topics: &dyn Topics) {
        let epoch = self.group.group_epoch();
        if epoch <= self.group.target_epoch {
            return;
        }
        let group = self.group.clone();
        let ids = |subscribed: &BTreeSet<TopicName>| -> BTreeSet<TopicId> {
            subscribed.iter().filter_map(|name| group.topics.get(name)).map(|topic| topic.id).collect()
        };
        let mut members = Subscribers::new();
        for (id, member) in &group.members {
            let instance = member.instance_id.as_deref();
            let subscriber =
                Subscriber { instance, topics: ids(&member.subscribed), has: group.targets.get(id) };
            members.insert(id, subscriber);
        }
        let counts: Counts = group.topics.values().map(|topic| (topic.id, topic.partitions)).collect();
        let assignor = preferred(&group, config);
        let assigned = assignor::assign(assignor, &members, &counts);
        let mut told = Vec::with_capacity(assigned.len());
        for (member, target) in assigned {
            told.push((member.to_owned(), target.told(|id| topics.name(id))));
            let before = group.targets.get(member);
            if before.map_or(!target.is_empty(), |before| *before != target) {
                self.record(ConsumerRecord::Target(member.to_owned(), Some(target)));
            }
        }
        self.record(ConsumerRecord::TargetEpoch(Some(epoch)));
        self.notes.push(Event::GroupAssigned {
            group: self.name.to_owned(),
            epoch,
            protocol: assignor.name().to_owned(),
            assignments: told,
        });
    }

    /// Takes a member one step towards its target. Returns what it is then.
    pub(super) fn reconcile(
        &mut self,
        member: &str,
        current: &CurrentAssignment,
        says: Option<&Assignment>,
        topics: &dyn Topics,
    ) -> CurrentAssignment {
        let group = &self.group;
        let subscribed = group.members.get(member).map(|member| &member.subscribed);
        let wanted: BTreeSet<TopicId> = subscribed
            .into_iter()
            .flatten()
            .filter_map(|name| group.topics.get(name))
            .map(|topic| topic.id)
            .collect();
        let nothing = Assignment::default();
        let target = Target {
            epoch: group.target_epoch,
            assignment: group.targets.get(member).unwrap_or(&nothing),
            wants: &|(topic, _)| wanted.contains(&topic),
            is_owned: &|place| group.is_owned(place),
            says,
        };
        let next = reconcile::step(current, &target);
        self.own(member, &next, topics);
        next
    }

    /// Records what a member owns, if that is new.
    pub(super) fn own(&mut self, member: &str, current: &CurrentAssignment, topics: &dyn Topics) {
        if self.group.current.get(member) == Some(current) {
            return;
        }
        self.record(ConsumerRecord::Current(member.to_owned(), Some(current.clone())));
        self.notes.push(Event::GroupMemberOwns {
            group: self.name.to_owned(),
            member: member.to_owned(),
            epoch: current.epoch,
            partitions: current.assigned.told(|id| topics.name(id)),
            revoking: current.revoking.told(|id| topics.name(id)),
        });
    }

    /// Tells if the group has become stable by all this.
    pub(super) fn note_stable(&mut self) {
        let is_settled = |group: &ConsumerGroup| matches!(group.state(), "Stable" | "Empty");
        if self.records.is_empty() || !is_settled(&self.group) {
            return;
        }
        let epoch = self.group.group_epoch();
        if !(is_settled(self.old) && self.old.group_epoch() == epoch) {
            self.notes.push(Event::GroupStable { group: self.name.to_owned(), epoch });
        }
    }
}

/// The assignor most members would like; the first of the settings if they do not care.
fn preferred(group: &ConsumerGroup, config: &GroupConfig) -> ServerAssignor {
    let mut votes: BTreeMap<ServerAssignor, usize> = BTreeMap::new();
    let named = group.members.values().filter_map(|member| member.server_assignor.as_deref());
    for assignor in named.filter_map(|name| config.consumer_assignors.named(name)) {
        *votes.entry(assignor).or_default() += 1;
    }
    let most = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
    most.map_or(config.consumer_assignors.first, |(assignor, _)| assignor)
}

/// The name of the assignor that a group uses.
pub(super) fn assignor_name(group: &ConsumerGroup, config: &GroupConfig) -> &'static str {
    preferred(group, config).name()
}
