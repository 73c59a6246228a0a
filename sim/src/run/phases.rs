//! The phases of a run, one after the other.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::{Duration, Instant};

use super::{FaultRecord, RunOptions, RunOutcome};
use crate::checker::{self, FinishedRun, Recovery};
use crate::cluster::{Cluster, Recorder};
use crate::fault::Schedule;
use crate::scenario::Plan;
use crate::view::{ClusterView, GroupView, PartitionView, Phase, What};
use crate::workload::{self, Load};

/// A cluster that is not ready by then never will be.
const BOOT_MAX: Duration = Duration::from_secs(60);
/// How long the fresh consumers of the final read may take.
const FINAL_READ_MAX: Duration = Duration::from_secs(60);

pub(super) struct Run<'a> {
    plan: &'a Plan,
    seed: u64,
    cluster: Cluster,
    load: Load,
    phases: Vec<(Phase, Instant)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64, options: RunOptions) -> Run<'a> {
        let recorder = Rc::new(Recorder::new(ClusterView::of(plan), checker::all(plan)));
        let cluster = Cluster::new(plan, seed, &Load::hosts(plan), recorder, options.trace);
        let load = Load::new(cluster.handle());
        Run { plan, seed, cluster, load, phases: Vec::new() }
    }

    pub(super) fn play(mut self) -> RunOutcome {
        if let Err(why) = self.boot() {
            return self.finish(Vec::new(), Recovery::Pending(vec![why.clone()]), Some(why));
        }
        let schedule = self.work();
        let faults = schedule.records();
        let recovery = self.settle(&schedule);
        self.enter(Phase::FinalRead);
        let reading = workload::read_everything(&self.load, &mut self.cluster, self.plan);
        let deadline = self.cluster.now().after(FINAL_READ_MAX);
        self.cluster.run_while(deadline, |_| !reading.is_done());
        let asking = workload::committed_offsets(&self.load, &mut self.cluster, self.plan);
        let deadline = self.cluster.now().after(FINAL_READ_MAX);
        self.cluster.run_while(deadline, |_| !asking.is_done());
        self.finish(faults, recovery, None)
    }

    fn enter(&mut self, phase: Phase) {
        self.phases.push((phase, self.cluster.now()));
        self.cluster.note_fault(What::Phase(phase));
    }

    /// Processes start, topics are created, every partition gets its leader.
    fn boot(&mut self) -> Result<(), String> {
        self.enter(Phase::Boot);
        self.cluster.start_all();
        let deadline = self.cluster.now().after(BOOT_MAX);
        let brokers = usize::from(self.plan.cluster.brokers) - self.plan.late_brokers().len();
        if !self.cluster.run_while(deadline, |cluster| cluster.recorder().view().unfenced() < brokers) {
            return Err(format!("the brokers did not register within {} s", BOOT_MAX.as_secs()));
        }
        let creation = workload::create_topics(&mut self.cluster, self.plan);
        if !self
            .cluster
            .run_while(deadline, |cluster| !creation.is_done() || !cluster.recorder().view().all_led())
        {
            return Err(format!("the topics were not created within {} s", BOOT_MAX.as_secs()));
        }
        Ok(())
    }

    /// Clients work and faults strike.
    fn work(&mut self) -> Schedule {
        self.enter(Phase::Load);
        let began = self.cluster.now();
        let end = began.after(self.plan.run.duration);
        self.load.start(&mut self.cluster, self.plan, end);
        let mut schedule = Schedule::new(self.plan, self.cluster.rng(), began);
        self.cluster.recorder().watch(schedule.watches());
        while self.cluster.now() < end {
            schedule.look(&mut self.cluster, &self.load);
            let next = schedule.next_look(self.cluster.now()).unwrap_or(end).min(end);
            self.cluster.run_until(next);
        }
        schedule.end_all(&mut self.cluster);
        schedule
    }

    /// No fault, no load: the cluster must converge, serve a probe, and let nothing hang.
    fn settle(&mut self, schedule: &Schedule) -> Recovery {
        self.enter(Phase::Settle);
        let healed = self.cluster.now();
        let deadline = healed.after(self.plan.run.settle);
        let unfinished = schedule.unfinished();
        if !unfinished.is_empty() {
            return Recovery::Pending(unfinished);
        }
        let converged = self.cluster.run_while(deadline, |cluster| !pending(cluster).is_empty());
        if !converged {
            return Recovery::Pending(pending(&self.cluster));
        }
        let probing = workload::probe(&self.load, &mut self.cluster, self.plan);
        if !self.cluster.run_while(deadline, |_| !probing.is_done()) {
            return Recovery::Pending(vec!["the probe's records are not acknowledged".to_owned()]);
        }
        let counts = self.load.clone();
        let drained = self
            .cluster
            .run_while(deadline, |cluster| counts.counts().pending() > 0 || !pending(cluster).is_empty());
        if !drained {
            let open = self.load.counts().pending();
            return Recovery::Pending(vec![format!("{open} sends have no outcome")]);
        }
        let recovered = self.cluster.now().since(healed);
        // Groups may work off what has heaped up. Whether they can is a matter of their work, not of recovery.
        self.cluster.run_while(deadline, groups_lag);
        Recovery::After(recovered)
    }

    fn finish(
        mut self,
        faults: Vec<FaultRecord>,
        recovery: Recovery,
        abandoned: Option<String>,
    ) -> RunOutcome {
        self.enter(Phase::Done);
        let replica_logs = self.replica_logs();
        let (trace_hash, event_count) = self.cluster.trace();
        let (view, mut checkers) = self.cluster.recorder().finish();
        let mut history = self.load.finish();
        let compacted = view.partitions.iter().filter(|(_, state)| state.is_compacted());
        history.compacted = compacted.map(|(partition, _)| partition.clone()).collect();
        let end = self.cluster.now();
        let finished = FinishedRun {
            plan: self.plan,
            history: &history,
            view: &view,
            replica_logs: &replica_logs,
            recovery: &recovery,
            end,
        };
        let findings = checkers.iter_mut().map(|checker| checker.finish(&finished)).collect();
        RunOutcome {
            seed: self.seed,
            history,
            view,
            findings,
            recovery,
            faults,
            phases: self.phases,
            replica_logs,
            trace_hash,
            event_count,
            abandoned,
        }
    }

    fn replica_logs(&self) -> BTreeMap<(TopicPartition, NodeId), Bytes> {
        let view = self.cluster.recorder().view();
        let replicas = view.partitions.iter().flat_map(|(name, partition)| {
            partition.replicas.keys().map(move |broker| (name.clone(), *broker))
        });
        replicas
            .map(|(name, broker)| {
                let log = self.cluster.log_on_disk(broker, &name);
                ((name, broker), log)
            })
            .collect()
    }
}

/// Whether a group that commits has not committed everything yet.
fn groups_lag(cluster: &Cluster) -> bool {
    let view = cluster.recorder().view();
    let commits = |group: &&GroupView| !group.members.is_empty() && !group.commits.is_empty();
    view.groups.values().filter(commits).any(|group| group.lag(&view.partitions) > 0)
}

/// What keeps the cluster from having converged: every partition led, every replica alive, in sync and level,
/// no group rebalancing.
fn pending(cluster: &Cluster) -> Vec<String> {
    let view = cluster.recorder().view();
    let partitions = view.partitions.iter().flat_map(|(name, partition)| pending_of(name, partition));
    partitions.chain(view.groups.values().filter_map(GroupView::unrest)).collect()
}

fn pending_of(name: &TopicPartition, partition: &PartitionView) -> Vec<String> {
    let Some((leader, state)) = partition.legitimate_leader() else {
        return vec![format!("{name}: no leader")];
    };
    let isr = partition.committed.as_ref().map(|committed| committed.isr.clone()).unwrap_or_default();
    let mut reasons = Vec::new();
    for (broker, replica) in &partition.replicas {
        if !isr.contains(broker) {
            reasons.push(format!("{name}: broker {broker} is not in the ISR"));
        } else if replica.end() != state.end() {
            reasons.push(format!(
                "{name}: broker {broker} ends at {}, leader {leader} at {}",
                replica.end(),
                state.end()
            ));
        }
    }
    if state.high_watermark != state.end() {
        reasons.push(format!(
            "{name}: high watermark {} below the log end {}",
            state.high_watermark,
            state.end()
        ));
    }
    reasons
}
