//! The records of `__consumer_offsets`, in Kafka's own bytes.
//!
//! Kafka's tools can read what is written here and the other way round. Keys: OffsetCommitKey version 1 (0 is read
//! too), GroupMetadataKey version 2. Values: OffsetCommitValue 3 (1 if the commit brought its own retention, the only
//! version that can say so), GroupMetadataValue 3; older versions are read. Kinds 3 to 8 are those of KIP-848
//! ([`consumer`]). Keys of other kinds are none of ours and are passed over, as Kafka does.

mod consumer;
mod flexible;

use bytes::{Buf, BufMut, Bytes};

pub use self::consumer::ConsumerRecord;

use crate::epoch::LeaderEpoch;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::time::{Duration, Timestamp};

/// Something that is to be remembered, or (without a value) forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A group's offset of one partition.
    Offset {
        /// `group.id`.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The offset; `None` deletes it.
        value: Option<CommittedOffset>,
    },
    /// A generation of a classic group.
    Group {
        /// `group.id`.
        group: String,
        /// The generation; `None` deletes the group.
        value: Option<GroupMetadata>,
    },
    /// Something about a group of KIP-848.
    Consumer {
        /// `group.id`.
        group: String,
        /// What.
        record: ConsumerRecord,
    },
}

/// An offset as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedOffset {
    /// The offset of the next record to process.
    pub offset: Offset,
    /// Leader epoch of the last record processed, or NONE. Not kept together with an expiry.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the consumer wants to keep with it.
    pub metadata: String,
    /// When it was committed, by the coordinator's clock.
    pub committed_at: Timestamp,
    /// When it expires, if the commit said so itself (OffsetCommit up to version 4).
    pub expires_at: Option<Timestamp>,
}

/// A generation of a classic group, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMetadata {
    /// Its kind: `consumer`, `connect`; empty if there is none.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol of the generation; `None` if the group is empty.
    pub protocol: Option<String>,
    /// Member id of the leader; `None` if the group is empty.
    pub leader: Option<String>,
    /// When the group came into its state, or NONE.
    pub state_since: Timestamp,
    /// The members.
    pub members: Vec<MemberMetadata>,
}

/// A member of a stored generation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberMetadata {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it came from.
    pub client_host: String,
    /// Its rebalance timeout, in whole milliseconds.
    pub rebalance_timeout: Duration,
    /// Its session timeout, in whole milliseconds.
    pub session_timeout: Duration,
    /// Its metadata for the protocol of the generation.
    pub subscription: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// The bytes are no record of `__consumer_offsets`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a record of __consumer_offsets: {0}")]
pub struct RecordError(&'static str);

const OFFSET_KEY: i16 = 1;
const GROUP_KEY: i16 = 2;
/// Knows leader epochs.
const OFFSET_VALUE: i16 = 3;
/// Knows an expiry.
const OFFSET_VALUE_EXPIRING: i16 = 1;
const GROUP_VALUE: i16 = 3;

impl Record {
    /// `group.id`.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Record::Offset { group, .. } | Record::Group { group, .. } | Record::Consumer { group, .. } => {
                group
            }
        }
    }

    /// Key and value; no value is a tombstone.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut key = Vec::new();
        match self {
            Record::Offset { group, partition, value } => {
                key.put_i16(OFFSET_KEY);
                put_string(&mut key, group);
                put_string(&mut key, partition.topic.as_str());
                key.put_i32(partition.partition.0);
                (key, value.as_ref().map(CommittedOffset::encode))
            }
            Record::Group { group, value } => {
                key.put_i16(GROUP_KEY);
                put_string(&mut key, group);
                (key, value.as_ref().map(GroupMetadata::encode))
            }
            Record::Consumer { group, record } => record.encode(group),
        }
    }

    /// The record of a key and a value; `None` if it is of a kind we do not know.
    ///
    /// # Errors
    /// [`RecordError`] if it is of a kind we know and damaged, or in a version we do not know.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Record>, RecordError> {
        let mut key = Reader(key.clone());
        match key.int16()? {
            0 | OFFSET_KEY => {
                let (group, topic, index) = (key.string()?, key.string()?, key.int32()?);
                let value = value.map(CommittedOffset::decode).transpose()?;
                Ok(Some(Record::Offset { group, partition: TopicPartition::new(&topic, index), value }))
            }
            GROUP_KEY => {
                let group = key.string()?;
                let value = value.map(GroupMetadata::decode).transpose()?;
                Ok(Some(Record::Group { group, value }))
            }
            kind => ConsumerRecord::decode(kind, &mut key, value),
        }
    }
}

impl CommittedOffset {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_i16(if self.expires_at.is_some() { OFFSET_VALUE_EXPIRING } else { OFFSET_VALUE });
        out.put_i64(self.offset.0);
        if self.expires_at.is_none() {
            out.put_i32(self.leader_epoch.0);
        }
        put_string(&mut out, &self.metadata);
        out.put_i64(self.committed_at.0);
        if let Some(expires_at) = self.expires_at {
            out.put_i64(expires_at.0);
        }
        out
    }

    fn decode(value: &Bytes) -> Result<CommittedOffset, RecordError> {
        let mut value = Reader(value.clone());
        let version = value.int16()?;
        if !(0..=OFFSET_VALUE).contains(&version) {
            return Err(RecordError("an unknown version of an offset"));
        }
        let offset = Offset(value.int64()?);
        let leader_epoch =
            if version >= OFFSET_VALUE { LeaderEpoch(value.int32()?) } else { LeaderEpoch::NONE };
        let (metadata, committed_at) = (value.string()?, Timestamp(value.int64()?));
        let expires_at =
            if version == OFFSET_VALUE_EXPIRING { Some(Timestamp(value.int64()?)) } else { None };
        // -1 says that the commit brought no retention of its own.
        let expires_at = expires_at.filter(|at| *at != Timestamp::NONE);
        Ok(CommittedOffset { offset, leader_epoch, metadata, committed_at, expires_at })
    }
}

impl GroupMetadata {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_i16(GROUP_VALUE);
        put_string(&mut out, &self.protocol_type);
        out.put_i32(self.generation);
        put_nullable(&mut out, self.protocol.as_deref());
        put_nullable(&mut out, self.leader.as_deref());
        out.put_i64(self.state_since.0);
        out.put_i32(i32::try_from(self.members.len()).expect("a group has fewer than 2^31 members"));
        for member in &self.members {
            put_string(&mut out, &member.member_id);
            put_nullable(&mut out, member.group_instance_id.as_deref());
            put_string(&mut out, &member.client_id);
            put_string(&mut out, &member.client_host);
            out.put_i32(milliseconds(member.rebalance_timeout));
            out.put_i32(milliseconds(member.session_timeout));
            put_bytes(&mut out, &member.subscription);
            put_bytes(&mut out, &member.assignment);
        }
        out
    }

    fn decode(value: &Bytes) -> Result<GroupMetadata, RecordError> {
        let mut value = Reader(value.clone());
        let version = value.int16()?;
        if !(0..=GROUP_VALUE).contains(&version) {
            return Err(RecordError("an unknown version of a group"));
        }
        let (protocol_type, generation) = (value.string()?, value.int32()?);
        let (protocol, leader) = (value.nullable()?, value.nullable()?);
        let state_since = if version >= 2 { Timestamp(value.int64()?) } else { Timestamp::NONE };
        let count = value.int32()?;
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(value.member(version)?);
        }
        Ok(GroupMetadata { protocol_type, generation, protocol, leader, state_since, members })
    }
}

/// Whole milliseconds; what does not fit is the longest there is.
fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("texts from the wire are no longer, and ids are cut"));
    out.put_slice(text.as_bytes());
}

fn put_nullable(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.put_i16(-1),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_i32(i32::try_from(bytes.len()).expect("a request is shorter than 2 GiB"));
    out.put_slice(bytes);
}

/// Takes fields off the front. Believes no length before the bytes are there.
struct Reader(Bytes);

impl Reader {
    fn int16(&mut self) -> Result<i16, RecordError> {
        self.0.try_get_i16().map_err(|_| CUT)
    }

    fn int32(&mut self) -> Result<i32, RecordError> {
        self.0.try_get_i32().map_err(|_| CUT)
    }

    fn int64(&mut self) -> Result<i64, RecordError> {
        self.0.try_get_i64().map_err(|_| CUT)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, RecordError> {
        if length > self.0.len() { Err(CUT) } else { Ok(self.0.split_to(length)) }
    }

    fn nullable(&mut self) -> Result<Option<String>, RecordError> {
        let Ok(length) = usize::try_from(self.int16()?) else { return Ok(None) };
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| RecordError("a text that is not UTF-8"))?;
        Ok(Some(text.to_owned()))
    }

    fn string(&mut self) -> Result<String, RecordError> {
        self.nullable()?.ok_or(RecordError("a text that must be there is null"))
    }

    fn bytes(&mut self) -> Result<Bytes, RecordError> {
        let length = usize::try_from(self.int32()?).map_err(|_| RecordError("a negative length"))?;
        self.take(length)
    }

    fn duration(&mut self) -> Result<Duration, RecordError> {
        Ok(Duration::from_millis(u64::try_from(self.int32()?).unwrap_or(0)))
    }

    fn member(&mut self, version: i16) -> Result<MemberMetadata, RecordError> {
        let member_id = self.string()?;
        let group_instance_id = if version >= 3 { self.nullable()? } else { None };
        let (client_id, client_host) = (self.string()?, self.string()?);
        let rebalance_timeout = if version >= 1 { Some(self.duration()?) } else { None };
        let session_timeout = self.duration()?;
        Ok(MemberMetadata {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            rebalance_timeout: rebalance_timeout.unwrap_or(session_timeout),
            session_timeout,
            subscription: self.bytes()?,
            assignment: self.bytes()?,
        })
    }
}

const CUT: RecordError = RecordError("it ends too early");

#[cfg(test)]
#[path = "tests/records.rs"]
mod tests;
