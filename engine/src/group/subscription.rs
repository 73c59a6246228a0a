//! What a coordinator reads of what consumers tell each other: which topics they subscribe to, and what their leader
//! gave them.
//!
//! Offsets of a topic that a living group is subscribed to must not be deleted; assignments are told as facts. Every
//! version of Kafka's `ConsumerProtocolSubscription` begins with its version and the topics, every one of
//! `ConsumerProtocolAssignment` with its version and the partitions of each topic; the rest is not looked at. No count
//! is believed before the bytes are there.

use std::collections::BTreeSet;

use bytes::Buf;

use crate::id::{PartitionIndex, TopicName, TopicPartition};

/// The topics of a subscription; `None` if it is not one.
pub(super) fn topics(mut metadata: &[u8]) -> Option<BTreeSet<TopicName>> {
    let version = metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    if version < 0 || count < 0 {
        return None;
    }
    let mut topics = BTreeSet::new();
    for _ in 0..count {
        let length = usize::try_from(metadata.try_get_i16().ok()?).ok()?;
        let (name, rest) = metadata.split_at_checked(length)?;
        topics.insert(TopicName::new(std::str::from_utf8(name).ok()?));
        metadata = rest;
    }
    Some(topics)
}

/// The partitions of an assignment; `None` if it is not one.
pub(super) fn partitions(mut assignment: &[u8]) -> Option<Vec<TopicPartition>> {
    let version = assignment.try_get_i16().ok()?;
    let count = assignment.try_get_i32().ok()?;
    if version < 0 || count < 0 {
        return None;
    }
    let mut partitions = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(assignment.try_get_i16().ok()?).ok()?;
        let (name, rest) = assignment.split_at_checked(length)?;
        let topic = TopicName::new(std::str::from_utf8(name).ok()?);
        assignment = rest;
        for _ in 0..u32::try_from(assignment.try_get_i32().ok()?).ok()? {
            let partition = PartitionIndex(assignment.try_get_i32().ok()?);
            partitions.push(TopicPartition { topic: topic.clone(), partition });
        }
    }
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_a_subscription_are_read_whatever_follows() {
        let metadata = [&[0, 1, 0, 0, 0, 2][..], &[0, 1], b"a", &[0, 2], b"bc", &[0xff; 9]].concat();
        let expected = [TopicName::new("a"), TopicName::new("bc")].into();
        assert_eq!(topics(&metadata), Some(expected));
    }

    #[test]
    fn the_partitions_of_an_assignment_are_read_whatever_follows() {
        let assignment =
            [&[0, 3, 0, 0, 0, 1][..], &[0, 1], b"a", &[0, 0, 0, 2, 0, 0, 0, 5], &[0, 0, 0, 7, 9]];
        let expected = vec![TopicPartition::new("a", 5), TopicPartition::new("a", 7)];
        assert_eq!(partitions(&assignment.concat()), Some(expected));
    }

    #[test]
    fn what_is_no_assignment_is_told() {
        for bytes in
            [&b""[..], &[0, 1, 0, 0, 0, 9], &[0, 1, 0, 0, 0, 1, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]]
        {
            assert_eq!(partitions(bytes), None);
        }
    }

    #[test]
    fn what_is_no_subscription_is_told() {
        for bytes in
            [&b""[..], &[0, 1, 0, 0, 0, 9], &[0, 0, 0xff, 0xff, 0xff, 0xff], &[0, 0, 0, 0, 0, 1, 0, 9]]
        {
            assert_eq!(topics(bytes), None);
        }
    }
}
