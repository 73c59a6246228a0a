//! What followed each fault: who noticed, who took over, when writes went on.
//!
//! The recovery time (RTO) of a fault: from its start until, on every partition it hit, a send that was *wanted after
//! the fault began* is acknowledged. The last partition decides. A fault on a broker hits the partitions the broker
//! led when the fault began; if it led none, those it has a replica of. Any other fault hits every partition.

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::event::Event;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::Instant;

use crate::run::{FaultRecord, RunOutcome};
use crate::scenario::Plan;
use crate::view::{ClusterView, What};

/// What followed a fault, one of the times it fired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultRecovery {
    /// Its name.
    pub fault: String,
    /// Which time it fired, from 1; `None` for a fault that can only fire once.
    pub firing: Option<u32>,
    /// What people call it: its name, and which time if there can be several.
    pub label: String,
    /// When it began.
    pub began: Instant,
    /// The partitions it hit.
    pub partitions: Vec<TopicPartition>,
    /// When the controller fenced a broker it hit.
    pub detected: Option<Instant>,
    /// When the last partition that changed its leader got another one.
    pub new_leader: Option<Instant>,
    /// When the last partition acknowledged a send that was wanted after the fault began.
    pub first_ack: Option<Instant>,
    /// When every partition it hit had its whole ISR back, having lost a part of it.
    pub isr_full: Option<Instant>,
    /// Whether anything was wanted after it began; otherwise there is nothing to recover.
    pub wanted: bool,
}

impl FaultRecovery {
    /// The recovery time. `None` if nobody wanted to write afterwards; without end if nobody could.
    #[must_use]
    pub fn rto(&self) -> Option<Duration> {
        match self.first_ack {
            Some(at) => Some(at.since(self.began)),
            None => self.wanted.then_some(Duration::MAX),
        }
    }
}

/// Who led each partition at `at`, as the controller had it.
#[must_use]
pub fn leaders_at(view: &ClusterView, at: Instant) -> BTreeMap<&TopicPartition, Option<NodeId>> {
    let mut leaders = BTreeMap::new();
    for happening in view.happenings.iter().take_while(|happening| happening.at <= at) {
        if let What::Event(Event::LeaderElected { partition, leader, .. }) = &happening.what {
            leaders.insert(partition, *leader);
        }
    }
    leaders
}

fn brokers(fault: &FaultRecord) -> Vec<NodeId> {
    let ids = fault.targets.iter().filter_map(|target| target.strip_prefix("broker "));
    ids.filter_map(|id| id.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok().map(NodeId)).collect()
}

fn hit(run: &RunOutcome, fault: &FaultRecord, began: Instant) -> Vec<TopicPartition> {
    let brokers = brokers(fault);
    let all = || run.view.partitions.keys().cloned().collect::<Vec<_>>();
    if brokers.is_empty() || fault.targets.len() > brokers.len() {
        return all();
    }
    let before = Instant::from_nanos(began.as_nanos().saturating_sub(1));
    let leaders = leaders_at(&run.view, before);
    let led = leaders.iter().filter(|(_, leader)| leader.is_some_and(|leader| brokers.contains(&leader)));
    let led: Vec<TopicPartition> = led.map(|(partition, _)| (*partition).clone()).collect();
    if !led.is_empty() {
        return led;
    }
    let replicated = run
        .view
        .partitions
        .iter()
        .filter(|(_, partition)| partition.replicas.keys().any(|replica| brokers.contains(replica)));
    replicated.map(|(partition, _)| partition.clone()).collect()
}

/// Measures every time a fault fired, in the order of the plan, then of time.
pub(super) fn measure(plan: &Plan, run: &RunOutcome, end: Instant) -> Vec<FaultRecovery> {
    let fired = run.faults.iter().filter_map(|fault| Some((fault, fault.began?)));
    fired.filter(|(_, began)| *began <= end).map(|(fault, began)| of_fault(plan, run, fault, began)).collect()
}

fn of_fault(plan: &Plan, run: &RunOutcome, fault: &FaultRecord, began: Instant) -> FaultRecovery {
    let partitions = hit(run, fault, began);
    let mut first: BTreeMap<&TopicPartition, Option<Instant>> =
        partitions.iter().map(|partition| (partition, None)).collect();
    let mut wanted = false;
    for (_, send) in run.history.load_sends().filter(|(_, send)| send.intended >= began) {
        wanted = true;
        let Some(((partition, _), at)) = send.acknowledged().zip(send.completed) else { continue };
        if let Some(known) = first.get_mut(partition) {
            *known = Some(known.map_or(at, |known| known.min(at)));
        }
    }
    // A partition nobody writes to again cannot show that it recovered; it does not hold the others back.
    let answered: Vec<Instant> = first.values().copied().flatten().collect();
    let first_ack = answered.iter().max().copied();
    let brokers = brokers(fault);
    let after = || run.view.happenings.iter().filter(move |happening| happening.at >= began);
    let detected = after().find_map(|happening| match &happening.what {
        What::Event(Event::BrokerFenced { broker }) if brokers.contains(broker) => Some(happening.at),
        _ => None,
    });
    let mut changed: BTreeMap<&TopicPartition, Instant> = BTreeMap::new();
    for happening in after() {
        if let What::Event(Event::LeaderElected { partition, leader: Some(_), .. }) = &happening.what
            && partitions.contains(partition)
        {
            changed.entry(partition).or_insert(happening.at);
        }
    }
    let new_leader = changed.values().max().copied();
    let isr_full = isr_full(plan, run, &partitions, began);
    FaultRecovery {
        fault: fault.name.clone(),
        firing: fault.firing,
        label: fault.label(),
        began,
        partitions,
        detected,
        new_leader,
        first_ack,
        isr_full,
        wanted,
    }
}

fn isr_full(plan: &Plan, run: &RunOutcome, partitions: &[TopicPartition], began: Instant) -> Option<Instant> {
    let full = |partition: &TopicPartition| {
        let topic = plan.topics.iter().find(|topic| topic.name == partition.topic);
        topic.map_or(usize::MAX, |topic| usize::try_from(topic.replication).unwrap_or(usize::MAX))
    };
    let mut reduced: BTreeMap<&TopicPartition, bool> = BTreeMap::new();
    let mut lost_some = false;
    for happening in &run.view.happenings {
        let What::Event(
            Event::LeaderElected { partition, isr, .. } | Event::IsrChanged { partition, isr, .. },
        ) = &happening.what
        else {
            continue;
        };
        if !partitions.contains(partition) {
            continue;
        }
        reduced.insert(partition, isr.len() < full(partition));
        if happening.at >= began {
            let any = reduced.values().any(|reduced| *reduced);
            if lost_some && !any {
                return Some(happening.at);
            }
            lost_some |= any;
        }
    }
    None
}
