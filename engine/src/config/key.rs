//! What a setting is: its name, scope, type, bounds and default, and how a value of it is read.
//!
//! The settings themselves are in [`super::keys`].

use std::fmt;

use super::Value;
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
    /// A decimal number from 0 to 1.
    Ratio,
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
            Kind::Ratio => match text.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Value::Ratio(number),
                _ => return Err("expected a number from 0 to 1".to_owned()),
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
const LISTS: &[&str] = &["cleanup.policy", "log.cleanup.policy", "partition.assignment.strategy"];
