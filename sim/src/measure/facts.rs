//! What a finished run says to expectations.

use std::time::Duration;

use tribunal_engine::event::Event;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;

use super::{GroupFigures, Latencies, Measured};
use crate::run::RunOutcome;
use crate::scenario::expr::{Facts, MaxOf, Quantity, Value, Window};
use crate::view::{GroupView, PartitionView, What};

/// A run and its figures, as facts.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts<'a> {
    /// The run.
    pub run: &'a RunOutcome,
    /// Its figures.
    pub measured: &'a Measured,
}

impl RunFacts<'_> {
    fn partition(&self, name: &TopicPartition) -> Option<&PartitionView> {
        self.run.view.partitions.get(name)
    }

    fn group(&self, table: &str) -> Option<&GroupFigures> {
        self.measured.groups.get(table)
    }

    fn latencies(&self, window: Option<&Window>) -> Option<&Latencies> {
        match window {
            None | Some(Window::ByEnd) => Some(&self.measured.latency.all),
            Some(Window::OutsideFaults) => Some(&self.measured.latency.outside_faults),
            Some(Window::During(fault)) => self.measured.latency.during.get(fault),
        }
    }

    /// The largest value a quantity had. Most only grow; an ISR is looked up in the happenings; what a run leaves no
    /// trace of is not known.
    fn largest(&self, quantity: &Quantity) -> Option<Value> {
        match quantity {
            Quantity::Isr(name) => {
                let sizes = self.run.view.happenings.iter().filter_map(|happening| match &happening.what {
                    What::Event(
                        Event::LeaderElected { partition, isr, .. }
                        | Event::IsrChanged { partition, isr, .. },
                    ) if partition == name => Some(isr.len() as u64),
                    _ => None,
                });
                sizes.max().map(Value::Count)
            }
            Quantity::Unreplicated(_) => None,
            Quantity::Lag(table) => self.group(table)?.max_lag.map(|(records, _)| Value::Count(records)),
            Quantity::Members(table) => self.run.view.group_of(table).map(most_members),
            _ => self.value(quantity, None),
        }
    }
}

/// The most members a group had at a time.
fn most_members(group: &GroupView) -> Value {
    let arrivals = group.arrivals.iter().map(|arrival| (arrival.at, 1_i64));
    let departures = group.departures.iter().map(|departure| (departure.at, -1));
    let mut changes: Vec<(Instant, i64)> = arrivals.chain(departures).collect();
    changes.sort_unstable();
    let sizes = changes.iter().scan(0, |members, (_, change)| {
        *members += change;
        Some(*members)
    });
    Value::Count(sizes.max().and_then(|most| u64::try_from(most).ok()).unwrap_or(0))
}

impl Facts for RunFacts<'_> {
    fn value(&self, quantity: &Quantity, window: Option<&Window>) -> Option<Value> {
        let count = |value: i64| Value::Count(u64::try_from(value).unwrap_or(0));
        let Measured { counts, .. } = self.measured;
        match quantity {
            Quantity::Time => Some(Value::Duration(self.measured.end.since(self.measured.load.start))),
            Quantity::Sent => Some(Value::Count(counts.sent)),
            Quantity::Acked => Some(Value::Count(counts.acked)),
            Quantity::Consumed => Some(Value::Count(counts.consumed)),
            Quantity::Isr(name) => {
                let committed = self.partition(name)?.committed.as_ref()?;
                Some(Value::Count(committed.isr.len() as u64))
            }
            Quantity::Unreplicated(name) => self.partition(name)?.unreplicated().map(count),
            Quantity::Truncated(name) => Some(count(self.partition(name)?.truncated())),
            Quantity::Epoch(name) => {
                Some(count(i64::from(self.partition(name)?.committed.as_ref()?.epoch.0)))
            }
            Quantity::SnapshotsLoaded => Some(Value::Count(self.run.view.snapshots_loaded() as u64)),
            Quantity::Lag(table) => self.group(table)?.lag_at_end.map(Value::Count),
            Quantity::Members(table) => {
                Some(Value::Count(self.run.view.group_of(table)?.members.len() as u64))
            }
            Quantity::Rebalances(table) => Some(Value::Count(self.group(table)?.rebalances)),
            Quantity::StoppedTime(table) => self.group(table)?.stopped_share().map(Value::Share),
            Quantity::RebalanceDuration(table) => self.group(table)?.longest_rebalance.map(Value::Duration),
            Quantity::Rto(fault) => self.measured.rto(fault).map(Value::Duration),
            Quantity::Unavailable(name) => {
                let availability = self.measured.partitions.get(name)?;
                Some(Value::Duration(availability.longest.map_or(Duration::ZERO, |span| span.length())))
            }
            Quantity::Lost => self.measured.lost.map(Value::Count),
            Quantity::LostWindow => self.measured.lost_window.map(Value::Duration),
            Quantity::Percentile(hundredths, _) => {
                self.latencies(window)?.percentile(*hundredths).map(Value::Duration)
            }
            Quantity::Max(MaxOf::Metric(_)) => self.latencies(window)?.max().map(Value::Duration),
            Quantity::Max(MaxOf::Quantity(quantity)) => self.largest(quantity),
            Quantity::Violations(guarantee) => {
                let finding = self.run.finding(*guarantee).filter(|finding| finding.checked > 0)?;
                Some(Value::Count(finding.violated))
            }
        }
    }
}
