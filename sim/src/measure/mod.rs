//! The figures of one run, in exact virtual time.
//!
//! **Latency** is of acknowledged sends, from the intended start to the acknowledgement; as the client thread saw it,
//! it counts from the real call. A send that failed has no latency: it is counted beside. **Outside faults** are the
//! sends whose whole time, from intended start to acknowledgement, no fault overlaps; all others are **during
//! faults**. So a send that was on its way when the fault struck counts as hit by it, and one that was wanted after
//! the fault ended does not, even if it still suffers.
//!
//! Nothing here judges. What cannot be known because nothing of the kind happened is absent, never zero.

mod availability;
mod facts;
mod group;
mod latency;
mod loss;
mod recovery;

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;

pub use availability::Availability;
pub use facts::RunFacts;
pub use group::{GroupFigures, Lag, LagStep, lag};
pub use latency::Latencies;
pub use recovery::{FaultRecovery, leaders_at};

use crate::history::{Send, SendOutcome};
use crate::run::{FaultRecord, RunOutcome};
use crate::scenario::{Guarantee, Plan};
use crate::view::Phase;

/// A stretch of virtual time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    /// From.
    pub start: Instant,
    /// To.
    pub end: Instant,
}

impl Span {
    /// Its length.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end.since(self.start)
    }

    pub(crate) fn overlaps(&self, other: &Span) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// How many records ended how. Pending counts as unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Handed to producers.
    pub sent: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Provably not written.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Returned to consumers during the run.
    pub consumed: u64,
}

/// Produce latency of one run or of many.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ProduceLatency {
    /// Every acknowledged send.
    pub all: Latencies,
    /// Those no fault touched.
    pub outside_faults: Latencies,
    /// Those some fault touched.
    pub during_faults: Latencies,
    /// Every acknowledged send, from the moment the client was called.
    pub client_thread: Latencies,
    /// Those one fault touched, by the fault's name.
    pub during: BTreeMap<String, Latencies>,
}

impl ProduceLatency {
    /// Adds the values of `other`. The order of additions does not matter.
    pub fn add(&mut self, other: &ProduceLatency) {
        self.all.add(&other.all);
        self.outside_faults.add(&other.outside_faults);
        self.during_faults.add(&other.during_faults);
        self.client_thread.add(&other.client_thread);
        for (fault, latencies) in &other.during {
            self.during.entry(fault.clone()).or_default().add(latencies);
        }
    }
}

/// The figures of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// The load, from its start to its end.
    pub load: Span,
    /// When the run ended.
    pub end: Instant,
    /// How records ended.
    pub counts: Counts,
    /// Produce latency.
    pub latency: ProduceLatency,
    /// When partitions could not be written, by partition.
    pub partitions: BTreeMap<TopicPartition, Availability>,
    /// When clients could not write, by client.
    pub clients: BTreeMap<String, Availability>,
    /// What followed each fault that fired, in the order of the plan.
    pub recoveries: Vec<FaultRecovery>,
    /// The consumer groups, by the name of their table.
    pub groups: BTreeMap<String, GroupFigures>,
    /// Acknowledged records that cannot be read at the end; `None` if that was not checked.
    pub lost: Option<u64>,
    /// From the first to the last acknowledgement of a lost record; zero if none was lost.
    pub lost_window: Option<Duration>,
}

impl Measured {
    /// The longest time in which a partition could not be written, and which.
    #[must_use]
    pub fn longest_outage(&self) -> Option<(&TopicPartition, Span)> {
        let longest = self.partitions.iter().filter_map(|(name, found)| Some((name, found.longest?)));
        // The first of equal ones, so that the answer does not depend on the order of a search.
        longest.reduce(|best, next| if next.1.length() > best.1.length() { next } else { best })
    }

    /// What followed one time that a fault fired; `None` if it did not.
    #[must_use]
    pub fn recovery(&self, fault: &FaultRecord) -> Option<&FaultRecovery> {
        self.recoveries
            .iter()
            .find(|recovery| recovery.fault == fault.name && recovery.firing == fault.firing)
    }

    /// The longest recovery time of a fault, of all the times it fired; `None` if there was nothing to recover.
    #[must_use]
    pub fn rto(&self, fault: &str) -> Option<Duration> {
        let own = self.recoveries.iter().filter(|recovery| recovery.fault == fault);
        own.filter_map(FaultRecovery::rto).max()
    }
}

/// When a fault was active; `None` if it never fired.
#[must_use]
pub fn active(fault: &FaultRecord, end: Instant) -> Option<Span> {
    let start = fault.began?;
    Some(Span { start, end: fault.ended.unwrap_or(end).max(start) })
}

/// When the run ended.
#[must_use]
pub fn end_of(run: &RunOutcome) -> Instant {
    run.began(Phase::Done).or_else(|| run.phases.last().map(|(_, at)| *at)).unwrap_or(Instant::START)
}

/// Takes the figures of a run.
#[must_use]
pub fn measure(plan: &Plan, run: &RunOutcome) -> Measured {
    let (start, load_end) = run.load();
    let load = Span { start, end: load_end };
    let end = end_of(run);
    let (partitions, clients) = availability::measure(plan, run, load);
    Measured {
        load,
        end,
        counts: count(run),
        latency: latency_of(run, end),
        partitions,
        clients,
        recoveries: recovery::measure(plan, run, end),
        groups: group::measure(plan, run, end),
        lost: run
            .finding(Guarantee::NoAckedRecordLost)
            .filter(|finding| finding.checked > 0)
            .map(|finding| finding.violated),
        lost_window: loss::window(run),
    }
}

fn count(run: &RunOutcome) -> Counts {
    let mut counts = Counts::default();
    for (_, send) in run.history.load_sends() {
        counts.sent += 1;
        match send.outcome {
            SendOutcome::Acknowledged { .. } => counts.acked += 1,
            SendOutcome::Failed(_) => counts.failed += 1,
            SendOutcome::Unknown(_) | SendOutcome::Pending => counts.unknown += 1,
        }
    }
    let read = run.history.readers.iter().map(|reader| reader.reads.len() as u64);
    let given = run.history.members.iter().map(|life| life.deliveries.len() as u64);
    counts.consumed = read.chain(given).sum();
    counts
}

/// The time of an acknowledged send, from its intended start.
fn acknowledged(send: &Send) -> Option<Span> {
    send.acknowledged()?;
    Some(Span { start: send.intended, end: send.completed? })
}

fn latency_of(run: &RunOutcome, end: Instant) -> ProduceLatency {
    let faults: Vec<(&str, Span)> =
        run.faults.iter().filter_map(|fault| Some((fault.name.as_str(), active(fault, end)?))).collect();
    let mut latency = ProduceLatency::default();
    for (fault, _) in &faults {
        latency.during.entry((*fault).to_owned()).or_default();
    }
    for (_, send) in run.history.load_sends() {
        let Some(span) = acknowledged(send) else { continue };
        latency.all.record(span.length());
        latency.client_thread.record(span.end.since(send.invoked));
        let mut touched = false;
        let mut counted: Option<&str> = None;
        for (fault, active) in &faults {
            if span.overlaps(active) {
                touched = true;
                // The times a fault fired stand one after the other: a send counts once for each fault.
                if counted.replace(fault) != Some(fault) {
                    latency.during.entry((*fault).to_owned()).or_default().record(span.length());
                }
            }
        }
        let side = if touched { &mut latency.during_faults } else { &mut latency.outside_faults };
        side.record(span.length());
    }
    latency
}

#[cfg(test)]
mod tests;
