//! How metadata records are written: a kind byte, then fields, big-endian.
//!
//! The encoding is our own: nobody but our brokers and controllers reads this log.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::image::{BrokerImage, PartitionImage};
use super::record::{ConfigResource, MetadataRecord, PartitionChange};
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::id::{
    DirectoryId, Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName,
};

/// A metadata record that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("metadata record malformed: {0}")]
pub struct RecordError(&'static str);

impl MetadataRecord {
    /// The record as the value of a record in a batch.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        match self {
            MetadataRecord::RegisterBroker { broker, incarnation, endpoint, rack } => {
                out.put_u8(0);
                out.put_i32(broker.0);
                out.put_u128(incarnation.0.as_u128());
                put_text(&mut out, &endpoint.host);
                out.put_u16(endpoint.port);
                put_option(&mut out, rack.as_ref(), |out, rack| put_text(out, rack));
            }
            MetadataRecord::FenceBroker { broker, broker_epoch } => {
                put_broker(&mut out, 1, *broker, *broker_epoch);
            }
            MetadataRecord::UnfenceBroker { broker, broker_epoch } => {
                put_broker(&mut out, 2, *broker, *broker_epoch);
            }
            MetadataRecord::Topic { name, id } => {
                out.put_u8(3);
                put_text(&mut out, name.as_str());
                out.put_u128(id.0.as_u128());
            }
            MetadataRecord::Config { resource, name, value } => {
                out.put_u8(4);
                put_resource(&mut out, resource);
                put_text(&mut out, name);
                put_option(&mut out, value.as_ref(), |out, value| put_text(out, value));
            }
            MetadataRecord::Partition { topic, partition, state } => {
                out.put_u8(5);
                out.put_u128(topic.0.as_u128());
                out.put_i32(partition.0);
                put_partition(&mut out, state);
            }
            MetadataRecord::PartitionChange(change) => {
                out.put_u8(6);
                put_change(&mut out, change);
            }
            MetadataRecord::RemoveTopic { id } => {
                out.put_u8(7);
                out.put_u128(id.0.as_u128());
            }
            MetadataRecord::ControlledShutdown { broker, broker_epoch } => {
                put_broker(&mut out, 8, *broker, *broker_epoch);
            }
            MetadataRecord::LeaderChange { leader, epoch } => {
                out.put_u8(9);
                out.put_i32(leader.0);
                out.put_i32(epoch.0);
            }
            MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id } => {
                put_broker(&mut out, 10, *broker, *broker_epoch);
                out.put_i64(next_producer_id.0);
            }
            MetadataRecord::Voters { directories } => {
                out.put_u8(12);
                put_directories(&mut out, directories);
            }
            MetadataRecord::Broker { broker, state } => {
                put_broker(&mut out, 11, *broker, state.epoch);
                out.put_u128(state.incarnation.0.as_u128());
                put_text(&mut out, &state.endpoint.host);
                out.put_u16(state.endpoint.port);
                put_option(&mut out, state.rack.as_ref(), |out, rack| put_text(out, rack));
                out.put_u8(u8::from(state.fenced));
                out.put_u8(u8::from(state.in_controlled_shutdown));
            }
        }
        out.freeze()
    }

    /// Reads the value of a record.
    ///
    /// # Errors
    /// If the bytes are not one whole record.
    pub fn decode(bytes: Bytes) -> Result<MetadataRecord, RecordError> {
        let mut input = Reader(bytes);
        let kind = input.u8()?;
        let record = match kind {
            0 => MetadataRecord::RegisterBroker {
                broker: input.node()?,
                incarnation: IncarnationId(input.uuid()?),
                endpoint: Endpoint::new(&input.text()?, input.u16()?),
                rack: input.option(Reader::text)?,
            },
            1 | 2 | 8 => {
                let (broker, broker_epoch) = (input.node()?, BrokerEpoch(input.i64()?));
                match kind {
                    1 => MetadataRecord::FenceBroker { broker, broker_epoch },
                    2 => MetadataRecord::UnfenceBroker { broker, broker_epoch },
                    _ => MetadataRecord::ControlledShutdown { broker, broker_epoch },
                }
            }
            3 => MetadataRecord::Topic { name: TopicName::new(&input.text()?), id: TopicId(input.uuid()?) },
            4 => MetadataRecord::Config {
                resource: input.resource()?,
                name: input.text()?,
                value: input.option(Reader::text)?,
            },
            5 => MetadataRecord::Partition {
                topic: TopicId(input.uuid()?),
                partition: PartitionIndex(input.i32()?),
                state: input.partition()?,
            },
            6 => MetadataRecord::PartitionChange(input.change()?),
            7 => MetadataRecord::RemoveTopic { id: TopicId(input.uuid()?) },
            9 => MetadataRecord::LeaderChange { leader: input.node()?, epoch: LeaderEpoch(input.i32()?) },
            10 => MetadataRecord::ProducerIds {
                broker: input.node()?,
                broker_epoch: BrokerEpoch(input.i64()?),
                next_producer_id: ProducerId(input.i64()?),
            },
            11 => MetadataRecord::Broker {
                broker: input.node()?,
                state: BrokerImage {
                    epoch: BrokerEpoch(input.i64()?),
                    incarnation: IncarnationId(input.uuid()?),
                    endpoint: Endpoint::new(&input.text()?, input.u16()?),
                    rack: input.option(Reader::text)?,
                    fenced: input.flag()?,
                    in_controlled_shutdown: input.flag()?,
                },
            },
            12 => MetadataRecord::Voters { directories: input.directories()? },
            _ => return Err(RecordError("unknown kind")),
        };
        if input.0.has_remaining() { Err(RecordError("bytes after the end")) } else { Ok(record) }
    }
}

fn put_broker(out: &mut BytesMut, kind: u8, broker: NodeId, epoch: BrokerEpoch) {
    out.put_u8(kind);
    out.put_i32(broker.0);
    out.put_i64(epoch.0);
}

fn put_directories(out: &mut BytesMut, directories: &BTreeMap<NodeId, DirectoryId>) {
    out.put_u8(u8::try_from(directories.len()).expect("a quorum has at most five voters"));
    for (voter, directory) in directories {
        out.put_i32(voter.0);
        out.put_u128(directory.0.as_u128());
    }
}

fn put_resource(out: &mut BytesMut, resource: &ConfigResource) {
    match resource {
        ConfigResource::Topic(name) => {
            out.put_u8(0);
            put_text(out, name.as_str());
        }
        ConfigResource::Broker(broker) => {
            out.put_u8(1);
            out.put_i32(broker.0);
        }
        ConfigResource::ClusterDefault => out.put_u8(2),
    }
}

fn put_partition(out: &mut BytesMut, state: &PartitionImage) {
    put_nodes(out, &state.replicas);
    put_nodes(out, &state.isr);
    out.put_i32(state.leader.unwrap_or(NodeId::NONE).0);
    out.put_i32(state.leader_epoch.0);
    out.put_i32(state.partition_epoch.0);
    out.put_u8(u8::from(state.recovering));
    put_nodes(out, &state.adding);
    put_nodes(out, &state.removing);
    put_nodes(out, &state.elr);
    put_nodes(out, &state.last_known_elr);
}

fn put_change(out: &mut BytesMut, change: &PartitionChange) {
    out.put_u128(change.topic.0.as_u128());
    out.put_i32(change.partition.0);
    put_option(out, change.isr.as_ref(), |out, nodes| put_nodes(out, nodes));
    put_option(out, change.leader.as_ref(), |out, leader| out.put_i32(leader.unwrap_or(NodeId::NONE).0));
    put_option(out, change.recovering.as_ref(), |out, recovering| out.put_u8(u8::from(*recovering)));
    for nodes in [&change.replicas, &change.adding, &change.removing, &change.elr, &change.last_known_elr] {
        put_option(out, nodes.as_ref(), |out, nodes| put_nodes(out, nodes));
    }
}

fn put_option<T>(out: &mut BytesMut, value: Option<&T>, put: impl FnOnce(&mut BytesMut, &T)) {
    out.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.put_slice(text.as_bytes());
}

fn put_nodes(out: &mut BytesMut, nodes: &[NodeId]) {
    out.put_u32(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
    for node in nodes {
        out.put_i32(node.0);
    }
}

/// Reads fields and never past the end; counts are checked against what remains before memory is taken.
struct Reader(Bytes);

impl Reader {
    fn need(&self, bytes: usize) -> Result<(), RecordError> {
        if self.0.remaining() < bytes { Err(RecordError("too short")) } else { Ok(()) }
    }

    fn u8(&mut self) -> Result<u8, RecordError> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    fn flag(&mut self) -> Result<bool, RecordError> {
        Ok(self.u8()? != 0)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn u16(&mut self) -> Result<u16, RecordError> {
        self.need(2)?;
        Ok(self.0.get_u16())
    }

    fn i32(&mut self) -> Result<i32, RecordError> {
        self.need(4)?;
        Ok(self.0.get_i32())
    }

    fn i64(&mut self) -> Result<i64, RecordError> {
        self.need(8)?;
        Ok(self.0.get_i64())
    }

    fn uuid(&mut self) -> Result<Uuid, RecordError> {
        self.need(16)?;
        Ok(Uuid::from_u128(self.0.get_u128()))
    }

    fn length(&mut self, element: usize) -> Result<usize, RecordError> {
        self.need(4)?;
        let count = usize::try_from(self.0.get_u32()).map_err(|_| RecordError("length"))?;
        self.need(count.checked_mul(element).ok_or(RecordError("length"))?)?;
        Ok(count)
    }

    fn text(&mut self) -> Result<String, RecordError> {
        let length = self.length(1)?;
        String::from_utf8(self.0.split_to(length).to_vec()).map_err(|_| RecordError("not UTF-8"))
    }

    fn node(&mut self) -> Result<NodeId, RecordError> {
        Ok(NodeId(self.i32()?))
    }

    fn optional_node(&mut self) -> Result<Option<NodeId>, RecordError> {
        let node = self.node()?;
        Ok((node != NodeId::NONE).then_some(node))
    }

    fn nodes(&mut self) -> Result<Vec<NodeId>, RecordError> {
        (0..self.length(4)?).map(|_| self.node()).collect()
    }

    fn directories(&mut self) -> Result<BTreeMap<NodeId, DirectoryId>, RecordError> {
        let mut directories = BTreeMap::new();
        for _ in 0..self.u8()? {
            directories.insert(self.node()?, DirectoryId(self.uuid()?));
        }
        Ok(directories)
    }

    fn resource(&mut self) -> Result<ConfigResource, RecordError> {
        match self.u8()? {
            0 => Ok(ConfigResource::Topic(TopicName::new(&self.text()?))),
            1 => Ok(ConfigResource::Broker(self.node()?)),
            2 => Ok(ConfigResource::ClusterDefault),
            _ => Err(RecordError("unknown resource")),
        }
    }

    fn partition(&mut self) -> Result<PartitionImage, RecordError> {
        Ok(PartitionImage {
            replicas: self.nodes()?,
            isr: self.nodes()?,
            leader: self.optional_node()?,
            leader_epoch: LeaderEpoch(self.i32()?),
            partition_epoch: PartitionEpoch(self.i32()?),
            recovering: self.flag()?,
            adding: self.nodes()?,
            removing: self.nodes()?,
            elr: self.nodes()?,
            last_known_elr: self.nodes()?,
        })
    }

    fn change(&mut self) -> Result<PartitionChange, RecordError> {
        Ok(PartitionChange {
            topic: TopicId(self.uuid()?),
            partition: PartitionIndex(self.i32()?),
            isr: self.option(Reader::nodes)?,
            leader: self.option(Reader::optional_node)?,
            recovering: self.option(Reader::flag)?,
            replicas: self.option(Reader::nodes)?,
            adding: self.option(Reader::nodes)?,
            removing: self.option(Reader::nodes)?,
            elr: self.option(Reader::nodes)?,
            last_known_elr: self.option(Reader::nodes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examples() -> Vec<MetadataRecord> {
        let (topic, partition) = (TopicId(Uuid::from_u128(7)), PartitionIndex(2));
        let nodes = vec![NodeId(1), NodeId(3)];
        let (broker, broker_epoch) = (NodeId(1), BrokerEpoch(4));
        let state = PartitionImage {
            adding: vec![NodeId(3)],
            removing: vec![NodeId(1)],
            elr: vec![NodeId(1)],
            ..PartitionImage::new(nodes.clone(), nodes.clone(), None)
        };
        let change = PartitionChange {
            isr: Some(nodes),
            leader: Some(None),
            recovering: Some(true),
            elr: Some(vec![NodeId(2)]),
            ..PartitionChange::of(topic, partition)
        };
        vec![
            MetadataRecord::RegisterBroker {
                broker,
                incarnation: IncarnationId(Uuid::from_u128(9)),
                endpoint: Endpoint::new("broker-1", 9092),
                rack: Some("a".to_owned()),
            },
            MetadataRecord::FenceBroker { broker, broker_epoch },
            MetadataRecord::UnfenceBroker { broker, broker_epoch },
            MetadataRecord::ControlledShutdown { broker, broker_epoch },
            MetadataRecord::Topic { name: TopicName::new("orders"), id: topic },
            MetadataRecord::RemoveTopic { id: topic },
            MetadataRecord::Config {
                resource: ConfigResource::Topic(TopicName::new("orders")),
                name: "min.insync.replicas".into(),
                value: Some("2".into()),
            },
            MetadataRecord::Config {
                resource: ConfigResource::Broker(broker),
                name: "message.max.bytes".into(),
                value: None,
            },
            MetadataRecord::Partition { topic, partition, state },
            MetadataRecord::PartitionChange(change),
            MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id: ProducerId(2000) },
            MetadataRecord::LeaderChange { leader: broker, epoch: LeaderEpoch(3) },
            MetadataRecord::Voters { directories: [(broker, DirectoryId(Uuid::from_u128(9)))].into() },
            MetadataRecord::Broker {
                broker,
                state: BrokerImage {
                    epoch: broker_epoch,
                    incarnation: IncarnationId(Uuid::from_u128(9)),
                    endpoint: Endpoint::new("broker-1", 9092),
                    rack: None,
                    fenced: true,
                    in_controlled_shutdown: false,
                },
            },
        ]
    }

    #[test]
    fn every_record_survives_encoding() {
        for record in examples() {
            assert_eq!(MetadataRecord::decode(record.encode()), Ok(record));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = MetadataRecord::decode(Bytes::from(bytes));
        }

        #[test]
        fn a_cut_record_is_refused(index in 0usize..13, cut in 1usize..20) {
            let bytes = examples()[index].encode();
            let kept = bytes.len().saturating_sub(cut);
            prop_assert!(MetadataRecord::decode(bytes.slice(..kept)).is_err());
        }
    }
}
