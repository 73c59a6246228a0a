//! The settings of consumer groups and of the topic they are kept in.

use super::key::Scope::Broker;
use super::key::{INT_MAX, Key, Kind, LONG_MAX, integer, key};
use super::typed::Lookup;
use crate::time::Duration;

/// Settings of a group coordinator; the fields are the keys with underscores, without what all of them begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct GroupConfig {
    pub offsets_topic_num_partitions: i32,
    pub offsets_topic_replication_factor: i16,
    pub offsets_topic_segment_bytes: i32,
    pub offsets_load_buffer_size: usize,
    pub offsets_commit_timeout: Duration,
    pub offsets_retention: Duration,
    pub offsets_retention_check_interval: Duration,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: usize,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`.
    pub max_size: usize,
    /// `group.coordinator.rebalance.protocols` names `consumer` (KIP-848).
    pub consumer_protocol: bool,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Duration,
    /// `group.consumer.max.size`.
    pub consumer_max_size: usize,
    /// `group.consumer.assignors`.
    pub consumer_assignors: ServerAssignors,
}

/// A server-side assignor (KIP-848).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ServerAssignor {
    /// Balances, and moves as little as possible.
    Uniform,
    /// Gives each topic's partitions in runs.
    Range,
}

impl ServerAssignor {
    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ServerAssignor::Uniform => "uniform",
            ServerAssignor::Range => "range",
        }
    }
}

/// The assignors a coordinator offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerAssignors {
    /// The one it takes if members do not care.
    pub first: ServerAssignor,
    /// Another.
    pub second: Option<ServerAssignor>,
}

impl ServerAssignors {
    /// The assignor of a name, if it is offered.
    #[must_use]
    pub fn named(self, name: &str) -> Option<ServerAssignor> {
        [Some(self.first), self.second].into_iter().flatten().find(|assignor| assignor.name() == name)
    }

    fn read(list: &str) -> ServerAssignors {
        let all = [ServerAssignor::Uniform, ServerAssignor::Range];
        let mut named =
            list.split(',').filter_map(|name| all.into_iter().find(|one| one.name() == name.trim()));
        ServerAssignors { first: named.next().unwrap_or(ServerAssignor::Uniform), second: named.next() }
    }
}

impl GroupConfig {
    pub(super) fn read(lookup: &Lookup<'_>) -> GroupConfig {
        let replication_factor = lookup.integer("offsets.topic.replication.factor");
        GroupConfig {
            offsets_topic_num_partitions: lookup.int("offsets.topic.num.partitions"),
            offsets_topic_replication_factor: i16::try_from(replication_factor).unwrap_or(i16::MAX),
            offsets_topic_segment_bytes: lookup.int("offsets.topic.segment.bytes"),
            offsets_load_buffer_size: lookup.count("offsets.load.buffer.size"),
            offsets_commit_timeout: lookup.millis("offsets.commit.timeout.ms"),
            offsets_retention: lookup.seconds("offsets.retention.minutes").saturating_mul(60),
            offsets_retention_check_interval: lookup.millis("offsets.retention.check.interval.ms"),
            offset_metadata_max_bytes: lookup.count("offset.metadata.max.bytes"),
            min_session_timeout: lookup.millis("group.min.session.timeout.ms"),
            max_session_timeout: lookup.millis("group.max.session.timeout.ms"),
            initial_rebalance_delay: lookup.millis("group.initial.rebalance.delay.ms"),
            max_size: lookup.count("group.max.size"),
            consumer_protocol: lookup.word("group.coordinator.rebalance.protocols").contains("consumer"),
            consumer_session_timeout: lookup.millis("group.consumer.session.timeout.ms"),
            consumer_heartbeat_interval: lookup.millis("group.consumer.heartbeat.interval.ms"),
            consumer_max_size: lookup.count("group.consumer.max.size"),
            consumer_assignors: ServerAssignors::read(&lookup.word("group.consumer.assignors")),
        }
    }
}

/// The keys (Kafka's `GroupCoordinatorConfig`).
pub(super) const KEYS: &[Key] = &[
    key(
        Broker,
        "offsets.topic.num.partitions",
        integer(1, INT_MAX),
        "50",
        "Partitions of `__consumer_offsets`. It must not change once the topic exists: groups would move.",
    ),
    key(
        Broker,
        "offsets.topic.replication.factor",
        integer(1, 32767),
        "3",
        "Replicas of `__consumer_offsets`. With fewer brokers alive the topic is not created, and no group works.",
    ),
    key(
        Broker,
        "offsets.topic.segment.bytes",
        integer(1, INT_MAX),
        "104857600",
        "Longest segment of `__consumer_offsets`; short ones make coordinators load faster.",
    ),
    key(
        Broker,
        "offsets.load.buffer.size",
        integer(1, INT_MAX),
        "5242880",
        "Most bytes that a new coordinator reads of its log at once.",
    ),
    key(
        Broker,
        "offsets.commit.timeout.ms",
        integer(1, INT_MAX),
        "5000",
        "How long a coordinator waits for the replicas before it answers that it is not available.",
    ),
    key(
        Broker,
        "offsets.retention.minutes",
        integer(1, INT_MAX),
        "10080",
        "How long the offsets of a group are kept after its last member is gone.",
    ),
    key(
        Broker,
        "offsets.retention.check.interval.ms",
        integer(1, LONG_MAX),
        "600000",
        "How often a coordinator looks for offsets to forget.",
    ),
    key(
        Broker,
        "offset.metadata.max.bytes",
        integer(0, INT_MAX),
        "4096",
        "Longest text that may be kept with an offset.",
    ),
    key(
        Broker,
        "group.min.session.timeout.ms",
        integer(0, INT_MAX),
        "6000",
        "Shortest `session.timeout.ms` of a member.",
    ),
    key(
        Broker,
        "group.max.session.timeout.ms",
        integer(0, INT_MAX),
        "1800000",
        "Longest `session.timeout.ms` of a member.",
    ),
    key(
        Broker,
        "group.initial.rebalance.delay.ms",
        integer(0, INT_MAX),
        "3000",
        "How long a coordinator waits for more members before the first rebalance of an empty group.",
    ),
    key(
        Broker,
        "group.coordinator.rebalance.protocols",
        Kind::Word(&["classic,consumer", "consumer,classic", "classic"]),
        "classic,consumer",
        "The protocols that groups may speak: `consumer` is KIP-848, where the coordinator assigns.",
    ),
    key(
        Broker,
        "group.consumer.session.timeout.ms",
        integer(1, INT_MAX),
        "45000",
        "A member of a group of KIP-848 that is silent for so long is taken for dead.",
    ),
    key(
        Broker,
        "group.consumer.heartbeat.interval.ms",
        integer(1, INT_MAX),
        "5000",
        "How often members of groups of KIP-848 are asked to send heartbeats.",
    ),
    key(
        Broker,
        "group.consumer.max.size",
        integer(1, INT_MAX),
        "2147483647",
        "Most members of a group of KIP-848.",
    ),
    key(
        Broker,
        "group.consumer.assignors",
        Kind::Word(&["uniform,range", "range,uniform", "uniform", "range"]),
        "uniform,range",
        "The assignors a coordinator offers; the first is used if members do not care.",
    ),
    key(Broker, "group.max.size", integer(1, INT_MAX), "2147483647", "Most members of a group."),
];
