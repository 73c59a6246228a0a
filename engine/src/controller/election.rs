//! When leaders change: brokers that come, go, or want to stop (Kafka's
//! `ReplicationControlManager.generateLeaderAndIsrUpdates`). What a change then looks like is in [`super::change`].

use super::Controller;
use super::change::{ChangeBuilder, Election};
use crate::config::TopicConfig;
use crate::event::ElectionReason;
use crate::id::{NodeId, PartitionIndex};
use crate::metadata::{ConfigResource, MetadataRecord, PartitionChange, PartitionImage, TopicImage};
use crate::variant::EligibleLeaders;

impl Controller {
    /// The changes that follow from losing `lost` as a leader and as a member of every ISR.
    pub(super) fn elections_without(&self, lost: NodeId) -> Vec<MetadataRecord> {
        let acceptable = |broker| broker != lost && self.image.is_active(broker);
        self.changes(
            |partition| partition.isr.contains(&lost) || partition.leader == Some(lost),
            |topic, index, partition| self.change(topic, index, partition, &acceptable).without(lost).build(),
        )
    }

    /// The changes that follow from `back` being alive again: it leads what nobody else may lead.
    pub(super) fn elections_with(&self, back: NodeId) -> Vec<MetadataRecord> {
        let acceptable = |broker| broker == back || self.image.is_active(broker);
        self.changes(
            |partition| partition.leader.is_none(),
            |topic, index, partition| self.change(topic, index, partition, &acceptable).build(),
        )
    }

    /// The changes that follow from `broker` having stopped without saying that its logs are whole: what it
    /// acknowledged may be gone, so it is in no ISR and eligible nowhere (KIP-966).
    pub(super) fn elections_after_unclean_stop(&self, broker: NodeId) -> Vec<MetadataRecord> {
        let acceptable = |other| other != broker && self.image.is_active(other);
        self.changes(
            |partition| partition.isr.contains(&broker) || partition.elr.contains(&broker),
            |topic, index, partition| {
                let builder = self.change(topic, index, partition, &acceptable).without(broker);
                builder.stopped_uncleanly(broker).build()
            },
        )
    }

    fn changes(
        &self,
        touched: impl Fn(&PartitionImage) -> bool,
        change: impl Fn(&TopicImage, PartitionIndex, &PartitionImage) -> Option<PartitionChange>,
    ) -> Vec<MetadataRecord> {
        let touched = self.image.partitions().filter(|(_, _, partition)| touched(partition));
        touched
            .filter_map(|(topic, index, partition)| change(topic, index, partition))
            .map(MetadataRecord::PartitionChange)
            .collect()
    }

    /// A change of a partition under the rules of its topic and of this cluster.
    pub(super) fn change<'a>(
        &self,
        topic: &TopicImage,
        index: PartitionIndex,
        partition: &'a PartitionImage,
        acceptable: &'a dyn Fn(NodeId) -> bool,
    ) -> ChangeBuilder<'a> {
        let config = topic.config(self.topic_defaults());
        let election = match config.unclean_leader_election_enable {
            true => Election::Unclean,
            false => Election::Online,
        };
        ChangeBuilder::new(topic.id, index, partition, acceptable)
            .rules(config.min_insync_replicas, self.keeps_elr())
            .election(election)
    }

    /// What topics without a setting of their own have: `server.properties`, and over it the cluster's default.
    pub(super) fn topic_defaults(&self) -> TopicConfig {
        let config = &self.settings.config;
        match self.image.settings(&ConfigResource::ClusterDefault) {
            Some(dynamic) if !dynamic.is_empty() => config.with_dynamic(&[dynamic]).topic_defaults,
            _ => config.topic_defaults,
        }
    }

    pub(super) fn keeps_elr(&self) -> bool {
        self.settings.variant.eligible_leaders == EligibleLeaders::Kept
    }
}

/// Why a change that writes the leader of `before` does so.
pub(super) fn reason(before: &PartitionImage, change: &PartitionChange) -> ElectionReason {
    let leader = change.leader.flatten();
    if leader.is_some() && change.recovering == Some(true) {
        let last_known = before.isr.is_empty() && before.last_known_elr.first() == leader.as_ref();
        return if last_known { ElectionReason::LastKnownLeader } else { ElectionReason::Unclean };
    }
    if change.replicas.is_some() {
        ElectionReason::Reassigned
    } else if leader.is_some() && before.leader.is_none() {
        ElectionReason::EligibleReplicaReturned
    } else if leader.is_some() && change.isr.is_none() && before.replicas.first() == leader.as_ref() {
        ElectionReason::Preferred
    } else {
        ElectionReason::LeaderLost
    }
}
