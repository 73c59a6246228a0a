//! Giving leaderships back to the preferred replicas (Kafka's `auto.leader.rebalance.enable`).
//!
//! After a broker was away, what it led is led by others. Every `leader.imbalance.check.interval.seconds` the
//! controller looks at each broker: if others lead more than `leader.imbalance.per.broker.percentage` of the
//! partitions that prefer it, it gets them back, as far as it is in sync.

use std::collections::BTreeMap;

use super::Controller;
use super::change::Election;
use crate::id::NodeId;
use crate::machine::{Effects, Wakeup};
use crate::metadata::MetadataRecord;
use crate::time::{Instant, Now};

/// Most elections of one check (Kafka's `MAX_ELECTIONS_PER_IMBALANCE`).
const ELECTIONS_MAX: usize = 1000;

impl Controller {
    pub(super) fn next_balance(&self) -> Option<(Instant, Wakeup)> {
        self.balance_at.map(|at| (at, Wakeup::Balance))
    }

    /// Sets the clock of the next check, if there are to be any.
    pub(super) fn schedule_balance(&mut self, now: Now) {
        let config = &self.settings.config;
        self.balance_at = config
            .auto_leader_rebalance_enable
            .then(|| now.mono.after(config.leader_imbalance_check_interval));
    }

    /// Checks the balance if it is time.
    pub(super) fn maybe_balance(&mut self, now: Now, effects: &mut Effects) {
        if self.balance_at.is_some_and(|at| at <= now.mono) {
            self.schedule_balance(now);
            let records = self.balance();
            self.apply(now, &records, effects);
        }
    }

    fn balance(&self) -> Vec<MetadataRecord> {
        let unbalanced = self.unbalanced_brokers();
        let is_active = |broker| self.image.is_active(broker);
        let stray = self.image.partitions().filter(|(_, _, partition)| {
            let preferred = partition.replicas.first();
            preferred != partition.leader.as_ref()
                && preferred.is_some_and(|preferred| unbalanced.contains(preferred))
        });
        stray
            .filter_map(|(topic, index, partition)| {
                self.change(topic, index, partition, &is_active).election(Election::Preferred).build()
            })
            .map(MetadataRecord::PartitionChange)
            .take(ELECTIONS_MAX)
            .collect()
    }

    /// The brokers of whose partitions too many are led by others.
    fn unbalanced_brokers(&self) -> Vec<NodeId> {
        let mut counts: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
        for (_, _, partition) in self.image.partitions() {
            let Some(preferred) = partition.replicas.first() else { continue };
            let (all, stray) = counts.entry(*preferred).or_default();
            *all += 1;
            *stray += u64::from(partition.leader.as_ref() != Some(preferred));
        }
        let allowed = self.settings.config.leader_imbalance_per_broker_percentage;
        let unbalanced = counts.into_iter().filter(|(_, (all, stray))| stray * 100 > all * allowed);
        unbalanced.map(|(broker, _)| broker).collect()
    }
}
