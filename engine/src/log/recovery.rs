//! Reading a log back at boot.
//!
//! After a clean shutdown nothing is scanned: the indexes, the epoch checkpoint and the end of the last segment say it
//! all. Otherwise every batch from the recovery point on is read and its CRC checked; what lies before was synced. A
//! segment whose indexes are missing or cannot be right is scanned whatever was before, and so is everything if the
//! epoch checkpoint is missing: the log files are the truth.
//!
//! The log ends before the first batch that is torn, damaged, not where the one before ended, or of an epoch that
//! cannot be; the rest of that segment and all later segments are removed. What is left is synced, because the
//! cursors then call it durable. Gaps between batches are legal where the cleaner was.
//!
//! The epoch cache is rebuilt from the batches and compared with the checkpoint file. The CRC does not cover a
//! batch's epoch, so the checkpoint is the only witness against a damaged one. It is written durably before the
//! first batch of an epoch and after a cut: a batch that contradicts it is damaged, or was cut before a power
//! loss and is back. Either way the log ends before it. Entries at the end of the log or beyond are dropped, as
//! Kafka does at boot. If the checkpoint is missing or unreadable the batches alone decide; it is written anew
//! wherever it differs from them.

use super::checkpoint::Checkpoint;
use super::epoch_cache::EpochCache;
use super::io::{LogCompletion, LogIo};
use super::partition_log::PartitionLog;
use super::scan::{SegmentScan, load_segment, read_file};
use super::segment::Segment;
use super::{EPOCH_CHECKPOINT, LogSettings};
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::OFFSET_MAX;
use crate::storage::{Disk, DiskError, DiskOp, FileName, Progress};

const GAP_BETWEEN_SEGMENTS: &str = "gap between segments";

/// How the last process that had the log ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// It closed every log, and said so.
    Clean,
    /// Nobody knows.
    Unclean,
}

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

/// What the small files beside the segments say.
struct Notes {
    /// The log start offset.
    start: Offset,
    epochs: Option<EpochCache>,
    /// Everything before needs no scan.
    scan_from: Offset,
    /// Between batches before this there may be gaps.
    gaps_before: Offset,
    /// Everything before was compacted.
    compacted_before: Offset,
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
        shutdown: Shutdown,
    ) -> Result<(PartitionLog, Option<RecoveryCut>), DiskError> {
        let mut log = PartitionLog::new(partition, settings);
        log.settle_compaction(disk).await?;
        let start = log.read_checkpoint(disk, Checkpoint::LogStart).await?.unwrap_or(Offset::ZERO);
        let mut files = log.segment_files(disk).await?;
        // A segment ends where the next one begins: those wholly before the log start were deleted.
        while let [(_, _), (next, _), ..] = files.as_slice()
            && *next <= start
        {
            let gone = files.remove(0);
            log.delete_segments(disk, &[gone]).await?;
        }
        let notes = log.read_notes(disk, start, shutdown).await?;
        let base = files.first().map_or(start, |(base, _)| *base);
        log = PartitionLog::starting_at(log.partition, settings, base);
        let mut cut = None;
        if !files.is_empty() {
            cut = log.read_segments(disk, &files, &notes).await?;
            for segment in log.segments.iter().filter(|segment| segment.end > notes.scan_from) {
                disk.execute(DiskOp::Sync { file: segment.file.clone() }).await?;
            }
        }
        if start > log.active().end {
            // The log was to begin anew there when the process ended.
            log.delete_segments(disk, &files).await?;
            log = PartitionLog::starting_at(log.partition, settings, start);
        }
        log.start = log.start.max(start);
        log.epochs.truncate_before(log.start);
        log.restore_epochs(disk, notes.epochs.as_ref()).await?;
        let end = log.active().end;
        (log.progress, log.written, log.unflushed_from) = (Progress::recovered(end), end, end);
        log.compaction.gaps_before = notes.gaps_before;
        log.compaction.done_before = notes.compacted_before.min(end);
        log.recovery_point =
            log.read_checkpoint(disk, Checkpoint::RecoveryPoint).await?.unwrap_or(Offset::ZERO);
        if log.recovery_point > end {
            let mut io = LogIo::default();
            log.write_recovery_point(end, &mut io);
            perform(disk, &mut io).await?;
        }
        log.restore_producers(disk).await?;
        log.restore_indexes(disk).await?;
        Ok((log, cut))
    }

    /// Base offset and length of each segment file, oldest first.
    async fn segment_files<D: Disk>(&self, disk: &D) -> Result<Vec<(Offset, u64)>, DiskError> {
        let mut files: Vec<(Offset, u64)> = Vec::new();
        for (name, length) in disk.list(&self.directory).await? {
            files.extend(
                Segment::base_of_name(&name).filter(|base| *base <= OFFSET_MAX).map(|base| (base, length)),
            );
        }
        files.sort_unstable();
        Ok(files)
    }

    async fn read_checkpoint<D: Disk>(
        &self,
        disk: &D,
        checkpoint: Checkpoint,
    ) -> Result<Option<Offset>, DiskError> {
        let content = read_file(disk, &checkpoint.file(&self.directory)).await?;
        let offset = content.and_then(|content| Checkpoint::decode(&content));
        Ok(offset.filter(|offset| *offset <= OFFSET_MAX))
    }

    async fn read_notes<D: Disk>(
        &self,
        disk: &D,
        start: Offset,
        shutdown: Shutdown,
    ) -> Result<Notes, DiskError> {
        let file = FileName::new(&self.directory, EPOCH_CHECKPOINT);
        let epochs = read_file(disk, &file).await?.and_then(|content| EpochCache::decode(&content).ok());
        let recovery_point = self.read_checkpoint(disk, Checkpoint::RecoveryPoint).await?;
        let gaps_before = self.read_checkpoint(disk, Checkpoint::Gaps).await?.unwrap_or(Offset::ZERO);
        let compacted_before = self.read_checkpoint(disk, Checkpoint::Cleaner).await?.unwrap_or(Offset::ZERO);
        let scan_from = match shutdown {
            _ if epochs.is_none() => Offset::ZERO,
            Shutdown::Clean => OFFSET_MAX,
            Shutdown::Unclean => recovery_point.unwrap_or(Offset::ZERO),
        };
        Ok(Notes { start, epochs, scan_from, gaps_before, compacted_before })
    }

    /// Reads the segments in order into the log; cuts at the first thing that is wrong.
    async fn read_segments<D: Disk>(
        &mut self,
        disk: &D,
        files: &[(Offset, u64)],
        notes: &Notes,
    ) -> Result<Option<RecoveryCut>, DiskError> {
        let mut end = self.start_offset();
        self.segments.clear();
        for (index, (base, length)) in files.iter().enumerate() {
            let later = files.get(index + 1..).unwrap_or_default();
            if *base != end {
                let bytes = self.delete_segments(disk, files.get(index..).unwrap_or_default()).await?;
                return Ok(Some(RecoveryCut { at: end, bytes, reason: GAP_BETWEEN_SEGMENTS }));
            }
            let next = later.first().map(|(base, _)| *base);
            if let Some(segment) = self.load(disk, *base, *length, next, notes).await? {
                end = segment.end;
                self.segments.push(segment);
                continue;
            }
            let mut scan = SegmentScan {
                segment: Segment::new(&self.directory, *base),
                index_interval_bytes: self.settings.index_interval_bytes,
                gaps_before: notes.gaps_before,
                start: notes.start,
                tail: &mut self.tail,
                epochs: &mut self.epochs,
                stored: notes.epochs.as_ref(),
            };
            let damage = scan.read(disk, *length).await?;
            let segment = scan.segment;
            let (file, kept) = (segment.file.clone(), segment.bytes);
            end = segment.end;
            self.segments.push(segment);
            if let Some(reason) = damage {
                let bytes = length.saturating_sub(kept) + self.delete_segments(disk, later).await?;
                disk.execute(DiskOp::Truncate { file, length: kept }).await?;
                return Ok(Some(RecoveryCut { at: end, bytes, reason }));
            }
        }
        Ok(None)
    }

    /// A segment that needs no scan; none if it does. `next` is where the next one begins.
    async fn load<D: Disk>(
        &mut self,
        disk: &D,
        base: Offset,
        length: u64,
        next: Option<Offset>,
        notes: &Notes,
    ) -> Result<Option<Segment>, DiskError> {
        let Some(epochs) = notes.epochs.as_ref().filter(|_| next.unwrap_or(OFFSET_MAX) <= notes.scan_from)
        else {
            return Ok(None);
        };
        let segment = Segment::new(&self.directory, base);
        let loaded = load_segment(disk, segment, length, next, &mut self.tail).await?;
        if let Some(segment) = &loaded {
            for entry in epochs.entries().iter().filter(|entry| entry.start < segment.end) {
                self.epochs.assign(entry.epoch, entry.start);
            }
        }
        Ok(loaded)
    }

    /// Deletes segments, newest first; returns how many bytes they had.
    async fn delete_segments<D: Disk>(&self, disk: &D, files: &[(Offset, u64)]) -> Result<u64, DiskError> {
        let mut bytes = 0;
        for (base, length) in files.iter().rev() {
            let mut io = LogIo::default();
            Segment::new(&self.directory, *base).delete(&mut io);
            perform(disk, &mut io).await?;
            bytes += length;
        }
        Ok(bytes)
    }

    /// Writes the index files of closed segments that are missing or differ from the log, and deletes all others.
    async fn restore_indexes<D: Disk>(&mut self, disk: &D) -> Result<(), DiskError> {
        let mut io = LogIo::default();
        let closed = self.segments.len() - 1;
        let mut known: Vec<FileName> = Vec::new();
        for segment in self.segments.iter_mut().take(closed) {
            let (offsets, times) = (segment.index_file(), segment.time_index_file());
            if !segment.has_indexes(read_file(disk, &offsets).await?, read_file(disk, &times).await?) {
                segment.write_indexes(&mut io);
                segment.sync_indexes(&mut io);
            }
            known.extend([offsets, times]);
        }
        for (name, _) in disk.list(&self.directory).await? {
            let file = FileName::new(&self.directory, &name);
            if Segment::is_index_name(&name) && !known.contains(&file) {
                io.push(DiskOp::Delete { file }, LogCompletion::Housekeeping);
            }
        }
        perform(disk, &mut io).await
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

/// Performs operations whose end means nothing yet.
pub(super) async fn perform<D: Disk>(disk: &D, io: &mut LogIo) -> Result<(), DiskError> {
    for (op, _) in io.drain() {
        disk.execute(op).await?;
    }
    Ok(())
}
