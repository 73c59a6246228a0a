//! The records of `__cluster_metadata`.
//!
//! Named after Kafka's records (KIP-631: RegisterBrokerRecord, FenceBrokerRecord, TopicRecord, PartitionRecord,
//! PartitionChangeRecord, ConfigRecord) with the same meaning. The encoding is our own (a kind byte, then fields,
//! big-endian): nobody but our brokers and controllers reads this log.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::id::{Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName};

/// One change of the cluster's metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are the field's words; the variants say what changes")]
pub enum MetadataRecord {
    /// A broker registered; it starts fenced. Its epoch is the offset of this record.
    RegisterBroker { broker: NodeId, incarnation: IncarnationId, endpoint: Endpoint, rack: Option<String> },
    /// A broker may lead and be in sync no more.
    FenceBroker { broker: NodeId, broker_epoch: BrokerEpoch },
    /// A broker may lead and be in sync.
    UnfenceBroker { broker: NodeId, broker_epoch: BrokerEpoch },
    /// A topic was created.
    Topic { name: TopicName, id: TopicId },
    /// A setting of a topic.
    TopicSetting { topic: TopicId, name: String, value: String },
    /// A partition was created, with its whole state.
    Partition {
        topic: TopicId,
        partition: PartitionIndex,
        replicas: Vec<NodeId>,
        isr: Vec<NodeId>,
        leader: Option<NodeId>,
        leader_epoch: LeaderEpoch,
        partition_epoch: PartitionEpoch,
    },
    /// A partition changed.
    PartitionChange(PartitionChange),
    /// A broker was given the producer ids below this one that nobody had (KIP-730).
    ProducerIds { broker: NodeId, broker_epoch: BrokerEpoch, next_producer_id: ProducerId },
}

/// A change of one partition: what is `None` stays. Every change raises the partition epoch; a written leader,
/// even the same one, raises the leader epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The new ISR.
    pub isr: Option<Vec<NodeId>>,
    /// The new leader; `Some(None)` is leaderless.
    pub leader: Option<Option<NodeId>>,
    /// Whether the leader came from an unclean election and is still alone.
    pub recovering: bool,
}

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
                out.put_u8(u8::from(rack.is_some()));
                if let Some(rack) = rack {
                    put_text(&mut out, rack);
                }
            }
            MetadataRecord::FenceBroker { broker, broker_epoch } => {
                out.put_u8(1);
                out.put_i32(broker.0);
                out.put_i64(broker_epoch.0);
            }
            MetadataRecord::UnfenceBroker { broker, broker_epoch } => {
                out.put_u8(2);
                out.put_i32(broker.0);
                out.put_i64(broker_epoch.0);
            }
            MetadataRecord::Topic { name, id } => {
                out.put_u8(3);
                put_text(&mut out, name.as_str());
                out.put_u128(id.0.as_u128());
            }
            MetadataRecord::TopicSetting { topic, name, value } => {
                out.put_u8(4);
                out.put_u128(topic.0.as_u128());
                put_text(&mut out, name);
                put_text(&mut out, value);
            }
            MetadataRecord::Partition {
                topic,
                partition,
                replicas,
                isr,
                leader,
                leader_epoch,
                partition_epoch,
            } => {
                out.put_u8(5);
                out.put_u128(topic.0.as_u128());
                out.put_i32(partition.0);
                put_nodes(&mut out, replicas);
                put_nodes(&mut out, isr);
                out.put_i32(leader.unwrap_or(NodeId::NONE).0);
                out.put_i32(leader_epoch.0);
                out.put_i32(partition_epoch.0);
            }
            MetadataRecord::PartitionChange(change) => put_change(&mut out, change),
            MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id } => {
                out.put_u8(10);
                out.put_i32(broker.0);
                out.put_i64(broker_epoch.0);
                out.put_i64(next_producer_id.0);
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
        let record = match input.u8()? {
            0 => MetadataRecord::RegisterBroker {
                broker: input.node()?,
                incarnation: IncarnationId(input.uuid()?),
                endpoint: Endpoint::new(&input.text()?, input.u16()?),
                rack: if input.flag()? { Some(input.text()?) } else { None },
            },
            1 => {
                MetadataRecord::FenceBroker { broker: input.node()?, broker_epoch: BrokerEpoch(input.i64()?) }
            }
            2 => MetadataRecord::UnfenceBroker {
                broker: input.node()?,
                broker_epoch: BrokerEpoch(input.i64()?),
            },
            3 => MetadataRecord::Topic { name: TopicName::new(&input.text()?), id: TopicId(input.uuid()?) },
            4 => MetadataRecord::TopicSetting {
                topic: TopicId(input.uuid()?),
                name: input.text()?,
                value: input.text()?,
            },
            5 => MetadataRecord::Partition {
                topic: TopicId(input.uuid()?),
                partition: PartitionIndex(input.i32()?),
                replicas: input.nodes()?,
                isr: input.nodes()?,
                leader: input.optional_node()?,
                leader_epoch: LeaderEpoch(input.i32()?),
                partition_epoch: PartitionEpoch(input.i32()?),
            },
            6 => MetadataRecord::PartitionChange(PartitionChange {
                topic: TopicId(input.uuid()?),
                partition: PartitionIndex(input.i32()?),
                isr: if input.flag()? { Some(input.nodes()?) } else { None },
                leader: if input.flag()? { Some(input.optional_node()?) } else { None },
                recovering: input.flag()?,
            }),
            10 => MetadataRecord::ProducerIds {
                broker: input.node()?,
                broker_epoch: BrokerEpoch(input.i64()?),
                next_producer_id: ProducerId(input.i64()?),
            },
            _ => return Err(RecordError("unknown kind")),
        };
        if input.0.has_remaining() { Err(RecordError("bytes after the end")) } else { Ok(record) }
    }
}

fn put_change(out: &mut BytesMut, change: &PartitionChange) {
    out.put_u8(6);
    out.put_u128(change.topic.0.as_u128());
    out.put_i32(change.partition.0);
    out.put_u8(u8::from(change.isr.is_some()));
    if let Some(isr) = &change.isr {
        put_nodes(out, isr);
    }
    out.put_u8(u8::from(change.leader.is_some()));
    if let Some(leader) = change.leader {
        out.put_i32(leader.unwrap_or(NodeId::NONE).0);
    }
    out.put_u8(u8::from(change.recovering));
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examples() -> Vec<MetadataRecord> {
        let topic = TopicId(Uuid::from_u128(7));
        let partition = PartitionIndex(2);
        let nodes = vec![NodeId(1), NodeId(3)];
        vec![
            MetadataRecord::RegisterBroker {
                broker: NodeId(1),
                incarnation: IncarnationId(Uuid::from_u128(9)),
                endpoint: Endpoint::new("broker-1", 9092),
                rack: Some("a".to_owned()),
            },
            MetadataRecord::FenceBroker { broker: NodeId(1), broker_epoch: BrokerEpoch(4) },
            MetadataRecord::UnfenceBroker { broker: NodeId(1), broker_epoch: BrokerEpoch(4) },
            MetadataRecord::Topic { name: TopicName::new("orders"), id: topic },
            MetadataRecord::TopicSetting { topic, name: "min.insync.replicas".into(), value: "2".into() },
            MetadataRecord::Partition {
                topic,
                partition,
                replicas: nodes.clone(),
                isr: nodes.clone(),
                leader: None,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
            },
            MetadataRecord::PartitionChange(PartitionChange {
                topic,
                partition,
                isr: Some(nodes),
                leader: Some(None),
                recovering: true,
            }),
            MetadataRecord::ProducerIds {
                broker: NodeId(1),
                broker_epoch: BrokerEpoch(4),
                next_producer_id: ProducerId(2000),
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
        fn a_cut_record_is_refused(index in 0usize..8, cut in 1usize..20) {
            let bytes = examples()[index].encode();
            let kept = bytes.len().saturating_sub(cut);
            prop_assert!(MetadataRecord::decode(bytes.slice(..kept)).is_err());
        }
    }
}
