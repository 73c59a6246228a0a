//! Committed offsets: commit, fetch, delete, expiry.
//!
//! The rules are those of Kafka's `OffsetMetadataManager`. One difference: a fetch is answered when everything it has
//! read is committed, where Kafka reads what is committed at the moment. Both disclose committed offsets only; this one
//! never tells a member less than what was stored before it asked.

use super::classic::{CONSUMER, ClassicGroup, GroupState};
use super::consumer::ConsumerGroup;
use super::record::{CommittedOffset, Record};
use super::shard::Shard;
use super::stored::StoredGroup;
use super::{Caller, Continuation, Outcome, Then, Turn, Write};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::TopicPartition;
use crate::message::{
    FetchedOffset, FetchedOffsets, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchResponse, OffsetOutcome, OffsetToCommit,
};
use crate::offset::Offset;
use crate::time::{Now, Timestamp};
use crate::variant::{Guard, OffsetExpiry, ProtocolVariant};

/// The first version of OffsetCommit whose senders know that a group may not exist (KIP-848).
const GROUP_ID_NOT_FOUND: i16 = 9;
/// About so many bytes are in one batch at most when many offsets are forgotten at once: less than any log refuses
/// that takes records of groups at all.
const BATCH_BYTES_MAX: usize = 100_000;

impl Shard {
    /// A group commits offsets. Topics must exist; whoever calls has looked.
    pub fn commit(&mut self, now: Now, caller: &Caller, request: &OffsetCommitRequest, out: &mut Outcome) {
        let name = request.group_id.as_str();
        let by = match self.consumer_group(name) {
            Some(group) => Some(group.committer(self.variant, caller, request)),
            None => self.with_living_group(now, name, out, |group, turn| group.committer(turn, request)),
        };
        let by = by.unwrap_or(Committer {
            // Without a group its consumers keep only offsets here.
            may: if name.is_empty() {
                Err(ErrorCode::InvalidGroupId)
            } else if request.generation < 0 {
                Ok(())
            } else if caller.api_version >= GROUP_ID_NOT_FOUND {
                Err(ErrorCode::GroupIdNotFound)
            } else {
                Err(ErrorCode::IllegalGeneration)
            },
            epoch: -1,
            is_member: false,
        });
        let mut records = Vec::with_capacity(request.partitions.len());
        let mut notes = Vec::with_capacity(request.partitions.len());
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for commit in &request.partitions {
            let error = match by.may {
                Err(error) => error,
                Ok(()) if self.is_too_large(commit) => ErrorCode::OffsetMetadataTooLarge,
                Ok(()) => {
                    records.push(record(now, request, commit));
                    notes.push(by.note(request, commit));
                    ErrorCode::None
                }
            };
            partitions.push(OffsetOutcome { partition: commit.partition.clone(), error });
        }
        let response = OffsetCommitResponse { partitions };
        if records.is_empty() {
            out.answers.push((caller.ticket, response.into()));
        } else {
            let then = Then(Continuation::Answer(caller.ticket, response.into()));
            out.writes.push(Write { records, then, notes });
        }
    }

    fn is_too_large(&self, commit: &OffsetToCommit) -> bool {
        commit
            .metadata
            .as_ref()
            .is_some_and(|metadata| metadata.len() > self.config.offset_metadata_max_bytes)
    }

    /// How far has a group come? No transaction is ever open, so every offset is stable.
    pub fn fetch(&mut self, caller: &Caller, request: &OffsetFetchGroup, out: &mut Outcome) {
        let stored = self.stored.group(&request.group_id);
        if let Some(group) = stored.and_then(|stored| stored.consumer.as_ref())
            && let Some(member) = request.member_id.as_deref().filter(|_| request.member_epoch >= 0)
            && let Err(error) = group.validate_member(member, request.member_epoch)
        {
            let (group_id, partitions) = (request.group_id.clone(), Vec::new());
            let groups = vec![FetchedOffsets { group_id, error, partitions }];
            return out.answers.push((caller.ticket, OffsetFetchResponse { groups }.into()));
        }
        let partitions = match &request.partitions {
            Some(asked) => asked
                .iter()
                .map(|partition| {
                    fetched(partition, stored.and_then(|group: &StoredGroup| group.offsets.get(partition)))
                })
                .collect(),
            None => stored
                .iter()
                .flat_map(|group| &group.offsets)
                .map(|(partition, offset)| fetched(partition, Some(offset)))
                .collect(),
        };
        let (group_id, error) = (request.group_id.clone(), ErrorCode::None);
        let groups = vec![FetchedOffsets { group_id, error, partitions }];
        Shard::answer_when_stored(out, Vec::new(), caller.ticket, OffsetFetchResponse { groups });
    }

    /// Forgets offsets of a group that nobody in it needs (KIP-496).
    pub fn delete_offsets(&mut self, caller: &Caller, request: &OffsetDeleteRequest, out: &mut Outcome) {
        let consumers = self.consumer_group(&request.group_id);
        let group = self.groups.get(&request.group_id);
        if group.is_none() && consumers.is_none() {
            let error = if request.group_id.is_empty() {
                ErrorCode::InvalidGroupId
            } else {
                ErrorCode::GroupIdNotFound
            };
            let response = OffsetDeleteResponse { error, partitions: Vec::new() };
            return out.answers.push((caller.ticket, response.into()));
        }
        let strange = |group: &ClassicGroup| {
            group.state() != GroupState::Empty && group.protocol_type() != Some(CONSUMER)
        };
        if group.is_some_and(strange) {
            let response = OffsetDeleteResponse { error: ErrorCode::NonEmptyGroup, partitions: Vec::new() };
            return out.answers.push((caller.ticket, response.into()));
        }
        let stored = self.stored.group(&request.group_id);
        let (mut records, mut partitions) = (Vec::new(), Vec::new());
        for partition in &request.partitions {
            let topic = &partition.topic;
            let subscribed = consumers.is_some_and(|group| group.is_subscribed_to(topic))
                || group
                    .is_some_and(|group| group.state() != GroupState::Empty && group.is_subscribed_to(topic));
            let error = if subscribed { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            if !subscribed && stored.is_some_and(|stored| stored.offsets.contains_key(partition)) {
                records.push(tombstone(&request.group_id, partition));
            }
            partitions.push(OffsetOutcome { partition: partition.clone(), error });
        }
        let response = OffsetDeleteResponse { error: ErrorCode::None, partitions };
        let then = Then(Continuation::Answer(caller.ticket, response.into()));
        write_in_batches(out, records, then, Vec::new());
    }

    /// Forgets offsets that are too old, and groups that have nothing left.
    pub(super) fn expire_offsets(&mut self, now: Now, out: &mut Outcome) {
        let (mut records, mut notes) = (Vec::new(), Vec::new());
        for (name, stored) in self.stored.groups() {
            let group = self.groups.get(name);
            let consumers = stored.consumer.as_ref();
            let is_expired = |partition: &TopicPartition, offset: &CommittedOffset| match (consumers, group) {
                (Some(consumers), _) => self.is_expired_of_consumers(now, consumers, partition, offset),
                (None, Some(group)) => self.is_expired(now, group, partition, offset),
                (None, None) => false,
            };
            let expired: Vec<&TopicPartition> = stored
                .offsets
                .iter()
                .filter(|(partition, offset)| is_expired(partition, offset))
                .map(|(partition, _)| partition)
                .collect();
            if !expired.is_empty() {
                let partitions = expired.iter().copied().cloned().collect();
                notes.push(Event::OffsetsExpired { group: name.clone(), partitions });
            }
            let nothing_left = expired.len() == stored.offsets.len();
            records.extend(expired.into_iter().map(|partition| tombstone(name, partition)));
            if let Some(consumers) = consumers.filter(|it| nothing_left && it.members.is_empty()) {
                records.extend(consumers.tombstones(name));
            } else if nothing_left && consumers.is_none() && group.is_some_and(ClassicGroup::is_idle) {
                records.push(Record::Group { group: name.clone(), value: None });
            }
        }
        if !records.is_empty() {
            write_in_batches(out, records, Then(Continuation::Nothing), notes);
        }
    }

    /// Offsets live as long as their group does, and for `offsets.retention.minutes` after it became empty (KIP-211).
    fn is_expired(
        &self,
        now: Now,
        group: &ClassicGroup,
        partition: &TopicPartition,
        offset: &CommittedOffset,
    ) -> bool {
        let unstable_too = match self.variant.offset_expiry {
            OffsetExpiry::GroupEmptyAndStable => false,
            OffsetExpiry::GroupEmpty => true,
            OffsetExpiry::CommitAge => return self.is_old(now, offset, offset.committed_at),
        };
        let unused_since = match (group.protocol_type(), group.state()) {
            // A consumer without a group has nothing but its commits to show that it lives.
            (None, _) => offset.committed_at,
            (Some(_), GroupState::Empty) if group.state_since() == Timestamp::NONE => offset.committed_at,
            (Some(_), GroupState::Empty) => group.state_since(),
            (Some(CONSUMER), state)
                if (state == GroupState::Stable || unstable_too)
                    && group.knows_subscriptions()
                    && !group.is_subscribed_to(&partition.topic) =>
            {
                offset.committed_at
            }
            (Some(_), _) => return false,
        };
        self.is_old(now, offset, unused_since)
    }

    /// A group of KIP-848 says what it reads: what it does not read is kept for as long after the commit.
    fn is_expired_of_consumers(
        &self,
        now: Now,
        group: &ConsumerGroup,
        partition: &TopicPartition,
        offset: &CommittedOffset,
    ) -> bool {
        let read = group.is_subscribed_to(&partition.topic);
        let kept = read && self.variant.offset_expiry != OffsetExpiry::CommitAge;
        !kept && self.is_old(now, offset, offset.committed_at)
    }

    fn is_old(&self, now: Now, offset: &CommittedOffset, unused_since: Timestamp) -> bool {
        match offset.expires_at {
            Some(expires_at) => now.wall >= expires_at,
            None => {
                let retention = i64::try_from(self.config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
                now.wall.0.saturating_sub(unused_since.0) >= retention
            }
        }
    }
}

/// Writes records that may be more than a log takes at once. What follows does when the last of them is committed.
pub(super) fn write_in_batches(out: &mut Outcome, records: Vec<Record>, then: Then, notes: Vec<Event>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for record in records {
        let size = record.encode().0.len();
        if bytes + size > BATCH_BYTES_MAX && !batch.is_empty() {
            let records = std::mem::take(&mut batch);
            out.writes.push(Write { records, then: Then(Continuation::Nothing), notes: Vec::new() });
            bytes = 0;
        }
        bytes += size;
        batch.push(record);
    }
    out.writes.push(Write { records: batch, then, notes });
}

/// Who commits.
struct Committer {
    /// Whether it may.
    may: Result<(), ErrorCode>,
    /// The epoch it should be at, or -1.
    epoch: i32,
    /// It is a member, and at that epoch.
    is_member: bool,
}

impl Committer {
    fn note(&self, request: &OffsetCommitRequest, commit: &OffsetToCommit) -> Event {
        Event::OffsetCommitted {
            group: request.group_id.clone(),
            partition: commit.partition.clone(),
            offset: commit.offset,
            member: request.member_id.clone(),
            epoch: request.generation,
            current_epoch: self.epoch,
            fenced: !self.is_member,
        }
    }
}

impl ConsumerGroup {
    /// Whether whoever sends a commit may commit for the group (Kafka's `ConsumerGroup.validateOffsetCommit`).
    fn committer(
        &self,
        variant: ProtocolVariant,
        caller: &Caller,
        request: &OffsetCommitRequest,
    ) -> Committer {
        let OffsetCommitRequest { generation: epoch, member_id, .. } = request;
        let valid = self.validate_member(member_id, *epoch);
        let may = match valid {
            // The group only keeps offsets here.
            _ if *epoch < 0 && self.members.is_empty() => Ok(()),
            _ if commits_unchecked(variant) => Ok(()),
            // Older versions have no word for a stale epoch.
            Ok(()) | Err(ErrorCode::StaleMemberEpoch) if caller.api_version < GROUP_ID_NOT_FOUND => {
                Err(ErrorCode::UnsupportedVersion)
            }
            valid => valid,
        };
        Committer { may, epoch: self.member_epoch(member_id), is_member: valid.is_ok() }
    }
}

/// Whether the check of who commits is left out.
fn commits_unchecked(variant: ProtocolVariant) -> bool {
    variant.commit_generation_check == Guard::Off
}

impl ClassicGroup {
    fn committer(&mut self, turn: &Turn<'_>, request: &OffsetCommitRequest) -> Committer {
        let instance = request.group_instance_id.as_deref();
        Committer {
            may: self.validate_commit(turn, request),
            epoch: self.generation(),
            is_member: self.validate_generation(&request.member_id, instance, request.generation).is_ok(),
        }
    }

    /// Whether whoever sends a commit may commit for the group (Kafka's `ClassicGroup.validateOffsetCommit`). A commit
    /// is a sign of life.
    fn validate_commit(&mut self, turn: &Turn<'_>, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
        let OffsetCommitRequest { generation, member_id, group_instance_id, .. } = request;
        if commits_unchecked(turn.variant) {
            return Ok(());
        }
        if *generation < 0 && self.state() == GroupState::Empty {
            // The group only keeps offsets here.
            return Ok(());
        }
        if *generation < 0 && member_id.is_empty() && group_instance_id.is_none() {
            // While a group has members, only they commit.
            return Err(ErrorCode::UnknownMemberId);
        }
        self.validate_generation(member_id, group_instance_id.as_deref(), *generation)?;
        if self.state() == GroupState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.keep_session(turn, member_id);
        Ok(())
    }
}

fn record(now: Now, request: &OffsetCommitRequest, commit: &OffsetToCommit) -> Record {
    let expires_at =
        (request.retention_ms >= 0).then(|| Timestamp(now.wall.0.saturating_add(request.retention_ms)));
    Record::Offset {
        group: request.group_id.clone(),
        partition: commit.partition.clone(),
        value: Some(CommittedOffset {
            offset: commit.offset,
            leader_epoch: if expires_at.is_some() { LeaderEpoch::NONE } else { commit.leader_epoch },
            metadata: commit.metadata.clone().unwrap_or_default(),
            committed_at: now.wall,
            expires_at,
        }),
    }
}

pub(super) fn tombstone(group: &str, partition: &TopicPartition) -> Record {
    Record::Offset { group: group.to_owned(), partition: partition.clone(), value: None }
}

fn fetched(partition: &TopicPartition, offset: Option<&CommittedOffset>) -> FetchedOffset {
    FetchedOffset {
        partition: partition.clone(),
        offset: offset.map_or(Offset::NONE, |offset| offset.offset),
        leader_epoch: offset.map_or(LeaderEpoch::NONE, |offset| offset.leader_epoch),
        metadata: Some(offset.map(|offset| offset.metadata.clone()).unwrap_or_default()),
        error: ErrorCode::None,
    }
}
