//! What the log of one partition of `__consumer_offsets` adds up to.

use std::collections::BTreeMap;

use super::consumer::ConsumerGroup;
use super::record::{CommittedOffset, GroupMetadata, Record};
use crate::event::Event;
use crate::id::TopicPartition;
use crate::variant::Guard;

/// Everything stored of the groups of one shard. Changes in [`Stored::replay`] only.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stored {
    groups: BTreeMap<String, StoredGroup>,
    epoch_on_reassign: Guard,
}

/// What is stored of one group.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StoredGroup {
    /// The last generation that was stored; `None` for a group that only commits offsets, or is one of KIP-848.
    pub metadata: Option<GroupMetadata>,
    /// A group of KIP-848.
    pub consumer: Option<ConsumerGroup>,
    /// Its offsets.
    pub offsets: BTreeMap<TopicPartition, CommittedOffset>,
}

impl StoredGroup {
    /// What a coordinator that takes the group up tells of it.
    pub(super) fn loaded(&self, name: &str) -> Event {
        let (epoch, members) = match (&self.consumer, &self.metadata) {
            (Some(group), _) => {
                let members =
                    group.members.iter().map(|(id, member)| (id.clone(), member.instance_id.clone()));
                (group.epoch.unwrap_or(0), members.collect())
            }
            (None, Some(metadata)) => {
                let members = metadata.members.iter();
                let members =
                    members.map(|member| (member.member_id.clone(), member.group_instance_id.clone()));
                (metadata.generation, members.collect())
            }
            (None, None) => (0, Vec::new()),
        };
        Event::GroupLoaded { group: name.to_owned(), epoch, members, stable: self.consumer.is_none() }
    }

    fn is_forgotten(&self) -> bool {
        self.metadata.is_none() && self.consumer.is_none() && self.offsets.is_empty()
    }
}

impl Stored {
    /// Nothing; with the guard switched off, partition epochs are kept as before KAFKA-16147.
    #[must_use]
    pub fn new(epoch_on_reassign: Guard) -> Stored {
        Stored { groups: BTreeMap::new(), epoch_on_reassign }
    }

    /// Takes one record in.
    pub fn replay(&mut self, record: &Record) {
        let name = record.group();
        match record {
            Record::Offset { group, partition, value: Some(value) } => {
                let group = self.groups.entry(group.clone()).or_default();
                group.offsets.insert(partition.clone(), value.clone());
            }
            Record::Offset { group, partition, value: None } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.offsets.remove(partition);
                }
            }
            Record::Group { group, value: Some(value) } => {
                self.groups.entry(group.clone()).or_default().metadata = Some(value.clone());
            }
            Record::Group { group, value: None } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.metadata = None;
                }
            }
            Record::Consumer { group, record } => {
                let stored = self.groups.entry(group.clone()).or_default();
                let consumer = stored.consumer.get_or_insert_default();
                consumer.replay(record, self.epoch_on_reassign);
                if consumer.is_forgotten() {
                    stored.consumer = None;
                }
            }
        }
        if self.groups.get(name).is_some_and(StoredGroup::is_forgotten) {
            self.groups.remove(name);
        }
    }

    /// One group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&StoredGroup> {
        self.groups.get(name)
    }

    /// All groups, by name.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, StoredGroup> {
        &self.groups
    }

    /// Panics on a bug of ours.
    pub(super) fn invariants(&self) {
        for (name, group) in &self.groups {
            if let Some(consumer) = &group.consumer {
                consumer.invariants(name, self.epoch_on_reassign);
            }
        }
    }
}
