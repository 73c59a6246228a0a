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
        "expect",
        "run",
        "matrix",
        "cluster",
        "topic",
        "producer",
        "consumer",
        "fault",
    ],
    later: &["include", "report"],
};
pub(crate) const EXPECT: &Keys = &Keys { built: &["that", "on"], later: &[] };
pub(crate) const RUN: &Keys = &Keys { built: &["duration", "settle", "seeds"], later: &[] };
pub(crate) const CLUSTER: &Keys = &Keys {
    built: &["brokers", "controllers", "mode", "profile", "latency", "protocol", "disk", "config"],
    later: &["network", "racks", "properties", "properties-file"],
};
pub(crate) const DISK: &Keys = &Keys { built: &["fsync", "on-power-loss"], later: &["writeback"] };
pub(crate) const TOPIC: &Keys =
    &Keys { built: &["partitions", "replication", "config"], later: &["properties", "properties-file"] };
pub(crate) const PRODUCER: &Keys = &Keys {
    built: &["topic", "count", "rate", "keys", "value-size", "config"],
    later: &["properties", "properties-file", "transaction"],
};
pub(crate) const CONSUMER: &Keys = &Keys {
    built: &["topics", "members", "config"],
    later: &["work", "commit", "group", "properties", "properties-file"],
};
pub(crate) const FAULT: &Keys = &Keys {
    built: &[
        "at",
        "when",
        "action",
        "target",
        "side-a",
        "side-b",
        "cut",
        "latency",
        "files",
        "partition",
        "free",
        "share",
        "bits",
        "replicas",
        "for",
        "optional",
    ],
    later: &[
        "after",
        "every",
        "from",
        "until",
        "times",
        "pick",
        "chance",
        "max-affected",
        "stagger",
        "factor",
        "weight",
    ],
};

/// Actions of faults that the format defines for later.
pub(crate) const ACTIONS_LATER: &[&str] = &[
    "stop-clean",
    "remove",
    "isolate",
    "drop-link",
    "reorder-link",
    "duplicate-link",
    "disk-lost-write",
    "clock-jump",
    "clock-drift",
    "set-config",
    "slow-work",
    "pick",
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
