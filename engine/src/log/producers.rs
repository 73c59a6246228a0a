//! The producer state of a log and its snapshot files.
//!
//! A snapshot is taken when a segment begins, and with a clean shutdown. Its name is the offset up to which it
//! counts, so the snapshot at the base of the oldest segment holds what deleted segments said. Reading a log back
//! starts with that one and takes in every batch behind it. A log without producers has no snapshots.

use super::io::{LogCompletion, LogIo};
use super::partition_log::PartitionLog;
use super::producer_state::{Checked, ProducerStates, SequenceError};
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::{DiskOp, FileName};
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
    /// shutdown. Nothing is written if no producer is known.
    pub fn snapshot_producers(&mut self, io: &mut LogIo) {
        let end = self.end_offset();
        if self.producers.is_empty() {
            return;
        }
        let content = self.producers.encode();
        io.push(DiskOp::Replace { file: self.snapshot_file(end), content }, LogCompletion::Housekeeping);
        if self.snapshots.last() != Some(&end) {
            self.snapshots.push(end);
        }
    }

    /// Deletes the snapshots below `start`: the segments they belong to are gone.
    pub fn delete_snapshots_before(&mut self, start: Offset, io: &mut LogIo) {
        let gone = self.snapshots.partition_point(|snapshot| *snapshot < start);
        let gone: Vec<Offset> = self.snapshots.drain(..gone).collect();
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
