//! What a client knows of the cluster: brokers, topics, leaders with their epochs.
//!
//! Pure data. It never goes back in time: an answer with an older leader epoch than known for a partition does not
//! change that partition (Kafka's `Metadata.updateLatestMetadata`), unless the topic was created anew.

use std::collections::BTreeMap;

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{MetadataPartition, MetadataResponse, MetadataTopic};

/// The leader of a partition, as far as a client knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leader {
    /// The broker.
    pub broker: NodeId,
    /// Its leader epoch.
    pub epoch: LeaderEpoch,
}

/// What is known of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct KnownPartition {
    /// NONE if it has no leader.
    leader: NodeId,
    /// The newest epoch ever seen.
    epoch: LeaderEpoch,
}

/// What is known of one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
struct KnownTopic {
    id: TopicId,
    /// What the last answer said; `None` before the first.
    error: Option<ErrorCode>,
    partitions: BTreeMap<PartitionIndex, KnownPartition>,
    /// Those with a leader, ascending: kept, because every record may ask.
    available: Vec<PartitionIndex>,
}

impl Default for KnownTopic {
    fn default() -> Self {
        KnownTopic { id: TopicId::ZERO, error: None, partitions: BTreeMap::new(), available: Vec::new() }
    }
}

/// Everything known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::client) struct Metadata {
    brokers: BTreeMap<NodeId, Endpoint>,
    controller: Option<NodeId>,
    topics: BTreeMap<TopicName, KnownTopic>,
}

impl Metadata {
    /// Takes over an answer. True if it changed anything.
    pub(in crate::client) fn adopt(&mut self, response: &MetadataResponse) -> bool {
        let mut changed = false;
        let brokers: BTreeMap<NodeId, Endpoint> =
            response.brokers.iter().map(|broker| (broker.id, broker.endpoint.clone())).collect();
        // An answer without brokers comes from a broker that has not caught up; it teaches nothing.
        if !brokers.is_empty() && brokers != self.brokers {
            self.brokers = brokers;
            changed = true;
        }
        let controller = (response.controller != NodeId::NONE).then_some(response.controller);
        changed |= self.controller != controller;
        self.controller = controller;
        for topic in &response.topics {
            if let Some(name) = &topic.name {
                changed |= self.adopt_topic(name, topic);
            }
        }
        changed
    }

    fn adopt_topic(&mut self, name: &TopicName, answer: &MetadataTopic) -> bool {
        let known = self.topics.entry(name.clone()).or_default();
        let before = known.clone();
        known.error = Some(answer.error);
        if answer.error.is_error() {
            known.partitions.values_mut().for_each(|partition| partition.leader = NodeId::NONE);
        } else {
            if known.id != answer.id {
                known.partitions.clear();
                known.id = answer.id;
            }
            let partitions = answer.partitions.iter();
            let newer = partitions.map(|partition| {
                let index = partition.partition;
                (index, newest(known.partitions.get(&index).copied(), partition))
            });
            known.partitions = newer.collect();
        }
        let led = known.partitions.iter().filter(|(_, partition)| partition.leader != NodeId::NONE);
        known.available = led.map(|(index, _)| *index).collect();
        *known != before
    }

    /// The endpoint of a broker.
    pub(in crate::client) fn endpoint(&self, broker: NodeId) -> Option<&Endpoint> {
        self.brokers.get(&broker)
    }

    /// The brokers with their endpoints, ascending.
    pub(in crate::client) fn endpoints(&self) -> impl Iterator<Item = (NodeId, &Endpoint)> {
        self.brokers.iter().map(|(id, endpoint)| (*id, endpoint))
    }

    /// The broker that takes admin requests.
    pub(in crate::client) fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// The leader of a partition, if it has one that is known.
    pub(in crate::client) fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let known = self.topics.get(&partition.topic)?.partitions.get(&partition.partition)?;
        (known.leader != NodeId::NONE).then_some(Leader { broker: known.leader, epoch: known.epoch })
    }

    /// How many partitions a topic has, if it is known and exists.
    pub(in crate::client) fn partition_count(&self, topic: &TopicName) -> Option<usize> {
        let topic = self.topics.get(topic)?;
        let exists = topic.error == Some(ErrorCode::None) && !topic.partitions.is_empty();
        exists.then_some(topic.partitions.len())
    }

    /// The partitions of a topic that have a leader, ascending.
    pub(in crate::client) fn available(&self, topic: &TopicName) -> &[PartitionIndex] {
        self.topics.get(topic).map_or(&[], |topic| &topic.available)
    }

    /// The id of a topic, or [`TopicId::ZERO`].
    pub(in crate::client) fn topic_id(&self, topic: &TopicName) -> TopicId {
        self.topics.get(topic).map_or(TopicId::ZERO, |topic| topic.id)
    }

    /// The error the cluster gave for a topic.
    pub(in crate::client) fn topic_error(&self, topic: &TopicName) -> ErrorCode {
        self.topics.get(topic).and_then(|topic| topic.error).unwrap_or(ErrorCode::None)
    }
}

fn newest(known: Option<KnownPartition>, answer: &MetadataPartition) -> KnownPartition {
    match known {
        Some(known) if answer.leader_epoch < known.epoch => known,
        _ => KnownPartition { leader: answer.leader, epoch: answer.leader_epoch },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(leader: i32, epoch: i32) -> MetadataResponse {
        let partition = MetadataPartition {
            error: ErrorCode::None,
            partition: PartitionIndex(0),
            leader: NodeId(leader),
            leader_epoch: LeaderEpoch(epoch),
            replicas: Vec::new(),
            isr: Vec::new(),
            offline: Vec::new(),
        };
        let name = Some(TopicName::new("orders"));
        let topic =
            MetadataTopic { error: ErrorCode::None, name, id: TopicId::ZERO, partitions: vec![partition] };
        MetadataResponse {
            brokers: Vec::new(),
            cluster_id: None,
            controller: NodeId::NONE,
            topics: vec![topic],
        }
    }

    #[test]
    fn an_older_leader_epoch_is_not_adopted() {
        let mut metadata = Metadata::default();
        assert!(metadata.adopt(&answer(2, 5)));
        assert!(!metadata.adopt(&answer(1, 4)));
        let leader = Leader { broker: NodeId(2), epoch: LeaderEpoch(5) };
        assert_eq!(metadata.leader(&TopicPartition::new("orders", 0)), Some(leader));
    }

    #[test]
    fn a_partition_without_a_leader_is_not_available() {
        let mut metadata = Metadata::default();
        metadata.adopt(&answer(-1, 5));
        assert_eq!(metadata.partition_count(&TopicName::new("orders")), Some(1));
        assert_eq!(metadata.available(&TopicName::new("orders")), []);
        assert_eq!(metadata.leader(&TopicPartition::new("orders", 0)), None);
    }

    #[test]
    fn a_topic_created_anew_starts_with_new_epochs() {
        let mut metadata = Metadata::default();
        metadata.adopt(&answer(2, 5));
        let mut again = answer(1, 0);
        again.topics[0].id = TopicId::CLUSTER_METADATA;
        metadata.adopt(&again);
        let leader = metadata.leader(&TopicPartition::new("orders", 0)).expect("a leader");
        assert_eq!((leader.broker, leader.epoch), (NodeId(1), LeaderEpoch(0)));
    }
}
