//! What is kept of a run: verdicts, answers to expectations, a few numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::event::{ElectionReason, Event, LeaveReason};
use tribunal_engine::time::Instant;

use crate::chain::{loss_chains, signature};
use crate::measure::{FaultRecovery, Measured, RunFacts};
use crate::promise::{Verdict, judge};
use crate::run::RunOutcome;
use crate::scenario::expr::{Expr, Facts, Value};
use crate::scenario::{Guarantee, Plan, Scenario};
use crate::view::{Phase, What};

/// Examples kept of one guarantee in one run.
const EXAMPLES_MAX: usize = 3;

/// How much a run deserves to be shown; the first is shown first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// A promise was broken.
    Broken,
    /// Something happened that a setting allows.
    Allowed,
    /// Nothing of the kind.
    Quiet,
}

/// The verdict on one guarantee in one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The guarantee.
    pub guarantee: Guarantee,
    /// The verdict.
    pub verdict: Verdict,
    /// How many things were looked at.
    pub checked: u64,
    /// What they are.
    pub unit: &'static str,
    /// How often it was violated.
    pub violated: u64,
    /// When first, as far as it has a moment.
    pub first_at: Option<Instant>,
    /// The first violations, one sentence each.
    pub examples: Vec<String>,
}

/// What a run answers to an expectation that is a condition.
#[derive(Clone, PartialEq, Debug)]
pub struct ClaimAnswer {
    /// Index into [`Scenario::expectations`].
    pub expectation: usize,
    /// Whether the condition holds; `None` if the run does not say.
    pub holds: Option<bool>,
    /// The value of each quantity of the condition, from left to right.
    pub values: Vec<Option<Value>>,
}

/// One time a fault fired, or that it never did, and how it was recovered from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultFired {
    /// Its name.
    pub fault: String,
    /// Whether it fired.
    pub fired: bool,
    /// For a fault of disks: how many operations it changed, or bits it turned over.
    pub struck: Option<u64>,
    /// The recovery time; without end if it never came back.
    pub rto: Option<Duration>,
}

/// Things worth counting: a campaign that saw none of them proves little.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Seen {
    /// A leader was elected after the topic was created.
    LeaderChanges,
    /// One of them outside the ISR.
    UncleanElections,
    /// A replica cut its log.
    Truncations,
    /// A replica came back from a restart.
    Restarts,
    /// The controller fenced a broker.
    FencedBrokers,
    /// The ISR changed.
    IsrChanges,
    /// Recovery cut a damaged tail.
    DamagedTails,
    /// A log failed at the disk.
    DiskFailures,
    /// A consumer's position was set anew.
    PositionResets,
    /// A consumer group began to rebalance.
    Rebalances,
    /// A member was counted out because its session or its rebalance timeout had passed.
    ExpelledMembers,
    /// A partition of the offsets topic got another coordinator.
    CoordinatorMoves,
}

impl Seen {
    /// Each, with its words.
    pub const NAMED: &'static [(Seen, &'static str)] = &[
        (Seen::LeaderChanges, "leader changes"),
        (Seen::UncleanElections, "unclean elections"),
        (Seen::Truncations, "truncations"),
        (Seen::Restarts, "restarts of a process"),
        (Seen::FencedBrokers, "brokers fenced"),
        (Seen::IsrChanges, "ISR changes"),
        (Seen::DamagedTails, "damaged tails cut at recovery"),
        (Seen::DiskFailures, "logs failed at the disk"),
        (Seen::PositionResets, "consumer positions reset"),
        (Seen::Rebalances, "rebalances of consumer groups"),
        (Seen::ExpelledMembers, "group members timed out"),
        (Seen::CoordinatorMoves, "coordinators that took over groups"),
    ];
}

/// What is kept of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunSummary {
    /// Its seed.
    pub seed: u64,
    /// How much it deserves to be shown.
    pub rank: Rank,
    /// One verdict for each guarantee that was checked.
    pub judged: Vec<Judged>,
    /// The answers to the conditions among the expectations of this variant.
    pub answers: Vec<ClaimAnswer>,
    /// Every time a fault fired, in the order of the plan; one entry for a fault that never did.
    pub faults: Vec<FaultFired>,
    /// How often interesting things happened.
    pub seen: BTreeMap<Seen, u64>,
    /// Acknowledged records.
    pub acked: u64,
    /// Lost records.
    pub lost: u64,
    /// What the losses have in common, in short; empty without losses.
    pub signature: String,
    /// Hash over every event.
    pub trace_hash: u64,
    /// Number of events.
    pub event_count: u64,
    /// Virtual time of the run, in nanoseconds.
    pub simulated_ns: u64,
    /// Why the run ended early, if it did.
    pub abandoned: Option<String>,
}

impl RunSummary {
    /// The verdict on a guarantee.
    #[must_use]
    pub fn judged(&self, guarantee: Guarantee) -> Option<&Judged> {
        self.judged.iter().find(|judged| judged.guarantee == guarantee)
    }
}

pub(super) fn summarise(
    scenario: &Scenario,
    plan: &Plan,
    run: &RunOutcome,
    measured: &Measured,
) -> RunSummary {
    let judged: Vec<Judged> = run
        .findings
        .iter()
        .map(|finding| Judged {
            guarantee: finding.guarantee,
            verdict: judge(plan, run, finding),
            checked: finding.checked,
            unit: finding.unit,
            violated: finding.violated,
            first_at: finding.violations.first().and_then(|violation| violation.at),
            examples: finding
                .violations
                .iter()
                .take(EXAMPLES_MAX)
                .map(|violation| violation.text.clone())
                .collect(),
        })
        .collect();
    let facts = RunFacts { run, measured };
    let answers = plan
        .expectations
        .iter()
        .filter_map(|index| Some((*index, scenario.expectations.get(*index)?.claim.condition()?)))
        .map(|(expectation, condition)| ClaimAnswer {
            expectation,
            holds: condition.evaluate(&facts),
            values: values(condition, &facts),
        })
        .collect();
    let lost = measured.lost.unwrap_or(0);
    RunSummary {
        seed: run.seed,
        rank: rank(&judged),
        judged,
        answers,
        faults: faults(run, measured),
        seen: seen(run),
        acked: measured.counts.acked,
        lost,
        signature: if lost > 0 { signature_of(plan, run) } else { String::new() },
        trace_hash: run.trace_hash,
        event_count: run.event_count,
        simulated_ns: measured.end.as_nanos(),
        abandoned: run.abandoned.clone(),
    }
}

fn values(condition: &Expr, facts: &dyn Facts) -> Vec<Option<Value>> {
    condition.quantities().into_iter().map(|(quantity, window)| facts.value(quantity, window)).collect()
}

fn rank(judged: &[Judged]) -> Rank {
    let one = |judged: &Judged| match judged.verdict {
        Verdict::Broken => Rank::Broken,
        Verdict::Allowed { .. } => Rank::Allowed,
        Verdict::Held | Verdict::NotTested { .. } => Rank::Quiet,
    };
    judged.iter().map(one).min().unwrap_or(Rank::Quiet)
}

fn faults(run: &RunOutcome, measured: &Measured) -> Vec<FaultFired> {
    run.faults
        .iter()
        .map(|fault| FaultFired {
            fault: fault.name.clone(),
            fired: fault.began.is_some(),
            struck: fault.struck,
            rto: measured.recovery(fault).and_then(FaultRecovery::rto),
        })
        .collect()
}

fn seen(run: &RunOutcome) -> BTreeMap<Seen, u64> {
    let mut counts: BTreeMap<Seen, u64> = Seen::NAMED.iter().map(|(seen, _)| (*seen, 0)).collect();
    let mut count = |seen: Seen, times: u64| *counts.entry(seen).or_default() += times;
    let load = run.began(Phase::Load).unwrap_or(Instant::START);
    for happening in run.view.happenings.iter().filter(|happening| happening.at >= load) {
        match &happening.what {
            What::Event(Event::LeaderElected { leader: Some(_), reason, .. }) => {
                if *reason != ElectionReason::Created {
                    count(Seen::LeaderChanges, 1);
                }
                if *reason == ElectionReason::Unclean {
                    count(Seen::UncleanElections, 1);
                }
            }
            What::Event(Event::Truncated { .. }) => count(Seen::Truncations, 1),
            What::Event(Event::BrokerFenced { .. }) => count(Seen::FencedBrokers, 1),
            What::Event(Event::IsrChanged { .. }) => count(Seen::IsrChanges, 1),
            What::Event(Event::RecoveryCut { .. }) => count(Seen::DamagedTails, 1),
            What::Event(Event::StorageFailed { .. }) => count(Seen::DiskFailures, 1),
            What::Event(Event::GroupRebalanceBegan { .. }) => count(Seen::Rebalances, 1),
            What::Event(Event::GroupMemberLeft {
                why: LeaveReason::SessionTimedOut | LeaveReason::RebalanceTimedOut,
                ..
            }) => count(Seen::ExpelledMembers, 1),
            What::Event(Event::GroupsLoaded { .. }) => count(Seen::CoordinatorMoves, 1),
            What::Started => count(Seen::Restarts, 1),
            _ => {}
        }
    }
    let resets = run.history.readers.iter().map(|reader| reader.resets.len() as u64);
    let of_members = run.history.members.iter().map(|life| life.resets.len() as u64);
    count(Seen::PositionResets, resets.chain(of_members).sum());
    counts
}

/// What the first loss comes down to: seeds that lose records in the same way share it.
fn signature_of(plan: &Plan, run: &RunOutcome) -> String {
    loss_chains(plan, run, 1).chains.first().map(signature).unwrap_or_default()
}
