//! What a scenario file means, validated: the input of the runner and of the report.
//!
//! A [`Scenario`] has one [`Plan`] for each variant of its matrix (a single one without a matrix). A plan is
//! complete: every name resolves, every default is filled in, nothing has to be checked again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribunal_engine::config::{BrokerConfig, ConsumerConfig, ProducerConfig, Properties, TopicConfig};
use tribunal_engine::id::{NodeId, TopicName, TopicPartition};
use tribunal_engine::variant::ProtocolVariant;

use super::disk_fault::DiskFaultPlan;
use super::distribution::Distribution;
use super::expect::Expectation;
use super::expr::Expr;
use super::profile::{CpuModel, DiskModel, NetworkModel, Profile};
use super::seeds::SeedSet;
use super::target::{Target, TargetExpr};
use super::units::{DurationRange, Rate, SizeRange};

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
    /// The text it was read from.
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

/// Brokers that one of `faults` adds, each once, however many faults add it.
pub(crate) fn late_brokers(faults: &[FaultPlan]) -> BTreeSet<NodeId> {
    let adds = faults.iter().filter(|fault| fault.action == Action::Add);
    let targets = adds.flat_map(|fault| &fault.targets.0);
    targets.filter_map(|target| if let Target::Broker(id) = target { Some(*id) } else { None }).collect()
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

/// One kind of producer.
#[derive(Clone, PartialEq, Debug)]
pub struct ProducerPlan {
    /// Name of its table.
    pub name: String,
    /// Where it writes.
    pub topic: TopicName,
    /// So many clients of this kind.
    pub count: u32,
    /// Records per time of each client. Load is open: the clock decides, not the answers.
    pub rate: Rate,
    /// Number of different keys, drawn evenly; 0 means records without key.
    pub keys: u32,
    /// Size of a record's value, uniform between the two.
    pub value_size: SizeRange,
    /// `producer.properties` as given.
    pub properties: Properties,
    /// The same, read, with defaults.
    pub config: ProducerConfig,
}

impl ProducerPlan {
    /// Names of its hosts, one for each client: `checkout-0` first.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        (0..self.count).map(|number| format!("{}-{number}", self.name)).collect()
    }
}

/// One kind of consumer: a group of members, or one client that assigns itself every partition of its topics.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerPlan {
    /// Name of its table.
    pub name: String,
    /// What it reads.
    pub topics: Vec<TopicName>,
    /// `consumer.properties` as given.
    pub properties: Properties,
    /// The same, read, with defaults.
    pub config: ConsumerConfig,
    /// The group; `None` for a client without one.
    pub group: Option<GroupPlan>,
}

impl ConsumerPlan {
    /// Names of its hosts: one for each member, `billing-0` first; without a group one with the table's name.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        match &self.group {
            Some(group) => (0..group.members).map(|number| member_host(&self.name, number)).collect(),
            None => vec![self.name.clone()],
        }
    }
}

/// Name of the host of a group's member; `table` is the name of its consumer table, members count from 0.
#[must_use]
pub fn member_host(table: &str, number: u32) -> String {
    format!("{table}-{number}")
}

/// A consumer group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupPlan {
    /// `group.id`.
    pub id: String,
    /// Members at first; faults may add more.
    pub members: u32,
    /// How long a member works on each record it has read.
    pub work: Distribution,
    /// When its members commit.
    pub commit: Commit,
}

/// When a member of a group commits the offsets of what it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Commit {
    /// When the records of a poll are processed: a crash makes some be processed twice.
    #[default]
    AfterProcessing,
    /// Before the records of a poll are processed: a crash leaves some unprocessed.
    BeforeProcessing,
    /// The consumer commits by itself inside of poll (`enable.auto.commit`), and the poll loop processes.
    Auto,
    /// The consumer commits by itself, and another task processes: what is committed may not be processed yet.
    AutoAsync,
    /// Never.
    Never,
}

impl Commit {
    /// Each with its name in scenario files.
    pub const NAMED: &'static [(&'static str, Commit)] = &[
        ("after-processing", Commit::AfterProcessing),
        ("before-processing", Commit::BeforeProcessing),
        ("auto", Commit::Auto),
        ("auto-async", Commit::AutoAsync),
        ("never", Commit::Never),
    ];
}

/// One fault.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultPlan {
    /// Name of its table.
    pub name: String,
    /// Line of its table, from 1.
    pub line: usize,
    /// When it fires. A fault fires at most once a run.
    pub trigger: Trigger,
    /// What happens.
    pub action: Action,
    /// To whom; empty for [`Action::Partition`] and [`Action::SlowLink`], which name their own, and for what the
    /// operator does to a partition.
    pub targets: TargetExpr,
    /// How long; `None`: until the end of load, and for a restart no pause at all.
    pub duration: Option<DurationRange>,
    /// Whether it may stay away: otherwise a fault that fires in no seed makes the result `not tested`.
    pub optional: bool,
}

/// When a fault fires.
#[derive(Clone, PartialEq, Debug)]
pub enum Trigger {
    /// At this time after load began, drawn from the seed if it is a range.
    At(DurationRange),
    /// When this becomes true for the first time.
    When(Expr),
}

/// What a fault does.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// The process dies, the machine lives: peers see the connections close, the page cache stays. It starts again
    /// when the fault ends.
    Crash,
    /// The machine goes dark: peers see silence, unsynced bytes are lost as the disk model says.
    PowerLoss,
    /// An orderly stop and, after the fault's duration, a start.
    Restart,
    /// The process stands still; its connections stay.
    Pause,
    /// Messages between the two sides are lost.
    Partition {
        /// One side.
        side_a: TargetExpr,
        /// The other; [`Target::Rest`] is everything that is not in `side_a`.
        side_b: TargetExpr,
        /// Which direction.
        cut: Cut,
    },
    /// Messages between two targets take this long, both ways.
    SlowLink {
        /// One end and the other.
        link: (Target, Target),
        /// Latency of each message while the fault lasts.
        latency: Distribution,
    },
    /// Something is wrong with the disks of the targets.
    Disk(DiskFaultPlan),
    /// The targets are new machines: they are not there until the fault fires.
    Add,
    /// The operator moves a partition to other replicas. Over when every one of them has all of it.
    Reassign {
        /// The partition.
        partition: TopicPartition,
        /// Where to, the preferred leader first.
        replicas: Vec<NodeId>,
    },
    /// The operator asks for the preferred leader of a partition. Over when the controller has answered.
    MoveLeader(TopicPartition),
}

/// Direction of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Neither side hears the other.
    Full,
    /// Side b cannot hear side a; side a still hears side b.
    OneWay,
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
