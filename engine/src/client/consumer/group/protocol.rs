//! What members of a classic group tell each other through the coordinator, in Kafka's bytes
//! (`ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, versions 0 to 3).
//!
//! The bytes come from other clients: whatever they hold, reading them ends well or in `None`. A version above 3 is
//! read as far as 3 goes, as Kafka's clients do it; what is missing in an older one counts as not said.

use bytes::{Buf, BufMut as _, Bytes, BytesMut};

use crate::id::{PartitionIndex, TopicName, TopicPartition};

/// The version this client writes.
const VERSION: i16 = 3;
/// The first version that tells owned partitions.
const OWNED: i16 = 1;
/// The first version that tells of which generation they are.
const GENERATION: i16 = 2;
/// The first version that tells where the member is.
const RACK: i16 = 3;

/// What a member that joins tells the leader.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::client) struct Subscription {
    /// The topics it wants to read.
    pub(in crate::client) topics: Vec<TopicName>,
    /// For the assignor.
    pub(in crate::client) user_data: Option<Bytes>,
    /// What it owns and will not give up unless told.
    pub(in crate::client) owned: Vec<TopicPartition>,
    /// The generation in which it was given what it owns; -1 if none or not said.
    pub(in crate::client) generation: i32,
    /// `client.rack`.
    pub(in crate::client) rack: Option<String>,
}

impl Subscription {
    /// In Kafka's bytes.
    pub(in crate::client) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(VERSION);
        out.put_i32(count(self.topics.len()));
        for topic in &self.topics {
            put_string(&mut out, topic.as_str());
        }
        put_bytes(&mut out, self.user_data.as_deref());
        put_partitions(&mut out, &self.owned);
        out.put_i32(self.generation);
        match &self.rack {
            Some(rack) => put_string(&mut out, rack),
            None => out.put_i16(-1),
        }
        out.freeze()
    }

    /// Out of Kafka's bytes; `None` if they are not a subscription.
    pub(in crate::client) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let version = bytes.try_get_i16().ok().filter(|version| *version >= 0)?;
        let count = bytes.try_get_i32().ok()?;
        let mut topics = Vec::new();
        for _ in 0..count {
            topics.push(TopicName::new(take_string(&mut bytes)??));
        }
        let user_data = take_bytes(&mut bytes)?;
        let owned = if version >= OWNED { take_partitions(&mut bytes)? } else { Vec::new() };
        let generation = if version >= GENERATION { bytes.try_get_i32().ok()? } else { -1 };
        let rack = if version >= RACK { take_string(&mut bytes)?.map(str::to_owned) } else { None };
        Some(Subscription { topics, user_data, owned, generation, rack })
    }
}

/// What the leader gives a member: its partitions.
pub(in crate::client) fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    put_partitions(&mut out, partitions);
    put_bytes(&mut out, None);
    out.freeze()
}

/// The partitions of an assignment; `None` if it is none. No bytes at all are an assignment of nothing.
pub(in crate::client) fn decode_assignment(mut bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    bytes.try_get_i16().ok().filter(|version| *version >= 0)?;
    take_partitions(&mut bytes)
}

/// What the sticky assignor keeps with a member: what it had, and of which generation (`StickyAssignor`'s user data,
/// version 1).
pub(in crate::client) fn encode_sticky(owned: &[TopicPartition], generation: i32) -> Bytes {
    let mut out = BytesMut::new();
    put_partitions(&mut out, owned);
    out.put_i32(generation);
    out.freeze()
}

/// The other way; version 0 says no generation.
pub(in crate::client) fn decode_sticky(mut bytes: &[u8]) -> Option<(Vec<TopicPartition>, Option<i32>)> {
    let owned = take_partitions(&mut bytes)?;
    Some((owned, bytes.try_get_i32().ok()))
}

/// What the cooperative sticky assignor keeps with a member: the generation.
pub(in crate::client) fn encode_generation(generation: i32) -> Bytes {
    Bytes::copy_from_slice(&generation.to_be_bytes())
}

/// The other way.
pub(in crate::client) fn decode_generation(mut bytes: &[u8]) -> Option<i32> {
    bytes.try_get_i32().ok()
}

fn count(length: usize) -> i32 {
    i32::try_from(length).expect("a client holds fewer things than that")
}

fn put_string(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("names are short"));
    out.put_slice(text.as_bytes());
}

fn put_bytes(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            out.put_i32(count(bytes.len()));
            out.put_slice(bytes);
        }
        None => out.put_i32(-1),
    }
}

/// Partitions by topic, in the order the topics come first.
fn put_partitions(out: &mut BytesMut, partitions: &[TopicPartition]) {
    let mut topics: Vec<(&TopicName, Vec<i32>)> = Vec::new();
    for partition in partitions {
        match topics.iter_mut().find(|(topic, _)| *topic == &partition.topic) {
            Some((_, indexes)) => indexes.push(partition.partition.0),
            None => topics.push((&partition.topic, vec![partition.partition.0])),
        }
    }
    out.put_i32(count(topics.len()));
    for (topic, indexes) in topics {
        put_string(out, topic.as_str());
        out.put_i32(count(indexes.len()));
        for index in indexes {
            out.put_i32(index);
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// A string that may be absent.
fn take_string<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let length = bytes.try_get_i16().ok()?;
    if length == -1 {
        return Some(None);
    }
    std::str::from_utf8(take(bytes, usize::try_from(length).ok()?)?).ok().map(Some)
}

/// Bytes that may be absent.
fn take_bytes(bytes: &mut &[u8]) -> Option<Option<Bytes>> {
    let length = bytes.try_get_i32().ok()?;
    if length == -1 {
        return Some(None);
    }
    take(bytes, usize::try_from(length).ok()?).map(|taken| Some(Bytes::copy_from_slice(taken)))
}

fn take_partitions(bytes: &mut &[u8]) -> Option<Vec<TopicPartition>> {
    let mut partitions = Vec::new();
    let topics = bytes.try_get_i32().ok().filter(|count| *count >= 0)?;
    for _ in 0..topics {
        let topic = TopicName::new(take_string(bytes)??);
        let indexes = bytes.try_get_i32().ok().filter(|count| *count >= 0)?;
        for _ in 0..indexes {
            let partition = PartitionIndex(bytes.try_get_i32().ok()?);
            partitions.push(TopicPartition { topic: topic.clone(), partition });
        }
    }
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::consumer_protocol_assignment::ConsumerProtocolAssignment;
    use kafka_protocol::messages::consumer_protocol_subscription::ConsumerProtocolSubscription;
    use kafka_protocol::protocol::{Decodable as _, Encodable as _};
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn partitions(of: &[(&str, &[i32])]) -> Vec<TopicPartition> {
        let one = |(topic, indexes): &(&str, &[i32])| {
            indexes.iter().map(|index| TopicPartition::new(topic, *index)).collect::<Vec<_>>()
        };
        of.iter().flat_map(one).collect()
    }

    fn subscription() -> Subscription {
        Subscription {
            topics: vec![TopicName::new("orders"), TopicName::new("bills")],
            user_data: Some(Bytes::from_static(b"data")),
            owned: partitions(&[("orders", &[0, 3]), ("bills", &[1])]),
            generation: 7,
            rack: Some("east".to_owned()),
        }
    }

    #[test]
    fn other_clients_read_what_is_written() {
        let mut bytes = subscription().encode();
        assert_eq!(bytes.get_i16(), 3);
        let read = ConsumerProtocolSubscription::decode(&mut bytes, 3).expect("a subscription");
        assert_eq!(read.topics.iter().map(ToString::to_string).collect::<Vec<_>>(), ["orders", "bills"]);
        assert_eq!(read.owned_partitions[0].partitions, [0, 3]);
        assert_eq!((read.generation_id, read.rack_id.expect("a rack").to_string()), (7, "east".to_owned()));
        let mut bytes = encode_assignment(&subscription().owned);
        assert_eq!(bytes.get_i16(), 3);
        let read = ConsumerProtocolAssignment::decode(&mut bytes, 3).expect("an assignment");
        assert_eq!(read.assigned_partitions[1].partitions, [1]);
    }

    #[test]
    fn every_version_other_clients_write_is_read() {
        let mut bytes = subscription().encode().slice(2..);
        let written = ConsumerProtocolSubscription::decode(&mut bytes, 3).expect("a subscription");
        for version in 0..=3 {
            let mut bytes = BytesMut::new();
            bytes.put_i16(version);
            let mut older = written.clone();
            if version < RACK {
                older.rack_id = None;
            }
            if version < GENERATION {
                older.generation_id = -1;
            }
            if version < OWNED {
                older.owned_partitions.clear();
            }
            older.encode(&mut bytes, version).expect("a version there is");
            let mut expected = subscription();
            if version < RACK {
                expected.rack = None;
            }
            if version < GENERATION {
                expected.generation = -1;
            }
            if version < OWNED {
                expected.owned.clear();
            }
            assert_eq!(Subscription::decode(&bytes), Some(expected), "version {version}");
        }
    }

    #[test]
    fn user_data_of_the_sticky_assignors_is_javas() {
        let owned = partitions(&[("t", &[2])]);
        let bytes = encode_sticky(&owned, 5);
        assert_eq!(bytes[..], [0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5]);
        assert_eq!(decode_sticky(&bytes), Some((owned.clone(), Some(5))));
        assert_eq!(decode_sticky(&bytes[..15]), Some((owned, None)), "version 0");
        assert_eq!(decode_generation(&encode_generation(9)), Some(9));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Subscription::decode(&bytes);
            let _ = decode_assignment(&bytes);
            let _ = decode_sticky(&bytes);
        }

        #[test]
        fn an_assignment_comes_back(indexes in prop::collection::vec((0_usize..4, 0_i32..9), 0..30)) {
            let mut owned: Vec<TopicPartition> =
                indexes.iter().map(|(topic, index)| TopicPartition::new(&format!("t{topic}"), *index)).collect();
            owned.sort();
            prop_assert_eq!(decode_assignment(&encode_assignment(&owned)), Some(owned));
        }
    }
}
