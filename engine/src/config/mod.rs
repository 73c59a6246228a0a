//! Kafka's settings under Kafka's names.
//!
//! One table ([`keys::KEYS`]) holds every key this engine knows: name, scope, type, bounds, default, meaning. The
//! typed structs ([`BrokerConfig`], [`TopicConfig`], [`ProducerConfig`], [`ConsumerConfig`]) are read out of it,
//! so a default stands in one place. A key that is not in the table is an error, never ignored.

mod client_keys;
mod group;
pub mod key;
pub mod keys;
mod log;
mod membership;
mod metadata_log;
mod typed;

use std::collections::BTreeMap;
use std::fmt;

pub use group::{GroupConfig, ServerAssignor, ServerAssignors};
pub use key::{Key, Kind, Scope};
pub use keys::KEYS;
pub use log::{CleanupPolicy, LogConfig, TimestampType};
pub use membership::{Assignor, GroupProtocol, MembershipConfig};
pub use metadata_log::MetadataLogConfig;
pub use typed::{
    BrokerConfig, ConsumerConfig, OffsetReset, Partitioner, ProducerConfig, QuorumConfig, TopicConfig,
};

/// Settings by name, as text, as a properties file has them.
pub type Properties = BTreeMap<String, String>;

/// A value of a key, after its type was checked.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number, in the unit the key's name says.
    Integer(i64),
    /// A number from 0 to 1.
    Ratio(f64),
    /// One of a fixed set of words, or any text.
    Word(String),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => value.fmt(formatter),
            Value::Integer(value) => value.fmt(formatter),
            Value::Ratio(value) => value.fmt(formatter),
            Value::Word(value) => value.fmt(formatter),
        }
    }
}

/// What is wrong with one setting.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// No key of that name exists for the scope.
    #[error("unknown {scope} setting `{name}`")]
    Unknown {
        /// The scope it was looked up in.
        scope: Scope,
        /// The name as given.
        name: String,
    },
    /// The value has the wrong type or lies out of bounds.
    #[error("`{name}` = `{value}`: {problem}")]
    Invalid {
        /// The key.
        name: String,
        /// The value as given.
        value: String,
        /// What would be right.
        problem: String,
    },
}

/// The key `name` of `scope`.
#[must_use]
pub fn key(scope: Scope, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.scope == scope && key.name == name)
}

/// The broker's setting that a topic's setting falls back to, if there is one: `segment.bytes` falls back to
/// `log.segment.bytes` (Kafka's `ServerTopicConfigSynonyms`).
#[must_use]
pub fn broker_key_of(topic_key: &Key) -> Option<&'static Key> {
    let name = topic_key.name;
    let with_prefix = || key(Scope::Broker, &format!("log.{name}"));
    match name {
        "max.message.bytes" => key(Scope::Broker, "message.max.bytes"),
        "segment.ms" => key(Scope::Broker, "log.roll.ms"),
        "flush.ms" => key(Scope::Broker, "log.flush.interval.ms"),
        "flush.messages" => key(Scope::Broker, "log.flush.interval.messages"),
        "min.cleanable.dirty.ratio" => key(Scope::Broker, "log.cleaner.min.cleanable.ratio"),
        "min.compaction.lag.ms" | "max.compaction.lag.ms" | "delete.retention.ms" => {
            key(Scope::Broker, &format!("log.cleaner.{name}"))
        }
        _ => with_prefix().or_else(|| key(Scope::Broker, name)),
    }
}

/// Looks `name` up and checks `value` against its type and bounds.
///
/// # Errors
/// [`ConfigError::Unknown`] or [`ConfigError::Invalid`].
pub fn check(scope: Scope, name: &str, value: &str) -> Result<Value, ConfigError> {
    let key = key(scope, name).ok_or_else(|| ConfigError::Unknown { scope, name: name.to_owned() })?;
    key.parse(value).map_err(|problem| ConfigError::Invalid {
        name: name.to_owned(),
        value: value.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_key_and_the_broker_key_it_falls_back_to_mean_the_same() {
        let mut without = Vec::new();
        for key in KEYS.iter().filter(|key| key.scope == Scope::Topic) {
            match broker_key_of(key) {
                Some(broker) => assert_eq!((broker.kind, broker.default), (key.kind, key.default)),
                None => without.push(key.name),
            }
        }
        assert!(without.len() < 2, "no broker key for {without:?}");
    }
}
