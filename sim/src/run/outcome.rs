//! What a run leaves behind. Plain data: it can go to another thread and outlive the simulation.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::Instant;

use crate::checker::{Finding, Recovery};
use crate::history::History;
use crate::scenario::Plan;
use crate::scenario::plan::{FaultPlan, Strike};
use crate::view::{ClusterView, Phase};

/// One time that a fault of the plan fired in this run, or the fact that it never did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultRecord {
    /// Name of its table.
    pub name: String,
    /// Which time, from 1; `None` for a fault that can only fire once.
    pub firing: Option<u32>,
    /// Index of what it did into [`FaultPlan::strikes`].
    pub strike: usize,
    /// When it began; `None` if it never fired.
    pub began: Option<Instant>,
    /// When it ended; `None` if it never fired.
    pub ended: Option<Instant>,
    /// Whom it hit: `broker 2`, `producer checkout-0`.
    pub targets: Vec<String>,
    /// For a fault of disks: how many operations it changed, or bits it turned over. `None` for other faults.
    pub struck: Option<u64>,
}

impl FaultRecord {
    /// What people call it: `kill-leader`, `churn #3`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.firing {
            Some(number) => format!("{} #{number}", self.name),
            None => self.name.clone(),
        }
    }

    /// The fault of the plan, and what it did.
    #[must_use]
    pub fn planned<'p>(&self, plan: &'p Plan) -> Option<(&'p FaultPlan, &'p Strike)> {
        let fault = plan.faults.iter().find(|fault| fault.name == self.name)?;
        Some((fault, fault.strikes.get(self.strike)?))
    }
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Its seed.
    pub seed: u64,
    /// What clients saw.
    pub history: History,
    /// What machines said.
    pub view: ClusterView,
    /// What each checker found, one for each guarantee.
    pub findings: Vec<Finding>,
    /// How the cluster came back.
    pub recovery: Recovery,
    /// Every time a fault fired: in the order of the plan, then of time. A fault that never fired has one record that
    /// says so.
    pub faults: Vec<FaultRecord>,
    /// When each phase began, in order; the last is [`Phase::Done`].
    pub phases: Vec<(Phase, Instant)>,
    /// The log of each replica as its disk holds it at the end.
    pub replica_logs: BTreeMap<(TopicPartition, NodeId), Bytes>,
    /// Hash over every event: two runs of the same plan and seed agree on it.
    pub trace_hash: u64,
    /// Number of events the hash is over.
    pub event_count: u64,
    /// Why the run ended early, if it did: the cluster never became ready, or a machine panicked.
    pub abandoned: Option<String>,
}

impl RunOutcome {
    /// When a phase began.
    #[must_use]
    pub fn began(&self, phase: Phase) -> Option<Instant> {
        self.phases.iter().find(|(began, _)| *began == phase).map(|(_, at)| *at)
    }

    /// The load: from its start to its end.
    #[must_use]
    pub fn load(&self) -> (Instant, Instant) {
        let start = self.began(Phase::Load).unwrap_or(Instant::START);
        (start, self.began(Phase::Settle).unwrap_or(start))
    }

    /// What the checker of a guarantee found.
    #[must_use]
    pub fn finding(&self, guarantee: crate::scenario::Guarantee) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.guarantee == guarantee)
    }
}
