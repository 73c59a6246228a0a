//! The settings of a consumer that belongs to a group.
//!
//! What cannot go together is refused, as Kafka's consumer does (`ConsumerConfig.checkUnsupportedConfigsPostProcess`,
//! `maybeOverrideEnableAutoCommit`, `Heartbeat`).

use super::key::Scope::Consumer;
use super::key::{INT_MAX, Key, Kind, integer, key, only};
use super::typed::Lookup;
use super::{ConfigError, Properties};
use crate::time::Duration;

/// How a group decides who reads what (`group.protocol`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupProtocol {
    /// The members' leader assigns, and everybody joins anew at each change.
    Classic,
    /// The coordinator assigns, member by member (KIP-848).
    Consumer,
}

/// Who gets which partitions in a classic group (`partition.assignment.strategy`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assignor {
    /// Neighbouring partitions of each topic.
    Range,
    /// One partition after the other.
    RoundRobin,
    /// Balanced, with as few moves as possible; everything is given up at each change.
    Sticky,
    /// Balanced, with as few moves as possible; only what moves is given up (KIP-429).
    CooperativeSticky,
}

impl Assignor {
    const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// Its name among members of a group.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The name of Kafka's class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Assignor::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Assignor::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Assignor::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Assignor::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        }
    }

    /// The assignor of a name or of a class.
    #[must_use]
    pub fn named(name: &str) -> Option<Assignor> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name || assignor.class() == name)
    }
}

/// Settings of a member of a group; the fields are Kafka's keys.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct MembershipConfig {
    pub group_id: String,
    pub group_instance_id: Option<String>,
    pub group_protocol: GroupProtocol,
    pub group_remote_assignor: Option<String>,
    pub partition_assignment_strategy: Vec<Assignor>,
    pub session_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub max_poll_interval: Duration,
    pub enable_auto_commit: bool,
    pub auto_commit_interval: Duration,
}

impl MembershipConfig {
    /// The settings of a member, or `None` without `group.id`.
    pub(super) fn read(lookup: &Lookup<'_>, given: &Properties) -> Result<Option<Self>, Vec<ConfigError>> {
        let mut problems = Vec::new();
        let mut refuse = |name: &str, problem: &str| {
            problems.push(ConfigError::Invalid {
                name: name.to_owned(),
                value: given.get(name).cloned().unwrap_or_default(),
                problem: problem.to_owned(),
            });
        };
        let optional = |name: &str| Some(lookup.word(name)).filter(|text| !text.is_empty());
        let group_protocol = match lookup.word("group.protocol").as_str() {
            "consumer" => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        };
        let (foreign, protocol): (&[&str], _) = match group_protocol {
            GroupProtocol::Classic => (&["group.remote.assignor"], "classic"),
            GroupProtocol::Consumer => (
                &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"],
                "consumer",
            ),
        };
        for name in foreign.iter().filter(|name| given.contains_key(**name)) {
            refuse(name, &format!("cannot be set with group.protocol = {protocol}"));
        }
        let strategy = lookup.word("partition.assignment.strategy");
        let mut partition_assignment_strategy = Vec::new();
        for name in strategy.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match Assignor::named(name) {
                Some(assignor) if !partition_assignment_strategy.contains(&assignor) => {
                    partition_assignment_strategy.push(assignor);
                }
                Some(_) => refuse("partition.assignment.strategy", &format!("`{name}` is named twice")),
                None => refuse(
                    "partition.assignment.strategy",
                    &format!("`{name}` is none of range, roundrobin, sticky, cooperative-sticky"),
                ),
            }
        }
        if strategy.trim().is_empty() {
            refuse("partition.assignment.strategy", "must name an assignor");
        }
        let group_id = lookup.word("group.id");
        let enable_auto_commit = lookup.boolean("enable.auto.commit");
        if group_id.is_empty() && enable_auto_commit && given.contains_key("enable.auto.commit") {
            refuse("enable.auto.commit", "offsets are committed for a group: set group.id");
        }
        let session_timeout = lookup.millis("session.timeout.ms");
        let heartbeat_interval = lookup.millis("heartbeat.interval.ms");
        if group_protocol == GroupProtocol::Classic && heartbeat_interval >= session_timeout {
            refuse("heartbeat.interval.ms", "must be lower than session.timeout.ms");
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Some(MembershipConfig {
            group_id,
            group_instance_id: optional("group.instance.id"),
            group_protocol,
            group_remote_assignor: optional("group.remote.assignor"),
            partition_assignment_strategy,
            session_timeout,
            heartbeat_interval,
            max_poll_interval: lookup.millis("max.poll.interval.ms"),
            enable_auto_commit,
            auto_commit_interval: lookup.millis("auto.commit.interval.ms"),
        })
        .filter(|config| !config.group_id.is_empty()))
    }
}

/// By name.
pub(super) const KEYS: &[Key] = &[
    key(
        Consumer,
        "group.id",
        Kind::Text,
        "",
        "The group the consumer belongs to when it subscribes. Empty: none.",
    ),
    key(
        Consumer,
        "group.instance.id",
        Kind::Text,
        "",
        "A name that stays when the member restarts: it gets its partitions back without a rebalance.",
    ),
    only(
        key(
            Consumer,
            "group.protocol",
            Kind::Word(&["classic", "consumer"]),
            "classic",
            "classic: members join anew at each change and their leader assigns. consumer: the coordinator assigns (KIP-848).",
        ),
        "classic",
    ),
    key(
        Consumer,
        "group.remote.assignor",
        Kind::Text,
        "",
        "The coordinator's assignor to use, with group.protocol = consumer. Empty: the coordinator chooses.",
    ),
    key(
        Consumer,
        "partition.assignment.strategy",
        Kind::Text,
        "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        "Assignors the member knows, the best liked first: Kafka's classes or range, roundrobin, sticky, cooperative-sticky.",
    ),
    key(
        Consumer,
        "session.timeout.ms",
        integer(0, INT_MAX),
        "45000",
        "A member whose heartbeats are missing for so long is taken for dead.",
    ),
    key(
        Consumer,
        "heartbeat.interval.ms",
        integer(0, INT_MAX),
        "3000",
        "How often a member tells the coordinator that it is alive.",
    ),
    key(
        Consumer,
        "max.poll.interval.ms",
        integer(1, INT_MAX),
        "300000",
        "A member that does not poll for so long leaves the group and loses its partitions.",
    ),
    key(
        Consumer,
        "enable.auto.commit",
        Kind::Boolean,
        "true",
        "Commit the positions of records returned by earlier polls from time to time, and before partitions are given up.",
    ),
    key(
        Consumer,
        "auto.commit.interval.ms",
        integer(0, INT_MAX),
        "5000",
        "How often positions are committed with enable.auto.commit.",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::ConsumerConfig;
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Option<MembershipConfig>, Vec<ConfigError>> {
        let given: Properties =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ConsumerConfig::from_properties(&given).map(|config| config.membership)
    }

    #[test]
    fn without_a_group_id_there_is_no_membership() {
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn the_defaults_are_kafkas() {
        let config = read(&[("group.id", "g")]).expect("defaults").expect("a group");
        assert_eq!(config.partition_assignment_strategy, [Assignor::Range, Assignor::CooperativeSticky]);
        assert_eq!(config.session_timeout, Duration::from_secs(45));
        assert_eq!(config.max_poll_interval, Duration::from_secs(300));
        assert!(config.enable_auto_commit);
        assert_eq!(config.group_protocol, GroupProtocol::Classic);
    }

    #[test]
    fn assignors_have_short_names_and_classes() {
        for assignor in Assignor::ALL {
            assert_eq!(Assignor::named(assignor.name()), Some(assignor));
            assert_eq!(Assignor::named(assignor.class()), Some(assignor));
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for refused in [
            &[("group.protocol", "consumer"), ("session.timeout.ms", "6000")][..],
            &[("group.protocol", "consumer"), ("heartbeat.interval.ms", "6000")],
            &[("group.protocol", "consumer"), ("partition.assignment.strategy", "range")],
            &[("group.remote.assignor", "uniform")],
            &[("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "3000")],
            &[("partition.assignment.strategy", "")],
            &[("partition.assignment.strategy", "range,best")],
            &[("partition.assignment.strategy", "range,range")],
        ] {
            let settings = [&[("group.id", "g")], refused].concat();
            assert!(read(&settings).is_err(), "{refused:?}");
        }
        assert!(read(&[("enable.auto.commit", "true")]).is_err(), "without a group");
    }
}
