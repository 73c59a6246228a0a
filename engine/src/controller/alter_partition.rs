//! AlterPartition: a leader proposes another ISR (KIP-497, KIP-841, KIP-903).
//!
//! The order of the checks is part of the protocol (`ReplicationControlManager.validateAlterPartitionData`): a
//! leader must be able to tell "I am ahead of this controller" from "I am not the leader any more" from "this
//! member may not join".

use super::{Controller, Decision};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{
    AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, IsrMember, PartitionAlteration,
};
use crate::metadata::{MetadataRecord, PartitionChange, PartitionImage, TopicImage};
use crate::variant::Guard;

impl Controller {
    pub(super) fn decide_alter_partition(&self, request: &AlterPartitionRequest) -> Decision {
        let known = self.image.brokers().get(&request.broker);
        if known.is_none_or(|broker| broker.epoch != request.broker_epoch) {
            let error = ErrorCode::StaleBrokerEpoch;
            return Decision::reply(AlterPartitionResponse { error, partitions: Vec::new() });
        }
        let mut records = Vec::new();
        let mut partitions = Vec::new();
        for alteration in &request.partitions {
            match self.validate(request.broker, alteration) {
                Ok((topic, current)) => {
                    let change = self.alteration(topic, alteration, current);
                    let after =
                        change.as_ref().map_or_else(|| current.clone(), |change| current.merged(change));
                    partitions.push(altered(request.broker, alteration, &after));
                    records.extend(change.map(MetadataRecord::PartitionChange));
                }
                Err(error) => partitions.push(refused(alteration, error)),
            }
        }
        let response = AlterPartitionResponse { error: ErrorCode::None, partitions }.into();
        Decision { records, response }
    }

    fn validate(
        &self,
        sender: NodeId,
        alteration: &PartitionAlteration,
    ) -> Result<(&TopicImage, &PartitionImage), ErrorCode> {
        let topic = self.image.topic_by_id(alteration.topic).ok_or(ErrorCode::UnknownTopicId)?;
        let current =
            topic.partitions.get(&alteration.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if self.settings.variant.partition_epoch_check == Guard::On {
            compare_states(sender, alteration, current)?;
        }
        let proposed: Vec<NodeId> = alteration.new_isr.iter().map(|member| member.broker).collect();
        if !proposed.iter().all(|member| current.replicas.contains(member)) || !proposed.contains(&sender) {
            return Err(ErrorCode::InvalidRequest);
        }
        if alteration.leader_recovery_state == 1 && proposed.len() > 1 {
            return Err(ErrorCode::InvalidRequest);
        }
        if !alteration.new_isr.iter().all(|member| self.is_eligible(*member)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        Ok((topic, current))
    }

    /// What the proposal makes of the partition. With it a reassignment may be complete, and the leader another.
    fn alteration(
        &self,
        topic: &TopicImage,
        alteration: &PartitionAlteration,
        current: &PartitionImage,
    ) -> Option<PartitionChange> {
        let acceptable = |broker| self.image.is_active(broker);
        self.change(topic, alteration.partition, current, &acceptable)
            .isr(alteration.new_isr.iter().map(|member| member.broker).collect())
            .recovering(current.recovering && alteration.leader_recovery_state == 1)
            .build()
    }

    /// A member must be alive and stay so (KIP-841), and the boot the leader saw fetch must be the boot that is
    /// registered (KIP-903).
    fn is_eligible(&self, member: IsrMember) -> bool {
        let registered = self.image.brokers().get(&member.broker);
        registered.is_some_and(|broker| {
            let same_boot = member.broker_epoch.0 == -1 || member.broker_epoch == broker.epoch;
            broker.is_active() && (same_boot || self.settings.variant.broker_epoch_check == Guard::Off)
        })
    }
}

/// The sender must lead, and know the state its proposal replaces.
fn compare_states(
    sender: NodeId,
    alteration: &PartitionAlteration,
    current: &PartitionImage,
) -> Result<(), ErrorCode> {
    // A request from the future means that this controller is the stale side (KAFKA-14154).
    if alteration.leader_epoch > current.leader_epoch || alteration.partition_epoch > current.partition_epoch
    {
        return Err(ErrorCode::NotController);
    }
    if alteration.leader_epoch < current.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if current.leader != Some(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if alteration.partition_epoch < current.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    Ok(())
}

fn altered(sender: NodeId, alteration: &PartitionAlteration, after: &PartitionImage) -> AlteredPartition {
    if after.leader != Some(sender) {
        return refused(alteration, ErrorCode::NewLeaderElected);
    }
    AlteredPartition {
        topic: alteration.topic,
        partition: alteration.partition,
        error: ErrorCode::None,
        leader: sender,
        leader_epoch: after.leader_epoch,
        isr: after.isr.clone(),
        leader_recovery_state: i8::from(after.recovering),
        partition_epoch: after.partition_epoch,
    }
}

fn refused(alteration: &PartitionAlteration, error: ErrorCode) -> AlteredPartition {
    AlteredPartition {
        topic: alteration.topic,
        partition: alteration.partition,
        error,
        leader: NodeId::NONE,
        leader_epoch: alteration.leader_epoch,
        isr: Vec::new(),
        leader_recovery_state: 0,
        partition_epoch: alteration.partition_epoch,
    }
}
