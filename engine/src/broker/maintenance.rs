//! What a broker does for its logs without being asked: retention, timed flushes, recovery-point checkpoints.
//!
//! Retention and checkpoints go over all logs at their intervals (Kafka's `LogManager` tasks). `flush.ms` is a
//! deadline of each log that has something to flush; Kafka looks only every `log.flush.scheduler.interval.ms`, by
//! default never.

use std::collections::BTreeMap;

use super::{Broker, Marks};
use crate::id::TopicPartition;
use crate::log::LogIo;
use crate::machine::{Effects, Wakeup};
use crate::replica::Replica;
use crate::time::{Duration, Instant, Now};

/// When what is due.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    retention: Option<Instant>,
    checkpoint: Option<Instant>,
    /// Logs that took records and may not leave them unflushed for ever, with the deadline once it is known.
    flushes: BTreeMap<TopicPartition, Option<Instant>>,
}

impl Maintenance {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let flush = self.flushes.values().copied().flatten().min();
        [self.retention, self.checkpoint, flush]
            .into_iter()
            .flatten()
            .min()
            .map(|at| (at, Wakeup::Maintenance))
    }

    /// A log took records.
    pub(super) fn appended(&mut self, partition: &TopicPartition, flush_millis: i64) {
        if flush_millis < i64::MAX && !self.flushes.contains_key(partition) {
            self.flushes.insert(partition.clone(), None);
        }
    }
}

/// True if `next` has come; it is then moved on by `interval`. The first time is an interval from now.
fn is_due(next: &mut Option<Instant>, now: Instant, interval: Duration) -> bool {
    let due = next.is_some_and(|at| at <= now);
    if due || next.is_none() {
        *next = Some(now.after(interval));
    }
    due
}

impl Broker {
    /// Does what is due.
    pub(super) fn maintain(&mut self, now: Now, effects: &mut Effects) {
        let config = &self.settings.config;
        let (retention, checkpoint) =
            (config.log_retention_check_interval, config.log_flush_offset_checkpoint_interval);
        self.flush_overdue(now, effects);
        if is_due(&mut self.maintenance.retention, now.mono, retention) {
            self.for_each_log(now, effects, |replica, io, effects| {
                replica.enforce_retention(now.wall, io, effects);
            });
        }
        if is_due(&mut self.maintenance.checkpoint, now.mono, checkpoint) {
            self.for_each_log(now, effects, |replica, io, _| replica.checkpoint_recovery_point(io));
        }
    }

    fn flush_overdue(&mut self, now: Now, effects: &mut Effects) {
        if self.maintenance.flushes.is_empty() {
            return;
        }
        let mut overdue = Vec::new();
        for (partition, deadline) in &mut self.maintenance.flushes {
            let Some(replica) = self.replicas.get(partition) else { continue };
            let millis = u64::try_from(replica.config().log.flush_millis).unwrap_or(0);
            let at = *deadline.get_or_insert(now.mono.after(Duration::from_millis(millis)));
            if at <= now.mono {
                overdue.push(partition.clone());
            }
        }
        for partition in overdue {
            self.maintenance.flushes.remove(&partition);
            let mut io = LogIo::default();
            if let Some(replica) = self.replicas.get_mut(&partition) {
                replica.sync(&mut io);
            }
            self.submit(&partition, io, effects);
        }
    }

    fn for_each_log(
        &mut self,
        now: Now,
        effects: &mut Effects,
        mut work: impl FnMut(&mut Replica, &mut LogIo, &mut Effects),
    ) {
        let partitions: Vec<TopicPartition> = self.replicas.keys().cloned().collect();
        for partition in partitions {
            let Some(replica) = self.replicas.get_mut(&partition) else { continue };
            let before = Marks::of(replica);
            let mut io = LogIo::default();
            work(replica, &mut io, effects);
            self.submit(&partition, io, effects);
            self.after_change(now, &partition, before, effects);
        }
    }
}
