//! A consumer group as its coordinators tell of it.
//!
//! Coordinators tell what is decided. What is durable adds up over failovers; what a coordinator only had in its memory
//! is void as soon as another has read the log, and so is what it goes on to say if it does not know yet.

use std::collections::BTreeMap;

use tribunal_engine::broker::partition_of_group;
use tribunal_engine::config::OffsetReset;
use tribunal_engine::event::{Event, LeaveReason};
use tribunal_engine::id::{NodeId, PartitionIndex, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::PartitionView;
use crate::scenario::Plan;
use crate::scenario::plan::ConsumerPlan;

/// Everything known of one group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupView {
    /// The partition of `__consumer_offsets` that its coordinator leads.
    pub home: Option<PartitionIndex>,
    /// The broker that read that partition last, and when.
    pub coordinator: Option<NodeId>,
    loaded: Option<Instant>,
    /// Name of its table in the scenario; empty for a group of nobody's.
    pub table: String,
    /// The partitions of its subscription.
    pub partitions: Vec<TopicPartition>,
    /// Whether it begins at the start of a log (`auto.offset.reset=earliest`) rather than at the end.
    pub from_start: bool,
    /// Members now, with the instance id of static ones.
    pub members: BTreeMap<String, Option<String>>,
    /// Every rebalance, by start.
    pub rebalances: Vec<Rebalance>,
    /// Every assignment, by time.
    pub assignments: Vec<Assigned>,
    /// Everybody who joined, by time.
    pub arrivals: Vec<Arrival>,
    /// Everybody who left, by time.
    pub departures: Vec<Departure>,
    /// Every commit a coordinator took, one entry a partition, in the order of the log.
    pub commits: Vec<AcceptedCommit>,
    /// Offsets that were dropped because they were too old.
    pub expirations: Vec<Expiration>,
    /// The committed offsets now.
    pub committed: BTreeMap<TopicPartition, Offset>,
}

/// A rebalance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebalance {
    /// When it began.
    pub began: Instant,
    /// The generation it began in (classic) or made (KIP-848).
    pub epoch: i32,
    /// Why.
    pub why: String,
    /// When everybody had what it should have; `None` if another rebalance, or the end, came first.
    pub ended: Option<Instant>,
}

/// An assignment that was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assigned {
    /// When.
    pub at: Instant,
    /// Generation or group epoch.
    pub epoch: i32,
    /// Who gets what, by member id.
    pub assignments: Vec<(String, Vec<TopicPartition>)>,
    /// Who was a member then.
    pub members: Vec<String>,
}

/// A member joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Its member id.
    pub member: String,
    /// Its instance id, if it is static.
    pub instance: Option<String>,
}

/// A member left, or was made to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure {
    /// When: it owns nothing from here on.
    pub at: Instant,
    /// Its member id.
    pub member: String,
    /// Why.
    pub why: LeaveReason,
}

/// A commit that a coordinator took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedCommit {
    /// When it was known to be committed.
    pub at: Instant,
    /// The partition.
    pub partition: TopicPartition,
    /// The position.
    pub offset: Offset,
    /// Who sent it; empty for a client outside the group.
    pub member: String,
    /// The generation or member epoch it was sent with.
    pub epoch: i32,
    /// The one that was right.
    pub current_epoch: i32,
    /// The sender was no current member.
    pub fenced: bool,
}

/// Offsets that were dropped because they were too old.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiration {
    /// When.
    pub at: Instant,
    /// Of which partitions.
    pub partitions: Vec<TopicPartition>,
    /// Members the group had.
    pub members: usize,
}

impl GroupView {
    /// The groups of a plan, by id; nothing is known of them yet.
    pub(super) fn all(plan: &Plan) -> BTreeMap<String, GroupView> {
        let of = |table: &ConsumerPlan| {
            let topics = plan.topics.iter().filter(|topic| table.topics.contains(&topic.name));
            let partitions = topics.flat_map(|topic| {
                (0..topic.partitions).map(|index| TopicPartition::new(topic.name.as_str(), index))
            });
            let group = &table.group.as_ref()?.id;
            let view = GroupView {
                home: Some(partition_of_group(group, plan.cluster.config.group.offsets_topic_num_partitions)),
                table: table.name.clone(),
                partitions: partitions.collect(),
                from_start: table.config.auto_offset_reset == OffsetReset::Earliest,
                ..GroupView::default()
            };
            Some((group.clone(), view))
        };
        plan.consumers.iter().filter_map(of).collect()
    }

    /// Records below the high watermarks that the group has not committed. What a group that begins at the end has not
    /// committed anything of does not count.
    #[must_use]
    pub fn lag(&self, partitions: &BTreeMap<TopicPartition, PartitionView>) -> u64 {
        let of = |name: &TopicPartition| {
            let end = partitions.get(name)?.true_high_watermark;
            let start = self.from_start.then_some(Offset::ZERO);
            let position = self.committed.get(name).copied().or(start)?;
            u64::try_from(end.since(position)).ok()
        };
        self.partitions.iter().filter_map(of).sum()
    }

    /// What keeps the group from being at rest: a rebalance, or partitions that nobody has.
    pub(crate) fn unrest(&self) -> Option<String> {
        (!self.members.is_empty() && !self.is_stable())
            .then(|| format!("the consumer group {} is rebalancing", self.table))
    }

    /// Whether an assignment stands and no rebalance is under way.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.rebalances.last().is_none_or(|rebalance| rebalance.ended.is_some())
    }

    /// When a member of this id first left, at `since` or later.
    #[must_use]
    pub fn left(&self, member: &str, since: Instant) -> Option<&Departure> {
        let from = self.departures.partition_point(|departure| departure.at < since);
        self.departures.get(from..)?.iter().find(|departure| departure.member == member)
    }

    /// A broker has read the partition of `__consumer_offsets` that the group belongs to. If anything is stored of the
    /// group, it has said so just before, with [`Event::GroupLoaded`].
    pub(super) fn moved(&mut self, at: Instant, coordinator: Option<NodeId>) {
        if self.coordinator != coordinator || self.loaded != Some(at) {
            self.restore(at, coordinator, &[]);
        }
    }

    /// The group is what is stored of it. Who had joined or left beyond that has not.
    fn restore(&mut self, at: Instant, coordinator: Option<NodeId>, members: &[(String, Option<String>)]) {
        (self.coordinator, self.loaded) = (coordinator, Some(at));
        let before = std::mem::replace(&mut self.members, members.iter().cloned().collect());
        for member in before.keys().filter(|member| !self.members.contains_key(*member)) {
            remove_last(&mut self.arrivals, |arrival| arrival.member == *member);
        }
        for member in self.members.keys().filter(|member| !before.contains_key(*member)) {
            remove_last(&mut self.departures, |departure| departure.member == *member);
        }
    }

    /// Takes what a coordinator says of this group.
    pub(super) fn take(&mut self, at: Instant, node: Option<NodeId>, event: &Event) {
        if self.coordinator.is_some() && node != self.coordinator && lives_in_memory(event) {
            return;
        }
        match event {
            Event::GroupLoaded { members, stable, .. } => {
                self.restore(at, node, members);
                if let Some(rebalance) = self.rebalances.last_mut().filter(|_| *stable) {
                    rebalance.ended.get_or_insert(at);
                }
            }
            Event::GroupRebalanceBegan { epoch, why, .. } => {
                self.rebalances.push(Rebalance {
                    began: at,
                    epoch: *epoch,
                    why: why.to_string(),
                    ended: None,
                });
            }
            Event::GroupMemberJoined { member, instance, .. } => {
                self.members.insert(member.clone(), instance.clone());
                self.arrivals.push(Arrival { at, member: member.clone(), instance: instance.clone() });
            }
            Event::GroupMemberLeft { member, why, .. } => {
                self.members.remove(member);
                self.departures.push(Departure { at, member: member.clone(), why: *why });
            }
            Event::GroupAssigned { epoch, assignments, .. } => {
                self.assignments.push(Assigned {
                    at,
                    epoch: *epoch,
                    assignments: assignments.clone(),
                    members: self.members.keys().cloned().collect(),
                });
            }
            Event::GroupStable { .. } => {
                if let Some(rebalance) = self.rebalances.last_mut() {
                    rebalance.ended.get_or_insert(at);
                }
            }
            Event::OffsetCommitted { partition, offset, member, epoch, current_epoch, fenced, .. } => {
                self.committed.insert(partition.clone(), *offset);
                self.commits.push(AcceptedCommit {
                    at,
                    partition: partition.clone(),
                    offset: *offset,
                    member: member.clone(),
                    epoch: *epoch,
                    current_epoch: *current_epoch,
                    fenced: *fenced,
                });
            }
            Event::OffsetsExpired { partitions, .. } => {
                self.committed.retain(|partition, _| !partitions.contains(partition));
                let (partitions, members) = (partitions.clone(), self.members.len());
                self.expirations.push(Expiration { at, partitions, members });
            }
            _ => {}
        }
    }
}

fn remove_last<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool) {
    if let Some(last) = list.iter().rposition(is_it) {
        list.remove(last);
    }
}

/// True for what a coordinator of the classic protocol says without having stored it. A broker that is coordinator no
/// more may say so; it cannot store anything.
fn lives_in_memory(event: &Event) -> bool {
    matches!(
        event,
        Event::GroupRebalanceBegan { .. }
            | Event::GroupMemberJoined { .. }
            | Event::GroupMemberLeft { .. }
            | Event::GroupStable { .. }
    )
}

/// The group an event is about.
pub(super) fn group_of(event: &Event) -> Option<&str> {
    match event {
        Event::GroupRebalanceBegan { group, .. }
        | Event::GroupMemberJoined { group, .. }
        | Event::GroupMemberLeft { group, .. }
        | Event::GroupAssigned { group, .. }
        | Event::GroupMemberOwns { group, .. }
        | Event::GroupStable { group, .. }
        | Event::GroupLoaded { group, .. }
        | Event::OffsetCommitted { group, .. }
        | Event::OffsetsExpired { group, .. } => Some(group),
        _ => None,
    }
}
