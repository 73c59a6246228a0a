//! `single-leader-per-epoch`: in one leader epoch of a partition one broker acts as leader.
//!
//! Source: D7 (two writers in one epoch), ElectionSafety of the Raft and KRaft specifications applied to partition
//! leaders, W18's shape. A broker acts as leader when it takes the leadership and when it appends a producer's
//! batch. Checked at every such event.
//!
//! Why not stricter: leaders of different epochs may overlap in time (a deposed leader that does not know it yet),
//! which is why epochs exist. The same broker may take the leadership of one epoch twice (it restarted).

use std::collections::BTreeMap;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::Event;
use tribunal_engine::id::{NodeId, TopicPartition};

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::scenario::Guarantee;
use crate::view::{ClusterView, Happening, What};

/// The checker.
#[derive(Debug, Default)]
pub struct SingleLeaderPerEpoch {
    /// Who acted first in each epoch.
    leaders: BTreeMap<TopicPartition, BTreeMap<LeaderEpoch, NodeId>>,
    checked: u64,
    found: Found,
}

impl Checker for SingleLeaderPerEpoch {
    fn guarantee(&self) -> Guarantee {
        Guarantee::SingleLeaderPerEpoch
    }

    fn on_happening(&mut self, _view: &ClusterView, happening: &Happening) {
        let (What::Event(event), Some(broker)) = (&happening.what, happening.node) else { return };
        let (partition, epoch, offset, did) = match event {
            Event::BecameLeader { partition, epoch, start, .. } => {
                (partition, *epoch, *start, "took the leadership")
            }
            Event::Appended { partition, batch, as_leader: true } => {
                (partition, batch.epoch, batch.base, "appended as leader")
            }
            _ => return,
        };
        self.checked += 1;
        if !self.leaders.contains_key(partition) {
            self.leaders.insert(partition.clone(), BTreeMap::new());
        }
        let Some(epochs) = self.leaders.get_mut(partition) else { return };
        let first = *epochs.entry(epoch).or_insert(broker);
        if first != broker {
            self.found.add(|| {
                let text = format!(
                    "{partition}: broker {broker} {did} in epoch {epoch} at offset {offset}, in which broker {first} was the leader"
                );
                Violation {
                    at: Some(happening.at),
                    partition: Some(partition.clone()),
                    offset: Some(offset),
                    broker: Some(broker),
                    ..Violation::saying(text)
                }
            });
        }
    }

    fn finish(&mut self, _run: &FinishedRun<'_>) -> Finding {
        self.found.finding(self.guarantee(), self.checked, "acts of leaders")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::sample::Sample;

    fn finding(script: impl FnOnce(&mut Sample)) -> Finding {
        let mut sample = Sample::watching(SingleLeaderPerEpoch::default());
        script(&mut sample);
        sample.finding()
    }

    #[test]
    fn one_leader_after_the_other_is_held() {
        let finding = finding(|sample| {
            sample.elect(1, 0, &[1, 2]);
            sample.append(1, 0, 0, 0, true);
            sample.elect(2, 1, &[2]);
            sample.append(2, 0, 0, 1, true);
        });
        assert_eq!((finding.checked, finding.violated), (4, 0));
    }

    #[test]
    fn two_brokers_that_take_the_leadership_of_one_epoch_are_found() {
        let finding = finding(|sample| {
            sample.elect(1, 0, &[1, 2]);
            sample.became_leader(2, 0);
        });
        assert_eq!(finding.violated, 1);
        assert_eq!(finding.violations[0].broker, Some(NodeId(2)));
    }

    #[test]
    fn an_append_in_the_epoch_of_another_leader_is_found() {
        let finding = finding(|sample| {
            sample.elect(1, 3, &[1, 2]);
            sample.append(2, 0, 0, 3, true);
        });
        assert_eq!(finding.violated, 1);
    }

    #[test]
    fn a_follower_that_copies_a_batch_is_no_leader() {
        let finding = finding(|sample| {
            sample.elect(1, 3, &[1, 2]);
            sample.append(1, 0, 0, 3, true);
            sample.append(2, 0, 0, 3, false);
        });
        assert_eq!(finding.violated, 0);
    }

    #[test]
    fn a_deposed_leader_that_goes_on_in_its_own_epoch_is_legal() {
        let finding = finding(|sample| {
            sample.elect(1, 0, &[1, 2]);
            sample.elect(2, 1, &[2]);
            sample.append(1, 0, 0, 0, true);
            sample.append(2, 0, 0, 1, true);
        });
        assert_eq!(finding.violated, 0);
    }

    #[test]
    fn the_same_broker_may_take_its_epoch_twice() {
        let finding = finding(|sample| {
            sample.elect(1, 0, &[1]);
            sample.became_leader(1, 0);
        });
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }
}
