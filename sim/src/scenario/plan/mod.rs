//! What a scenario file means, validated: the input of the runner and of the report.
//!
//! A [`Scenario`] has one [`Plan`] for each variant of its matrix (a single one without a matrix). A plan is
//! complete: every name resolves, every default is filled in, nothing has to be checked again.

mod fault;
mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribunal_engine::config::{BrokerConfig, Properties, TopicConfig};
use tribunal_engine::id::{NodeId, TopicName};
use tribunal_engine::variant::ProtocolVariant;

use super::expect::Expectation;
use super::profile::{CpuModel, DiskModel, NetworkModel, Profile};
use super::seeds::SeedSet;
pub(crate) use fault::late_brokers;
pub use fault::{Action, Cut, FaultPlan, Moment, Strike, Trigger};
pub use load::{Commit, ConsumerPlan, GroupPlan, Keys, ProducerPlan, Skew, member_host};

/// The host of the scenario's own clients: topic creation, the recovery probe, the final read.
pub const OPERATOR: &str = "operator";

/// The number of the format this version reads.
pub const FORMAT: u32 = 1;

/// A whole file.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// Its title.
    pub name: String,
    /// The sentence it puts to the test.
    pub hypothesis: Option<String>,
    /// Words to select scenarios by.
    pub tags: Vec<String>,
    /// The text it was read from: the file, then every other file it names. [`place`](super::place) says which line is
    /// whose; it reads again as it is.
    pub source: String,
    /// The file's name as it was given.
    pub file_name: String,
    /// Number of the format.
    pub format: u32,
    /// How it is judged, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// How long, and with which seeds. The same for every variant, so that the variants compare.
    pub run: RunSettings,
    /// The axes of the matrix, in the order of the file.
    pub axes: Vec<Axis>,
    /// One plan for each combination of axis values, the last axis turning fastest. Never empty.
    pub variants: Vec<Plan>,
}

/// The table `[run]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSettings {
    /// Virtual time under load.
    pub duration: Duration,
    /// Virtual time after it: faults healed, load stopped, the rest drained and read.
    pub settle: Duration,
    /// The seeds.
    pub seeds: SeedSet,
}

/// One axis of the matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its values as text.
    pub values: Vec<String>,
    /// Line of the file, from 1.
    pub line: usize,
}

/// One variant of a scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// `acks=1, flush=default`; empty without a matrix.
    pub label: String,
    /// Its value on each axis.
    pub axis_values: BTreeMap<String, String>,
    /// How long, and with which seeds.
    pub run: RunSettings,
    /// The cluster.
    pub cluster: ClusterPlan,
    /// The topics, by name in the order of the file.
    pub topics: Vec<TopicPlan>,
    /// The producers, in the order of the file.
    pub producers: Vec<ProducerPlan>,
    /// The consumers, in the order of the file.
    pub consumers: Vec<ConsumerPlan>,
    /// The faults, in the order of the file.
    pub faults: Vec<FaultPlan>,
    /// Indexes into [`Scenario::expectations`] of those that apply to this variant.
    pub expectations: Vec<usize>,
    /// Knobs of the protocol; the safe ones unless the scenario plants a bug.
    pub protocol: ProtocolVariant,
    /// Name of `protocol` in [`ProtocolVariant::NAMED`].
    pub protocol_name: &'static str,
    /// Every Kafka setting in force, with its origin.
    pub settings: Vec<Setting>,
}

impl Plan {
    /// Brokers that are not there from the beginning: a fault adds them.
    #[must_use]
    pub fn late_brokers(&self) -> BTreeSet<NodeId> {
        late_brokers(&self.faults)
    }
}

/// The cluster of a plan.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterPlan {
    /// Number of brokers; their ids are 1 to this.
    pub brokers: u16,
    /// Number of controllers: 1, 3 or 5.
    pub controllers: u16,
    /// Where they run.
    pub mode: Mode,
    /// The profile the models below start from.
    pub profile: &'static Profile,
    /// The network between any two hosts.
    pub network: NetworkModel,
    /// What work costs on a broker.
    pub cpu: CpuModel,
    /// The disk of each broker.
    pub disk: DiskModel,
    /// What a power loss leaves of bytes that were not synced.
    pub on_power_loss: OnPowerLoss,
    /// `server.properties` as given; defaults not included.
    pub properties: Properties,
    /// The same, read, with defaults.
    pub config: BrokerConfig,
}

/// Where controllers run (Kafka's `process.roles`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// On machines of their own.
    #[default]
    Dedicated,
    /// In the processes of the first brokers.
    Combined,
}

impl Mode {
    /// Every mode with its name in scenario files.
    pub const NAMED: &'static [(&'static str, Mode)] =
        &[("dedicated", Mode::Dedicated), ("combined", Mode::Combined)];
}

/// Id of the first dedicated controller; brokers count from 1.
pub const FIRST_CONTROLLER: i32 = 100;

impl ClusterPlan {
    /// Ids of the controllers, ascending; of brokers too, in combined mode.
    pub fn controller_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let first = match self.mode {
            Mode::Dedicated => FIRST_CONTROLLER,
            Mode::Combined => 1,
        };
        (first..first + i32::from(self.controllers)).map(NodeId)
    }

    /// Ids of the brokers, ascending.
    pub fn broker_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=i32::from(self.brokers)).map(NodeId)
    }
}

/// What a power loss leaves of bytes that were written but not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnPowerLoss {
    /// All of them: a battery, or luck.
    KeepAll,
    /// A prefix; the rest is gone.
    UnsyncedSuffix,
    /// A prefix that may end in the middle of a record batch.
    TornLastBatch,
    /// Any part of them, not only a prefix.
    RandomSubset,
}

impl OnPowerLoss {
    /// Each with its name in scenario files.
    pub const NAMED: &'static [(&'static str, OnPowerLoss)] = &[
        ("keep-all", OnPowerLoss::KeepAll),
        ("unsynced-suffix", OnPowerLoss::UnsyncedSuffix),
        ("torn-last-batch", OnPowerLoss::TornLastBatch),
        ("random-subset", OnPowerLoss::RandomSubset),
    ];
}

/// One topic.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicPlan {
    /// Its name.
    pub name: TopicName,
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each partition.
    pub replication: i16,
    /// Its own settings as given.
    pub properties: Properties,
    /// The settings in force: its own over the cluster's.
    pub config: TopicConfig,
}

/// One Kafka setting in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The table it belongs to: `cluster`, `topic.orders`, `producer.checkout`, `consumer.audit`.
    pub table: String,
    /// Kafka's name.
    pub name: &'static str,
    /// The value in force.
    pub value: String,
    /// What it is without this scenario.
    pub default: &'static str,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Kafka's default, or the only value this engine has.
    Default,
    /// This line of the scenario, from 1.
    File {
        /// The line.
        line: usize,
    },
    /// An axis of the matrix.
    Matrix {
        /// The axis.
        axis: String,
        /// Line of the value, from 1.
        line: usize,
    },
    /// A topic that inherits the cluster's setting of this name.
    Cluster {
        /// The broker setting.
        name: &'static str,
    },
}
