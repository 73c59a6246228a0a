//! The table of settings: Kafka's names, types, defaults and bounds.
//!
//! Defaults are those of Apache Kafka 4.x (`ServerLogConfigs`, `ReplicationConfigs`, `KRaftConfigs`, `TopicConfig`,
//! `ProducerConfig`, `ConsumerConfig`). Where this engine cannot do what a default says, the key's `only` field
//! names the one value it accepts and the doc says so: a value it cannot honour is refused, never ignored.

use super::key::Scope::{Broker, Topic};
use super::key::{INT_MAX, Key, Kind, LONG_MAX, dynamic, integer, key, only};
use super::{client_keys, group, log, membership, metadata_log};

/// The value of `replica.selector.class` that sends consumers to a replica in their rack (KIP-392).
pub(super) const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// Every setting this engine knows.
pub static KEYS: &[Key] =
    &joined::<
        {
            GENERAL.len()
                + client_keys::KEYS.len()
                + group::KEYS.len()
                + log::KEYS.len()
                + membership::KEYS.len()
                + metadata_log::KEYS.len()
        },
    >(&[GENERAL, client_keys::KEYS, group::KEYS, log::KEYS, membership::KEYS, metadata_log::KEYS]);

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

/// Of brokers and topics, all but those of logs.
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
        "How long a broker or a controller waits for a controller's answer.",
    ),
    key(
        Broker,
        "controller.quorum.election.timeout.ms",
        integer(1, INT_MAX),
        "1000",
        "How long a controller without a leader waits, and an election lasts, at least; up to twice as long.",
    ),
    key(
        Broker,
        "controller.quorum.election.backoff.max.ms",
        integer(0, INT_MAX),
        "1000",
        "How long a controller waits after a lost election, at most.",
    ),
    key(
        Broker,
        "controller.quorum.fetch.timeout.ms",
        integer(1, INT_MAX),
        "2000",
        "A controller that could not fetch from the leader for so long tries to be elected.",
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
];
