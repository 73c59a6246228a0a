//! The keys of every table: those that are built, and those the format defines for later.

/// Keys of one kind of table.
pub(crate) struct Keys {
    /// They work.
    pub(crate) built: &'static [&'static str],
    /// They are refused by name.
    pub(crate) later: &'static [&'static str],
}

pub(crate) const TOP: &Keys = &Keys {
    built: &[
        "format",
        "name",
        "hypothesis",
        "tags",
        "include",
        "expect",
        "run",
        "matrix",
        "cluster",
        "topic",
        "producer",
        "consumer",
        "fault",
    ],
    later: &["report"],
};
pub(crate) const EXPECT: &Keys = &Keys { built: &["that", "on"], later: &[] };
pub(crate) const RUN: &Keys = &Keys { built: &["duration", "settle", "seeds"], later: &[] };
pub(crate) const CLUSTER: &Keys = &Keys {
    built: &[
        "brokers",
        "controllers",
        "mode",
        "profile",
        "latency",
        "protocol",
        "disk",
        "properties-file",
        "properties",
        "config",
    ],
    later: &["network", "racks"],
};
pub(crate) const DISK: &Keys = &Keys { built: &["fsync", "on-power-loss"], later: &["writeback"] };
pub(crate) const TOPIC: &Keys =
    &Keys { built: &["partitions", "replication", "properties-file", "properties", "config"], later: &[] };
pub(crate) const PRODUCER: &Keys = &Keys {
    built: &["topic", "count", "rate", "keys", "value-size", "properties-file", "properties", "config"],
    later: &["transaction"],
};
/// `keys = { ... }` of a producer.
pub(crate) const KEYS: &Keys = &Keys { built: &["distinct", "skew"], later: &[] };
pub(crate) const CONSUMER: &Keys = &Keys {
    built: &["topics", "members", "work", "commit", "group", "properties-file", "properties", "config"],
    later: &[],
};
/// Of these, the keys that only a consumer group has.
pub(crate) const GROUP: &[&str] = &["work", "commit", "group"];
pub(crate) const FAULT: &Keys = &Keys {
    built: &joined::<{ FAULT_ITSELF.len() + ACTION_KEYS.len() }>(FAULT_ITSELF),
    later: &["max-affected", "stagger"],
};
/// An entry of `pick`.
pub(crate) const STRIKE: &Keys = &Keys {
    built: &joined::<{ STRIKE_ITSELF.len() + ACTION_KEYS.len() }>(STRIKE_ITSELF),
    later: &["max-affected", "stagger"],
};

/// The keys of a fault that have a meaning whatever its action is.
const FAULT_ITSELF: &[&str] = &[
    "at", "when", "after", "every", "from", "until", "times", "chance", "pick", "action", "for", "optional",
];
/// The keys of an entry of `pick` that have a meaning whatever its action is.
pub(crate) const STRIKE_ITSELF: &[&str] = &["weight", "action", "for"];

/// The keys that only some actions have, each with those actions.
pub(crate) const ACTION_KEYS: &[(&str, &[&str])] = &[
    (
        "target",
        &[
            "crash",
            "power-loss",
            "restart",
            "pause",
            "slow-link",
            "add",
            "remove",
            "slow-work",
            "disk-full",
            "disk-slow",
            "disk-stall",
            "disk-read-error",
            "disk-corrupt",
            "fsync-error",
            "fsync-lies",
        ],
    ),
    ("side-a", &["partition"]),
    ("side-b", &["partition"]),
    ("cut", &["partition"]),
    ("latency", &["slow-link", "disk-slow"]),
    (
        "files",
        &[
            "disk-full",
            "disk-slow",
            "disk-stall",
            "disk-read-error",
            "disk-corrupt",
            "fsync-error",
            "fsync-lies",
        ],
    ),
    (
        "partition",
        &[
            "reassign",
            "move-leader",
            "disk-full",
            "disk-slow",
            "disk-stall",
            "disk-read-error",
            "disk-corrupt",
            "fsync-error",
            "fsync-lies",
        ],
    ),
    ("free", &["disk-full"]),
    ("share", &["disk-read-error", "fsync-error", "fsync-lies"]),
    ("bits", &["disk-corrupt"]),
    ("replicas", &["reassign"]),
    ("factor", &["slow-work"]),
];

/// `itself`, then the names of [`ACTION_KEYS`].
const fn joined<const COUNT: usize>(itself: &[&'static str]) -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let mut index = 0;
    while index < COUNT {
        names[index] = if index < itself.len() { itself[index] } else { ACTION_KEYS[index - itself.len()].0 };
        index += 1;
    }
    names
}

/// Actions of faults that the format defines for later.
pub(crate) const ACTIONS_LATER: &[&str] = &[
    "stop-clean",
    "isolate",
    "drop-link",
    "reorder-link",
    "duplicate-link",
    "disk-lost-write",
    "clock-jump",
    "clock-drift",
    "set-config",
];

/// Where a key that is unknown here would be right.
pub(crate) fn elsewhere(key: &str) -> Option<String> {
    let tables: &[(&str, &Keys)] = &[
        ("at the top of the file, before the first table", TOP),
        ("in [run]", RUN),
        ("in [cluster]", CLUSTER),
        ("in [cluster.disk]", DISK),
        ("in [topic.NAME]", TOPIC),
        ("in [producer.NAME]", PRODUCER),
        ("in [consumer.NAME]", CONSUMER),
        ("in [fault.NAME]", FAULT),
        ("in an entry of `pick` of a fault", STRIKE),
    ];
    if let Some((place, _)) = tables.iter().find(|(_, keys)| keys.built.contains(&key)) {
        return Some(format!("`{key}` belongs {place}"));
    }
    let setting = tribunal_engine::config::KEYS
        .iter()
        .any(|setting| setting.name == key || first_part(setting.name) == key);
    setting.then(|| "Kafka's settings stand in `config = { ... }`, their names in quotes".to_owned())
}

/// What TOML makes of an unquoted dotted name: its first part.
fn first_part(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::action::ACTIONS;

    #[test]
    fn every_action_has_keys_and_no_key_belongs_to_an_action_that_is_not_built() {
        let built: Vec<&str> = ACTIONS.iter().map(|(action, _)| *action).collect();
        for (key, actions) in ACTION_KEYS {
            assert!(actions.iter().all(|action| built.contains(action)), "{key}");
        }
        for action in built {
            assert!(ACTION_KEYS.iter().any(|(_, actions)| actions.contains(&action)), "{action}");
        }
    }
}
