//! The clients of a plan: producers, consumers, groups.

use tribunal_engine::config::{ConsumerConfig, ProducerConfig, Properties};
use tribunal_engine::id::TopicName;

use crate::scenario::distribution::Distribution;
use crate::scenario::units::{Rate, SizeRange};

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
    /// The keys of records.
    pub keys: Keys,
    /// Size of a record's value, uniform between the two.
    pub value_size: SizeRange,
    /// `producer.properties` as given.
    pub properties: Properties,
    /// The same, read, with defaults.
    pub config: ProducerConfig,
}

/// Which keys records have.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Keys {
    /// Number of different keys; 0 means records without key.
    pub distinct: u32,
    /// How often each is drawn.
    pub skew: Skew,
}

/// How often each key is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Skew {
    /// Every key as often as any other.
    Even,
    /// The k-th key in proportion to `1 / k^exponent`: a few keys have most of the records.
    Zipf {
        /// Above 0; 1.1 is usual for names and words.
        exponent: f64,
    },
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
    /// Names of its hosts: one for each member, `billing-0` first, those that faults may add at the end; without a
    /// group one with the table's name.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        match &self.group {
            Some(group) => {
                (0..group.members + group.added_max).map(|number| member_host(&self.name, number)).collect()
            }
            None => vec![self.name.clone()],
        }
    }

    /// Of them, those that have no process until a fault adds the member.
    #[must_use]
    pub fn late_hosts(&self) -> Vec<String> {
        let first = self.group.as_ref().map_or(u32::MAX, |group| group.members);
        self.hosts().into_iter().skip(usize::try_from(first).unwrap_or(usize::MAX)).collect()
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
    /// Members at first.
    pub members: u32,
    /// Most members that faults may add; their hosts are there from the beginning, without a process.
    pub added_max: u32,
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
