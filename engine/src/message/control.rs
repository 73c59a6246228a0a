//! Messages of the control plane: ApiVersions, Metadata, CreateTopics, and what brokers say to controllers.

use std::collections::BTreeMap;

use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::id::{Endpoint, IncarnationId, NodeId, PartitionIndex, TopicId, TopicName};
use crate::offset::Offset;
use crate::time::Duration;

/// ApiVersions: which APIs and versions do you speak? (KIP-35)
#[derive(Clone, PartialEq, Debug)]
pub struct ApiVersionsRequest {
    /// Name of the client's software (version 3 on).
    pub client_software_name: String,
    /// Its version.
    pub client_software_version: String,
}

/// The answer to ApiVersions.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiVersionsResponse {
    /// UNSUPPORTED_VERSION if the request's own version is unknown.
    pub error: ErrorCode,
    /// What is spoken, ascending by key.
    pub apis: Vec<ApiRange>,
}

/// The versions of one API, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ApiRange {
    /// Kafka's key.
    pub key: i16,
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

/// Metadata: which topics, partitions, leaders and brokers are there?
#[derive(Clone, PartialEq, Debug)]
pub struct MetadataRequest {
    /// The topics asked about; `None` is all.
    pub topics: Option<Vec<TopicRef>>,
    /// Create unknown topics with defaults.
    pub allow_auto_topic_creation: bool,
}

/// A topic by name or, from version 10 on, by id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicRef {
    /// The name, if given.
    pub name: Option<TopicName>,
    /// The id, or [`TopicId::ZERO`].
    pub id: TopicId,
}

/// The answer to Metadata.
#[derive(Clone, PartialEq, Debug)]
pub struct MetadataResponse {
    /// Brokers that are alive.
    pub brokers: Vec<MetadataBroker>,
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// A broker clients may send admin requests to (never a dedicated controller), or NONE.
    pub controller: NodeId,
    /// The topics.
    pub topics: Vec<MetadataTopic>,
}

/// A broker in Metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataBroker {
    /// Its id.
    pub id: NodeId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A topic in Metadata.
#[derive(Clone, PartialEq, Debug)]
pub struct MetadataTopic {
    /// NONE, or why there is nothing to say about it.
    pub error: ErrorCode,
    /// Its name; `None` only for an unknown id.
    pub name: Option<TopicName>,
    /// Its id, or [`TopicId::ZERO`].
    pub id: TopicId,
    /// Its partitions, ascending.
    pub partitions: Vec<MetadataPartition>,
}

/// A partition in Metadata.
#[derive(Clone, PartialEq, Debug)]
pub struct MetadataPartition {
    /// LEADER_NOT_AVAILABLE if it has no leader.
    pub error: ErrorCode,
    /// Its index.
    pub partition: PartitionIndex,
    /// Its leader, or NONE.
    pub leader: NodeId,
    /// The leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas in assignment order.
    pub replicas: Vec<NodeId>,
    /// Its in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas whose broker is not alive.
    pub offline: Vec<NodeId>,
}

/// CreateTopics.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<NewTopic>,
    /// How long the broker may take.
    pub timeout: Duration,
    /// Only check whether they could be created.
    pub validate_only: bool,
}

/// A topic to create.
#[derive(Clone, PartialEq, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the default.
    pub partitions: i32,
    /// How many replicas; -1 for the default.
    pub replication_factor: i16,
    /// Replicas of each partition, if chosen by hand (then the two counts above are -1).
    pub assignments: Vec<(PartitionIndex, Vec<NodeId>)>,
    /// Topic settings by Kafka's names.
    pub configs: BTreeMap<String, Option<String>>,
}

/// The answer to CreateTopics.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateTopicsResponse {
    /// The outcome, by topic.
    pub topics: Vec<CreatedTopic>,
}

/// The outcome for one topic.
#[derive(Clone, PartialEq, Debug)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id, or [`TopicId::ZERO`] on error.
    pub id: TopicId,
    /// NONE if it was (or could be) created.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// Its partitions; -1 on error.
    pub partitions: i32,
    /// Its replication factor; -1 on error.
    pub replication_factor: i16,
}

/// BrokerRegistration: a broker introduces itself to the controller (KIP-631).
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerRegistrationRequest {
    /// The broker.
    pub broker: NodeId,
    /// The cluster it believes to be in.
    pub cluster_id: String,
    /// This boot of it.
    pub incarnation: IncarnationId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its rack.
    pub rack: Option<String>,
    /// Its epoch before a clean shutdown, or NONE (KIP-966).
    pub previous_broker_epoch: BrokerEpoch,
}

/// The answer to BrokerRegistration.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerRegistrationResponse {
    /// NONE if registered.
    pub error: ErrorCode,
    /// The epoch of this registration, or NONE.
    pub broker_epoch: BrokerEpoch,
}

/// BrokerHeartbeat: a broker says it is alive, and how far it has read the metadata log.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerHeartbeatRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
    /// The last metadata offset it has applied.
    pub current_metadata_offset: Offset,
    /// It does not want to serve yet.
    pub want_fence: bool,
    /// It wants to shut down.
    pub want_shut_down: bool,
}

/// The answer to BrokerHeartbeat.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerHeartbeatResponse {
    /// NONE, or STALE_BROKER_EPOCH, NOT_CONTROLLER.
    pub error: ErrorCode,
    /// It has applied its own registration.
    pub is_caught_up: bool,
    /// It is fenced.
    pub is_fenced: bool,
    /// It may shut down.
    pub should_shut_down: bool,
}

/// AlterPartition: a leader asks the controller for another ISR (KIP-497, KIP-903).
#[derive(Clone, PartialEq, Debug)]
pub struct AlterPartitionRequest {
    /// The leader.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
    /// The changes.
    pub partitions: Vec<PartitionAlteration>,
}

/// A change of one partition's ISR.
#[derive(Clone, PartialEq, Debug)]
pub struct PartitionAlteration {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The ISR it wants.
    pub new_isr: Vec<IsrMember>,
    /// 0 recovered, 1 recovering from an unclean election.
    pub leader_recovery_state: i8,
    /// The partition epoch the change is based on.
    pub partition_epoch: PartitionEpoch,
}

/// A member of a proposed ISR and the boot of it the leader saw fetch (KIP-903).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IsrMember {
    /// The broker.
    pub broker: NodeId,
    /// Its epoch, or NONE for "any".
    pub broker_epoch: BrokerEpoch,
}

/// The answer to AlterPartition.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterPartitionResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// The outcome, by partition.
    pub partitions: Vec<AlteredPartition>,
}

/// The outcome for one partition: its state as committed.
#[derive(Clone, PartialEq, Debug)]
pub struct AlteredPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// NONE if changed.
    pub error: ErrorCode,
    /// Its leader, or NONE.
    pub leader: NodeId,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its ISR.
    pub isr: Vec<NodeId>,
    /// 0 recovered, 1 recovering.
    pub leader_recovery_state: i8,
    /// Its partition epoch.
    pub partition_epoch: PartitionEpoch,
}
