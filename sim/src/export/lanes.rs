//! The life of each broker: whether it ran, and its role in the partitions shown.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::Event;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::Instant;
use tribunal_reports::artifact::{BrokerLane, BrokerState, ReplicaRole, RoleInterval, StateInterval};

use super::exhibit::is_process;
use super::isr::shown_partitions;
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::view::What;

/// One lane for each broker, by id.
pub(super) fn lanes(plan: &Plan, run: &RunOutcome, end: Instant) -> Vec<BrokerLane> {
    let shown = shown_partitions(run);
    plan.cluster
        .broker_ids()
        .map(|broker| {
            let states = states(broker, run, end);
            let roles = roles(broker, run, &shown, &states, end);
            BrokerLane { broker: broker.0, states, roles }
        })
        .collect()
}

#[derive(Clone, Copy, Default)]
struct Life {
    down: bool,
    paused: bool,
    fenced: bool,
}

impl Life {
    fn state(self) -> BrokerState {
        match self {
            Life { down: true, .. } => BrokerState::Down,
            Life { paused: true, .. } => BrokerState::Paused,
            Life { fenced: true, .. } => BrokerState::Fenced,
            Life { .. } => BrokerState::Up,
        }
    }

    fn take(&mut self, broker: NodeId, node: Option<NodeId>, what: &What) {
        match what {
            What::Event(Event::BrokerFenced { broker: about }) if *about == broker => self.fenced = true,
            What::Event(Event::BrokerUnfenced { broker: about }) if *about == broker => self.fenced = false,
            _ if node != Some(broker) => {}
            What::Started => *self = Life { fenced: self.fenced, ..Life::default() },
            What::Crashed | What::Stopped | What::PowerLost => (self.down, self.paused) = (true, false),
            What::Paused => self.paused = true,
            What::Resumed => self.paused = false,
            _ => {}
        }
    }
}

fn states(broker: NodeId, run: &RunOutcome, end: Instant) -> Vec<StateInterval> {
    let first = run.view.happenings.iter().find(|one| one.node == Some(broker) && is_process(&one.what));
    // A broker whose first word is that it was started did not run before.
    let mut life = Life { down: first.is_some_and(|one| one.what == What::Started), ..Life::default() };
    let mut states: Vec<StateInterval> = Vec::new();
    let mut since = Instant::START;
    let mut close = |state: BrokerState, start: Instant, end: Instant| {
        if start < end {
            states.push(StateInterval { state, start_ns: start.as_nanos(), end_ns: end.as_nanos() });
        }
    };
    for happening in &run.view.happenings {
        let before = life.state();
        life.take(broker, happening.node, &happening.what);
        if life.state() != before {
            close(before, since, happening.at);
            since = happening.at;
        }
    }
    close(life.state(), since, end);
    states
}

/// What the controller says about a partition.
struct Assigned {
    leader: Option<NodeId>,
    isr: Vec<NodeId>,
    epoch: LeaderEpoch,
}

impl Assigned {
    fn role(&self, broker: NodeId) -> ReplicaRole {
        if self.leader == Some(broker) {
            ReplicaRole::Leader
        } else if self.isr.contains(&broker) {
            ReplicaRole::InSync
        } else {
            ReplicaRole::OutOfSync
        }
    }
}

fn roles(
    broker: NodeId,
    run: &RunOutcome,
    shown: &[&TopicPartition],
    states: &[StateInterval],
    end: Instant,
) -> Vec<RoleInterval> {
    let mut roles = Vec::new();
    for partition in shown {
        if !replicas(run, partition).contains(&broker) {
            continue;
        }
        for (role, epoch, start, end) in role_intervals(broker, run, partition, end) {
            let up = states.iter().filter(|state| state.state != BrokerState::Down);
            roles.extend(up.filter_map(|state| {
                let (start_ns, end_ns) = (start.max(state.start_ns), end.min(state.end_ns));
                let partition = partition.to_string();
                (start_ns < end_ns).then_some(RoleInterval {
                    partition,
                    role,
                    epoch: epoch.0,
                    start_ns,
                    end_ns,
                })
            }));
        }
    }
    merge(roles)
}

/// Joins intervals that touch and say the same: a pause does not end a role.
fn merge(roles: Vec<RoleInterval>) -> Vec<RoleInterval> {
    let mut merged: Vec<RoleInterval> = Vec::new();
    for role in roles {
        match merged.last_mut() {
            Some(last)
                if last.partition == role.partition
                    && (last.role, last.epoch, last.end_ns) == (role.role, role.epoch, role.start_ns) =>
            {
                last.end_ns = role.end_ns;
            }
            _ => merged.push(role),
        }
    }
    merged
}

/// Everybody who ever was a replica, as far as the run shows.
fn replicas(run: &RunOutcome, partition: &TopicPartition) -> BTreeSet<NodeId> {
    let known = run.view.partitions.get(partition).map(|view| view.replicas.keys().copied());
    let mut replicas: BTreeSet<NodeId> = known.into_iter().flatten().collect();
    for happening in &run.view.happenings {
        if let What::Event(Event::LeaderElected { partition: about, isr, .. }) = &happening.what
            && about == partition
        {
            replicas.extend(isr);
        }
    }
    replicas
}

type Interval = (ReplicaRole, LeaderEpoch, u64, u64);

fn role_intervals(broker: NodeId, run: &RunOutcome, name: &TopicPartition, end: Instant) -> Vec<Interval> {
    let mut current: Option<Assigned> = None;
    let mut since = Instant::START;
    let mut found = Vec::new();
    for happening in &run.view.happenings {
        let next = match (&happening.what, &current) {
            (What::Event(Event::LeaderElected { partition, leader, epoch, isr, .. }), _)
                if partition == name =>
            {
                Assigned { leader: *leader, isr: isr.clone(), epoch: *epoch }
            }
            (What::Event(Event::IsrChanged { partition, isr, .. }), Some(known)) if partition == name => {
                Assigned { leader: known.leader, isr: isr.clone(), epoch: known.epoch }
            }
            _ => continue,
        };
        let said = |assigned: &Assigned| (assigned.role(broker), assigned.epoch);
        if let Some(known) = &current
            && said(known) != said(&next)
        {
            found.push((known.role(broker), known.epoch, since.as_nanos(), happening.at.as_nanos()));
            since = happening.at;
        }
        if current.is_none() {
            since = happening.at;
        }
        current = Some(next);
    }
    if let Some(known) = &current {
        found.push((known.role(broker), known.epoch, since.as_nanos(), end.as_nanos()));
    }
    found
}

/// How often each partition changed its leader or its ISR.
pub(super) fn changes(run: &RunOutcome) -> BTreeMap<&TopicPartition, usize> {
    let mut changes = BTreeMap::new();
    for happening in &run.view.happenings {
        if let What::Event(Event::LeaderElected { partition, .. } | Event::IsrChanged { partition, .. }) =
            &happening.what
        {
            *changes.entry(partition).or_default() += 1;
        }
    }
    changes
}
