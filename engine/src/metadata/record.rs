//! The records of `__cluster_metadata`.
//!
//! Named after Kafka's records (KIP-631: RegisterBrokerRecord, BrokerRegistrationChangeRecord, TopicRecord,
//! RemoveTopicRecord, PartitionRecord, PartitionChangeRecord, ConfigRecord) with the same meaning. How they are
//! written is in `codec`.

use std::collections::BTreeMap;

use super::image::{BrokerImage, PartitionImage};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::id::{
    DirectoryId, Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName,
};

/// One change of the cluster's metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are the field's words; the variants say what changes")]
pub enum MetadataRecord {
    /// A broker registered; it starts fenced. Its epoch is the offset of this record.
    RegisterBroker { broker: NodeId, incarnation: IncarnationId, endpoint: Endpoint, rack: Option<String> },
    /// A broker may lead and be in sync no more.
    FenceBroker { broker: NodeId, broker_epoch: BrokerEpoch },
    /// A broker may lead and be in sync.
    UnfenceBroker { broker: NodeId, broker_epoch: BrokerEpoch },
    /// A broker is about to stop: it gives up what it leads and joins no ISR (KIP-841).
    ControlledShutdown { broker: NodeId, broker_epoch: BrokerEpoch },
    /// A topic was created.
    Topic { name: TopicName, id: TopicId },
    /// A topic was deleted, with its partitions and settings.
    RemoveTopic { id: TopicId },
    /// A setting was set, or with `None` taken back.
    Config { resource: ConfigResource, name: String, value: Option<String> },
    /// A partition was created, with its whole state.
    Partition { topic: TopicId, partition: PartitionIndex, state: PartitionImage },
    /// A partition changed.
    PartitionChange(PartitionChange),
    /// A controller began to lead the quorum; the first record of its epoch (Kafka's LeaderChangeMessage).
    LeaderChange { leader: NodeId, epoch: LeaderEpoch },
    /// Who votes in the quorum, and with which directory each (Kafka's VotersRecord, KIP-853). Counts from the moment
    /// it is in a log, committed or not.
    Voters { directories: BTreeMap<NodeId, DirectoryId> },
    /// A broker was given the producer ids below this one that nobody had (KIP-730).
    ProducerIds { broker: NodeId, broker_epoch: BrokerEpoch, next_producer_id: ProducerId },
    /// A registered broker with its whole state, its epoch too: only in snapshots, where offsets mean nothing.
    Broker { broker: NodeId, state: BrokerImage },
}

/// What a dynamic setting belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// One broker.
    Broker(NodeId),
    /// Every broker that has no value of its own (Kafka: the broker resource with the empty name).
    ClusterDefault,
}

/// A change of one partition: what is `None` stays. Every change raises the partition epoch; a written leader,
/// even the same one, raises the leader epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The new ISR.
    pub isr: Option<Vec<NodeId>>,
    /// The new leader; `Some(None)` is leaderless.
    pub leader: Option<Option<NodeId>>,
    /// Whether the leader came from an unclean election and is still alone.
    pub recovering: Option<bool>,
    /// The new replicas.
    pub replicas: Option<Vec<NodeId>>,
    /// The replicas a reassignment still adds.
    pub adding: Option<Vec<NodeId>>,
    /// The replicas a reassignment will remove.
    pub removing: Option<Vec<NodeId>>,
    /// The new eligible leader replicas (KIP-966).
    pub elr: Option<Vec<NodeId>>,
    /// The new last known eligible leaders (KIP-966).
    pub last_known_elr: Option<Vec<NodeId>>,
}

impl PartitionChange {
    /// A change of that partition that changes nothing yet.
    #[must_use]
    pub fn of(topic: TopicId, partition: PartitionIndex) -> PartitionChange {
        PartitionChange {
            topic,
            partition,
            isr: None,
            leader: None,
            recovering: None,
            replicas: None,
            adding: None,
            removing: None,
            elr: None,
            last_known_elr: None,
        }
    }

    /// True if nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == PartitionChange::of(self.topic, self.partition)
    }
}
