//! Lost records: the chain from the acknowledgement to the hole, and what the replicas held at each moment.

use serde::{Deserialize, Serialize};

/// The lost records of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// How many acknowledged records were lost in this run.
    pub total: u64,
    /// The chains of the first of them; fewer than `total` if there are many.
    pub chains: Vec<LossChain>,
    /// The replicas around the first loss; absent if nothing was lost.
    pub grid: Option<OffsetGrid>,
}

/// How one acknowledged record was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossChain {
    /// `orders/0`.
    pub partition: String,
    /// The offset the acknowledgement named, or a broker is known to have given it; acks=0 names none.
    pub offset: Option<u64>,
    /// How the page names the record: `k17#204`.
    pub record: String,
    /// The producer that was told it is written.
    pub producer: String,
    /// Its producer id, if it had one.
    pub producer_id: Option<i64>,
    /// Sequence of the record, if it had one.
    pub sequence: Option<i32>,
    /// When it was acknowledged.
    pub acked_at_ns: u64,
    /// Broker that acknowledged it; with acks=0 nobody did.
    pub acked_by: Option<i32>,
    /// Leader epoch it was written in, if it was written.
    pub epoch: Option<i32>,
    /// The ISR at the acknowledgement.
    pub isr: Vec<i32>,
    /// Replicas that held it at the acknowledgement.
    pub held_by: Vec<i32>,
    /// Acknowledged, election, truncation, missing: in order.
    pub steps: Vec<ChainStep>,
    /// The rule or setting that let it happen, one sentence.
    pub rule: String,
}

/// One step of a chain, drawn as a rung of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStep {
    /// When.
    pub at_ns: u64,
    /// What kind.
    pub kind: StepKind,
    /// Who acts: `producer checkout/0`, `broker 1`, `controller`, `reader`.
    pub from: String,
    /// Who receives; absent if the step concerns only one.
    pub to: Option<String>,
    /// False if the message never arrived.
    pub delivered: bool,
    /// A label of a few words for the arrow.
    pub label: String,
    /// The sentence.
    pub text: String,
}

/// Kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A message between two.
    Message,
    /// The record was appended to a log.
    Appended,
    /// The producer was told that it is written.
    Acked,
    /// A fault struck.
    Fault,
    /// A leader was elected.
    Election,
    /// A replica cut its log.
    Truncation,
    /// A reader did not find it.
    Missing,
}

/// What every replica held, at up to three moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetGrid {
    /// `orders/0`.
    pub partition: String,
    /// Offset of the first column.
    pub first_offset: u64,
    /// Number of columns.
    pub columns: u32,
    /// The first offset at which two replicas differ.
    pub divergence: Option<u64>,
    /// Before, at the fault, after: by time.
    pub moments: Vec<GridMoment>,
}

/// The replicas at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridMoment {
    /// `before the crash`.
    pub title: String,
    /// When.
    pub at_ns: u64,
    /// One row per replica.
    pub rows: Vec<GridRow>,
}

/// The log of one replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridRow {
    /// Broker id.
    pub replica: i32,
    /// What it is at that moment: `leader`, `follower`, `down`.
    pub role: String,
    /// One cell per column; `None` where the log holds nothing. Shorter lists are padded with nothing.
    pub cells: Vec<Option<GridCell>>,
    /// Its high watermark: the first offset that is not committed.
    pub high_watermark: Option<u64>,
}

/// One record at one offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridCell {
    /// How the page names it, as in [`LossChain::record`]; a few characters.
    pub record: String,
    /// Leader epoch of its batch.
    pub epoch: i32,
    /// True if a producer was told it is written.
    pub acked: bool,
    /// True if it is lost at the end of the run.
    pub lost: bool,
}
