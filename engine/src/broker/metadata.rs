//! Metadata: what clients are told about topics, leaders and brokers.

use super::Broker;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName};
use crate::message::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, TopicRef,
};
use crate::metadata::{PartitionImage, TopicImage};

impl Broker {
    pub(super) fn metadata_response(&self, request: &MetadataRequest) -> MetadataResponse {
        let topics = match &request.topics {
            None => self.image.topics().values().map(|topic| self.describe(topic)).collect(),
            Some(asked) => asked.iter().map(|topic| self.describe_or_refuse(topic)).collect(),
        };
        MetadataResponse {
            brokers: self.active_brokers(),
            cluster_id: Some(self.settings.cluster_id.clone()),
            controller: self.admin_broker(),
            topics,
        }
    }

    pub(super) fn active_brokers(&self) -> Vec<MetadataBroker> {
        let active = self.image.brokers().iter().filter(|(_, broker)| !broker.fenced);
        active
            .map(|(id, broker)| MetadataBroker {
                id: *id,
                endpoint: broker.endpoint.clone(),
                rack: broker.rack.clone(),
            })
            .collect()
    }

    /// Any active broker forwards admin requests; this one if it may (q10: it must be listed).
    pub(super) fn admin_broker(&self) -> NodeId {
        let me = self.settings.node;
        let first = || self.image.brokers().iter().find(|(_, broker)| !broker.fenced).map(|(id, _)| *id);
        if self.image.is_active(me) { me } else { first().unwrap_or(NodeId::NONE) }
    }

    fn describe_or_refuse(&self, asked: &TopicRef) -> MetadataTopic {
        let known = match &asked.name {
            Some(name) => self.image.topics().get(name),
            None => self.image.topic_by_id(asked.id),
        };
        match (known, &asked.name) {
            (Some(topic), _) => self.describe(topic),
            (None, Some(name)) if TopicName::check(name.as_str()).is_err() => {
                refused(asked, ErrorCode::InvalidTopicException)
            }
            (None, Some(_)) => refused(asked, ErrorCode::UnknownTopicOrPartition),
            (None, None) => refused(asked, ErrorCode::UnknownTopicId),
        }
    }

    fn describe(&self, topic: &TopicImage) -> MetadataTopic {
        let partitions =
            topic.partitions.iter().map(|(index, image)| self.describe_partition(*index, image)).collect();
        MetadataTopic { error: ErrorCode::None, name: Some(topic.name.clone()), id: topic.id, partitions }
    }

    pub(super) fn describe_partition(
        &self,
        partition: PartitionIndex,
        image: &PartitionImage,
    ) -> MetadataPartition {
        let alive = |broker: &NodeId| self.image.brokers().get(broker).is_some_and(|known| !known.fenced);
        MetadataPartition {
            error: if image.leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable },
            partition,
            leader: image.leader.unwrap_or(NodeId::NONE),
            leader_epoch: image.leader_epoch,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
            offline: image.replicas.iter().copied().filter(|broker| !alive(broker)).collect(),
        }
    }
}

fn refused(asked: &TopicRef, error: ErrorCode) -> MetadataTopic {
    let id = if asked.name.is_some() { TopicId::ZERO } else { asked.id };
    MetadataTopic { error, name: asked.name.clone(), id, partitions: Vec::new() }
}
