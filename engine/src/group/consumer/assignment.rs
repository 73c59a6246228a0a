//! Which partitions somebody has: sets by topic, in one order.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{NamedTopicPartitions, TopicIdPartitions};

/// A partition of a topic that is named by its id.
pub type Place = (TopicId, PartitionIndex);

/// Partitions. No topic is there without one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assignment(BTreeMap<TopicId, BTreeSet<PartitionIndex>>);

impl Assignment {
    /// Adds a partition; false if it was there.
    pub fn insert(&mut self, (topic, partition): Place) -> bool {
        self.0.entry(topic).or_default().insert(partition)
    }

    /// Whether a partition is in it.
    #[must_use]
    pub fn contains(&self, (topic, partition): Place) -> bool {
        self.0.get(&topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// All partitions, in order.
    pub fn iter(&self) -> impl Iterator<Item = Place> + '_ {
        self.0.iter().flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
    }

    /// By topic.
    pub fn topics(&self) -> impl Iterator<Item = (TopicId, &BTreeSet<PartitionIndex>)> {
        self.0.iter().map(|(topic, partitions)| (*topic, partitions))
    }

    /// How many partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a request or a record says.
    pub(in crate::group) fn of_wire(topics: &[TopicIdPartitions]) -> Assignment {
        let partitions = |topic: &TopicIdPartitions| {
            let id = topic.topic_id;
            topic.partitions.iter().map(move |partition| (id, *partition)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(partitions).collect()
    }

    pub(in crate::group) fn to_wire(&self) -> Vec<TopicIdPartitions> {
        let topic = |(topic, partitions): (&TopicId, &BTreeSet<PartitionIndex>)| TopicIdPartitions {
            topic_id: *topic,
            partitions: partitions.iter().copied().collect(),
        };
        self.0.iter().map(topic).collect()
    }

    /// For a person; topics that are deleted are left out.
    pub(super) fn named(&self, name: impl Fn(TopicId) -> Option<TopicName>) -> Vec<NamedTopicPartitions> {
        let topic = |(topic_id, partitions): (&TopicId, &BTreeSet<PartitionIndex>)| {
            let partitions = partitions.iter().copied().collect();
            Some(NamedTopicPartitions { topic_id: *topic_id, topic: name(*topic_id)?, partitions })
        };
        self.0.iter().filter_map(topic).collect()
    }

    /// As facts are told; topics that are deleted are left out.
    pub(super) fn told(&self, name: impl Fn(TopicId) -> Option<TopicName>) -> Vec<TopicPartition> {
        let with_name = |(topic, partition)| Some(TopicPartition { topic: name(topic)?, partition });
        self.iter().filter_map(with_name).collect()
    }
}

impl FromIterator<Place> for Assignment {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Assignment {
        let mut assignment = Assignment::default();
        for place in places {
            assignment.insert(place);
        }
        assignment
    }
}
