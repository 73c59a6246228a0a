//! The state the metadata records add up to.
//!
//! Held by the controller (with records that are not yet committed) and by every broker (committed only).
//! Changes only in [`MetadataImage::replay`].

use std::collections::BTreeMap;

use super::record::{ConfigResource, MetadataRecord, PartitionChange};
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
    /// A fenced broker leads nothing and is in no ISR.
    pub fenced: bool,
    /// It has asked to stop: it may lead nothing anew and join no ISR, until it registers again.
    pub in_controlled_shutdown: bool,
}

impl BrokerImage {
    /// True if it may lead and join an ISR.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }
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
    /// Its in-sync replicas, ascending. Empty if all of them are gone and others are eligible to lead (KIP-966).
    pub isr: Vec<NodeId>,
    /// Its leader.
    pub leader: Option<NodeId>,
    /// Counts its leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts its changes.
    pub partition_epoch: PartitionEpoch,
    /// The leader was elected uncleanly and is still alone.
    pub recovering: bool,
    /// Replicas that a reassignment adds; part of `replicas`.
    pub adding: Vec<NodeId>,
    /// Replicas that go when the reassignment is complete; part of `replicas`.
    pub removing: Vec<NodeId>,
    /// Replicas outside the ISR that hold every committed record, ascending: they may lead when the ISR is empty
    /// (KIP-966).
    pub elr: Vec<NodeId>,
    /// The last leader of a partition that has neither ISR nor eligible leaders (KIP-966).
    pub last_known_elr: Vec<NodeId>,
}

impl PartitionImage {
    /// A partition as it is created: with these replicas in assignment order, of which these are in sync.
    #[must_use]
    pub fn new(replicas: Vec<NodeId>, isr: Vec<NodeId>, leader: Option<NodeId>) -> PartitionImage {
        PartitionImage {
            replicas,
            isr,
            leader,
            leader_epoch: LeaderEpoch::ZERO,
            partition_epoch: PartitionEpoch::ZERO,
            recovering: false,
            adding: Vec::new(),
            removing: Vec::new(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
        }
    }

    /// True while a reassignment of it goes on.
    #[must_use]
    pub fn is_reassigning(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// The partition after a change of it.
    #[must_use]
    pub fn merged(&self, change: &PartitionChange) -> PartitionImage {
        let nodes = |new: &Option<Vec<NodeId>>, old: &Vec<NodeId>| new.as_ref().unwrap_or(old).clone();
        let leader_epoch = if change.leader.is_some() { self.leader_epoch.next() } else { self.leader_epoch };
        PartitionImage {
            replicas: nodes(&change.replicas, &self.replicas),
            isr: nodes(&change.isr, &self.isr),
            leader: change.leader.unwrap_or(self.leader),
            leader_epoch,
            partition_epoch: self.partition_epoch.next(),
            recovering: change.recovering.unwrap_or(self.recovering),
            adding: nodes(&change.adding, &self.adding),
            removing: nodes(&change.removing, &self.removing),
            elr: nodes(&change.elr, &self.elr),
            last_known_elr: nodes(&change.last_known_elr, &self.last_known_elr),
        }
    }
}

/// The whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataImage {
    brokers: BTreeMap<NodeId, BrokerImage>,
    topics: BTreeMap<TopicName, TopicImage>,
    names: BTreeMap<TopicId, TopicName>,
    broker_settings: BTreeMap<NodeId, Properties>,
    cluster_settings: Properties,
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

    /// True if the broker may lead and join an ISR: registered, not fenced, not about to stop.
    #[must_use]
    pub fn is_active(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(BrokerImage::is_active)
    }

    /// Every broker that may lead and join an ISR, ascending.
    pub fn active_brokers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.brokers.iter().filter(|(_, image)| image.is_active()).map(|(broker, _)| *broker)
    }

    /// The dynamic settings of a resource.
    #[must_use]
    pub fn settings(&self, resource: &ConfigResource) -> Option<&Properties> {
        match resource {
            ConfigResource::Topic(name) => self.topics.get(name).map(|topic| &topic.settings),
            ConfigResource::Broker(broker) => self.broker_settings.get(broker),
            ConfigResource::ClusterDefault => Some(&self.cluster_settings),
        }
    }

    /// Every partition, by topic name and index.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionImage)> {
        self.topics.values().flat_map(|topic| {
            topic.partitions.iter().map(move |(index, partition)| (topic, *index, partition))
        })
    }

    /// Records that add up to this image, wherever they lie: what a snapshot of it holds.
    #[must_use]
    pub fn records(&self) -> Vec<MetadataRecord> {
        // A field that is added must be written, too.
        let MetadataImage { brokers, topics, names: _, broker_settings, cluster_settings, producer_ids } =
            self;
        let mut records: Vec<MetadataRecord> = brokers
            .iter()
            .map(|(broker, state)| MetadataRecord::Broker { broker: *broker, state: state.clone() })
            .collect();
        let configs = |resource: ConfigResource, settings: &Properties| {
            let set = settings.clone().into_iter();
            set.map(move |(name, value)| MetadataRecord::Config {
                resource: resource.clone(),
                name,
                value: Some(value),
            })
        };
        records.extend(configs(ConfigResource::ClusterDefault, cluster_settings));
        for (broker, settings) in broker_settings {
            records.extend(configs(ConfigResource::Broker(*broker), settings));
        }
        for TopicImage { id, name, settings, partitions } in topics.values() {
            records.push(MetadataRecord::Topic { name: name.clone(), id: *id });
            records.extend(configs(ConfigResource::Topic(name.clone()), settings));
            records.extend(partitions.iter().map(|(partition, state)| MetadataRecord::Partition {
                topic: *id,
                partition: *partition,
                state: state.clone(),
            }));
        }
        if *producer_ids > 0 {
            records.push(MetadataRecord::ProducerIds {
                broker: NodeId::NONE,
                broker_epoch: BrokerEpoch::NONE,
                next_producer_id: ProducerId(*producer_ids),
            });
        }
        records
    }

    /// The image that the records of a snapshot add up to.
    #[must_use]
    pub fn of_snapshot(records: &[MetadataRecord]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for record in records {
            // Offsets mean nothing in a snapshot: what needs one carries it.
            image.replay(Offset::NONE, record);
        }
        image
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
                    in_controlled_shutdown: false,
                };
                self.brokers.insert(*broker, image);
            }
            MetadataRecord::FenceBroker { broker, broker_epoch } => {
                self.broker_mut(*broker, *broker_epoch).fenced = true;
            }
            MetadataRecord::UnfenceBroker { broker, broker_epoch } => {
                self.broker_mut(*broker, *broker_epoch).fenced = false;
            }
            MetadataRecord::ControlledShutdown { broker, broker_epoch } => {
                self.broker_mut(*broker, *broker_epoch).in_controlled_shutdown = true;
            }
            MetadataRecord::Topic { name, id } => self.add_topic(name, *id),
            MetadataRecord::RemoveTopic { id } => {
                let name = self.names.remove(id).unwrap_or_else(|| panic!("removal of unknown topic {id:?}"));
                self.topics.remove(&name);
            }
            MetadataRecord::Config { resource, name, value } => self.replay_config(resource, name, value),
            MetadataRecord::Partition { topic, partition, state } => {
                let topic = self.topic_mut(*topic);
                topic.partitions.insert(*partition, state.clone());
                return Some(TopicPartition { topic: topic.name.clone(), partition: *partition });
            }
            MetadataRecord::PartitionChange(change) => return Some(self.replay_change(change)),
            MetadataRecord::Broker { broker, state } => {
                self.brokers.insert(*broker, state.clone());
            }
            // Of the quorum's concern only.
            MetadataRecord::LeaderChange { .. } | MetadataRecord::Voters { .. } => {}
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                assert!(next_producer_id.0 > self.producer_ids, "producer ids were given twice");
                self.producer_ids = next_producer_id.0;
            }
        }
        None
    }

    fn add_topic(&mut self, name: &TopicName, id: TopicId) {
        let topic =
            TopicImage { id, name: name.clone(), settings: Properties::new(), partitions: BTreeMap::new() };
        self.topics.insert(name.clone(), topic);
        self.names.insert(id, name.clone());
    }

    fn replay_config(&mut self, resource: &ConfigResource, name: &str, value: &Option<String>) {
        let settings = match resource {
            ConfigResource::Topic(topic) => {
                let topic = self.topics.get_mut(topic);
                &mut topic.unwrap_or_else(|| panic!("setting of an unknown topic: {resource:?}")).settings
            }
            ConfigResource::Broker(broker) => self.broker_settings.entry(*broker).or_default(),
            ConfigResource::ClusterDefault => &mut self.cluster_settings,
        };
        match value {
            Some(value) => settings.insert(name.to_owned(), value.clone()),
            None => settings.remove(name),
        };
        self.broker_settings.retain(|_, settings| !settings.is_empty());
    }

    fn replay_change(&mut self, change: &PartitionChange) -> TopicPartition {
        let topic = self.topic_mut(change.topic);
        let name = topic.name.clone();
        let partition = topic
            .partitions
            .get_mut(&change.partition)
            .unwrap_or_else(|| panic!("change of unknown partition {name}/{}", change.partition));
        *partition = partition.merged(change);
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
