//! What the log of one partition of `__consumer_offsets` adds up to.

use std::collections::BTreeMap;

use super::record::{CommittedOffset, GroupMetadata, Record};
use crate::id::TopicPartition;

/// Everything stored of the groups of one shard. Changes in [`Stored::replay`] only.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stored {
    groups: BTreeMap<String, StoredGroup>,
}

/// What is stored of one group.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StoredGroup {
    /// The last generation that was stored; `None` for a group that only commits offsets.
    pub metadata: Option<GroupMetadata>,
    /// Its offsets.
    pub offsets: BTreeMap<TopicPartition, CommittedOffset>,
}

impl Stored {
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
        }
        if self.groups.get(name).is_some_and(|group| group.metadata.is_none() && group.offsets.is_empty()) {
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
}
