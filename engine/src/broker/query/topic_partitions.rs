//! DescribeTopicPartitions (KIP-966): topics and their partitions, a page at a time.
//!
//! Kafka's `DescribeTopicPartitionsRequestHandler` and `KRaftMetadataCache.describeTopicResponse`. A page ends
//! after so many partitions, within a topic if need be; the cursor names the first partition that is not on it.
//! Eligible leader replicas are not kept, so the lists are empty.

use std::collections::BTreeSet;

use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribedPartition, DescribedTopic,
    MetadataPartition,
};
use crate::metadata::{PartitionImage, TopicImage};

/// Most partitions on one page (Kafka's default of `max.request.partition.size.limit`).
const PARTITIONS_MAX: usize = 2000;

impl Broker {
    pub(super) fn describe_topic_partitions(
        &self,
        request: &DescribeTopicPartitionsRequest,
    ) -> DescribeTopicPartitionsResponse {
        let cursor = request.cursor.as_ref();
        if cursor.is_some_and(|cursor| cursor.partition.0 < 0) {
            let refused = |name: &TopicName| refused(name, ErrorCode::InvalidRequest);
            return DescribeTopicPartitionsResponse {
                topics: request.topics.iter().map(refused).collect(),
                next_cursor: None,
            };
        }
        let names: BTreeSet<&TopicName> = if request.topics.is_empty() {
            self.image.topics().keys().collect()
        } else {
            request.topics.iter().collect()
        };
        let asked = usize::try_from(request.partitions_max).unwrap_or(0);
        let mut room = asked.clamp(1, PARTITIONS_MAX);
        let mut topics = Vec::new();
        for name in names.into_iter().filter(|name| cursor.is_none_or(|cursor| **name >= cursor.topic)) {
            let from = cursor.filter(|cursor| cursor.topic == *name).map_or(0, |cursor| cursor.partition.0);
            let from = PartitionIndex(from);
            if room == 0 {
                return page(topics, Some((name, from)));
            }
            let Some(topic) = self.image.topics().get(name) else {
                topics.push(unknown(name));
                continue;
            };
            let (described, next) = self.describe_page(topic, from, room);
            room -= described.partitions.len();
            topics.push(described);
            if let Some(next) = next {
                return page(topics, Some((name, next)));
            }
        }
        page(topics, None)
    }

    /// A topic's partitions from `from` on, at most `room`, and the first that had none.
    fn describe_page(
        &self,
        topic: &TopicImage,
        from: PartitionIndex,
        room: usize,
    ) -> (DescribedTopic, Option<PartitionIndex>) {
        let mut rest = topic.partitions.range(from..);
        let partitions = rest
            .by_ref()
            .take(room)
            .map(|(index, image)| described(image, self.describe_partition(*index, image)));
        let described = DescribedTopic {
            error: ErrorCode::None,
            name: Some(topic.name.clone()),
            id: topic.id,
            is_internal: topic.name.is_internal(),
            partitions: partitions.collect(),
        };
        (described, rest.next().map(|(index, _)| *index))
    }
}

fn page(
    topics: Vec<DescribedTopic>,
    next: Option<(&TopicName, PartitionIndex)>,
) -> DescribeTopicPartitionsResponse {
    let cursor = |(topic, partition): (&TopicName, _)| TopicPartition { topic: topic.clone(), partition };
    DescribeTopicPartitionsResponse { topics, next_cursor: next.map(cursor) }
}

fn unknown(name: &TopicName) -> DescribedTopic {
    let legal = TopicName::check(name.as_str()).is_ok();
    refused(name, if legal { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException })
}

fn refused(name: &TopicName, error: ErrorCode) -> DescribedTopic {
    DescribedTopic {
        error,
        name: Some(name.clone()),
        id: TopicId::ZERO,
        is_internal: name.is_internal(),
        partitions: Vec::new(),
    }
}

fn described(image: &PartitionImage, partition: MetadataPartition) -> DescribedPartition {
    DescribedPartition {
        error: partition.error,
        partition: partition.partition,
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replicas,
        isr: partition.isr,
        // Not null: Java's admin client does not look.
        eligible_leader_replicas: Some(image.elr.clone()),
        last_known_eligible: Some(image.last_known_elr.clone()),
        offline: partition.offline,
    }
}
