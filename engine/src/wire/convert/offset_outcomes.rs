//! What OffsetCommit and OffsetDelete answer alike: an outcome for each partition, by topic.
//!
//! Kafka defines the same two structs twice; the crate has two types for each. The translation is written once.

use kafka_protocol::messages::{TopicName as WireTopicName, offset_commit_response, offset_delete_response};

use super::{by_topic, topic_name, topic_partition};
use crate::error::ErrorCode;
use crate::message::OffsetOutcome;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

/// The layout of a topic of outcomes.
pub(super) const TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(PARTITION))];
const PARTITION: Shape = &[field(INT32), field(INT16)];

/// A topic of outcomes on the wire.
pub(super) trait Outcomes: Sized {
    /// The topic of these partitions, each with its error.
    fn new(name: WireTopicName, partitions: impl Iterator<Item = (i32, i16)>) -> Self;

    /// Its name, and its partitions with their errors.
    fn parts(&self) -> (&WireTopicName, impl Iterator<Item = (i32, i16)>);
}

macro_rules! outcomes {
    ($topic:ty, $partition:ty) => {
        impl Outcomes for $topic {
            fn new(name: WireTopicName, partitions: impl Iterator<Item = (i32, i16)>) -> Self {
                let partition = |(index, error)| {
                    <$partition>::default().with_partition_index(index).with_error_code(error)
                };
                Self::default().with_name(name).with_partitions(partitions.map(partition).collect())
            }

            fn parts(&self) -> (&WireTopicName, impl Iterator<Item = (i32, i16)>) {
                let partitions = self.partitions.iter();
                (&self.name, partitions.map(|partition| (partition.partition_index, partition.error_code)))
            }
        }
    };
}

outcomes!(
    offset_commit_response::OffsetCommitResponseTopic,
    offset_commit_response::OffsetCommitResponsePartition
);
outcomes!(
    offset_delete_response::OffsetDeleteResponseTopic,
    offset_delete_response::OffsetDeleteResponsePartition
);

/// Outcomes as topics of the wire.
pub(super) fn to_topics<T: Outcomes>(outcomes: &[OffsetOutcome]) -> Vec<T> {
    let number = |outcome: &OffsetOutcome| (outcome.partition.partition.0, outcome.error.code());
    let topics = by_topic(outcomes, |outcome| &outcome.partition);
    topics.map(|(name, run)| T::new(name, run.iter().map(number))).collect()
}

/// Outcomes out of topics of the wire.
pub(super) fn from_topics<T: Outcomes>(topics: &[T]) -> Vec<OffsetOutcome> {
    let mut outcomes = Vec::new();
    for topic in topics {
        let (name, partitions) = topic.parts();
        let name = topic_name(name);
        outcomes.extend(partitions.map(|(index, error)| OffsetOutcome {
            partition: topic_partition(&name, index),
            error: ErrorCode::from_code(error),
        }));
    }
    outcomes
}
