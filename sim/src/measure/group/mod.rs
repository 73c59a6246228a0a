//! The figures of a consumer group, in exact virtual time.
//!
//! - A **rebalance** lasts from the coordinator's word that it began to its word that everybody has what it should have.
//! - A group is **rebalancing** from the beginning of a rebalance to the end of it, or of the one that took its place.
//! - A member is **stopped** while it owns nothing between two stretches of owning something, if a rebalance was under
//!   way in that time; its share is taken of the time since it first owned something.
//! - A partition **moved** when another member than before owns it.
//! - A **takeover** is the time from the death of a process that owned a partition to the moment another one owns it.
//! - A record is **redelivered** as often as a member was given it beyond the first time, and processed by a **zombie**
//!   if its processing ended after the coordinator had counted its member out.
//! - **Lag** is what lies between the committed offsets and the high watermarks.

mod lag;
mod moves;

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::time::Instant;

pub use lag::{Lag, LagStep};

use super::{Latencies, Span};
use crate::checker::group::{Group, groups};
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::view::GroupView;

/// The figures of one group, in one run or in many.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GroupFigures {
    /// Rebalances that began.
    pub rebalances: u64,
    /// How long those that ended took.
    pub rebalance_time: Latencies,
    /// The longest time the group was rebalancing; `None` if it never was.
    pub longest_rebalance: Option<Duration>,
    /// Time in which members were stopped, over all of them.
    pub stopped: Duration,
    /// Time since members first owned something, over all of them.
    pub member_time: Duration,
    /// Partitions that got another owner.
    pub moved: u64,
    /// Times from the death of an owner to the next one.
    pub takeovers: Latencies,
    /// Records processed, each time counted.
    pub processed: u64,
    /// Records given to members beyond the first time.
    pub redelivered: u64,
    /// Records whose processing ended when the member was none any more.
    pub by_zombies: u64,
    /// The largest lag in records, and the oldest record that was waiting.
    pub max_lag: Option<(u64, Duration)>,
    /// The lag at the end, in records; of many runs the largest.
    pub lag_at_end: Option<u64>,
}

impl GroupFigures {
    /// The share of their time in which members were stopped, in millionths; `None` if no member ever owned anything.
    #[must_use]
    pub fn stopped_share(&self) -> Option<u32> {
        let millionths = self.stopped.as_nanos().saturating_mul(1_000_000);
        let share = millionths.checked_div(self.member_time.as_nanos())?;
        Some(u32::try_from(share).unwrap_or(u32::MAX))
    }

    /// Adds the figures of another run. The order of additions does not matter.
    pub fn add(&mut self, other: &GroupFigures) {
        self.rebalances += other.rebalances;
        self.rebalance_time.add(&other.rebalance_time);
        self.longest_rebalance = self.longest_rebalance.max(other.longest_rebalance);
        self.stopped += other.stopped;
        self.member_time += other.member_time;
        self.moved += other.moved;
        self.takeovers.add(&other.takeovers);
        self.processed += other.processed;
        self.redelivered += other.redelivered;
        self.by_zombies += other.by_zombies;
        self.max_lag = match (self.max_lag, other.max_lag) {
            (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        self.lag_at_end = self.lag_at_end.max(other.lag_at_end);
    }
}

/// The figures of every group of a run, by the name of its table.
pub(super) fn measure(plan: &Plan, run: &RunOutcome, end: Instant) -> BTreeMap<String, GroupFigures> {
    let of = |group: Group<'_>| (group.table.name.clone(), figures(&group, run, end));
    groups(plan, &run.history, &run.view).map(of).collect()
}

/// How far a group was behind, step by step.
#[must_use]
pub fn lag(plan: &Plan, run: &RunOutcome, table: &str) -> Option<Lag> {
    let mut groups = groups(plan, &run.history, &run.view);
    groups.find(|group| group.table.name == table).map(|group| Lag::of(&group, &run.view))
}

/// The rebalances of a group: from its start to its end, or to the start of the next.
fn rebalances(group: &Group<'_>, end: Instant) -> Vec<Span> {
    let all = group.view.map_or(&[][..], |view| view.rebalances.as_slice());
    let span = |(index, rebalance): (usize, &crate::view::Rebalance)| {
        let next = all.get(index + 1).map(|next| next.began);
        Span { start: rebalance.began, end: rebalance.ended.or(next).unwrap_or(end) }
    };
    all.iter().enumerate().map(span).collect()
}

/// The longest time the group was rebalancing. One that has lost its last member is at rest.
fn longest_rebalance(view: &GroupView, end: Instant) -> Option<Duration> {
    let mut since = None;
    let mut longest = None;
    for rebalance in &view.rebalances {
        let began = *since.get_or_insert(rebalance.began);
        if let Some(ended) = rebalance.ended {
            longest = longest.max(Some(ended.since(began)));
            since = None;
        }
    }
    let emptied = view.departures.last().filter(|_| view.members.is_empty()).map(|departure| departure.at);
    longest.max(since.map(|since| emptied.unwrap_or(end).since(since)))
}

fn figures(group: &Group<'_>, run: &RunOutcome, end: Instant) -> GroupFigures {
    let mut figures = GroupFigures::default();
    for rebalance in group.view.into_iter().flat_map(|view| &view.rebalances) {
        figures.rebalances += 1;
        if let Some(ended) = rebalance.ended {
            figures.rebalance_time.record(ended.since(rebalance.began));
        }
    }
    figures.longest_rebalance = group.view.and_then(|view| longest_rebalance(view, end));
    let rebalances = rebalances(group, end);
    for life in &group.lives {
        let (stopped, lived) = moves::stopped(life, &rebalances, end);
        figures.stopped += stopped;
        figures.member_time += lived;
    }
    moves::between_owners(group, &mut figures);
    moves::deliveries(group, &mut figures);
    let lag = Lag::of(group, &run.view);
    figures.max_lag = lag.max(end);
    figures.lag_at_end = lag.steps.last().map(|step| step.records);
    figures
}

#[cfg(test)]
mod tests;
