//! One time that a fault fires: it begins, acts for a while, and is over.

use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Instant};

use super::holds::Holds;
use super::schedule::struck;
use super::target::{resolve, resolve_one, rest};
use crate::cluster::{Cluster, DiskFault, Host, NetworkFault, World, host_name};
use crate::run::FaultRecord;
use crate::scenario::disk_fault::DiskFaultKind;
use crate::scenario::plan::{Action, FaultPlan, Strike};
use crate::scenario::target::Target;
use crate::view::What;
use crate::workload::{self, Progress, SlowWork};

/// How long the end of load waits for a process that is stopping.
const STOP_MAX: Duration = Duration::from_secs(60);

/// A fault that has begun.
pub(super) struct Firing {
    strike: Strike,
    state: State,
    pub(super) record: FaultRecord,
}

enum State {
    /// Waits for these machines to stop in good order; they are to stay down for so long, or for good.
    Stopping { hits: Vec<Host>, down_for: Option<Duration> },
    /// The operator is at it; these machines are concerned.
    Operating { progress: Progress, hits: Vec<Host> },
    /// Acts; ends at this time, or with the load.
    Active { until: Option<Instant>, hits: Vec<Host>, undo: Undo },
    /// Over.
    Done,
}

/// What has to be taken back when a fault ends, besides starting what was stopped.
enum Undo {
    Nothing,
    Network(NetworkFault),
    Disks(DiskFault),
    Work(Vec<(Host, SlowWork)>),
    /// Nothing: it ends when the operator is done.
    Operation(Progress),
}

impl Firing {
    /// Lets the fault strike; `None` if there is nobody to hit at this moment.
    pub(super) fn begin(
        fault: &FaultPlan,
        strike: usize,
        number: u32,
        rng: &mut Rng,
        cluster: &mut Cluster,
        holds: &mut Holds,
    ) -> Option<Firing> {
        let now = cluster.now();
        let index = strike;
        let strike = fault.strikes[index].clone();
        let duration = strike.duration.map(|range| range.at(rng.unit()));
        let (hits, undo) = act(&strike, rng, cluster, holds);
        if hits.is_empty() {
            return None;
        }
        let record = FaultRecord {
            name: fault.name.clone(),
            firing: fault.repeats().then_some(number),
            strike: index,
            began: Some(now),
            ended: None,
            targets: hits.iter().map(describe).collect(),
            struck: struck(&strike),
        };
        cluster.note_fault(What::FaultBegan {
            fault: record.label(),
            action: strike.action.name().to_owned(),
            targets: record.targets.join(", "),
        });
        let until = match (&strike.action, duration) {
            (_, Some(duration)) => Some(now.after(duration)),
            (Action::Disk(fault), None) if matches!(fault.kind, DiskFaultKind::Corrupt { .. }) => Some(now),
            (Action::Add, None) => Some(now),
            (_, None) => None,
        };
        let state = match (&strike.action, undo) {
            (Action::Restart, _) => State::Stopping { hits, down_for: Some(duration.unwrap_or_default()) },
            (Action::Remove, _) => State::Stopping { hits, down_for: None },
            (_, Undo::Operation(progress)) => State::Operating { progress, hits },
            (_, undo) => State::Active { until, hits, undo },
        };
        Some(Firing { strike, state, record })
    }

    /// When to look again at the latest; `poll` for what tells of itself only when it is asked.
    pub(super) fn next_look(&self, poll: Instant) -> Option<Instant> {
        match &self.state {
            State::Active { until, .. } => *until,
            State::Operating { .. } => Some(poll),
            // The end of a process draws attention by itself.
            State::Stopping { .. } | State::Done => None,
        }
    }

    /// Goes on; true if it has ended with that.
    pub(super) fn look(&mut self, cluster: &mut Cluster, holds: &mut Holds) -> bool {
        let before = self.record.ended;
        self.maybe_stopped(cluster, holds);
        self.maybe_operated(cluster, holds);
        if matches!(self.state, State::Active { until: Some(until), .. } if until <= cluster.now()) {
            self.end(cluster, holds);
        }
        self.record.ended != before
    }

    /// Ends it if it acts; what is still stopping or operating goes on.
    pub(super) fn end_now(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        if matches!(self.state, State::Active { .. }) {
            self.end(cluster, holds);
        }
    }

    /// What the operator began and could not bring to its end, in words.
    pub(super) fn unfinished(&self) -> Option<String> {
        let action = self.strike.action.name();
        matches!(self.state, State::Operating { .. })
            .then(|| format!("{} ({action}) is still under way", self.record.label()))
    }

    /// Ends what the operator has done.
    fn maybe_operated(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        let State::Operating { progress, hits } = &mut self.state else { return };
        if progress.is_done() {
            let hits = std::mem::take(hits);
            self.state = State::Active { until: None, hits, undo: Undo::Nothing };
            self.end(cluster, holds);
        }
    }

    /// Lets the operator finish, but not for ever.
    pub(super) fn operate_to_the_end(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        let State::Operating { progress, .. } = &self.state else { return };
        let (progress, deadline) = (progress.clone(), cluster.now().after(STOP_MAX));
        cluster.run_while(deadline, |_| !progress.is_done());
        self.maybe_operated(cluster, holds);
    }

    /// Goes on when every machine that was asked to stop has stopped.
    fn maybe_stopped(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        let State::Stopping { hits, down_for } = &mut self.state else { return };
        if hits.iter().any(|host| World::is_up(cluster, host)) {
            return;
        }
        let (hits, down_for) = (std::mem::take(hits), *down_for);
        let until = Some(cluster.now().after(down_for.unwrap_or_default()));
        self.state = State::Active { until, hits, undo: Undo::Nothing };
        if down_for.is_none() {
            self.end(cluster, holds);
        }
    }

    /// Ends a stop that is still under way: waits for it, but not for ever.
    pub(super) fn stop_and_end(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        let State::Stopping { hits, .. } = &self.state else { return };
        let hits = hits.clone();
        let deadline = cluster.now().after(STOP_MAX);
        cluster.run_while(deadline, |cluster| hits.iter().any(|host| World::is_up(cluster, host)));
        hits.iter().for_each(|host| cluster.crash(host));
        self.maybe_stopped(cluster, holds);
        self.end_now(cluster, holds);
    }

    fn end(&mut self, cluster: &mut Cluster, holds: &mut Holds) {
        let State::Active { hits, undo, .. } = std::mem::replace(&mut self.state, State::Done) else {
            return;
        };
        match self.strike.action {
            Action::Crash | Action::Restart | Action::PowerLoss => {
                hits.iter().for_each(|host| holds.let_up(host, cluster));
            }
            Action::Pause => hits.iter().for_each(|host| holds.resume(host, cluster)),
            Action::Partition { .. }
            | Action::SlowLink { .. }
            | Action::Disk(_)
            | Action::Add
            | Action::Remove
            | Action::SlowWork { .. }
            | Action::Reassign { .. }
            | Action::MoveLeader(_) => {}
        }
        match undo {
            Undo::Nothing | Undo::Operation(_) => {}
            Undo::Network(network) => cluster.heal(network),
            Undo::Work(slow) => {
                slow.into_iter().for_each(|(host, slow)| cluster.work_as_planned(&host, slow));
            }
            Undo::Disks(disks) => {
                self.record.struck = Some(cluster.mend_disks(disks));
                // A log that failed stays offline until its broker starts again (KIP-112).
                hits.iter().for_each(|host| cluster.restart_if_logs_failed(host));
            }
        }
        self.record.ended = Some(cluster.now());
        cluster.note_fault(What::FaultEnded { fault: self.record.label() });
    }
}

fn act(strike: &Strike, rng: &mut Rng, cluster: &mut Cluster, holds: &mut Holds) -> (Vec<Host>, Undo) {
    let nobody = || (Vec::new(), Undo::Nothing);
    let mut hits = match &strike.action {
        Action::Add => newcomers(strike, cluster),
        _ => resolve(&strike.targets, cluster, rng),
    };
    // A client that does not run cannot be hit, and is not started because of it.
    hits.retain(|host| matches!(host, Host::Node(_)) || strike.action == Action::Add || cluster.is_up(host));
    let undo = match &strike.action {
        Action::Crash | Action::Restart | Action::PowerLoss | Action::Pause | Action::Remove => {
            hits.iter().for_each(|host| hit_process(&strike.action, host, cluster, holds));
            Undo::Nothing
        }
        Action::Disk(_) if hits.is_empty() => Undo::Nothing,
        Action::Disk(fault) => Undo::Disks(cluster.break_disks(&hits, fault)),
        Action::SlowWork { factor } => {
            Undo::Work(hits.iter().map(|host| (host.clone(), cluster.work_slowly(host, *factor))).collect())
        }
        Action::Partition { side_a, side_b, cut } => {
            let a = resolve(side_a, cluster, rng);
            let b = if side_b.0.contains(&Target::Rest) {
                rest(&a, cluster)
            } else {
                resolve(side_b, cluster, rng)
            };
            if a.is_empty() || b.is_empty() {
                return nobody();
            }
            hits.clone_from(&a);
            Undo::Network(cluster.partition(&a, &b, *cut))
        }
        Action::SlowLink { link: (one, other), latency } => {
            let a = resolve_one(one, cluster, rng);
            let b = resolve_one(other, cluster, rng);
            if a.is_empty() || b.is_empty() {
                return nobody();
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
            hits = resolve_one(&Target::Leader(partition.clone()), cluster, rng);
            if hits.is_empty() {
                return nobody();
            }
            Undo::Operation(workload::elect_preferred(cluster, partition))
        }
    };
    (hits, undo)
}

fn hit_process(action: &Action, host: &Host, cluster: &mut Cluster, holds: &mut Holds) {
    match action {
        Action::Pause => holds.pause(host, cluster),
        Action::Remove => cluster.stop(host),
        _ => {
            holds.take_down(host);
            match action {
                Action::Restart => cluster.stop(host),
                Action::PowerLoss => cluster.power_loss(host),
                _ => cluster.crash(host),
            }
        }
    }
}

/// Who is added: the brokers that are named, and of each group that is named its next member.
fn newcomers(strike: &Strike, cluster: &Cluster) -> Vec<Host> {
    let newcomer = |target: &Target| match target {
        Target::Broker(id) => Some(Host::Node(*id)),
        Target::Consumer(name) => cluster.next_member(name),
        _ => None,
    };
    strike.targets.0.iter().filter_map(newcomer).collect()
}

fn describe(host: &Host) -> String {
    match host {
        Host::Node(node) => host_name(*node).replace('-', " "),
        Host::Client(name) => format!("client {name}"),
    }
}
