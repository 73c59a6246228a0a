//! The table of settings: Kafka's names, types, defaults and bounds.
//!
//! Defaults are those of Apache Kafka 4.x (`ServerLogConfigs`, `ReplicationConfigs`, `KRaftConfigs`, `TopicConfig`,
//! `ProducerConfig`, `ConsumerConfig`). Where this engine cannot do what a default says, the key's `only` field
//! names the one value it accepts and the doc says so: a value it cannot honour is refused, never ignored.

use std::fmt;

use super::{Value, log};
use Scope::{Broker, Consumer, Producer, Topic};

/// What a setting belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// `server.properties`: brokers and controllers.
    Broker,
    /// A topic's own settings.
    Topic,
    /// A producer's settings.
    Producer,
    /// A consumer's settings.
    Consumer,
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Broker => "broker",
            Topic => "topic",
            Producer => "producer",
            Consumer => "consumer",
        })
    }
}

/// Type and bounds of a setting's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds inclusive.
    Integer {
        /// Lowest legal value.
        min: i64,
        /// Highest legal value.
        max: i64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
}

/// One setting.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Key {
    /// Kafka's name.
    pub name: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// Type and bounds.
    pub kind: Kind,
    /// Kafka's default, as text.
    pub default: &'static str,
    /// The one value this engine can honour, if it cannot honour all.
    pub only: Option<&'static str>,
    /// Whether it can be changed while a broker runs. Settings of topics always can.
    pub dynamic: bool,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

impl Key {
    /// Whether it can be changed while the cluster runs.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.dynamic || self.scope == Topic
    }

    /// Whether its value is a list, with commas, that can be added to.
    #[must_use]
    pub fn is_list(&self) -> bool {
        LISTS.contains(&self.name)
    }

    /// Reads a value as a properties file has it.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match self.kind {
            Kind::Boolean => match text {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                _ => return Err("expected `true` or `false`".to_owned()),
            },
            Kind::Integer { min, max } => match text.parse::<i64>() {
                Ok(number) if (min..=max).contains(&number) => Value::Integer(number),
                Ok(_) => return Err(format!("expected a number from {min} to {max}")),
                Err(_) => return Err(format!("expected a whole number from {min} to {max}")),
            },
            Kind::Text => Value::Word(text.to_owned()),
            Kind::Word(words) => match words.iter().find(|word| **word == text) {
                Some(word) => Value::Word((*word).to_owned()),
                None => return Err(format!("expected one of {}", quoted(words))),
            },
        };
        match self.only {
            Some(only) if only != text => Err(format!("not built yet: only `{only}` works so far")),
            _ => Ok(value),
        }
    }

    /// The default this engine uses: Kafka's, or the only value it can honour.
    #[must_use]
    pub fn effective_default(&self) -> &'static str {
        self.only.unwrap_or(self.default)
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

pub(super) const INT_MAX: i64 = i32::MAX as i64;
pub(super) const LONG_MAX: i64 = i64::MAX;

pub(super) const fn integer(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max }
}

pub(super) const fn key(
    scope: Scope,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, scope, kind, default, only: None, dynamic: false, doc }
}

pub(super) const fn only(key: Key, value: &'static str) -> Key {
    Key { only: Some(value), ..key }
}

/// A setting of brokers that can be changed while they run (Kafka's `DynamicBrokerConfig`).
pub(super) const fn dynamic(key: Key) -> Key {
    Key { dynamic: true, ..key }
}

/// Settings whose value is a list.
const LISTS: &[&str] = &["cleanup.policy", "log.cleanup.policy"];

/// The value of `replica.selector.class` that sends consumers to a replica in their rack (KIP-392).
pub(super) const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// Every setting this engine knows.
pub static KEYS: &[Key] = &joined::<{ GENERAL.len() + log::KEYS.len() }>(&[GENERAL, log::KEYS]);

const fn joined<const COUNT: usize>(parts: &[&[Key]]) -> [Key; COUNT] {
    let mut keys = [parts[0][0]; COUNT];
    let (mut count, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            keys[count] = parts[part][index];
            (count, index) = (count + 1, index + 1);
        }
        part += 1;
    }
    keys
}

/// All but those of logs, by scope.
const GENERAL: &[Key] = &[
    key(
        Broker,
        "auto.create.topics.enable",
        Kind::Boolean,
        "true",
        "Create a topic when a client asks for its metadata and allows it. Tribunal's own clients never do.",
    ),
    key(
        Broker,
        "broker.heartbeat.interval.ms",
        integer(1, INT_MAX),
        "2000",
        "How often a broker tells the controller that it is alive.",
    ),
    key(
        Broker,
        "broker.session.timeout.ms",
        integer(1, INT_MAX),
        "9000",
        "A broker silent for so long is fenced: it leads nothing and leaves every ISR.",
    ),
    key(
        Broker,
        "controller.quorum.request.timeout.ms",
        integer(1, INT_MAX),
        "2000",
        "How long a broker waits for a controller's answer.",
    ),
    key(
        Broker,
        "auto.leader.rebalance.enable",
        Kind::Boolean,
        "true",
        "Give leaderships back to the preferred replicas from time to time.",
    ),
    key(
        Broker,
        "leader.imbalance.check.interval.seconds",
        integer(1, LONG_MAX),
        "300",
        "How often the controller looks whether partitions are led by their preferred replicas.",
    ),
    key(
        Broker,
        "leader.imbalance.per.broker.percentage",
        integer(0, INT_MAX),
        "10",
        "A broker gets its partitions back when others lead more than this percentage of them.",
    ),
    key(
        Broker,
        "default.replication.factor",
        integer(1, 32767),
        "1",
        "Replicas of a topic created without saying how many.",
    ),
    key(
        Broker,
        "num.partitions",
        integer(1, INT_MAX),
        "1",
        "Partitions of a topic created without saying how many.",
    ),
    dynamic(key(
        Broker,
        "min.insync.replicas",
        integer(1, INT_MAX),
        "1",
        "With acks=all, refuse writes when fewer replicas are in sync. A topic may set its own.",
    )),
    dynamic(key(
        Broker,
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        "Elect a replica outside the ISR when no other is alive, and lose what it lacks. A topic may set its own.",
    )),
    key(
        Broker,
        "replica.lag.time.max.ms",
        integer(1, LONG_MAX),
        "30000",
        "A follower that has not caught up for so long leaves the ISR.",
    ),
    key(
        Broker,
        "replica.fetch.wait.max.ms",
        integer(0, INT_MAX),
        "500",
        "How long a leader may hold a follower's fetch that finds nothing new.",
    ),
    key(
        Broker,
        "replica.fetch.min.bytes",
        integer(0, INT_MAX),
        "1",
        "A leader answers a follower's fetch as soon as it has so many bytes.",
    ),
    key(
        Broker,
        "replica.fetch.max.bytes",
        integer(0, INT_MAX),
        "1048576",
        "Most bytes of one partition in one follower fetch.",
    ),
    key(
        Broker,
        "replica.fetch.response.max.bytes",
        integer(0, INT_MAX),
        "10485760",
        "Most bytes of one follower fetch.",
    ),
    key(
        Broker,
        "replica.fetch.backoff.ms",
        integer(0, INT_MAX),
        "1000",
        "How long a follower waits after a failed fetch.",
    ),
    key(
        Broker,
        "replica.socket.timeout.ms",
        integer(1, INT_MAX),
        "30000",
        "How long a follower waits for the answer to a fetch.",
    ),
    dynamic(key(
        Broker,
        "message.max.bytes",
        integer(0, INT_MAX),
        "1048588",
        "Largest record batch a broker accepts. A topic may set `max.message.bytes`.",
    )),
    key(
        Broker,
        "socket.request.max.bytes",
        integer(1, INT_MAX),
        "104857600",
        "Largest request a broker reads; a larger one closes the connection.",
    ),
    key(
        Broker,
        "fetch.max.bytes",
        integer(1024, INT_MAX),
        "57671680",
        "Most bytes a broker returns to one fetch.",
    ),
    key(
        Broker,
        "max.incremental.fetch.session.cache.slots",
        integer(0, INT_MAX),
        "1000",
        "How many fetch sessions a broker keeps; 0 for none.",
    ),
    key(
        Broker,
        "replica.selector.class",
        Kind::Word(&["", RACK_AWARE_SELECTOR]),
        "",
        "Whether consumers are sent to an in-sync replica in their own rack. Empty: they read from leaders.",
    ),
    only(
        key(
            Broker,
            "compression.type",
            Kind::Word(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
            "producer",
            "How a broker compresses what it stores. Batches are stored as they come: nothing is compressed anew.",
        ),
        "producer",
    ),
    key(
        Broker,
        "producer.id.expiration.ms",
        integer(1, INT_MAX),
        "86400000",
        "A partition forgets an idempotent producer that wrote nothing to it for so long; a retry that comes later may be stored twice.",
    ),
    key(
        Broker,
        "producer.id.expiration.check.interval.ms",
        integer(1, INT_MAX),
        "600000",
        "How often a broker looks for producers to forget.",
    ),
    only(
        key(
            Topic,
            "compression.type",
            Kind::Word(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
            "producer",
            "How a broker compresses what it stores. Batches are stored as they come: nothing is compressed anew.",
        ),
        "producer",
    ),
    key(
        Topic,
        "min.insync.replicas",
        integer(1, INT_MAX),
        "1",
        "With acks=all, refuse writes when fewer replicas are in sync.",
    ),
    key(
        Topic,
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        "Elect a replica outside the ISR when no other is alive, and lose what it lacks.",
    ),
    key(
        Topic,
        "max.message.bytes",
        integer(0, INT_MAX),
        "1048588",
        "Largest record batch the topic accepts.",
    ),
    key(
        Producer,
        "acks",
        Kind::Word(&["all", "-1", "1", "0"]),
        "all",
        "How many replicas must hold a record before it counts as written.",
    ),
    key(
        Producer,
        "batch.size",
        integer(0, INT_MAX),
        "16384",
        "Records of one partition are sent together up to this many bytes.",
    ),
    key(
        Producer,
        "linger.ms",
        integer(0, LONG_MAX),
        "5",
        "How long a record may wait for others to be sent with.",
    ),
    key(
        Producer,
        "retries",
        integer(0, INT_MAX),
        "2147483647",
        "How often a failed batch is sent again, within delivery.timeout.ms.",
    ),
    key(
        Producer,
        "retry.backoff.ms",
        integer(0, LONG_MAX),
        "100",
        "First wait before a retry; doubles up to retry.backoff.max.ms.",
    ),
    key(Producer, "retry.backoff.max.ms", integer(0, LONG_MAX), "1000", "Longest wait before a retry."),
    key(
        Producer,
        "max.in.flight.requests.per.connection",
        integer(1, INT_MAX),
        "5",
        "Requests that may wait for their answer on one connection; above 1 a retry may reorder records.",
    ),
    key(
        Producer,
        "request.timeout.ms",
        integer(0, INT_MAX),
        "30000",
        "How long to wait for an answer before the connection is closed and the request retried.",
    ),
    key(
        Producer,
        "delivery.timeout.ms",
        integer(0, INT_MAX),
        "120000",
        "A record not acknowledged within this time is reported as failed or unknown.",
    ),
    key(
        Producer,
        "max.block.ms",
        integer(0, LONG_MAX),
        "60000",
        "How long a send waits for metadata or for buffer space.",
    ),
    key(Producer, "max.request.size", integer(0, INT_MAX), "1048576", "Largest produce request."),
    key(
        Producer,
        "buffer.memory",
        integer(0, LONG_MAX),
        "33554432",
        "Bytes of records that may wait to be sent.",
    ),
    key(
        Producer,
        "metadata.max.age.ms",
        integer(0, LONG_MAX),
        "300000",
        "Metadata older than this is fetched anew.",
    ),
    key(
        Producer,
        "reconnect.backoff.ms",
        integer(0, LONG_MAX),
        "50",
        "First wait before connecting again; doubles up to reconnect.backoff.max.ms.",
    ),
    key(
        Producer,
        "reconnect.backoff.max.ms",
        integer(0, LONG_MAX),
        "1000",
        "Longest wait before connecting again.",
    ),
    key(
        Producer,
        "compression.type",
        Kind::Word(&["none", "gzip", "snappy", "lz4", "zstd"]),
        "none",
        "How batches are compressed.",
    ),
    key(
        Producer,
        "partitioner.class",
        Kind::Word(&["", "org.apache.kafka.clients.producer.RoundRobinPartitioner"]),
        "",
        "Empty: by key hash (murmur2), without a key sticky to one partition per batch. Or round robin.",
    ),
    key(
        Producer,
        "enable.idempotence",
        Kind::Boolean,
        "true",
        "One copy of each record in order, whatever is retried. Without being set it is off if acks is not all, retries is 0 or more than 5 requests may be in flight.",
    ),
    key(
        Consumer,
        "auto.offset.reset",
        Kind::Word(&["earliest", "latest", "none"]),
        "latest",
        "Where to start without a position, or when it is out of range; none: tell the application and wait.",
    ),
    key(
        Consumer,
        "fetch.min.bytes",
        integer(0, INT_MAX),
        "1",
        "A broker answers a fetch as soon as it has so many bytes.",
    ),
    key(
        Consumer,
        "fetch.max.wait.ms",
        integer(0, INT_MAX),
        "500",
        "How long a broker may hold a fetch that finds nothing new.",
    ),
    key(Consumer, "fetch.max.bytes", integer(0, INT_MAX), "52428800", "Most bytes of one fetch."),
    key(
        Consumer,
        "max.partition.fetch.bytes",
        integer(0, INT_MAX),
        "1048576",
        "Most bytes of one partition in one fetch.",
    ),
    key(
        Consumer,
        "client.rack",
        Kind::Text,
        "",
        "Where the consumer is: a broker may send it to a replica in the same rack.",
    ),
    key(Consumer, "max.poll.records", integer(1, INT_MAX), "500", "Most records one poll returns."),
    key(
        Consumer,
        "request.timeout.ms",
        integer(0, INT_MAX),
        "30000",
        "How long to wait for an answer before the connection is closed.",
    ),
    key(
        Consumer,
        "retry.backoff.ms",
        integer(0, LONG_MAX),
        "100",
        "First wait before a retry; doubles up to retry.backoff.max.ms.",
    ),
    key(Consumer, "retry.backoff.max.ms", integer(0, LONG_MAX), "1000", "Longest wait before a retry."),
    key(
        Consumer,
        "reconnect.backoff.ms",
        integer(0, LONG_MAX),
        "50",
        "First wait before connecting again; doubles up to reconnect.backoff.max.ms.",
    ),
    key(
        Consumer,
        "reconnect.backoff.max.ms",
        integer(0, LONG_MAX),
        "1000",
        "Longest wait before connecting again.",
    ),
    key(
        Consumer,
        "metadata.max.age.ms",
        integer(0, LONG_MAX),
        "300000",
        "Metadata older than this is fetched anew.",
    ),
    only(
        key(
            Consumer,
            "isolation.level",
            Kind::Word(&["read_uncommitted", "read_committed"]),
            "read_uncommitted",
            "Whether records of open and aborted transactions are returned.",
        ),
        "read_uncommitted",
    ),
];
