//! Which replica leads (Kafka's `PartitionChangeBuilder`; kafka.md 3.3).
//!
//! A clean leader comes from the ISR, in assignment order, and is not fenced. The last member of an ISR is never
//! removed: while it is away the partition has no leader, unless unclean election is allowed. The leader epoch
//! rises exactly when the leader is written; the partition epoch on every change.

use super::Controller;
use crate::id::{NodeId, PartitionIndex};
use crate::metadata::{MetadataRecord, PartitionChange, PartitionImage, TopicImage};

impl Controller {
    /// The changes that follow from losing `lost`.
    pub(super) fn elections_without(&self, lost: NodeId) -> Vec<MetadataRecord> {
        let touched = self.image.partitions().filter(|(_, _, partition)| {
            partition.leader == Some(lost) || (partition.isr.contains(&lost) && partition.isr.len() > 1)
        });
        touched
            .map(|(topic, index, partition)| self.election_without(lost, topic, index, partition))
            .collect()
    }

    fn election_without(
        &self,
        lost: NodeId,
        topic: &TopicImage,
        index: PartitionIndex,
        partition: &PartitionImage,
    ) -> MetadataRecord {
        let remaining: Vec<NodeId> = partition.isr.iter().copied().filter(|member| *member != lost).collect();
        let alive = |broker: &NodeId| *broker != lost && self.image.is_active(*broker);
        let mut change = PartitionChange {
            topic: topic.id,
            partition: index,
            isr: None,
            leader: None,
            recovering: partition.recovering,
        };
        if !remaining.is_empty() {
            change.isr = Some(remaining.clone());
        }
        if partition.leader != Some(lost) {
            return MetadataRecord::PartitionChange(change);
        }
        let clean =
            partition.replicas.iter().copied().find(|replica| remaining.contains(replica) && alive(replica));
        change.leader = Some(clean);
        if clean.is_none() && self.unclean_allowed(topic) {
            elect_uncleanly(&mut change, partition.replicas.iter().copied().find(|replica| alive(replica)));
        }
        MetadataRecord::PartitionChange(change)
    }

    /// The changes that follow from `back` being alive again: it leads what nobody else may lead.
    pub(super) fn elections_with(&self, back: NodeId) -> Vec<MetadataRecord> {
        let leaderless = self
            .image
            .partitions()
            .filter(|(_, _, partition)| partition.leader.is_none() && partition.replicas.contains(&back));
        leaderless
            .filter_map(|(topic, index, partition)| {
                let mut change = PartitionChange {
                    topic: topic.id,
                    partition: index,
                    isr: None,
                    leader: None,
                    recovering: partition.recovering,
                };
                if partition.isr.contains(&back) {
                    change.leader = Some(Some(back));
                } else if self.unclean_allowed(topic) {
                    elect_uncleanly(&mut change, Some(back));
                } else {
                    return None;
                }
                Some(MetadataRecord::PartitionChange(change))
            })
            .collect()
    }

    fn unclean_allowed(&self, topic: &TopicImage) -> bool {
        topic.config(self.settings.config.topic_defaults).unclean_leader_election_enable
    }
}

/// The new leader becomes the whole ISR: what the others hold beyond its log is given up.
fn elect_uncleanly(change: &mut PartitionChange, leader: Option<NodeId>) {
    if let Some(leader) = leader {
        change.isr = Some(vec![leader]);
        change.leader = Some(Some(leader));
        change.recovering = true;
    }
}
