//! Which log is compacted when (Kafka's `LogCleaner` and `LogCleanerManager`).
//!
//! One log at a time: of those that need it the one with the largest part that was not compacted yet, again and again
//! until none does; then the broker looks again after `log.cleaner.backoff.ms`. A broker without a compacted topic never
//! looks. Every replica is compacted by its own broker, leader or not.

use super::Broker;
use crate::id::TopicPartition;
use crate::log::{CompactionBuffers, LogIo};
use crate::machine::{Effects, Wakeup};
use crate::time::{Instant, Now};

/// The cleaner of a broker.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    /// The log that is being compacted.
    busy: Option<TopicPartition>,
    /// When it looks for a log next; never without a compacted topic.
    next: Option<Instant>,
}

impl Cleaner {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        self.next.map(|at| (at, Wakeup::Cleaner))
    }
}

impl Broker {
    /// There is a compacted topic.
    pub(super) fn wake_cleaner(&mut self, now: Now) {
        let cleaner = &mut self.cleaner;
        if self.settings.config.log_cleaner_enable && cleaner.busy.is_none() && cleaner.next.is_none() {
            cleaner.next = Some(now.mono.after(self.settings.config.log_cleaner_backoff));
        }
    }

    /// Begins the compaction that is due.
    pub(super) fn clean(&mut self, now: Now, effects: &mut Effects) {
        if let Some(busy) = &self.cleaner.busy {
            if self.replicas.get(busy).is_some_and(|replica| replica.log().is_compacting()) {
                return;
            }
            self.cleaner.busy = None;
            self.cleaner.next = Some(now.mono);
        }
        if self.cleaner.next.is_none_or(|next| now.mono < next) {
            return;
        }
        self.cleaner.next = None;
        let needs = self.replicas.values().filter_map(|replica| {
            let need = replica.compaction_need(now.wall)?;
            Some((need, replica.partition().clone()))
        });
        // The first of equals, whatever the names are.
        let filthiest = needs.reduce(|one, other| if other.0 > one.0 { other } else { one });
        match filthiest {
            Some((_, partition)) => self.compact(now, partition, effects),
            None if self.replicas.values().any(|replica| replica.config().log.cleanup.compact) => {
                self.wake_cleaner(now);
            }
            None => {}
        }
    }

    fn compact(&mut self, now: Now, partition: TopicPartition, effects: &mut Effects) {
        let config = &self.settings.config;
        let buffers = CompactionBuffers {
            keys_bytes_max: config.log_cleaner_dedupe_buffer_size,
            read_bytes: config.log_cleaner_io_buffer_size as u64,
        };
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let mut io = LogIo::default();
        replica.compact(now.wall, buffers, &mut io);
        self.submit(&partition, io, effects);
        self.cleaner.busy = Some(partition);
    }
}
