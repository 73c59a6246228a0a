//! What clients saw: every send, every read, with times. The evidence of the history checkers.
//!
//! Values are unique for ever: a record's value says which producer sent it and as its how-manieth
//! ([`RecordId`]), so that reading it back identifies the send. Times are true virtual time. Nothing here is
//! judged.

mod group;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

pub use group::{Commit, CommitOutcome, Delivery, MemberLife, Ownership, PositionReset};

/// Bytes of a value that identify it; values are at least so long.
pub const RECORD_ID_BYTES: usize = 16;
const MAGIC: u32 = 0x5452_4942;

/// Identity of a record: the client that sent it and its number there, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordId {
    /// Index into [`History::producers`].
    pub producer: u32,
    /// Number of the record at its producer, in the order of the sends.
    pub sequence: u64,
}

impl RecordId {
    /// A value of `size` bytes (at least [`RECORD_ID_BYTES`]) that carries this id. The rest is a fixed filling.
    #[must_use]
    pub fn to_value(self, size: usize) -> Bytes {
        let mut value = BytesMut::with_capacity(size.max(RECORD_ID_BYTES));
        value.put_u32(MAGIC);
        value.put_u32(self.producer);
        value.put_u64(self.sequence);
        value.resize(size.max(RECORD_ID_BYTES), b'.');
        value.freeze()
    }

    /// The id a value carries; `None` if it is not one of ours.
    #[must_use]
    pub fn of_value(value: &[u8]) -> Option<RecordId> {
        let field = |from: usize, to: usize| value.get(from..to);
        let magic = u32::from_be_bytes(field(0, 4)?.try_into().ok()?);
        let producer = u32::from_be_bytes(field(4, 8)?.try_into().ok()?);
        let sequence = u64::from_be_bytes(field(8, 16)?.try_into().ok()?);
        (magic == MAGIC).then_some(RecordId { producer, sequence })
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "p{}#{}", self.producer, self.sequence)
    }
}

/// A producing client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerInfo {
    /// `checkout-0`.
    pub name: String,
    /// Name of its table in the scenario; `None` for the probe that checks recovery.
    pub table: Option<String>,
    /// Its acks.
    pub acks: Acks,
}

/// How a send ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendOutcome {
    /// Acknowledged; the offset is known unless acks=0.
    Acknowledged {
        /// Where it went.
        partition: TopicPartition,
        /// The offset the broker named.
        offset: Option<Offset>,
    },
    /// Provably without effect.
    Failed(String),
    /// It may or may not be in the log.
    Unknown(String),
    /// The run ended before it did: like unknown.
    Pending,
}

/// One send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// The record.
    pub record: RecordId,
    /// When the load wanted it to start: latency counts from here.
    pub intended: Instant,
    /// When the client was really called.
    pub invoked: Instant,
    /// When the answer came.
    pub completed: Option<Instant>,
    /// How it ended.
    pub outcome: SendOutcome,
    /// The number of its key; none for a record without one.
    pub key: Option<u64>,
}

impl Send {
    /// Where it was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Option<(&TopicPartition, Option<Offset>)> {
        match &self.outcome {
            SendOutcome::Acknowledged { partition, offset } => Some((partition, *offset)),
            SendOutcome::Failed(_) | SendOutcome::Unknown(_) | SendOutcome::Pending => None,
        }
    }
}

/// One record a consumer was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// When.
    pub at: Instant,
    /// Index of its partition in [`Reader::partitions`].
    pub partition: u32,
    /// Its offset.
    pub offset: Offset,
    /// The leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
    /// What it is; `None` if the value is not one of ours.
    pub record: Option<RecordId>,
}

/// A consuming client, and everything it was given, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    /// `audit`, or `final` for the fresh reader at the end.
    pub name: String,
    /// The partitions it reads.
    pub partitions: Vec<TopicPartition>,
    /// What it was given.
    pub reads: Vec<Read>,
    /// Its position was set anew by `auto.offset.reset`: from and to.
    pub resets: Vec<Reset>,
}

/// A position that was set anew because it was out of range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reset {
    /// When.
    pub at: Instant,
    /// Index of its partition in [`Reader::partitions`].
    pub partition: u32,
    /// The position it had.
    pub from: Offset,
    /// The position it got.
    pub to: Offset,
}

/// Everything clients saw in one run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// The producing clients; [`RecordId::producer`] is an index into this.
    pub producers: Vec<ProducerInfo>,
    /// Every send, by producer, in the order of the sends.
    pub sends: Vec<Vec<Send>>,
    /// The consumers that ran during the load.
    pub readers: Vec<Reader>,
    /// The members of consumer groups, one entry for each boot, by the time they started.
    pub members: Vec<MemberLife>,
    /// What the coordinators answered at the very end to the question for committed offsets, by group. A partition
    /// without one is absent; a group that could not be asked too.
    pub committed_at_end: BTreeMap<String, BTreeMap<TopicPartition, Offset>>,
    /// What fresh consumers read from the start of every partition when all was over.
    pub final_reads: BTreeMap<TopicPartition, Vec<(Offset, Option<RecordId>)>>,
    /// Partitions the final read could not read to their end.
    pub unread: Vec<TopicPartition>,
    /// The first record of each later session of a producing client: it died and came back as another producer.
    pub sessions: BTreeMap<u32, Vec<u64>>,
    /// The partitions of which a replica was compacted: a record there may have made way for a later one of its key.
    pub compacted: BTreeSet<TopicPartition>,
}

impl History {
    /// The send of a record.
    #[must_use]
    pub fn send(&self, record: RecordId) -> Option<&Send> {
        self.sends.get(record.producer as usize)?.get(usize::try_from(record.sequence).ok()?)
    }

    /// Which session of its producer sent a record, from 0.
    #[must_use]
    pub fn session(&self, record: RecordId) -> usize {
        let starts = self.sessions.get(&record.producer);
        starts.map_or(0, |starts| starts.partition_point(|start| *start <= record.sequence))
    }

    /// Whether a record belongs to the load: the probe's do not.
    #[must_use]
    pub fn is_load(&self, record: RecordId) -> bool {
        self.producers.get(record.producer as usize).is_some_and(|producer| producer.table.is_some())
    }

    /// Every send of the load (the probe's are not among them).
    pub fn load_sends(&self) -> impl Iterator<Item = (&ProducerInfo, &Send)> {
        let load = self.producers.iter().zip(&self.sends).filter(|(info, _)| info.table.is_some());
        load.flat_map(|(info, sends)| sends.iter().map(move |send| (info, send)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_record_whatever_its_size() {
        let id = RecordId { producer: 3, sequence: 77 };
        for size in [0, 16, 17, 2000] {
            assert_eq!(RecordId::of_value(&id.to_value(size)), Some(id));
        }
        assert_eq!(RecordId::of_value(b"something else entirely"), None);
        assert_eq!(RecordId::of_value(b""), None);
    }
}
