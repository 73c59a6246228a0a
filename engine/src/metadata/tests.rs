//! An image and the snapshot of it are the same thing.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::id::{Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName};
use crate::message::{FetchSnapshotResponse, LeaderIdAndEpoch, SnapshotId};
use crate::metadata::snapshot::Fetched;
use crate::offset::Offset;
use crate::time::Timestamp;

fn nodes() -> impl Strategy<Value = Vec<NodeId>> {
    vec((1..9).prop_map(NodeId), 0..4)
}

fn partition() -> impl Strategy<Value = PartitionImage> {
    let epochs =
        (0..50, 0..50).prop_map(|(leader, partition)| (LeaderEpoch(leader), PartitionEpoch(partition)));
    let others = (nodes(), nodes(), nodes(), nodes());
    (nodes(), nodes(), option::of((1..9).prop_map(NodeId)), epochs, any::<bool>(), others).prop_map(
        |(replicas, isr, leader, (leader_epoch, partition_epoch), recovering, others)| {
            let (adding, removing, elr, last_known_elr) = others;
            PartitionImage {
                leader_epoch,
                partition_epoch,
                recovering,
                adding,
                removing,
                elr,
                last_known_elr,
                ..PartitionImage::new(replicas, isr, leader)
            }
        },
    )
}

/// What may happen to a cluster; what cannot happen to it now is left out.
#[derive(Clone, Debug)]
enum Act {
    Register(i32, Option<String>),
    Fence(i32),
    Unfence(i32),
    Stop(i32),
    Create(u128, Vec<PartitionImage>),
    Change(u128, Option<Option<i32>>, Option<Vec<NodeId>>),
    Remove(u128),
    Set(ConfigResource, String, Option<String>),
    ProducerIds,
    Epoch(i32),
}

fn act() -> impl Strategy<Value = Act> {
    let broker = || 1..5i32;
    let topic = || 1..6u128;
    let resource = prop_oneof![
        topic().prop_map(|topic| ConfigResource::Topic(name(topic))),
        broker().prop_map(|broker| ConfigResource::Broker(NodeId(broker))),
        Just(ConfigResource::ClusterDefault),
    ];
    let value = option::of("[0-9]{0,3}");
    prop_oneof![
        3 => (broker(), option::of("[ab]")).prop_map(|(broker, rack)| Act::Register(broker, rack)),
        1 => broker().prop_map(Act::Fence),
        2 => broker().prop_map(Act::Unfence),
        1 => broker().prop_map(Act::Stop),
        3 => (topic(), vec(partition(), 0..4)).prop_map(|(topic, parts)| Act::Create(topic, parts)),
        3 => (topic(), option::of(option::of(broker())), option::of(nodes()))
            .prop_map(|(topic, leader, isr)| Act::Change(topic, leader, isr)),
        1 => topic().prop_map(Act::Remove),
        3 => (resource, "[ab]", value).prop_map(|(of, name, value)| Act::Set(of, name, value)),
        1 => Just(Act::ProducerIds),
        1 => (0..9).prop_map(Act::Epoch),
    ]
}

fn name(topic: u128) -> TopicName {
    TopicName::new(&format!("topic-{topic}"))
}

/// The records of an act, if it can happen.
fn records_of(image: &MetadataImage, act: Act) -> Vec<MetadataRecord> {
    let epoch = |broker: i32| image.brokers().get(&NodeId(broker)).map(|known| known.epoch);
    let topic_of = |topic: u128| image.topics().get(&name(topic));
    let of_broker = |broker: i32, record: fn(NodeId, BrokerEpoch) -> MetadataRecord| {
        epoch(broker).map(|epoch| record(NodeId(broker), epoch)).into_iter().collect()
    };
    match act {
        Act::Register(broker, rack) => vec![MetadataRecord::RegisterBroker {
            broker: NodeId(broker),
            incarnation: IncarnationId(Uuid::from_u128(4)),
            endpoint: Endpoint::new("host", 9092),
            rack,
        }],
        Act::Fence(broker) => {
            of_broker(broker, |broker, broker_epoch| MetadataRecord::FenceBroker { broker, broker_epoch })
        }
        Act::Unfence(broker) => {
            of_broker(broker, |broker, broker_epoch| MetadataRecord::UnfenceBroker { broker, broker_epoch })
        }
        Act::Stop(broker) => of_broker(broker, |broker, broker_epoch| MetadataRecord::ControlledShutdown {
            broker,
            broker_epoch,
        }),
        Act::Create(topic, _) if topic_of(topic).is_some() => Vec::new(),
        Act::Create(topic, partitions) => {
            let id = TopicId(Uuid::from_u128(topic));
            let partition = |(partition, state)| MetadataRecord::Partition { topic: id, partition, state };
            let created = MetadataRecord::Topic { name: name(topic), id };
            let partitions = (0..).map(PartitionIndex).zip(partitions).map(partition);
            [created].into_iter().chain(partitions).collect()
        }
        Act::Change(topic, leader, isr) => {
            let topic = topic_of(topic).filter(|topic| !topic.partitions.is_empty());
            let change = topic.map(|topic| PartitionChange {
                leader: leader.map(|leader| leader.map(NodeId)),
                isr,
                ..PartitionChange::of(topic.id, PartitionIndex(0))
            });
            change.map(MetadataRecord::PartitionChange).into_iter().collect()
        }
        Act::Remove(topic) => {
            topic_of(topic).map(|topic| MetadataRecord::RemoveTopic { id: topic.id }).into_iter().collect()
        }
        Act::Set(ConfigResource::Topic(name), ..) if !image.topics().contains_key(&name) => Vec::new(),
        Act::Set(resource, name, value) => vec![MetadataRecord::Config { resource, name, value }],
        Act::ProducerIds => vec![MetadataRecord::ProducerIds {
            broker: NodeId(1),
            broker_epoch: BrokerEpoch(1),
            next_producer_id: ProducerId(image.next_producer_id().0 + 1000),
        }],
        Act::Epoch(epoch) => {
            vec![MetadataRecord::LeaderChange { leader: NodeId(100), epoch: LeaderEpoch(epoch) }]
        }
    }
}

fn image() -> impl Strategy<Value = MetadataImage> {
    vec(act(), 0..60).prop_map(|acts| {
        let mut image = MetadataImage::default();
        let mut offset = Offset(7);
        for act in acts {
            for record in records_of(&image, act) {
                image.replay(offset, &record);
                offset = offset.next();
            }
        }
        image
    })
}

fn snapshot_of(image: &MetadataImage) -> Snapshot {
    Snapshot { last_contained: Timestamp(5), records: image.records() }
}

proptest! {
    #[test]
    fn the_snapshot_of_an_image_adds_up_to_the_same_image(image in image()) {
        let read = Snapshot::decode(snapshot_of(&image).encode()).expect("a snapshot we wrote");
        prop_assert_eq!(read.last_contained, Timestamp(5));
        prop_assert_eq!(MetadataImage::of_snapshot(&read.records), image);
    }

    #[test]
    fn a_snapshot_that_is_cut_anywhere_is_refused(image in image(), cut in 1usize..400) {
        let file = snapshot_of(&image).encode();
        let kept = file.len().saturating_sub(cut);
        prop_assert!(Snapshot::decode(file.slice(..kept)).is_err());
    }

    #[test]
    fn a_snapshot_with_a_damaged_byte_is_refused_or_says_the_same(image in image(), at in 0usize..4000, bit in 0u8..8) {
        let snapshot = snapshot_of(&image);
        let mut file = snapshot.encode().to_vec();
        let at = at % file.len();
        file[at] ^= 1 << bit;
        // The CRC covers neither base offset nor epoch, which mean nothing here.
        if let Ok(read) = Snapshot::decode(file.into()) {
            prop_assert_eq!(read, snapshot);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_of_snapshots_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(Snapshot::decode(bytes.into()).is_err());
    }

    #[test]
    fn a_snapshot_that_is_fetched_in_pieces_is_the_snapshot(image in image(), lengths in vec(1usize..200, 1..20)) {
        let snapshot = snapshot_of(&image);
        let file = snapshot.encode();
        let id = SnapshotId { end_offset: Offset(9), epoch: LeaderEpoch(2) };
        let mut fetch = SnapshotFetch::new(id);
        for length in lengths.iter().cycle() {
            let asked = fetch.request("c", NodeId(1), LeaderEpoch(2));
            let position = usize::try_from(asked.position).expect("not negative");
            let bytes = file.slice(position..file.len().min(position + length));
            let piece = piece(id, file.len(), asked.position, bytes);
            if let Fetched::Whole(fetched, read) = fetch.take(&piece).expect("the right piece") {
                prop_assert_eq!((fetched, read), (file, snapshot));
                break;
            }
        }
    }
}

fn piece(id: SnapshotId, size: usize, position: i64, bytes: bytes::Bytes) -> FetchSnapshotResponse {
    FetchSnapshotResponse {
        error: ErrorCode::None,
        snapshot: id,
        current_leader: LeaderIdAndEpoch::NONE,
        size: i64::try_from(size).expect("small"),
        position,
        bytes,
    }
}

#[test]
fn a_piece_of_another_place_or_another_snapshot_is_refused() {
    let file = snapshot_of(&MetadataImage::default()).encode();
    let id = SnapshotId { end_offset: Offset(9), epoch: LeaderEpoch(2) };
    let other = SnapshotId { end_offset: Offset(8), ..id };
    let whole = |id, size, position| piece(id, size, position, file.clone());
    let empty = piece(id, file.len(), 0, bytes::Bytes::new());
    let refused = FetchSnapshotResponse { error: ErrorCode::SnapshotNotFound, ..whole(id, file.len(), 0) };
    for wrong in [whole(other, file.len(), 0), whole(id, file.len(), 4), whole(id, 3, 0), empty, refused] {
        assert!(SnapshotFetch::new(id).take(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_large_image_has_several_batches() {
    let mut image = MetadataImage::default();
    let id = TopicId(Uuid::from_u128(1));
    image.replay(Offset(0), &MetadataRecord::Topic { name: name(1), id });
    for index in 0..3000 {
        let state = PartitionImage::new(vec![NodeId(1)], vec![NodeId(1)], Some(NodeId(1)));
        let record = MetadataRecord::Partition { topic: id, partition: PartitionIndex(index), state };
        image.replay(Offset(1), &record);
    }
    let file = snapshot_of(&image).encode();
    assert!(crate::record::batches(file.clone()).count() > 3);
    let read = Snapshot::decode(file).expect("a snapshot we wrote");
    assert_eq!(MetadataImage::of_snapshot(&read.records), image);
}

#[test]
fn a_brokers_epoch_is_the_offset_of_its_registration_after_a_snapshot_too() {
    let mut image = MetadataImage::default();
    for record in records_of(&image, Act::Register(1, None)) {
        image.replay(Offset(42), &record);
    }
    let read = MetadataImage::of_snapshot(&image.records());
    assert_eq!(read.brokers()[&NodeId(1)].epoch, BrokerEpoch(42));
}

#[test]
fn settings_that_are_all_taken_back_leave_nothing() {
    let set = |value: Option<&str>| MetadataRecord::Config {
        resource: ConfigResource::Broker(NodeId(1)),
        name: "message.max.bytes".to_owned(),
        value: value.map(str::to_owned),
    };
    let mut image = MetadataImage::default();
    image.replay(Offset(0), &set(Some("7")));
    image.replay(Offset(1), &set(None));
    assert_eq!(image, MetadataImage::default());
}
