//! A shard and its log: loading it, writing to it, and giving it up.
//!
//! When this broker becomes the leader of a partition of `__consumer_offsets` it reads the whole log up to its end and
//! replays it; until then clients are told to come back. What a shard writes is appended with acks=all, and replayed at
//! once; answers wait until the high watermark has passed it. What is not committed within
//! `offsets.commit.timeout.ms` is answered as unknown. When the leadership is gone so is the shard: the next leader's
//! log says what became of its records.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Groups, offsets_topic};
use crate::broker::{Broker, DiskWait};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::group::{Outcome, Record, Shard, Then, Write};
use crate::id::{PartitionIndex, TopicName, TopicPartition};
use crate::log::ReadTrim;
use crate::machine::{Effect, Effects};
use crate::offset::Offset;
use crate::record::{BatchBuilder, BatchError, Compression, RecordBatch, batches};
use crate::replica::Leader;
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::{Instant, Now};

/// A shard on the broker that leads its partition.
#[derive(Debug)]
pub(super) struct Hosted {
    epoch: LeaderEpoch,
    shard: Shard,
    loading: Option<Loading>,
    /// What was appended and is not committed, in the order of the log.
    writes: VecDeque<InFlight>,
    /// So many of them, the first ones, have taken too long: who waited for them has been answered.
    late: usize,
}

/// How far the log is read.
#[derive(Debug)]
struct Loading {
    next: Offset,
    reading: bool,
}

#[derive(Debug)]
struct InFlight {
    /// Committed when the high watermark is here.
    end: Offset,
    deadline: Instant,
    /// What follows; nothing any more if it took too long.
    then: Option<Then>,
    /// What is told then, however long it took.
    notes: Vec<Event>,
}

/// A read of a shard that loads.
#[derive(Debug)]
pub(in crate::broker) struct LoadSlot {
    index: PartitionIndex,
    epoch: LeaderEpoch,
    trim: ReadTrim,
}

impl Hosted {
    /// The shard, if it is loaded.
    pub(super) fn shard(&self) -> Result<&Shard, ErrorCode> {
        if self.loading.is_some() { Err(ErrorCode::CoordinatorLoadInProgress) } else { Ok(&self.shard) }
    }

    pub(super) fn shard_mut(&mut self) -> Result<&mut Shard, ErrorCode> {
        if self.loading.is_some() { Err(ErrorCode::CoordinatorLoadInProgress) } else { Ok(&mut self.shard) }
    }

    fn next(&self) -> Option<Instant> {
        let write = self.writes.get(self.late).map(|write| write.deadline);
        write.into_iter().chain(self.shard().ok().and_then(Shard::next_wakeup)).min()
    }

    pub(super) fn invariants(&self) {
        if self.loading.is_none() {
            self.shard.invariants();
        }
    }
}

impl Groups {
    /// Takes note of when something is due next.
    pub(super) fn rearm(&mut self) {
        self.next = self.hosted.values().filter_map(Hosted::next).min();
    }
}

fn partition(index: PartitionIndex) -> TopicPartition {
    TopicPartition { topic: offsets_topic(), partition: index }
}

impl Broker {
    /// A partition has changed: it may be led from here now, or no more, and more of it may be committed.
    pub(in crate::broker) fn attend_group(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        effects: &mut Effects,
    ) {
        if partition.topic.as_str() != TopicName::CONSUMER_OFFSETS {
            return;
        }
        let index = partition.partition;
        let leading =
            self.replicas.get(partition).and_then(|replica| replica.leader().ok()).map(Leader::epoch);
        let hosted = self.groups.hosted.get(&index).map(|hosted| hosted.epoch);
        if hosted != leading {
            self.give_up(now, index, effects);
            if let Some(epoch) = leading {
                self.host(index, epoch);
            }
        }
        self.load(now, index, effects);
        self.release(now, index, effects);
    }

    fn give_up(&mut self, now: Now, index: PartitionIndex, effects: &mut Effects) {
        let Some(hosted) = self.groups.hosted.remove(&index) else { return };
        if hosted.loading.is_none() {
            let groups = hosted.shard.stored().groups().len();
            effects.note(Event::GroupsResigned { partition: partition(index), groups });
        }
        let mut out = Outcome::default();
        let waiting = hosted.writes.into_iter().filter_map(|write| write.then);
        hosted.shard.resign(now, waiting, &mut out);
        self.carry_out(now, index, out, effects);
    }

    fn host(&mut self, index: PartitionIndex, epoch: LeaderEpoch) {
        let Some(replica) = self.replicas.get(&partition(index)) else { return };
        let loading = Some(Loading { next: replica.log().start_offset(), reading: false });
        let shard = Shard::new(self.settings.config.group, self.settings.variant);
        let hosted = Hosted { epoch, shard, loading, writes: VecDeque::new(), late: 0 };
        self.groups.hosted.insert(index, hosted);
    }

    /// Reads on, or is done with loading.
    fn load(&mut self, now: Now, index: PartitionIndex, effects: &mut Effects) {
        let Some(hosted) = self.groups.hosted.get_mut(&index) else { return };
        let Some(loading) = hosted.loading.as_mut().filter(|loading| !loading.reading) else { return };
        let Some(replica) = self.replicas.get(&partition(index)) else { return };
        let log = replica.log();
        loading.next = loading.next.max(log.start_offset());
        if loading.next >= log.end_offset() {
            hosted.loading = None;
            hosted.shard.start(now);
            let groups = hosted.shard.stored().groups().len();
            hosted.shard.loaded().for_each(|group| effects.note(group));
            effects.note(Event::GroupsLoaded { partition: partition(index), groups });
            return self.groups.rearm();
        }
        let bytes_max = self.settings.config.group.offsets_load_buffer_size;
        // What a follower took in just before it became the leader may not be written yet: then it goes on when it is.
        let Ok(Some(plan)) = log.read(loading.next, bytes_max, log.end_offset()) else { return };
        loading.reading = true;
        let slot = LoadSlot { index, epoch: hosted.epoch, trim: plan.trim };
        let token = self.disk_token();
        self.disk.insert(token, DiskWait::GroupLoad(slot));
        effects.push(Effect::Disk { token, op: plan.op });
    }

    /// A part of the log is read.
    pub(in crate::broker) fn on_group_load(
        &mut self,
        now: Now,
        slot: &LoadSlot,
        outcome: DiskOutcome,
        effects: &mut Effects,
    ) {
        let Some(hosted) = self.groups.hosted.get_mut(&slot.index).filter(|it| it.epoch == slot.epoch) else {
            return;
        };
        let Some(loading) = &mut hosted.loading else { return };
        loading.reading = false;
        let Ok(DiskDone::Read(bytes)) = outcome else { return };
        let end = self.replicas.get(&partition(slot.index)).map(|replica| replica.log().end_offset());
        let mut skipped = Vec::new();
        match slot.trim.apply(bytes).and_then(|bytes| replay(&mut hosted.shard, bytes, &mut skipped)) {
            Ok(Some(next)) => loading.next = next,
            // Nothing is left between here and the end (KAFKA-9065).
            Ok(None) => loading.next = end.unwrap_or(loading.next),
            // It cannot be read. Kafka's loader stops as well: what could be read counts.
            Err(error) => {
                skipped.push((loading.next, error.to_string()));
                loading.next = end.unwrap_or(loading.next);
            }
        }
        for (offset, reason) in skipped {
            let partition = partition(slot.index);
            effects.note(Event::GroupRecordSkipped { partition, offset, reason });
        }
        self.load(now, slot.index, effects);
    }

    /// Appends what a shard wants to have written. What follows at once goes to `out`.
    pub(super) fn write(
        &mut self,
        now: Now,
        index: PartitionIndex,
        write: Write,
        out: &mut Outcome,
        effects: &mut Effects,
    ) {
        let Write { records, then, notes } = write;
        let end = match self.append_records(now, index, &records, effects) {
            Ok(end) => end,
            Err(error) => {
                if let Some(hosted) = self.groups.hosted.get_mut(&index) {
                    hosted.shard.failed(now, then, error, out);
                }
                return;
            }
        };
        let high_watermark = self.replicas.get(&partition(index)).map(|replica| replica.high_watermark());
        let deadline = now.mono.after(self.settings.config.group.offsets_commit_timeout);
        let Some(hosted) = self.groups.hosted.get_mut(&index) else { return };
        records.iter().for_each(|record| hosted.shard.replay(record));
        if hosted.writes.is_empty() && high_watermark >= Some(end) {
            notes.into_iter().for_each(|note| effects.note(note));
            hosted.shard.committed(now, then, out);
        } else {
            hosted.writes.push_back(InFlight { end, deadline, then: Some(then), notes });
        }
    }

    /// Appends records as one batch; returns the log end.
    fn append_records(
        &mut self,
        now: Now,
        index: PartitionIndex,
        records: &[Record],
        effects: &mut Effects,
    ) -> Result<Offset, ErrorCode> {
        let partition = partition(index);
        let replica = self.replica(&partition)?;
        replica.leader()?;
        if records.is_empty() {
            return Ok(replica.log().end_offset());
        }
        if replica.is_under_min_isr() {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let mut batch = BatchBuilder::new(Compression::None);
        for record in records {
            let (key, value) = record.encode();
            batch.push(now.wall, Some(&key), value.as_deref(), &[]);
        }
        let batch = RecordBatch::parse(batch.build()).map_err(|_| ErrorCode::UnknownServerError)?;
        if batch.size() > replica.config().max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        let appended = self.append_to_leader(now, partition, batch, effects)?;
        Ok(appended.end())
    }

    /// Tells the shard of what the high watermark has passed.
    fn release(&mut self, now: Now, index: PartitionIndex, effects: &mut Effects) {
        loop {
            let Some(replica) = self.replicas.get(&partition(index)) else { return };
            let Some(hosted) = self.groups.hosted.get_mut(&index) else { return };
            let committed = |write: &InFlight| write.end <= replica.high_watermark();
            let Some(write) = hosted.writes.pop_front_if(|write| committed(write)) else { return };
            hosted.late = hosted.late.saturating_sub(1);
            write.notes.into_iter().for_each(|note| effects.note(note));
            let Some(then) = write.then else { continue };
            let mut out = Outcome::default();
            if replica.has_enough_replicas() {
                hosted.shard.committed(now, then, &mut out);
            } else {
                hosted.shard.failed(now, then, ErrorCode::NotEnoughReplicasAfterAppend, &mut out);
            }
            self.carry_out(now, index, out, effects);
        }
    }

    /// Does what is due: members' sessions, rebalances, offsets to forget, writes that take too long.
    pub(in crate::broker) fn tick_groups(&mut self, now: Now, effects: &mut Effects) {
        if self.groups.next.is_none_or(|at| at > now.mono) {
            return;
        }
        let hosted: Vec<PartitionIndex> = self.groups.hosted.keys().copied().collect();
        for index in hosted {
            while let Some(hosted) = self.groups.hosted.get_mut(&index)
                && let Some(write) = hosted.writes.get_mut(hosted.late).filter(|it| it.deadline <= now.mono)
            {
                hosted.late += 1;
                let Some(then) = write.then.take() else { continue };
                let mut out = Outcome::default();
                hosted.shard.failed(now, then, ErrorCode::RequestTimedOut, &mut out);
                self.carry_out(now, index, out, effects);
            }
            let Some(Ok(shard)) = self.groups.hosted.get_mut(&index).map(Hosted::shard_mut) else { continue };
            if shard.next_wakeup().is_some_and(|at| at <= now.mono) {
                let mut out = Outcome::default();
                shard.tick(now, &mut out);
                self.carry_out(now, index, out, effects);
            }
        }
        self.groups.rearm();
    }
}

/// Replays what was read; returns where to read on, if anything was there. Records that are none of ours are passed
/// over, as Kafka does; those that are damaged in themselves, too, and are told.
fn replay(
    shard: &mut Shard,
    bytes: Bytes,
    skipped: &mut Vec<(Offset, String)>,
) -> Result<Option<Offset>, BatchError> {
    let mut next = None;
    for batch in batches(bytes) {
        let batch = batch?;
        next = Some(batch.next_offset());
        if batch.is_control() {
            continue;
        }
        for record in batch.records()? {
            let record = record?;
            let Some(key) = &record.key else { continue };
            match Record::decode(key, record.value.as_ref()) {
                Ok(Some(record)) => shard.replay(&record),
                Ok(None) => {}
                Err(error) => skipped.push((record.offset, error.to_string())),
            }
        }
    }
    Ok(next)
}
