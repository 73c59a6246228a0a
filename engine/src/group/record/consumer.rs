//! The records of groups of KIP-848: kinds 3 to 8 of `__consumer_offsets`.
//!
//! | kind | Kafka's name | what it says |
//! |---|---|---|
//! | 3 | ConsumerGroupMetadata | the group epoch |
//! | 4 | ConsumerGroupPartitionMetadata | the topics that members subscribe to, as they were at that epoch |
//! | 5 | ConsumerGroupMemberMetadata | a member and what it wants |
//! | 6 | ConsumerGroupTargetAssignmentMetadata | the epoch of the target assignment |
//! | 7 | ConsumerGroupTargetAssignmentMember | what a member shall own |
//! | 8 | ConsumerGroupCurrentMemberAssignment | what a member owns, and at which epoch it is |
//!
//! Kafka 4.1 says kind 4 with a hash in kind 3; both read the records of Kafka 3.7 to 4.0, which are written here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes};

use super::flexible::{put_end, put_length, put_optional, put_text};
use super::{Reader, Record, RecordError, put_string};
use crate::group::consumer::{Assignment, ConsumerMember, CurrentAssignment, MemberState, SubscribedTopic};
use crate::id::{PartitionIndex, TopicId, TopicName};
use crate::time::Duration;

const EPOCH: i16 = 3;
const TOPICS: i16 = 4;
const MEMBER: i16 = 5;
const TARGET_EPOCH: i16 = 6;
const TARGET: i16 = 7;
const CURRENT: i16 = 8;
/// The only version of every value.
const VALUE: i16 = 0;

/// A record of a group of KIP-848; without a value it deletes what it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerRecord {
    /// The group epoch.
    Epoch(Option<i32>),
    /// The topics that members subscribe to.
    Topics(Option<BTreeMap<TopicName, SubscribedTopic>>),
    /// A member and what it wants.
    Member(String, Option<ConsumerMember>),
    /// The epoch of the target assignment.
    TargetEpoch(Option<i32>),
    /// What a member shall own.
    Target(String, Option<Assignment>),
    /// What a member owns.
    Current(String, Option<CurrentAssignment>),
}

impl ConsumerRecord {
    /// The record, of a group.
    #[must_use]
    pub fn of(self, group: &str) -> Record {
        Record::Consumer { group: group.to_owned(), record: self }
    }

    fn kind(&self) -> (i16, Option<&str>) {
        match self {
            ConsumerRecord::Epoch(_) => (EPOCH, None),
            ConsumerRecord::Topics(_) => (TOPICS, None),
            ConsumerRecord::Member(member, _) => (MEMBER, Some(member)),
            ConsumerRecord::TargetEpoch(_) => (TARGET_EPOCH, None),
            ConsumerRecord::Target(member, _) => (TARGET, Some(member)),
            ConsumerRecord::Current(member, _) => (CURRENT, Some(member)),
        }
    }

    /// Key and value.
    pub(super) fn encode(&self, group: &str) -> (Vec<u8>, Option<Vec<u8>>) {
        let (kind, member) = self.kind();
        let mut key = Vec::new();
        key.put_i16(kind);
        put_string(&mut key, group);
        if let Some(member) = member {
            put_string(&mut key, member);
        }
        let mut value = Vec::new();
        value.put_i16(VALUE);
        let is_there = match self {
            ConsumerRecord::Epoch(epoch) | ConsumerRecord::TargetEpoch(epoch) => {
                epoch.map(|epoch| value.put_i32(epoch)).is_some()
            }
            ConsumerRecord::Topics(topics) => topics.as_ref().map(|it| put_topics(&mut value, it)).is_some(),
            ConsumerRecord::Member(_, member) => {
                member.as_ref().map(|it| put_member(&mut value, it)).is_some()
            }
            ConsumerRecord::Target(_, target) => {
                target.as_ref().map(|it| put_assignment(&mut value, it)).is_some()
            }
            ConsumerRecord::Current(_, current) => {
                current.as_ref().map(|it| put_current(&mut value, it)).is_some()
            }
        };
        put_end(&mut value);
        (key, Some(value).filter(|_| is_there))
    }

    /// The record of a key whose kind was read; `None` if the kind is none of ours.
    pub(super) fn decode(
        kind: i16,
        key: &mut Reader,
        value: Option<&Bytes>,
    ) -> Result<Option<Record>, RecordError> {
        if !(EPOCH..=CURRENT).contains(&kind) {
            return Ok(None);
        }
        let group = key.string()?;
        let record = match kind {
            EPOCH => ConsumerRecord::Epoch(read(value, Reader::int32)?),
            TOPICS => ConsumerRecord::Topics(read(value, topics)?),
            MEMBER => ConsumerRecord::Member(key.string()?, read(value, member)?),
            TARGET_EPOCH => ConsumerRecord::TargetEpoch(read(value, Reader::int32)?),
            TARGET => ConsumerRecord::Target(key.string()?, read(value, assignment)?),
            _ => ConsumerRecord::Current(key.string()?, read(value, current)?),
        };
        Ok(Some(record.of(&group)))
    }
}

/// Reads a value, if there is one.
fn read<T>(
    value: Option<&Bytes>,
    body: impl FnOnce(&mut Reader) -> Result<T, RecordError>,
) -> Result<Option<T>, RecordError> {
    let Some(value) = value else { return Ok(None) };
    let mut value = Reader(value.clone());
    if value.int16()? != VALUE {
        return Err(RecordError("an unknown version of a record of KIP-848"));
    }
    let read = body(&mut value)?;
    value.end()?;
    Ok(Some(read))
}

fn put_topics(out: &mut Vec<u8>, topics: &BTreeMap<TopicName, SubscribedTopic>) {
    put_length(out, topics.len());
    for (name, topic) in topics {
        out.put_u128(topic.id.0.as_u128());
        put_text(out, name.as_str());
        out.put_i32(topic.partitions);
        // The racks of partitions: no assignor of ours looks at them.
        put_length(out, 0);
        put_end(out);
    }
}

fn topics(value: &mut Reader) -> Result<BTreeMap<TopicName, SubscribedTopic>, RecordError> {
    let mut topics = BTreeMap::new();
    for _ in 0..value.count()? {
        let id = TopicId(value.uuid()?);
        let name = TopicName::new(&value.text()?);
        let partitions = value.int32()?;
        for _ in 0..value.count()? {
            value.int32()?;
            for _ in 0..value.count()? {
                value.text()?;
            }
            value.end()?;
        }
        value.end()?;
        topics.insert(name, SubscribedTopic { id, partitions });
    }
    Ok(topics)
}

fn put_member(out: &mut Vec<u8>, member: &ConsumerMember) {
    put_optional(out, member.instance_id.as_deref());
    put_optional(out, member.rack_id.as_deref());
    put_text(out, &member.client_id);
    put_text(out, &member.client_host);
    put_length(out, member.subscribed.len());
    member.subscribed.iter().for_each(|topic| put_text(out, topic.as_str()));
    // A regular expression: such members are not let in.
    put_optional(out, None);
    out.put_i32(i32::try_from(member.rebalance_timeout.as_millis()).unwrap_or(i32::MAX));
    put_optional(out, member.server_assignor.as_deref());
}

fn member(value: &mut Reader) -> Result<ConsumerMember, RecordError> {
    let (instance_id, rack_id) = (value.optional_text()?, value.optional_text()?);
    let (client_id, client_host) = (value.text()?, value.text()?);
    let mut subscribed = BTreeSet::new();
    for _ in 0..value.count()? {
        subscribed.insert(TopicName::new(&value.text()?));
    }
    value.optional_text()?;
    let rebalance_timeout = Duration::from_millis(u64::try_from(value.int32()?).unwrap_or(0));
    let server_assignor = value.optional_text()?;
    Ok(ConsumerMember {
        instance_id,
        rack_id,
        client_id,
        client_host,
        subscribed,
        rebalance_timeout,
        server_assignor,
    })
}

fn put_assignment(out: &mut Vec<u8>, assignment: &Assignment) {
    put_length(out, assignment.topics().count());
    for (topic, partitions) in assignment.topics() {
        out.put_u128(topic.0.as_u128());
        put_length(out, partitions.len());
        partitions.iter().for_each(|partition| out.put_i32(partition.0));
        put_end(out);
    }
}

fn assignment(value: &mut Reader) -> Result<Assignment, RecordError> {
    let mut assignment = Assignment::default();
    for _ in 0..value.count()? {
        let topic = TopicId(value.uuid()?);
        for _ in 0..value.count()? {
            assignment.insert((topic, PartitionIndex(value.int32()?)));
        }
        value.end()?;
    }
    Ok(assignment)
}

fn put_current(out: &mut Vec<u8>, current: &CurrentAssignment) {
    out.put_i32(current.epoch);
    out.put_i32(current.previous_epoch);
    out.put_i8(current.state.code());
    put_assignment(out, &current.assigned);
    put_assignment(out, &current.revoking);
}

fn current(value: &mut Reader) -> Result<CurrentAssignment, RecordError> {
    let (epoch, previous_epoch) = (value.int32()?, value.int32()?);
    let state = MemberState::from_code(value.int8()?).ok_or(RecordError("an unknown state of a member"))?;
    let (assigned, revoking) = (assignment(value)?, assignment(value)?);
    Ok(CurrentAssignment { epoch, previous_epoch, state, assigned, revoking })
}
