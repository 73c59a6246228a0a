//! Effective settings, advice, and what was not tested.

use serde::{Deserialize, Serialize};

/// One effective setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// `cluster`, `topic orders`, `producer checkout`.
    pub scope: String,
    /// Kafka's name: `min.insync.replicas`.
    pub name: String,
    /// The value in force.
    pub value: String,
    /// Kafka's default; absent if it has none.
    pub default: Option<String>,
    /// Where the value comes from: `leader-crash.toml:31`, `matrix`, `default`.
    pub origin: String,
    /// True if somebody set it, even to its default.
    pub changed: bool,
    /// The variant it is for; absent if it is the same in all.
    pub variant: Option<String>,
}

/// Something the run was meant to test and did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotTested {
    /// What: `truncation on broker 3`.
    pub what: String,
    /// Why: `broker 3 was never behind when a leader was elected`.
    pub reason: String,
}

/// Advice about the scenario or a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Code for `tribunal explain`: `K003`.
    pub code: String,
    /// What, and what to do about it.
    pub text: String,
    /// The setting it concerns (`acks`); absent if it concerns the whole scenario.
    pub setting: Option<String>,
    /// Its line in the scenario, counted from 1.
    pub line: Option<u32>,
}

/// How often something interesting happened: a campaign without a leader change proves little about elections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// `leader changes`.
    pub what: String,
    /// Times, over all variants and seeds.
    pub count: u64,
    /// Seeds it happened in, over all variants.
    pub seeds: u64,
}
