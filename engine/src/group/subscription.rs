//! The one thing a coordinator reads of what consumers tell each other: which topics they subscribe to.
//!
//! Offsets of a topic that a living group is subscribed to must not be deleted. Every version of Kafka's
//! `ConsumerProtocolSubscription` begins with its version and the topics; the rest is not looked at.

use std::collections::BTreeSet;

use bytes::Buf;

use crate::id::TopicName;

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
    fn what_is_no_subscription_is_told() {
        for bytes in
            [&b""[..], &[0, 1, 0, 0, 0, 9], &[0, 0, 0xff, 0xff, 0xff, 0xff], &[0, 0, 0, 0, 0, 1, 0, 9]]
        {
            assert_eq!(topics(bytes), None);
        }
    }
}
