//! Reading a log back at boot.
//!
//! Every batch of every segment is read and its CRC checked. The log ends before the first batch that is torn,
//! damaged, not where the one before ended, or of an epoch that cannot be; the rest of that segment and all later
//! segments are removed. What is left is synced, because the cursors then call it durable.
//!
//! The epoch cache is rebuilt from the batches and compared with the checkpoint file. The CRC does not cover a
//! batch's epoch, so the checkpoint is the only witness against a damaged one. It is written durably before the
//! first batch of an epoch and after a cut: a batch that contradicts it is damaged, or was cut before a power
//! loss and is back. Either way the log ends before it. Entries at the end of the log or beyond are dropped, as
//! Kafka does at boot. If the checkpoint is missing or unreadable the batches alone decide; it is written anew
//! wherever it differs from them.
//!
//! A clean-shutdown marker and a recovery point, which would spare the scan, do not exist yet.

use bytes::{Bytes, BytesMut};

use super::EPOCH_CHECKPOINT;
use super::epoch_cache::EpochCache;
use super::partition_log::{LogSettings, PartitionLog};
use super::producer_state::ProducerStates;
use super::producers::snapshot_of_name;
use super::segment::Segment;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::{BatchError, OFFSET_MAX, RecordBatch, batches};
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, FileName, Progress};

/// Bytes asked for at a time.
const READ_BYTES: u64 = 1024 * 1024;

const GAP: &str = "gap between batches";
const OLD_EPOCH: &str = "older epoch than the batch before";
const OTHER_EPOCH: &str = "epoch differs from the checkpoint";
const GAP_BETWEEN_SEGMENTS: &str = "gap between segments";

/// What recovery removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecoveryCut {
    /// The log end offset after the cut.
    pub at: Offset,
    /// How many bytes went, those of later segments included.
    pub bytes: u64,
    /// What was wrong with the first of them.
    pub reason: &'static str,
}

impl PartitionLog {
    /// Reads the log back. A partition without files is an empty log.
    ///
    /// # Errors
    /// [`DiskError`] if the disk fails. Damaged content is no error: it is cut, and the cut is reported.
    pub async fn recover<D: Disk>(
        disk: &D,
        partition: TopicPartition,
        settings: LogSettings,
    ) -> Result<(PartitionLog, Option<RecoveryCut>), DiskError> {
        let mut log = PartitionLog::new(partition, settings);
        let mut files: Vec<(Offset, u64)> = Vec::new();
        let mut snapshots: Vec<Offset> = Vec::new();
        for (name, length) in disk.list(&log.directory).await? {
            snapshots.extend(snapshot_of_name(&name));
            files.extend(
                Segment::base_of_name(&name).filter(|base| *base <= OFFSET_MAX).map(|base| (base, length)),
            );
        }
        files.sort_unstable();
        snapshots.sort_unstable();
        let Some((start, _)) = files.first() else {
            let stored = log.read_epochs(disk).await?;
            log.restore_epochs(disk, stored.as_ref()).await?;
            return Ok((log, None));
        };
        log = PartitionLog::starting_at(log.partition, settings, *start);
        let stored = log.read_epochs(disk).await?;
        log.snapshots = snapshots;
        log.read_producers(disk).await?;
        let cut = log.scan_segments(disk, &files, stored.as_ref()).await?;
        for segment in &log.segments {
            disk.execute(DiskOp::Sync { file: segment.file.clone() }).await?;
        }
        log.restore_epochs(disk, stored.as_ref()).await?;
        let end = log.segments.last().map_or(*start, Segment::end);
        log.progress = Progress::recovered(end);
        log.drop_stray_snapshots(disk).await?;
        Ok((log, cut))
    }

    /// Reads the segments in order into the log; cuts at the first thing that is wrong.
    async fn scan_segments<D: Disk>(
        &mut self,
        disk: &D,
        files: &[(Offset, u64)],
        stored: Option<&EpochCache>,
    ) -> Result<Option<RecoveryCut>, DiskError> {
        let mut end = self.start_offset();
        self.segments.clear();
        for (index, (base, length)) in files.iter().enumerate() {
            let later = files.get(index + 1..).unwrap_or_default();
            if *base != end {
                let bytes = self.delete_segments(disk, files.get(index..).unwrap_or_default()).await?;
                return Ok(Some(RecoveryCut { at: end, bytes, reason: GAP_BETWEEN_SEGMENTS }));
            }
            let mut scan = SegmentScan {
                segment: Segment::new(&self.directory, *base),
                epochs: &mut self.epochs,
                producers: &mut self.producers,
                stored,
            };
            let damage = scan.read(disk, *length).await?;
            let segment = scan.segment;
            let (file, kept) = (segment.file.clone(), segment.bytes());
            end = segment.end();
            self.segments.push(segment);
            if let Some(reason) = damage {
                let bytes = length.saturating_sub(kept) + self.delete_segments(disk, later).await?;
                disk.execute(DiskOp::Truncate { file, length: kept }).await?;
                return Ok(Some(RecoveryCut { at: end, bytes, reason }));
            }
        }
        Ok(None)
    }

    /// Deletes segments, newest first; returns how many bytes they had.
    async fn delete_segments<D: Disk>(&self, disk: &D, files: &[(Offset, u64)]) -> Result<u64, DiskError> {
        let mut bytes = 0;
        for (base, length) in files.iter().rev() {
            disk.execute(DiskOp::Delete { file: Segment::new(&self.directory, *base).file }).await?;
            bytes += length;
        }
        Ok(bytes)
    }

    /// The epoch checkpoint; none if there is none that can be read.
    async fn read_epochs<D: Disk>(&self, disk: &D) -> Result<Option<EpochCache>, DiskError> {
        let file = FileName::new(&self.directory, EPOCH_CHECKPOINT);
        match read_bytes(disk, &file, 0, u64::MAX).await {
            Ok(content) => Ok(EpochCache::decode(&content).ok()),
            Err(DiskError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts with the producers as they were at the log start; a snapshot that is not there or cannot be read
    /// says nothing.
    async fn read_producers<D: Disk>(&mut self, disk: &D) -> Result<(), DiskError> {
        let file = self.snapshot_file(self.start_offset());
        match read_bytes(disk, &file, 0, u64::MAX).await {
            Ok(content) => {
                self.producers = ProducerStates::decode(&content).unwrap_or_default();
                self.producers.truncate_to(self.start_offset());
                Ok(())
            }
            Err(DiskError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes the snapshots that lie beyond the log, and those of segments that are gone.
    async fn drop_stray_snapshots<D: Disk>(&mut self, disk: &D) -> Result<(), DiskError> {
        let kept = self.start_offset()..=self.end_offset();
        let (snapshots, strays): (Vec<Offset>, Vec<Offset>) =
            std::mem::take(&mut self.snapshots).into_iter().partition(|snapshot| kept.contains(snapshot));
        self.snapshots = snapshots;
        for stray in strays {
            disk.execute(DiskOp::Delete { file: self.snapshot_file(stray) }).await?;
        }
        Ok(())
    }

    /// Writes the epoch checkpoint anew if it does not say what the batches say.
    async fn restore_epochs<D: Disk>(&self, disk: &D, stored: Option<&EpochCache>) -> Result<(), DiskError> {
        let absent = stored.is_none() && self.epochs.entries().is_empty();
        if !absent && stored != Some(&self.epochs) {
            let file = FileName::new(&self.directory, EPOCH_CHECKPOINT);
            disk.execute(DiskOp::Replace { file, content: self.epochs.encode() }).await?;
        }
        Ok(())
    }
}

/// The scan of one segment file.
struct SegmentScan<'a> {
    segment: Segment,
    epochs: &'a mut EpochCache,
    producers: &'a mut ProducerStates,
    stored: Option<&'a EpochCache>,
}

impl SegmentScan<'_> {
    /// Reads all batches of a file of `length` bytes; returns what ended the scan before the file's end.
    async fn read<D: Disk>(&mut self, disk: &D, length: u64) -> Result<Option<&'static str>, DiskError> {
        let mut want = READ_BYTES;
        loop {
            let position = self.segment.bytes();
            if position >= length {
                return Ok(None);
            }
            let content = read_bytes(disk, &self.segment.file, position, want.min(length - position)).await?;
            let read = content.len() as u64;
            if let Some(reason) = self.take(content) {
                return Ok(Some(reason));
            }
            if self.segment.bytes() > position {
                want = READ_BYTES;
            } else if read < want || position + read >= length {
                return Ok(Some(BatchError::Truncated { have: 0, need: 0 }.reason()));
            } else {
                // The batch is longer than what was read.
                want = want.saturating_mul(2);
            }
        }
    }

    /// Takes the whole batches of `content`; returns what is wrong with the first that is.
    fn take(&mut self, content: Bytes) -> Option<&'static str> {
        for batch in batches(content) {
            let wrong = match &batch {
                Err(error) => Some(error.reason()),
                Ok(batch) => self.accept(batch).err(),
            };
            if wrong.is_some() {
                return wrong;
            }
        }
        None
    }

    fn accept(&mut self, batch: &RecordBatch) -> Result<(), &'static str> {
        if batch.base_offset() != self.segment.end() {
            return Err(GAP);
        }
        let epoch = batch.leader_epoch();
        if epoch.0 < 0 || self.epochs.latest().is_some_and(|latest| epoch < latest) {
            return Err(OLD_EPOCH);
        }
        let known = |offset: Offset| self.stored.is_none_or(|stored| stored.epoch_at(offset) == Some(epoch));
        if !known(batch.base_offset()) || !known(batch.last_offset()) {
            return Err(OTHER_EPOCH);
        }
        self.epochs.assign(epoch, batch.base_offset());
        self.producers.update(batch);
        self.segment.push(batch);
        Ok(())
    }
}

/// Reads until `length` bytes are there or the file ends.
async fn read_bytes<D: Disk>(
    disk: &D,
    file: &FileName,
    position: u64,
    length: u64,
) -> Result<Bytes, DiskError> {
    let mut content = BytesMut::new();
    let mut left = length;
    while left > 0 {
        let position = position + content.len() as u64;
        let op = DiskOp::Read { file: file.clone(), position, length: left };
        let DiskDone::Read(part) = disk.execute(op).await? else { break };
        if part.is_empty() {
            break;
        }
        left = left.saturating_sub(part.len() as u64);
        content.extend_from_slice(&part);
    }
    Ok(content.freeze())
}
