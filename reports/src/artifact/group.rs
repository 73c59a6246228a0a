//! Consumer groups: their figures over all seeds, and who owned what in the run that is shown.

use super::Percentiles;
use serde::{Deserialize, Serialize};

/// What a consumer group did, over all seeds of a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// Its name in the scenario.
    pub group: String,
    /// Rebalances that began.
    pub rebalances: u64,
    /// How long those that ended took.
    pub rebalance_time: Percentiles,
    /// Share of their time in which members owned nothing because of a rebalance, in millionths; absent if no member ever
    /// owned anything.
    pub stopped_millionths: Option<u32>,
    /// Partitions that got another owner.
    pub moved: u64,
    /// From the death of an owner's process to the next owner.
    pub takeover: Percentiles,
    /// Records processed, each time counted.
    pub processed: u64,
    /// Records given to members beyond the first time.
    pub redelivered: u64,
    /// Records whose processing ended when the member was none any more.
    pub by_zombies: u64,
    /// The largest lag in records; absent if there was nothing to read.
    pub max_lag: Option<u64>,
    /// The longest that a record waited to be committed by the group; absent if there was nothing to read.
    pub max_lag_age_ns: Option<u64>,
    /// The largest lag at the end of a run, in records.
    pub lag_at_end: Option<u64>,
}

/// A group in the run that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTrack {
    /// Its name in the scenario.
    pub group: String,
    /// Its members by the name of their host; other fields index them.
    pub members: Vec<String>,
    /// Who owned each partition, by partition.
    pub partitions: Vec<OwnerLane>,
    /// Its rebalances, by start.
    pub rebalances: Vec<RebalanceBand>,
}

/// Who owned one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerLane {
    /// `payments/3`.
    pub partition: String,
    /// By start. Two may overlap: a member that does not know yet that it is none goes on.
    pub owners: Vec<OwnerInterval>,
}

/// A member owned a partition, as it saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerInterval {
    /// Index into [`GroupTrack::members`].
    pub member: u32,
    /// Generation or member epoch.
    pub epoch: i32,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
    /// From when on the coordinator did not count it as a member any more.
    pub zombie_from_ns: Option<u64>,
}

/// One rebalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebalanceBand {
    /// Generation or group epoch.
    pub epoch: i32,
    /// Why it began.
    pub why: String,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
    /// Whether it came to its end; otherwise the next one, or the end of the run, cut it short.
    pub ended: bool,
}
