//! The state the metadata records add up to.
//!
//! Held by the controller (with records that are not yet committed) and by every broker (committed only).
//! Changes only in [`MetadataImage::replay`].

use std::collections::BTreeMap;

use super::record::{MetadataRecord, PartitionChange};
use crate::config::{Properties, TopicConfig};
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::id::{
    Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition,
};
use crate::offset::Offset;

/// A registered broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerImage {
    /// Offset of its registration.
    pub epoch: BrokerEpoch,
    /// The boot that registered.
    pub incarnation: IncarnationId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its rack.
    pub rack: Option<String>,
    /// A fenced broker leads nothing and is in no ISR (but for the last member of one).
    pub fenced: bool,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicImage {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// Its own settings.
    pub settings: Properties,
    /// Its partitions.
    pub partitions: BTreeMap<PartitionIndex, PartitionImage>,
}

impl TopicImage {
    /// Its settings over the broker's defaults. The controller checked them when it took them.
    #[must_use]
    pub fn config(&self, defaults: TopicConfig) -> TopicConfig {
        TopicConfig::from_properties(&self.settings, defaults).unwrap_or(defaults)
    }
}

/// A partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionImage {
    /// Its replicas in assignment order; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// Its in-sync replicas, ascending.
    pub isr: Vec<NodeId>,
    /// Its leader.
    pub leader: Option<NodeId>,
    /// Counts its leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts its changes.
    pub partition_epoch: PartitionEpoch,
    /// The leader was elected uncleanly and is still alone.
    pub recovering: bool,
}

/// The whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataImage {
    brokers: BTreeMap<NodeId, BrokerImage>,
    topics: BTreeMap<TopicName, TopicImage>,
    names: BTreeMap<TopicId, TopicName>,
    /// How many producer ids were given to brokers: ids are given in order, from 0.
    producer_ids: i64,
}

impl MetadataImage {
    /// Every registered broker.
    #[must_use]
    pub fn brokers(&self) -> &BTreeMap<NodeId, BrokerImage> {
        &self.brokers
    }

    /// Every topic.
    #[must_use]
    pub fn topics(&self) -> &BTreeMap<TopicName, TopicImage> {
        &self.topics
    }

    /// The first producer id that was given to no broker.
    #[must_use]
    pub fn next_producer_id(&self) -> ProducerId {
        ProducerId(self.producer_ids)
    }

    /// The topic of that id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&TopicImage> {
        self.topics.get(self.names.get(&id)?)
    }

    /// The partition, if it exists.
    #[must_use]
    pub fn partition(&self, partition: &TopicPartition) -> Option<&PartitionImage> {
        self.topics.get(&partition.topic)?.partitions.get(&partition.partition)
    }

    /// True if the broker is registered and not fenced.
    #[must_use]
    pub fn is_active(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(|image| !image.fenced)
    }

    /// Every partition, by topic name and index.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionImage)> {
        self.topics.values().flat_map(|topic| {
            topic.partitions.iter().map(move |(index, partition)| (topic, *index, partition))
        })
    }

    /// Applies a record that lies at `offset` of the metadata log; returns the partition it touched.
    ///
    /// A record about something unknown is a bug of the controller and panics: the log is ours.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Option<TopicPartition> {
        match record {
            MetadataRecord::RegisterBroker { broker, incarnation, endpoint, rack } => {
                let image = BrokerImage {
                    epoch: BrokerEpoch(offset.0),
                    incarnation: *incarnation,
                    endpoint: endpoint.clone(),
                    rack: rack.clone(),
                    fenced: true,
                };
                self.brokers.insert(*broker, image);
                None
            }
            MetadataRecord::FenceBroker { broker, broker_epoch } => {
                self.broker_mut(*broker, *broker_epoch).fenced = true;
                None
            }
            MetadataRecord::UnfenceBroker { broker, broker_epoch } => {
                self.broker_mut(*broker, *broker_epoch).fenced = false;
                None
            }
            MetadataRecord::Topic { name, id } => {
                let topic = TopicImage {
                    id: *id,
                    name: name.clone(),
                    settings: Properties::new(),
                    partitions: BTreeMap::new(),
                };
                self.topics.insert(name.clone(), topic);
                self.names.insert(*id, name.clone());
                None
            }
            MetadataRecord::TopicSetting { topic, name, value } => {
                self.topic_mut(*topic).settings.insert(name.clone(), value.clone());
                None
            }
            MetadataRecord::Partition {
                topic,
                partition,
                replicas,
                isr,
                leader,
                leader_epoch,
                partition_epoch,
            } => {
                let image = PartitionImage {
                    replicas: replicas.clone(),
                    isr: isr.clone(),
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    partition_epoch: *partition_epoch,
                    recovering: false,
                };
                let topic = self.topic_mut(*topic);
                topic.partitions.insert(*partition, image);
                Some(TopicPartition { topic: topic.name.clone(), partition: *partition })
            }
            MetadataRecord::PartitionChange(change) => Some(self.replay_change(change)),
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                assert!(next_producer_id.0 > self.producer_ids, "producer ids were given twice");
                self.producer_ids = next_producer_id.0;
                None
            }
        }
    }

    fn replay_change(&mut self, change: &PartitionChange) -> TopicPartition {
        let topic = self.topic_mut(change.topic);
        let name = topic.name.clone();
        let partition = topic
            .partitions
            .get_mut(&change.partition)
            .unwrap_or_else(|| panic!("change of unknown partition {name}/{}", change.partition));
        if let Some(isr) = &change.isr {
            partition.isr.clone_from(isr);
        }
        if let Some(leader) = change.leader {
            partition.leader = leader;
            partition.leader_epoch = partition.leader_epoch.next();
        }
        partition.recovering = change.recovering;
        partition.partition_epoch = partition.partition_epoch.next();
        TopicPartition { topic: name, partition: change.partition }
    }

    fn broker_mut(&mut self, broker: NodeId, epoch: BrokerEpoch) -> &mut BrokerImage {
        let image =
            self.brokers.get_mut(&broker).unwrap_or_else(|| panic!("record about unknown broker {broker}"));
        assert_eq!(image.epoch, epoch, "record about another registration of broker {broker}");
        image
    }

    fn topic_mut(&mut self, id: TopicId) -> &mut TopicImage {
        let name = self.names.get(&id).unwrap_or_else(|| panic!("record about unknown topic {id:?}"));
        self.topics.get_mut(name).expect("names and topics hold the same topics")
    }
}
