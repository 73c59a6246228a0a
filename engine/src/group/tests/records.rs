//! Tests of the records' bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::group::consumer::{Assignment, ConsumerMember, CurrentAssignment, MemberState, SubscribedTopic};
use crate::id::{PartitionIndex, TopicId, TopicName};

fn text() -> impl Strategy<Value = String> {
    "[a-zä-]{0,12}"
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn timeout() -> impl Strategy<Value = Duration> {
    (0..=i32::MAX as u64).prop_map(Duration::from_millis)
}

fn offset() -> impl Strategy<Value = CommittedOffset> {
    (any::<i64>(), any::<i32>(), text(), any::<i64>(), option::of(0..i64::MAX)).prop_map(
        |(offset, epoch, metadata, committed_at, expires_at)| CommittedOffset {
            offset: Offset(offset),
            // The one version with an expiry has no room for an epoch.
            leader_epoch: if expires_at.is_some() { LeaderEpoch::NONE } else { LeaderEpoch(epoch) },
            metadata,
            committed_at: Timestamp(committed_at),
            expires_at: expires_at.map(Timestamp),
        },
    )
}

fn member() -> impl Strategy<Value = MemberMetadata> {
    let texts = (text(), option::of(text()), text(), text());
    (texts, timeout(), timeout(), bytes(), bytes()).prop_map(
        |(texts, rebalance_timeout, session_timeout, subscription, assignment)| {
            let (member_id, group_instance_id, client_id, client_host) = texts;
            MemberMetadata {
                member_id,
                group_instance_id,
                client_id,
                client_host,
                rebalance_timeout,
                session_timeout,
                subscription,
                assignment,
            }
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    let partition = (text(), any::<i32>()).prop_map(|(topic, index)| TopicPartition::new(&topic, index));
    let of_offset = (text(), partition, option::of(offset()))
        .prop_map(|(group, partition, value)| Record::Offset { group, partition, value });
    let generation = (text(), any::<i32>(), option::of(text()), option::of(text()), any::<i64>());
    let metadata = (generation, vec(member(), 0..4)).prop_map(|(generation, members)| {
        let (protocol_type, generation, protocol, leader, state_since) = generation;
        let state_since = Timestamp(state_since);
        GroupMetadata { protocol_type, generation, protocol, leader, state_since, members }
    });
    let of_group = (text(), option::of(metadata)).prop_map(|(group, value)| Record::Group { group, value });
    let of_consumer = (text(), consumer()).prop_map(|(group, record)| record.of(&group));
    prop_oneof![of_offset, of_group, of_consumer]
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let place = (0..4_u128, any::<i32>())
        .prop_map(|(topic, index)| (TopicId(uuid::Uuid::from_u128(topic)), PartitionIndex(index)));
    vec(place, 0..6).prop_map(|places| places.into_iter().collect())
}

fn consumer() -> impl Strategy<Value = ConsumerRecord> {
    let topic = (text(), 0..4_u128, any::<i32>()).prop_map(|(name, id, partitions)| {
        let id = TopicId(uuid::Uuid::from_u128(id));
        (TopicName::new(&name), SubscribedTopic { id, partitions })
    });
    let topics = option::of(vec(topic, 0..4).prop_map(|topics| topics.into_iter().collect()));
    let texts = (option::of(text()), option::of(text()), text(), text(), option::of(text()));
    let member = (texts, vec(text(), 0..3), timeout()).prop_map(|(texts, subscribed, rebalance_timeout)| {
        let (instance_id, rack_id, client_id, client_host, server_assignor) = texts;
        let subscribed = subscribed.iter().map(|name| TopicName::new(name)).collect();
        ConsumerMember {
            instance_id,
            rack_id,
            client_id,
            client_host,
            subscribed,
            rebalance_timeout,
            server_assignor,
        }
    });
    let states = [MemberState::Stable, MemberState::UnrevokedPartitions, MemberState::UnreleasedPartitions];
    let state = prop::sample::select(states.to_vec());
    let current = (any::<[i32; 2]>(), state, assignment(), assignment()).prop_map(
        |([epoch, previous_epoch], state, assigned, revoking)| CurrentAssignment {
            epoch,
            previous_epoch,
            state,
            assigned,
            revoking,
        },
    );
    prop_oneof![
        option::of(any::<i32>()).prop_map(ConsumerRecord::Epoch),
        topics.prop_map(ConsumerRecord::Topics),
        (text(), option::of(member)).prop_map(|(id, member)| ConsumerRecord::Member(id, member)),
        option::of(any::<i32>()).prop_map(ConsumerRecord::TargetEpoch),
        (text(), option::of(assignment())).prop_map(|(id, target)| ConsumerRecord::Target(id, target)),
        (text(), option::of(current)).prop_map(|(id, current)| ConsumerRecord::Current(id, current)),
    ]
}

fn encoded(record: &Record) -> (Bytes, Option<Bytes>) {
    let (key, value) = record.encode();
    (key.into(), value.map(Bytes::from))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_read_as_it_was_written(record in record()) {
        let (key, value) = encoded(&record);
        prop_assert_eq!(Record::decode(&key, value.as_ref()), Ok(Some(record)));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(key in bytes(), value in bytes(), kind in 0_u8..10, version in 0_u8..5) {
        let key: Bytes = [&[0, kind][..], &key].concat().into();
        let value: Bytes = [&[0, version][..], &value].concat().into();
        let _read = Record::decode(&key, Some(&value));
    }

    #[test]
    fn a_record_that_is_cut_short_is_refused(record in record(), cut in any::<prop::sample::Index>()) {
        let (key, value) = encoded(&record);
        let short = key.slice(..cut.index(key.len()));
        prop_assert!(Record::decode(&short, value.as_ref()).is_err());
        if let Some(value) = value {
            let short = value.slice(..cut.index(value.len()));
            prop_assert!(Record::decode(&key, Some(&short)).is_err());
        }
    }
}

#[test]
fn a_commit_has_the_bytes_that_kafka_writes() {
    let record = Record::Offset {
        group: "g".to_owned(),
        partition: TopicPartition::new("orders", 7),
        value: Some(CommittedOffset {
            offset: Offset(42),
            leader_epoch: LeaderEpoch(3),
            metadata: "m".to_owned(),
            committed_at: Timestamp(258),
            expires_at: None,
        }),
    };
    let (key, value) = record.encode();
    assert_eq!(key, [&[0, 1, 0, 1][..], b"g", &[0, 6], b"orders", &[0, 0, 0, 7]].concat());
    let offset_and_epoch: &[u8] = &[0, 3, 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 3];
    assert_eq!(value, Some([offset_and_epoch, &[0, 1], b"m", &[0, 0, 0, 0, 0, 0, 1, 2]].concat()));
}

#[test]
fn an_empty_group_has_the_bytes_that_kafka_writes() {
    let value = GroupMetadata {
        protocol_type: "consumer".to_owned(),
        generation: 2,
        protocol: None,
        leader: None,
        state_since: Timestamp(1),
        members: Vec::new(),
    };
    let (key, value) = Record::Group { group: "g".to_owned(), value: Some(value) }.encode();
    assert_eq!(key, [&[0, 2, 0, 1][..], b"g"].concat());
    let nulls: &[u8] = &[0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff];
    let end: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(value, Some([&[0, 3, 0, 8][..], b"consumer", nulls, end].concat()));
}

#[test]
fn what_a_member_owns_has_the_bytes_that_kafka_writes() {
    let current = CurrentAssignment {
        epoch: 3,
        previous_epoch: 2,
        state: MemberState::UnrevokedPartitions,
        assigned: [(TopicId(uuid::Uuid::from_u128(5)), PartitionIndex(7))].into_iter().collect(),
        revoking: Assignment::default(),
    };
    let (key, value) = ConsumerRecord::Current("m".to_owned(), Some(current)).of("g").encode();
    assert_eq!(key, [&[0, 8, 0, 1][..], b"g", &[0, 1], b"m"].concat());
    let epochs: &[u8] = &[0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 1];
    let topic: &[u8] = &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0, 7, 0];
    assert_eq!(value, Some([epochs, topic, &[1], &[0]].concat()));
}

#[test]
fn a_member_has_the_bytes_that_kafka_writes() {
    let member = ConsumerMember {
        instance_id: Some("i".to_owned()),
        rack_id: None,
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        subscribed: [TopicName::new("orders")].into(),
        rebalance_timeout: Duration::from_millis(258),
        server_assignor: None,
    };
    let (key, value) = ConsumerRecord::Member("m".to_owned(), Some(member)).of("g").encode();
    assert_eq!(key, [&[0, 5, 0, 1][..], b"g", &[0, 1], b"m"].concat());
    let texts = [&[0, 0, 2][..], b"i", &[0, 2], b"c", &[3], b"/h", &[2, 7], b"orders"].concat();
    assert_eq!(value, Some([&texts[..], &[0, 0, 0, 1, 2, 0, 0]].concat()));
}

#[test]
fn tagged_fields_of_newer_brokers_are_stepped_over() {
    let key = Bytes::from_static(&[0, 3, 0, 1, b'g']);
    let value = Bytes::from_static(&[0, 0, 0, 0, 0, 9, 1, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    let expected = ConsumerRecord::Epoch(Some(9)).of("g");
    assert_eq!(Record::decode(&key, Some(&value)), Ok(Some(expected)));
}

#[test]
fn keys_of_other_kinds_are_passed_over() {
    let key = Bytes::from_static(&[0, 9, 0, 1, b'g']);
    assert_eq!(Record::decode(&key, None), Ok(None));
}
