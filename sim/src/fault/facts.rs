//! What triggers may ask about a cluster that runs.

use tribunal_engine::time::Instant;

use crate::scenario::expr::{Facts, Quantity, Value, Window};
use crate::view::ClusterView;
use crate::workload::Counts;

/// The state of a run at one moment.
pub struct RunningFacts<'a> {
    /// What machines said.
    pub view: &'a ClusterView,
    /// What clients did.
    pub counts: &'a Counts,
    /// When load began: `time` counts from here.
    pub load_began: Instant,
    /// Now.
    pub now: Instant,
}

impl Facts for RunningFacts<'_> {
    fn value(&self, quantity: &Quantity, _window: Option<&Window>) -> Option<Value> {
        let number = |count: i64| Value::Count(u64::try_from(count).unwrap_or(0));
        let count = Value::Count;
        let partition = |name| self.view.partitions.get(name);
        match quantity {
            Quantity::Time => Some(Value::Duration(self.now.since(self.load_began))),
            Quantity::Sent => Some(count(self.counts.sent())),
            Quantity::Acked => Some(count(self.counts.acknowledged())),
            Quantity::Consumed => Some(count(self.counts.consumed())),
            Quantity::Isr(name) => {
                partition(name)?.committed.as_ref().map(|committed| count(committed.isr.len() as u64))
            }
            Quantity::Unreplicated(name) => partition(name)?.unreplicated().map(number),
            Quantity::Truncated(name) => Some(number(partition(name)?.truncated())),
            Quantity::Epoch(name) => {
                partition(name)?.committed.as_ref().map(|committed| number(i64::from(committed.epoch.0)))
            }
            Quantity::SnapshotsLoaded => Some(count(self.view.snapshots_loaded() as u64)),
            Quantity::Lag(table) => Some(count(self.view.group_of(table)?.lag(&self.view.partitions))),
            Quantity::Members(table) => Some(count(self.view.group_of(table)?.members.len() as u64)),
            Quantity::Rebalances(table) => Some(count(self.view.group_of(table)?.rebalances.len() as u64)),
            Quantity::StoppedTime(_)
            | Quantity::RebalanceDuration(_)
            | Quantity::Rto(_)
            | Quantity::Unavailable(_)
            | Quantity::Lost
            | Quantity::LostWindow
            | Quantity::Percentile(..)
            | Quantity::Max(_)
            | Quantity::Violations(_) => None,
        }
    }
}
