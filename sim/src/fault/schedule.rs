//! The faults of a plan in one run: armed, active, over.

use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Instant};

use super::facts::RunningFacts;
use super::target::{resolve, resolve_one, rest};
use crate::cluster::{Cluster, DiskFault, Host, NetworkFault, World, host_name};
use crate::run::FaultRecord;
use crate::scenario::Plan;
use crate::scenario::disk_fault::DiskFaultKind;
use crate::scenario::plan::{Action, FaultPlan, Trigger};
use crate::scenario::target::Target;
use crate::view::What;
use crate::workload::{self, Load, Progress};

/// How often triggers are asked besides on every change of the cluster: client counts and time change in between.
const POLL: Duration = Duration::from_millis(10);

/// How long the end of load waits for a process that is stopping.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Every fault of a plan and how far it is.
pub struct Schedule {
    faults: Vec<Armed>,
    load_began: Instant,
}

struct Armed {
    plan: FaultPlan,
    rng: Rng,
    state: State,
    record: FaultRecord,
}

enum State {
    /// Fires at this time.
    Waits(Instant),
    /// Fires when its expression becomes true.
    Watches,
    /// Waits for these machines to stop in good order; they are to stay down for so long.
    Stopping { hits: Vec<Host>, down_for: Duration },
    /// The operator is at it; these machines are concerned.
    Operating { progress: Progress, hits: Vec<Host> },
    /// Acts; ends at this time, or with the load.
    Active { until: Option<Instant>, hits: Vec<Host>, undo: Undo },
    /// Over, or never to come.
    Done,
}

/// What has to be taken back when a fault ends, besides starting what was stopped.
enum Undo {
    Nothing,
    Network(NetworkFault),
    Disks(DiskFault),
    /// Nothing: it ends when the operator is done.
    Operation(Progress),
}

impl Schedule {
    /// Arms every fault of the plan; times count from `load_began`.
    #[must_use]
    pub fn new(plan: &Plan, rng: &Rng, load_began: Instant) -> Schedule {
        let arm = |plan: &FaultPlan| {
            let mut rng = rng.fork(&format!("fault/{}", plan.name));
            let state = match &plan.trigger {
                Trigger::At(range) => State::Waits(load_began.after(range.at(rng.unit()))),
                Trigger::When(_) => State::Watches,
            };
            let struck = matches!(plan.action, Action::Disk(_)).then_some(0);
            let name = plan.name.clone();
            let record = FaultRecord { name, began: None, ended: None, targets: Vec::new(), struck };
            Armed { plan: plan.clone(), rng, state, record }
        };
        Schedule { faults: plan.faults.iter().map(arm).collect(), load_began }
    }

    /// True while a fault waits for a state of the cluster.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.state, State::Watches))
    }

    /// When to look again at the latest.
    #[must_use]
    pub fn next_look(&self, now: Instant) -> Option<Instant> {
        let due = self.faults.iter().filter_map(|fault| match &fault.state {
            State::Waits(at) => Some(*at),
            State::Watches => Some(now.after(POLL)),
            State::Active { until, .. } => *until,
            State::Operating { .. } => Some(now.after(POLL)),
            // The end of a process draws attention by itself.
            State::Stopping { .. } | State::Done => None,
        });
        due.min()
    }

    /// Begins and ends what is due.
    pub fn look(&mut self, cluster: &mut Cluster, load: &Load) {
        let now = cluster.now();
        for fault in &mut self.faults {
            let fires = match (&fault.state, &fault.plan.trigger) {
                (State::Waits(at), _) => *at <= now,
                (State::Watches, Trigger::When(expression)) => {
                    let view = cluster.recorder().view();
                    let facts =
                        RunningFacts { view: &view, counts: load.counts(), load_began: self.load_began, now };
                    expression.evaluate(&facts) == Some(true)
                }
                _ => false,
            };
            if fires {
                fault.begin(cluster);
            }
            fault.maybe_stopped(cluster);
            fault.maybe_operated(cluster);
            if matches!(fault.state, State::Active { until: Some(until), .. } if until <= now) {
                fault.end(cluster);
            }
        }
        cluster.recorder().watch(self.watches());
    }

    /// Ends whatever is active; what has not fired never will.
    pub fn end_all(&mut self, cluster: &mut Cluster) {
        for fault in &mut self.faults {
            match fault.state {
                State::Active { .. } => fault.end(cluster),
                State::Waits(_) | State::Watches => fault.state = State::Done,
                State::Stopping { .. } | State::Operating { .. } | State::Done => {}
            }
        }
        // Nothing hinders them any more.
        for fault in &mut self.faults {
            fault.stop_and_end(cluster);
            fault.operate_to_the_end(cluster);
        }
        cluster.recorder().watch(false);
    }

    /// What the operator began and could not bring to its end, in words.
    #[must_use]
    pub fn unfinished(&self) -> Vec<String> {
        let unfinished = self.faults.iter().filter(|fault| matches!(fault.state, State::Operating { .. }));
        unfinished
            .map(|fault| format!("{} ({}) is still under way", fault.plan.name, fault.plan.action.name()))
            .collect()
    }

    /// What became of each fault, in the order of the plan.
    #[must_use]
    pub fn records(&self) -> Vec<FaultRecord> {
        self.faults.iter().map(|fault| fault.record.clone()).collect()
    }
}

impl Armed {
    fn begin(&mut self, cluster: &mut Cluster) {
        let now = cluster.now();
        let duration = self.plan.duration.map(|range| range.at(self.rng.unit()));
        let (hits, undo) = self.act(cluster);
        if hits.is_empty() {
            // Nobody to hit at this moment: a trigger by state may find somebody later.
            if matches!(self.state, State::Waits(_)) {
                self.state = State::Done;
            }
            return;
        }
        let targets: Vec<String> = hits.iter().map(describe).collect();
        let what = What::FaultBegan {
            fault: self.plan.name.clone(),
            action: self.plan.action.name().to_owned(),
            targets: targets.join(", "),
        };
        cluster.note_fault(what);
        self.record.began = Some(now);
        self.record.targets = targets;
        let until = match (&self.plan.action, duration) {
            (_, Some(duration)) => Some(now.after(duration)),
            (Action::Disk(fault), None) if matches!(fault.kind, DiskFaultKind::Corrupt { .. }) => Some(now),
            (Action::Add, None) => Some(now),
            (_, None) => None,
        };
        self.state = match (&self.plan.action, undo) {
            (Action::Restart, _) => State::Stopping { hits, down_for: duration.unwrap_or_default() },
            (_, Undo::Operation(progress)) => State::Operating { progress, hits },
            (_, undo) => State::Active { until, hits, undo },
        };
    }

    /// Ends what the operator has done.
    fn maybe_operated(&mut self, cluster: &mut Cluster) {
        let State::Operating { progress, hits } = &mut self.state else { return };
        if progress.is_done() {
            let hits = std::mem::take(hits);
            self.state = State::Active { until: None, hits, undo: Undo::Nothing };
            self.end(cluster);
        }
    }

    /// Lets the operator finish, but not for ever.
    fn operate_to_the_end(&mut self, cluster: &mut Cluster) {
        let State::Operating { progress, .. } = &self.state else { return };
        let (progress, deadline) = (progress.clone(), cluster.now().after(STOP_MAX));
        cluster.run_while(deadline, |_| !progress.is_done());
        self.maybe_operated(cluster);
    }

    /// Goes on when every machine that was asked to stop has stopped.
    fn maybe_stopped(&mut self, cluster: &Cluster) {
        let State::Stopping { hits, down_for } = &mut self.state else { return };
        if !hits.iter().any(|host| World::is_up(cluster, host)) {
            let (until, hits) = (Some(cluster.now().after(*down_for)), std::mem::take(hits));
            self.state = State::Active { until, hits, undo: Undo::Nothing };
        }
    }

    /// Ends a restart that is still under way: waits for the stop, but not for ever.
    fn stop_and_end(&mut self, cluster: &mut Cluster) {
        let State::Stopping { hits, .. } = &self.state else { return };
        let hits = hits.clone();
        let deadline = cluster.now().after(STOP_MAX);
        cluster.run_while(deadline, |cluster| hits.iter().any(|host| World::is_up(cluster, host)));
        hits.iter().for_each(|host| cluster.crash(host));
        self.maybe_stopped(cluster);
        self.end(cluster);
    }

    fn act(&mut self, cluster: &mut Cluster) -> (Vec<Host>, Undo) {
        let mut hits = resolve(&self.plan.targets, cluster, &mut self.rng);
        let undo = match &self.plan.action {
            Action::Crash => {
                hits.iter().for_each(|host| cluster.crash(host));
                Undo::Nothing
            }
            Action::Restart => {
                hits.iter().for_each(|host| cluster.stop(host));
                Undo::Nothing
            }
            Action::PowerLoss => {
                hits.iter().for_each(|host| cluster.power_loss(host));
                Undo::Nothing
            }
            Action::Pause => {
                hits.iter().for_each(|host| cluster.pause(host));
                Undo::Nothing
            }
            Action::Disk(_) if hits.is_empty() => Undo::Nothing,
            Action::Disk(fault) => Undo::Disks(cluster.break_disks(&hits, fault)),
            Action::Partition { side_a, side_b, cut } => {
                let a = resolve(side_a, cluster, &mut self.rng);
                let b = if side_b.0.contains(&Target::Rest) {
                    rest(&a, cluster)
                } else {
                    resolve(side_b, cluster, &mut self.rng)
                };
                if a.is_empty() || b.is_empty() {
                    return (Vec::new(), Undo::Nothing);
                }
                hits.clone_from(&a);
                Undo::Network(cluster.partition(&a, &b, *cut))
            }
            Action::SlowLink { link: (one, other), latency } => {
                let a = resolve_one(one, cluster, &mut self.rng);
                let b = resolve_one(other, cluster, &mut self.rng);
                if a.is_empty() || b.is_empty() {
                    return (Vec::new(), Undo::Nothing);
                }
                hits = a.iter().chain(&b).cloned().collect();
                Undo::Network(cluster.slow_link(&a, &b, *latency))
            }
            Action::Add => {
                hits.iter().for_each(|host| cluster.start(host));
                Undo::Nothing
            }
            Action::Reassign { partition, replicas } => {
                hits = replicas.iter().copied().map(Host::Node).collect();
                Undo::Operation(workload::reassign(cluster, partition, replicas))
            }
            Action::MoveLeader(partition) => {
                hits = resolve_one(&Target::Leader(partition.clone()), cluster, &mut self.rng);
                if hits.is_empty() {
                    return (hits, Undo::Nothing);
                }
                Undo::Operation(workload::elect_preferred(cluster, partition))
            }
        };
        (hits, undo)
    }

    fn end(&mut self, cluster: &mut Cluster) {
        let State::Active { hits, undo, .. } = std::mem::replace(&mut self.state, State::Done) else {
            return;
        };
        match self.plan.action {
            Action::Crash | Action::Restart | Action::PowerLoss => {
                hits.iter().for_each(|host| cluster.start(host));
            }
            Action::Pause => hits.iter().for_each(|host| cluster.resume(host)),
            Action::Partition { .. }
            | Action::SlowLink { .. }
            | Action::Disk(_)
            | Action::Add
            | Action::Reassign { .. }
            | Action::MoveLeader(_) => {}
        }
        match undo {
            Undo::Nothing | Undo::Operation(_) => {}
            Undo::Network(network) => cluster.heal(network),
            Undo::Disks(disks) => {
                self.record.struck = Some(cluster.mend_disks(disks));
                // A log that failed stays offline until its broker starts again (KIP-112).
                hits.iter().for_each(|host| cluster.restart_if_logs_failed(host));
            }
        }
        self.record.ended = Some(cluster.now());
        cluster.note_fault(What::FaultEnded { fault: self.plan.name.clone() });
    }
}

fn describe(host: &Host) -> String {
    match host {
        Host::Node(node) => host_name(*node).replace('-', " "),
        Host::Client(name) => format!("client {name}"),
    }
}
