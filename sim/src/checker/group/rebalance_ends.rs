//! `rebalance-ends`: a rebalance comes to an end within the rebalance timeout after the last change that caused it.
//!
//! Source: `kafka.md` L4, and B49 (KAFKA-12890, KAFKA-9752): a member that joined and never asks for its assignment,
//! but goes on sending heartbeats, must not hold the others up for ever.
//!
//! Why not stricter: everybody who joins, leaves or is expelled starts the clock again, and so does a coordinator that
//! moves, because the next one gives every session its full time. A group that has become empty owes nothing.

use tribunal_engine::time::{Duration, Instant};

use super::super::found::Found;
use super::super::{Checker, Finding, FinishedRun, Violation};
use super::groups;
use crate::scenario::Guarantee;
use crate::view::{ClusterView, GroupView};

/// The checker.
#[derive(Debug, Default)]
pub struct RebalanceEnds;

impl Checker for RebalanceEnds {
    fn guarantee(&self) -> Guarantee {
        Guarantee::RebalanceEnds
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut checked = 0;
        let mut found = Found::default();
        for group in groups(run.plan, run.history, run.view) {
            let Some(view) = group.view else { continue };
            let changes = changes(view, run.view);
            let patience = group.patience(run.plan);
            for (index, rebalance) in view.rebalances.iter().enumerate() {
                let next = view.rebalances.get(index + 1).map(|next| next.began);
                let end = rebalance.ended.or(next).or(emptied(view)).unwrap_or(run.end);
                let (since, waited) = longest_wait(&changes, rebalance.began, end);
                let over = rebalance.ended.is_some() || next.is_some();
                checked += u64::from(over || waited > patience);
                if waited > patience {
                    found.add(|| {
                        violation(group.id, rebalance.epoch, &rebalance.why, since, waited, patience)
                    });
                }
            }
        }
        found.finding(self.guarantee(), checked, "rebalances")
    }
}

/// When something happened that a rebalance has to wait for anew, by time.
fn changes(view: &GroupView, cluster: &ClusterView) -> Vec<Instant> {
    let arrivals = view.arrivals.iter().map(|arrival| arrival.at);
    let departures = view.departures.iter().map(|departure| departure.at);
    let assignments = view.assignments.iter().map(|assigned| assigned.at);
    let moves = cluster.coordinator_moves.iter().copied();
    let mut changes: Vec<Instant> = arrivals.chain(departures).chain(assignments).chain(moves).collect();
    changes.sort_unstable();
    changes
}

/// When the group lost its last member, if it has none now.
fn emptied(view: &GroupView) -> Option<Instant> {
    view.departures.last().filter(|_| view.members.is_empty()).map(|departure| departure.at)
}

/// The longest time between two changes from `began` to `end`, and when it began.
fn longest_wait(changes: &[Instant], began: Instant, end: Instant) -> (Instant, Duration) {
    let within = changes.iter().copied().filter(|change| began < *change && *change < end);
    let mut since = began;
    let mut longest = (began, Duration::ZERO);
    for change in within.chain([end]) {
        let waited = change.since(since);
        if waited > longest.1 {
            longest = (since, waited);
        }
        since = change;
    }
    longest
}

fn violation(
    group: &str,
    epoch: i32,
    why: &str,
    since: Instant,
    waited: Duration,
    patience: Duration,
) -> Violation {
    let text = format!(
        "the rebalance of group {group} in epoch {epoch} ({why}) stood still for {} ms; {} ms are the limit",
        waited.as_millis(),
        patience.as_millis()
    );
    Violation { at: Some(since), ..Violation::saying(text) }
}

#[cfg(test)]
mod tests {
    use super::super::sample::GroupSample;
    use super::*;

    // The sample's members are waited for 3 s, a dead coordinator 9 s, and their requests 5 s.
    const LIMIT: u64 = 17_000;

    #[test]
    fn a_rebalance_that_ends_is_held() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.rebalances(2, Some(900));
        let finding = sample.finish(RebalanceEnds);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn a_rebalance_that_never_ends_is_found() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.rebalances(2, None);
        assert_eq!(sample.finish(RebalanceEnds).violated, 1);
    }

    #[test]
    fn one_that_takes_too_long_is_found_though_it_ends() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.rebalances(2, Some(LIMIT + 100));
        assert_eq!(sample.finish(RebalanceEnds).violated, 1);
    }

    #[test]
    fn every_change_starts_the_clock_again() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.joined(9_000, "b", None);
        sample.rebalances(2, Some(LIMIT + 100));
        assert_eq!(sample.finish(RebalanceEnds).violated, 0);
    }

    #[test]
    fn an_empty_group_owes_nothing() {
        let mut sample = GroupSample::new();
        sample.joined(1, "a", None);
        sample.rebalances(2, None);
        sample.expelled(3, "a");
        let finding = sample.finish(RebalanceEnds);
        assert_eq!((finding.checked, finding.violated), (0, 0));
    }
}
