//! The producer state of a log and its snapshot files.
//!
//! A snapshot is taken when a segment begins, and with a clean shutdown. Its name is the offset up to which it
//! counts, so the snapshot at the base of the oldest segment holds what deleted segments said. Reading a log back
//! starts with the latest one and takes in every batch behind it: nothing after a clean shutdown, at most the active
//! segment otherwise.

use super::io::{LogCompletion, LogIo};
use super::partition_log::PartitionLog;
use super::producer_state::{Checked, ProducerStates, SequenceError};
use super::scan::{READ_BYTES, read_bytes, read_file};
use crate::epoch::LeaderEpoch;
use crate::offset::Offset;
use crate::record::{RecordBatch, batches};
use crate::storage::{Disk, DiskError, DiskOp, FileName};
use crate::time::{Duration, Timestamp};

const NAME_DIGITS: usize = 20;
const NAME_SUFFIX: &str = ".snapshot";

impl PartitionLog {
    /// What it knows of idempotent producers.
    #[must_use]
    pub fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    /// Compares a batch a producer sent with what the log knows of that producer.
    ///
    /// # Errors
    /// [`SequenceError`]: the batch must not be appended.
    pub fn check_producer(&self, batch: &RecordBatch) -> Result<Checked, SequenceError> {
        self.producers.check(batch)
    }

    /// Nothing below `high_watermark` is cut any more, but after an unclean election.
    pub fn settle_producers(&mut self, high_watermark: Offset) {
        self.producers.settle(high_watermark);
    }

    /// Forgets the producers that wrote nothing for `expiration`.
    pub fn expire_producers(&mut self, now: Timestamp, expiration: Duration) {
        self.producers.expire(now, expiration);
    }

    /// Forgets every producer, as a log that rebuilds no state does.
    pub fn forget_producers(&mut self) {
        self.producers.clear();
    }

    /// Writes down what is known of producers at the log end offset: when a segment begins, and with a clean
    /// shutdown. A snapshot of nobody is one too: it says that there is nothing to look for before it.
    pub fn snapshot_producers(&mut self, io: &mut LogIo) {
        let end = self.end_offset();
        let content = self.producers.encode(self.epoch_before(end));
        io.push(DiskOp::Replace { file: self.snapshot_file(end), content }, LogCompletion::Housekeeping);
        if self.snapshots.last() != Some(&end) {
            self.snapshots.push(end);
        }
    }

    /// The leader epoch of the record before `offset`; [`LeaderEpoch::NONE`] if there is none.
    fn epoch_before(&self, offset: Offset) -> LeaderEpoch {
        let known = if offset > self.start { self.epochs.epoch_at(offset.plus(-1)) } else { None };
        known.unwrap_or(LeaderEpoch::NONE)
    }

    /// Deletes the snapshots below `start`: the segments they belong to are gone.
    pub fn delete_snapshots_before(&mut self, start: Offset, io: &mut LogIo) {
        let gone = self.snapshots.partition_point(|snapshot| *snapshot < start);
        let gone: Vec<Offset> = self.snapshots.drain(..gone).collect();
        self.delete_snapshots(gone, io);
    }

    /// Deletes the snapshots behind `from` and before `end`: no segment begins there any more.
    pub(super) fn delete_snapshots_within(&mut self, from: Offset, end: Offset, io: &mut LogIo) {
        let (gone, kept) =
            self.snapshots.iter().copied().partition(|snapshot| from < *snapshot && *snapshot < end);
        self.snapshots = kept;
        self.delete_snapshots(gone, io);
    }

    /// The log was cut at `end`.
    pub(super) fn truncate_producers(&mut self, end: Offset, io: &mut LogIo) {
        self.producers.truncate_to(end);
        let kept = self.snapshots.partition_point(|snapshot| *snapshot <= end);
        let gone = self.snapshots.split_off(kept);
        self.delete_snapshots(gone, io);
    }

    fn delete_snapshots(&self, gone: Vec<Offset>, io: &mut LogIo) {
        for snapshot in gone {
            io.push(DiskOp::Delete { file: self.snapshot_file(snapshot) }, LogCompletion::Housekeeping);
        }
    }

    /// Reads the producers back at boot: from the latest snapshot of this log, and from the batches behind it.
    /// Snapshots that are of another log, damaged or beyond the end are deleted.
    ///
    /// # Errors
    /// [`DiskError`] if the disk fails.
    pub(super) async fn restore_producers<D: Disk>(&mut self, disk: &D) -> Result<(), DiskError> {
        let files = disk.list(&self.directory).await?;
        let mut snapshots: Vec<Offset> =
            files.iter().filter_map(|(name, _)| snapshot_of_name(name)).collect();
        snapshots.sort_unstable();
        let base = self.segments.first().map_or(self.start, |segment| segment.base);
        let mut from = base;
        self.producers.clear();
        while let Some(snapshot) = snapshots.pop() {
            if let Some(producers) = self.read_snapshot(disk, snapshot, base).await? {
                (self.producers, from) = (producers, snapshot);
                snapshots.push(snapshot);
                break;
            }
            disk.execute(DiskOp::Delete { file: self.snapshot_file(snapshot) }).await?;
        }
        let kept = snapshots.split_off(snapshots.partition_point(|snapshot| *snapshot < base));
        for stray in snapshots {
            disk.execute(DiskOp::Delete { file: self.snapshot_file(stray) }).await?;
        }
        self.snapshots = kept;
        for index in 0..self.segments.len() {
            self.replay_segment(disk, index, from).await?;
        }
        Ok(())
    }

    /// What a snapshot says; none if it says nothing about this log. Its offset and the epoch of the record before
    /// prove that it does: two logs that agree there agree in everything before.
    async fn read_snapshot<D: Disk>(
        &self,
        disk: &D,
        snapshot: Offset,
        base: Offset,
    ) -> Result<Option<ProducerStates>, DiskError> {
        if snapshot < base || snapshot > self.end_offset() {
            return Ok(None);
        }
        let content = read_file(disk, &self.snapshot_file(snapshot)).await?;
        let decoded = content.and_then(|content| ProducerStates::decode(&content).ok());
        let of_this_log = |epoch: LeaderEpoch| {
            let known = self.epoch_before(snapshot);
            known == LeaderEpoch::NONE || known == epoch
        };
        Ok(decoded.filter(|(epoch, _)| of_this_log(*epoch)).map(|(_, mut producers)| {
            producers.truncate_to(snapshot);
            producers
        }))
    }

    /// Takes note of the batches of a segment from `from` on.
    async fn replay_segment<D: Disk>(
        &mut self,
        disk: &D,
        index: usize,
        from: Offset,
    ) -> Result<(), DiskError> {
        let Some(segment) = self.segments.get(index).filter(|segment| segment.end > from) else {
            return Ok(());
        };
        let (mut position, mut want) = (segment.offsets.floor(from), READ_BYTES);
        while position < segment.bytes {
            let length = want.min(segment.bytes - position);
            let content = read_bytes(disk, &segment.file, position, length).await?;
            let mut read = 0;
            for batch in batches(content).map_while(Result::ok) {
                read += batch.size() as u64;
                if batch.base_offset() >= from {
                    self.producers.update(&batch);
                }
            }
            if read > 0 {
                (position, want) = (position + read, READ_BYTES);
            } else if length < want {
                break;
            } else {
                // The batch is longer than what was read.
                want = want.saturating_mul(2);
            }
        }
        Ok(())
    }

    pub(super) fn snapshot_file(&self, offset: Offset) -> FileName {
        FileName::new(&self.directory, &format!("{:0NAME_DIGITS$}{NAME_SUFFIX}", offset.0))
    }
}

/// The offset a file name stands for; none if it is no snapshot.
pub(super) fn snapshot_of_name(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(NAME_SUFFIX)?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok().map(Offset) } else { None }
}
