//! What a broker does for its logs without being asked: retention, timed flushes, recovery-point checkpoints.
//!
//! Each goes over all logs at its interval, as the tasks of Kafka's `LogManager` do. `flush.ms` therefore does nothing
//! while `log.flush.scheduler.interval.ms` has its default: nobody looks.

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
    flush: Option<Instant>,
    /// When each log was flushed by time, or seen for the first time.
    flushed: BTreeMap<TopicPartition, Instant>,
}

impl Maintenance {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let due = [self.retention, self.checkpoint, self.flush].into_iter().flatten();
        due.min().map(|at| (at, Wakeup::Maintenance))
    }
}

/// True if `next` has come; it is then moved on by `interval`. The first time is an interval from now. What is to
/// happen after more than a century never does.
fn is_due(next: &mut Option<Instant>, now: Instant, interval: Duration) -> bool {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    if interval >= NEVER {
        return false;
    }
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
        let (retention, checkpoint, flush) = (
            config.log_retention_check_interval,
            config.log_flush_offset_checkpoint_interval,
            config.log_flush_scheduler_interval,
        );
        if is_due(&mut self.maintenance.retention, now.mono, retention) {
            self.for_each_log(now, effects, |replica, io, effects| {
                replica.enforce_retention(now.wall, io, effects);
            });
        }
        if is_due(&mut self.maintenance.checkpoint, now.mono, checkpoint) {
            self.for_each_log(now, effects, |replica, io, _| replica.checkpoint_recovery_point(io));
        }
        if is_due(&mut self.maintenance.flush, now.mono, flush) {
            let mut flushed = std::mem::take(&mut self.maintenance.flushed);
            self.for_each_log(now, effects, |replica, io, _| {
                let millis = u64::try_from(replica.config().log.flush_millis).unwrap_or(0);
                let last = flushed.entry(replica.partition().clone()).or_insert(Instant::START);
                if now.mono.since(*last) >= Duration::from_millis(millis) {
                    *last = now.mono;
                    replica.sync(io);
                }
            });
            self.maintenance.flushed = flushed;
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
