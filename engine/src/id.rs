//! Names of things: brokers, topics, partitions, connections, producers.
//!
//! Each id is a type of its own, so that a broker id is never taken for a partition index. Ids carry no
//! behaviour; they are ordered and hashable so that maps keyed by them iterate in one reproducible order.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use uuid::Uuid;

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

integer_id! {
    /// `node.id`: a broker or a controller. Unique in a cluster.
    NodeId(i32)
}
integer_id! {
    /// Index of a partition within its topic, from 0.
    PartitionIndex(i32)
}
integer_id! {
    /// One accepted connection of one boot of one process. Never reused within a boot.
    ConnectionId(u64)
}
integer_id! {
    /// Matches a reply with its request on one connection (Kafka's `correlation_id`).
    CorrelationId(i32)
}
integer_id! {
    /// Kafka's `producer_id`; -1 when the producer is not idempotent.
    ProducerId(i64)
}

impl NodeId {
    /// "No broker": the leader of a leaderless partition on the wire, the replica id of a consumer.
    pub const NONE: NodeId = NodeId(-1);
}

impl ProducerId {
    /// The producer id of records written without idempotence.
    pub const NONE: ProducerId = ProducerId(-1);
}

/// Unique id of one boot of one broker process (KIP-631 `incarnation_id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IncarnationId(pub Uuid);

/// Unique id of a log directory, given when it was formatted (KIP-853, KIP-858): a disk that was replaced has another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryId(pub Uuid);

impl DirectoryId {
    /// Nobody has said which (Kafka's `ReplicaKey.NO_DIRECTORY_ID`).
    pub const NONE: DirectoryId = DirectoryId(Uuid::nil());
}

impl fmt::Debug for DirectoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DirectoryId({})", self.0)
    }
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Unique id of a topic (KIP-516). A topic deleted and created again has a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// "No topic id": requests of versions that name topics carry this.
    pub const ZERO: TopicId = TopicId(Uuid::nil());
    /// The reserved id of `__cluster_metadata` (Kafka's `Uuid.METADATA_TOPIC_ID`).
    pub const CLUSTER_METADATA: TopicId = TopicId(Uuid::from_u128(1));
}

impl fmt::Debug for TopicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TopicId({})", self.0)
    }
}

/// Name of a topic. Cheap to clone, and cheap to compare with its clones: most names of a process are clones of one.
#[derive(Clone, Eq)]
pub struct TopicName(Arc<str>);

impl PartialEq for TopicName {
    fn eq(&self, other: &TopicName) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Hash for TopicName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for TopicName {
    fn partial_cmp(&self, other: &TopicName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TopicName {
    fn cmp(&self, other: &TopicName) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl TopicName {
    /// The topic that holds the controller's log (KIP-595).
    pub const CLUSTER_METADATA: &'static str = "__cluster_metadata";
    /// The topic that keeps consumer groups and their offsets.
    pub const CONSUMER_OFFSETS: &'static str = "__consumer_offsets";
    /// Longest legal name, in characters (Kafka `Topic.MAX_NAME_LENGTH`).
    pub const LENGTH_MAX: usize = 249;

    /// Wraps a name as it is. Use [`TopicName::check`] on names from outside.
    #[must_use]
    pub fn new(name: &str) -> Self {
        TopicName(Arc::from(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the topic belongs to the brokers: `__consumer_offsets` and `__transaction_state` (Kafka
    /// `Topic.isInternal`).
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self.as_str(), Self::CONSUMER_OFFSETS | "__transaction_state")
    }

    /// Kafka's rules for a topic name: 1 to 249 of `[a-zA-Z0-9._-]`, not `.` or `..`.
    ///
    /// # Errors
    /// A sentence that says which rule the name breaks.
    pub fn check(name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("a topic name must not be empty".to_owned());
        }
        if name == "." || name == ".." {
            return Err(format!("`{name}` is not a legal topic name"));
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(format!("a topic name has at most {} characters", Self::LENGTH_MAX));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match name.chars().find(|c| !legal(*c)) {
            Some(c) => {
                Err(format!("`{c}` is not allowed in a topic name; use letters, digits, `.`, `_`, `-`"))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &self.0)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One partition of one topic. Written `orders/0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        TopicPartition { topic: TopicName::new(topic), partition: PartitionIndex(partition) }
    }

    /// The single partition of the controller's log.
    #[must_use]
    pub fn cluster_metadata() -> Self {
        TopicPartition::new(TopicName::CLUSTER_METADATA, 0)
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.topic, self.partition)
    }
}

/// Where a process listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// Host name or address.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint `host:port`.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Endpoint { host: Arc::from(host), port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}
