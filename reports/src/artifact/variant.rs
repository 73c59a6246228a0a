//! One variant: its settings, its verdicts and its figures over all seeds.

use super::{Exhibit, GroupFigures, GuaranteeVerdict};
use serde::{Deserialize, Serialize};

/// One combination of matrix values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// How the page names it: `acks=1`. Unique in a run.
    pub label: String,
    /// The value of each axis; empty without a matrix.
    pub axes: Vec<AxisValue>,
    /// Seeds that ran.
    pub seeds: u64,
    /// Simulated time over all seeds.
    pub simulated_ns: u64,
    /// One verdict per guarantee.
    pub verdicts: Vec<GuaranteeVerdict>,
    /// Figures over all seeds.
    pub figures: Figures,
    /// The one run that the page shows in full; absent if none was kept.
    pub exhibit: Option<Exhibit>,
}

/// One value of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisValue {
    /// `acks`.
    pub axis: String,
    /// `1`.
    pub value: String,
}

/// What a variant did, over all its seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Records a producer was told are written.
    pub acked: u64,
    /// Records that provably were not written.
    pub failed: u64,
    /// Records whose fate the producer cannot know.
    pub unknown: u64,
    /// Acknowledged records that no reader ever saw.
    pub lost: u64,
    /// The seed that lost most; absent if none lost any.
    pub worst_loss: Option<WorstSeed>,
    /// Produce latency.
    pub latency: Latency,
    /// The longest time without a successful produce; absent if there was none.
    pub longest_outage: Option<LongestOutage>,
    /// How long each fault took to recover from.
    pub recovery_times: Vec<RecoveryTime>,
    /// Acknowledged records per second of load, over all seeds.
    pub acked_per_second: u64,
    /// The consumer groups.
    #[serde(default)]
    pub groups: Vec<GroupFigures>,
}

/// The seed that lost most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstSeed {
    /// Which.
    pub seed: u64,
    /// Acknowledged records lost in it.
    pub records: u64,
}

/// The longest time in which no produce request succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongestOutage {
    /// The seed it happened in.
    pub seed: u64,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
    /// Who could not write: `orders/0`.
    pub who: String,
}

/// Recovery from one fault, over all seeds: from its start to the first acknowledgement after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryTime {
    /// Name of the fault.
    pub fault: String,
    /// Seeds in which it fired and recovery was seen.
    pub recovered: u64,
    /// Seeds in which it fired and nothing was acknowledged afterwards.
    pub never: u64,
    /// Median; absent if none recovered.
    pub p50_ns: Option<u64>,
    /// Worst; absent if none recovered.
    pub max_ns: Option<u64>,
}

/// Produce latency, pooled over all seeds (histograms added, never percentiles averaged).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// From the intended start, whole load phase.
    pub all: Percentiles,
    /// From the intended start, while no fault was active.
    pub outside_faults: Percentiles,
    /// From the intended start, while a fault was active.
    pub during_faults: Percentiles,
    /// From the moment the client thread really sent, whole load phase: hides waiting before the send.
    pub client_thread: Percentiles,
    /// The whole distribution behind `all`.
    pub curve: Curve,
    /// The whole distribution behind `client_thread`.
    pub client_thread_curve: Curve,
}

/// Five points of a distribution. With no samples all values are zero and mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many values were recorded.
    pub samples: u64,
    /// Half are not above it.
    pub p50_ns: u64,
    /// 90 %.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p99_9_ns: u64,
    /// The largest.
    pub max_ns: u64,
}

/// A cumulative distribution, as the quantile iterator of an HDR histogram walks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// Samples in all.
    pub samples: u64,
    /// Ascending in both fields. About a hundred points are plenty.
    pub points: Vec<CurvePoint>,
}

/// `at_or_below` samples took `value_ns` or less. Counts instead of percentiles, so that nothing rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Samples that are not above the value.
    pub at_or_below: u64,
    /// The value.
    pub value_ns: u64,
}
