//! The one run of a variant that the page shows in full.

use super::{GroupTrack, Losses};
use serde::{Deserialize, Serialize};

/// One seed, with everything the charts over time need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    /// Which seed.
    pub seed: u64,
    /// Why this one: `the smallest run that lost a record`.
    pub why: String,
    /// The command that runs it again.
    pub reproduce: String,
    /// Hash over every event of this run, hexadecimal: whoever runs it again can compare.
    pub event_hash: String,
    /// Length of the run.
    pub duration_ns: u64,
    /// Boot, load, heal, drain: in order, without overlap.
    pub phases: Vec<Phase>,
    /// Injected faults, by start.
    pub faults: Vec<FaultBand>,
    /// One lane per broker, by id.
    pub brokers: Vec<BrokerLane>,
    /// In-sync replicas over time, one track per partition; the worst first, as many as the page should show.
    pub isr: Vec<IsrTrack>,
    /// Length of a window in the three lists below.
    pub window_ns: u64,
    /// Results per window, by start.
    pub outcomes: Vec<OutcomeWindow>,
    /// Times without a successful produce, by start.
    pub outages: Vec<Outage>,
    /// Latency from the intended start per window, by start. A window in which nothing completed is left out.
    pub latency: Vec<LatencyWindow>,
    /// How far consumers are behind, one track per group.
    pub lag: Vec<LagTrack>,
    /// The consumer groups.
    #[serde(default)]
    pub groups: Vec<GroupTrack>,
    /// Recovery from each fault, step by step.
    pub recoveries: Vec<Recovery>,
    /// Acknowledged records that were lost, and how.
    pub losses: Losses,
    /// What happened, five to nine sentences.
    pub story: Vec<StoryStep>,
}

/// A phase of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// `boot`, `load`, `heal`, `drain`.
    pub name: String,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
}

/// One injected fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultBand {
    /// Name in the scenario: `kill-leader`.
    pub name: String,
    /// `crash`, `partition`, `fsync-lies`.
    pub action: String,
    /// As resolved when it fired: `broker 1, leader of orders/0`.
    pub target: String,
    /// From.
    pub start_ns: u64,
    /// To; equal to the start for a fault of a moment.
    pub end_ns: u64,
    /// What it asks of hardware: `legal`, `rare` or `illegal`; empty in artifacts that do not say.
    #[serde(default)]
    pub hardware: String,
    /// For a fault of disks: how many operations it changed.
    #[serde(default)]
    pub struck: Option<u64>,
}

/// One broker over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerLane {
    /// Broker id.
    pub broker: i32,
    /// Whether it ran; gapless over the run.
    pub states: Vec<StateInterval>,
    /// Its role in the shown partitions, by partition and start. Absent while it is down.
    pub roles: Vec<RoleInterval>,
}

/// A broker was in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateInterval {
    /// Which.
    pub state: BrokerState,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
}

/// Whether a broker runs and takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerState {
    /// Runs and is registered.
    Up,
    /// The process or the machine is gone.
    Down,
    /// The process does not run but its connections stay.
    Paused,
    /// Runs, but the controller has fenced it.
    Fenced,
}

/// A broker had one role in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleInterval {
    /// `orders/0`.
    pub partition: String,
    /// Which.
    pub role: ReplicaRole,
    /// Leader epoch.
    pub epoch: i32,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
}

/// The role of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaRole {
    /// Leads.
    Leader,
    /// Follows, and is in the ISR.
    InSync,
    /// Follows, and is not in the ISR.
    OutOfSync,
}

/// The in-sync replicas of one partition over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsrTrack {
    /// `orders/0`.
    pub partition: String,
    /// Replicas assigned.
    pub replicas: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// Changes, by time; the first is the state at the start.
    pub steps: Vec<IsrStep>,
}

/// The ISR became this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsrStep {
    /// When.
    pub at_ns: u64,
    /// Broker ids, ascending.
    pub members: Vec<i32>,
}

/// Results of produce operations in one window, by the time they completed. Gaps may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeWindow {
    /// Start of the window.
    pub start_ns: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Records that provably were not written.
    pub failed: u64,
    /// Records whose fate is unknown to the producer.
    pub unknown: u64,
}

/// A time in which no produce succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Partition or client that could not write.
    pub who: String,
    /// From.
    pub start_ns: u64,
    /// To.
    pub end_ns: u64,
}

/// Latency of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyWindow {
    /// Start of the window.
    pub start_ns: u64,
    /// Values in it; at least one.
    pub samples: u64,
    /// Median.
    pub p50_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// The largest.
    pub max_ns: u64,
}

/// How far one group is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagTrack {
    /// Group or consumer name.
    pub group: String,
    /// By time.
    pub windows: Vec<LagWindow>,
}

/// Lag at the end of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagWindow {
    /// Start of the window.
    pub start_ns: u64,
    /// Records below the high watermark that the group has not read.
    pub records: u64,
    /// Age of the oldest of them.
    pub age_ns: u64,
}

/// What followed one fault. A step that never came is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Name of the fault.
    pub fault: String,
    /// When it began.
    pub start_ns: u64,
    /// The controller noticed.
    pub detected_ns: Option<u64>,
    /// Another leader was elected.
    pub new_leader_ns: Option<u64>,
    /// The first acknowledgement after it.
    pub first_ack_ns: Option<u64>,
    /// Every replica was back in the ISR.
    pub isr_full_ns: Option<u64>,
    /// Every consumer had caught up.
    pub lag_zero_ns: Option<u64>,
}

/// One sentence of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryStep {
    /// When.
    pub at_ns: u64,
    /// The sentence.
    pub text: String,
}
