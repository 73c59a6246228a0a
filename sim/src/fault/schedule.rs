//! The faults of a plan in one run: when each fires, and everything that is under way.

use std::collections::BTreeSet;

use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Instant};

use super::facts::RunningFacts;
use super::firing::Firing;
use super::holds::Holds;
use crate::cluster::Cluster;
use crate::run::FaultRecord;
use crate::scenario::Plan;
use crate::scenario::plan::{Action, FaultPlan, Moment, Strike, Trigger};
use crate::workload::Load;

/// How often triggers are asked besides on every change of the cluster: client counts and time change in between.
const POLL: Duration = Duration::from_millis(10);

/// Every fault of a plan and how far it is.
pub struct Schedule {
    faults: Vec<Armed>,
    /// Everything that was begun, in order; what is over stays for its record.
    firings: Vec<Firing>,
    holds: Holds,
    load_began: Instant,
}

/// A fault and when it fires next.
struct Armed {
    plan: FaultPlan,
    rng: Rng,
    /// When it fires, as far as that is known.
    due: BTreeSet<Instant>,
    /// Fires when its expression becomes true.
    watches: bool,
    fired: u32,
}

impl Schedule {
    /// Arms every fault of the plan; times count from `load_began`.
    #[must_use]
    pub fn new(plan: &Plan, rng: &Rng, load_began: Instant) -> Schedule {
        let arm = |plan: &FaultPlan| {
            let mut rng = rng.fork(&format!("fault/{}", plan.name));
            let mut due = BTreeSet::new();
            match &plan.trigger {
                Trigger::At(range) => drop(due.insert(load_began.after(range.at(rng.unit())))),
                Trigger::Every { gap, from, until, .. } => {
                    let first = from.unwrap_or_else(|| gap.at(rng.unit()));
                    if until.is_none_or(|until| first < until) {
                        due.insert(load_began.after(first));
                    }
                }
                Trigger::When(_) | Trigger::After { .. } => {}
            }
            let watches = matches!(plan.trigger, Trigger::When(_));
            Armed { plan: plan.clone(), rng, due, watches, fired: 0 }
        };
        let faults = plan.faults.iter().map(arm).collect();
        Schedule { faults, firings: Vec::new(), holds: Holds::default(), load_began }
    }

    /// True while a fault waits for a state of the cluster.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.faults.iter().any(|fault| fault.watches)
    }

    /// When to look again at the latest.
    #[must_use]
    pub fn next_look(&self, now: Instant) -> Option<Instant> {
        let due = self.faults.iter().filter_map(|fault| fault.due.first().copied());
        let poll = self.watches().then(|| now.after(POLL));
        let firings = self.firings.iter().filter_map(|firing| firing.next_look(now.after(POLL)));
        due.chain(poll).chain(firings).min()
    }

    /// Begins and ends what is due.
    pub fn look(&mut self, cluster: &mut Cluster, load: &Load) {
        for index in 0..self.faults.len() {
            if self.is_due(index, cluster, load) {
                self.fire(index, cluster);
            }
        }
        for index in 0..self.firings.len() {
            if self.firings[index].look(cluster, &mut self.holds) {
                self.ended(index, cluster.now());
            }
        }
        cluster.recorder().watch(self.watches());
    }

    /// Whether the fault fires now. A moment that has come is used up; an expression that is true is not, as its fault
    /// may find nobody to hit.
    fn is_due(&mut self, index: usize, cluster: &Cluster, load: &Load) -> bool {
        let now = cluster.now();
        let fault = &mut self.faults[index];
        if let (true, Trigger::When(expression)) = (fault.watches, &fault.plan.trigger) {
            let view = cluster.recorder().view();
            let facts = RunningFacts { view: &view, counts: load.counts(), load_began: self.load_began, now };
            return expression.evaluate(&facts) == Some(true);
        }
        let Some(at) = fault.due.first().copied().filter(|at| *at <= now) else { return false };
        fault.due.remove(&at);
        if let Trigger::Every { gap, until, .. } = &fault.plan.trigger {
            let next = at.after(gap.at(fault.rng.unit()));
            if until.is_none_or(|until| next < self.load_began.after(until)) {
                fault.due.insert(next);
            }
        }
        true
    }

    fn fire(&mut self, index: usize, cluster: &mut Cluster) {
        let fault = &mut self.faults[index];
        if fault.plan.chance < 1.0 && fault.rng.unit() >= fault.plan.chance {
            fault.watches = false;
            return;
        }
        let strike = fault.draw();
        let number = fault.fired + 1;
        let firing = Firing::begin(&fault.plan, strike, number, &mut fault.rng, cluster, &mut self.holds);
        // Nobody to hit at this moment: a trigger by state may find somebody later.
        let Some(firing) = firing else { return };
        fault.watches = false;
        fault.fired = number;
        if let Trigger::Every { times: Some(times), .. } = fault.plan.trigger
            && number >= times
        {
            fault.due.clear();
        }
        self.firings.push(firing);
        let moments = if number == 1 { &[Moment::Begin, Moment::First][..] } else { &[Moment::Begin] };
        self.tell(index, moments, cluster.now());
    }

    fn ended(&mut self, firing: usize, now: Instant) {
        let name = &self.firings[firing].record.name;
        if let Some(index) = self.faults.iter().position(|fault| fault.plan.name == *name) {
            self.tell(index, &[Moment::End], now);
        }
    }

    /// Arms the faults that wait for one of these moments of a fault.
    fn tell(&mut self, index: usize, moments: &[Moment], now: Instant) {
        let name = self.faults[index].plan.name.clone();
        for fault in &mut self.faults {
            if let Trigger::After { fault: other, moment, delay } = &fault.plan.trigger
                && *other == name
                && moments.contains(moment)
            {
                fault.due.insert(now.after(delay.at(fault.rng.unit())));
            }
        }
    }

    /// Ends whatever is active; what has not fired never will.
    pub fn end_all(&mut self, cluster: &mut Cluster) {
        for fault in &mut self.faults {
            fault.due.clear();
            fault.watches = false;
        }
        for firing in &mut self.firings {
            firing.end_now(cluster, &mut self.holds);
        }
        // Nothing hinders them any more.
        for firing in &mut self.firings {
            firing.stop_and_end(cluster, &mut self.holds);
            firing.operate_to_the_end(cluster, &mut self.holds);
        }
        cluster.recorder().watch(false);
    }

    /// What the operator began and could not bring to its end, in words.
    #[must_use]
    pub fn unfinished(&self) -> Vec<String> {
        self.firings.iter().filter_map(Firing::unfinished).collect()
    }

    /// Every time a fault fired, in the order of the plan, then of time; one record for a fault that never did.
    #[must_use]
    pub fn records(&self) -> Vec<FaultRecord> {
        let of = |fault: &Armed| {
            let own = self.firings.iter().filter(|firing| firing.record.name == fault.plan.name);
            let mut records: Vec<FaultRecord> = own.map(|firing| firing.record.clone()).collect();
            if records.is_empty() {
                records.push(FaultRecord {
                    name: fault.plan.name.clone(),
                    firing: None,
                    strike: 0,
                    began: None,
                    ended: None,
                    targets: Vec::new(),
                    struck: struck(&fault.plan.strikes[0]),
                });
            }
            records
        };
        self.faults.iter().flat_map(of).collect()
    }
}

impl Armed {
    /// Which of its strikes it is this time.
    fn draw(&mut self) -> usize {
        let strikes = &self.plan.strikes;
        if strikes.len() == 1 {
            return 0;
        }
        let total: u64 = strikes.iter().map(|strike| u64::from(strike.weight)).sum();
        let mut drawn = self.rng.below(total);
        for (index, strike) in strikes.iter().enumerate() {
            match drawn.checked_sub(u64::from(strike.weight)) {
                Some(rest) => drawn = rest,
                None => return index,
            }
        }
        0
    }
}

/// What a strike has changed before it strikes: only faults of disks count.
pub(super) fn struck(strike: &Strike) -> Option<u64> {
    matches!(strike.action, Action::Disk(_)).then_some(0)
}
