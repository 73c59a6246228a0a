//! How acknowledged records were lost: from the acknowledgement over the fault and the election to the cut.
//!
//! Everything is read from what machines and clients said in the run; nothing is run again. What cannot be known
//! is left out rather than guessed: a record sent with acks=0 has no offset unless a reader saw it. The plan's
//! protocol may be a planted bug; the rule then says which step broke the protocol.

mod cause;
mod grid;
mod steps;
#[cfg(test)]
mod tests;
mod trace;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use crate::checker::no_acked_record_lost::{Lost, lost};
use crate::history::RecordId;
use crate::run::RunOutcome;
use crate::scenario::Plan;

pub use cause::{Cause, Removal, Strike};
pub use grid::{GridCell, GridMoment, GridRow, OffsetGrid};
pub use steps::{ChainStep, StepKind};

/// The lost records of one run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// How many acknowledged records were lost.
    pub total: u64,
    /// The chains of the first of them, by the time of the acknowledgement.
    pub chains: Vec<LossChain>,
    /// The replicas around the first of these losses that has an offset.
    pub grid: Option<OffsetGrid>,
}

/// How one acknowledged record was lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LossChain {
    /// The record.
    pub record: RecordId,
    /// Name of the producer that was told that it is written.
    pub producer: String,
    /// Where it went.
    pub partition: TopicPartition,
    /// The offset the acknowledgement named, or at which a reader saw it; none if nobody knows it.
    pub offset: Option<Offset>,
    /// What the producer waited for.
    pub acks: Acks,
    /// When the producer got the acknowledgement.
    pub acked_at: Instant,
    /// Broker that acknowledged it; none if no broker is known to have had it.
    pub acked_by: Option<NodeId>,
    /// Leader epoch it was written in.
    pub epoch: Option<LeaderEpoch>,
    /// The ISR at the acknowledgement, as the leader knew it.
    pub isr: Vec<NodeId>,
    /// Replicas that held it at the acknowledgement.
    pub held_by: Vec<NodeId>,
    /// What happened, by time.
    pub steps: Vec<ChainStep>,
    /// The rule that let it happen, in a sentence.
    pub rule: String,
    /// The same as a class.
    pub cause: Cause,
    /// What struck the broker that had acknowledged.
    pub strike: Strike,
    /// What removed the last copies.
    pub removal: Removal,
}

/// The lost records of a run, with the chains of at most `kept_max` of them.
#[must_use]
pub fn loss_chains(plan: &Plan, run: &RunOutcome, kept_max: usize) -> Losses {
    let (_, all) = lost(&run.history);
    let chains: Vec<LossChain> = all.iter().take(kept_max).map(|lost| chain(plan, run, lost)).collect();
    let grid = all.iter().take(kept_max).find_map(|lost| {
        let trace = trace::Trace::of(run, lost);
        grid::grid(run, &trace, &all)
    });
    Losses { total: all.len() as u64, chains, grid }
}

fn chain(plan: &Plan, run: &RunOutcome, lost: &Lost<'_>) -> LossChain {
    let trace = trace::Trace::of(run, lost);
    let acked_at = lost.send.completed.unwrap_or(lost.send.invoked);
    let cause = cause::cause(lost, &trace);
    LossChain {
        record: lost.send.record,
        producer: lost.producer.name.clone(),
        partition: lost.partition.clone(),
        offset: trace.offset,
        acks: lost.producer.acks,
        acked_at,
        acked_by: trace.given.map(|given| given.broker),
        epoch: trace.epoch,
        isr: trace.given.map(|given| given.isr.clone()).unwrap_or_default(),
        held_by: trace.held_by.clone(),
        steps: steps::steps(run, lost, &trace),
        rule: cause::rule(plan, lost, &trace, cause),
        cause,
        strike: trace.strike(),
        removal: trace.removal(),
    }
}

/// A short class of a chain, to group the seeds that lose records in the same way: "acknowledged by the leader
/// alone, leader crashed, truncated on return".
#[must_use]
pub fn signature(chain: &LossChain) -> String {
    [chain.cause.words(), chain.strike.words(), chain.removal.words()]
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect::<Vec<&str>>()
        .join(", ")
}
