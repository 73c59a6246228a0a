//! The metadata quorum: who may write the controller's log, and what of it is committed.
//!
//! So far a quorum of one voter. It leads from its boot on, in a new epoch each time (a voter that restarted as
//! leader of its old epoch could reuse offsets, KAFKA-10527), and a record is committed when it is durable on that
//! one voter's disk. The interface is that of a quorum of many: append, learn of the high watermark later, serve
//! fetches up to it. Elections and voters' fetches belong here when they come.

use bytes::Bytes;

use crate::epoch::LeaderEpoch;
use crate::id::TopicPartition;
use crate::log::{LogCompletion, LogIo, LogSettings, OutOfRange, PartitionLog, ReadPlan, Shutdown};
use crate::metadata::{MetadataRecord, RecordError};
use crate::offset::Offset;
use crate::record::{BatchBuilder, BatchError, Compression, RecordBatch, batches};
use crate::storage::{Disk, DiskDone, DiskError};
use crate::time::Timestamp;

/// Segment size of the metadata log, in bytes (Kafka's `metadata.log.segment.bytes` is 1 GiB as well).
const SEGMENT_BYTES: usize = 1 << 30;
/// Most bytes read at once on boot.
const READ_BYTES: usize = 1 << 20;

/// Why the metadata log could not be read at boot.
#[derive(Debug, thiserror::Error)]
pub enum QuorumError {
    /// The disk failed.
    #[error("the metadata log cannot be read: {0}")]
    Disk(#[from] DiskError),
    /// A batch is damaged in a way recovery did not cut.
    #[error("the metadata log is damaged: {0}")]
    Batch(#[from] BatchError),
    /// A record is not one of ours.
    #[error("the metadata log is damaged: {0}")]
    Record(#[from] RecordError),
}

/// One voter's view of the quorum.
#[derive(Debug)]
pub struct Quorum {
    log: PartitionLog,
    epoch: LeaderEpoch,
}

impl Quorum {
    /// Reads the log back and returns every record in it with its offset. All of them are committed: what
    /// recovery finds is on the disk of the only voter, and is synced before anything is served.
    ///
    /// # Errors
    /// If the disk fails or holds something that is no metadata log.
    pub async fn recover<D: Disk>(disk: &D) -> Result<(Quorum, Vec<(Offset, MetadataRecord)>), QuorumError> {
        let settings = LogSettings { segment_bytes: SEGMENT_BYTES, ..LogSettings::default() };
        let (log, _cut) =
            PartitionLog::recover(disk, TopicPartition::cluster_metadata(), settings, Shutdown::Unclean)
                .await?;
        let mut records = Vec::new();
        let mut position = log.start_offset();
        while let Some(plan) =
            log.read(position, READ_BYTES, log.end_offset()).map_err(|_| DiskError::NotFound)?
        {
            let DiskDone::Read(bytes) = disk.execute(plan.op).await? else {
                return Err(DiskError::Io.into());
            };
            for batch in batches(plan.trim.apply(bytes)?) {
                let batch = batch?;
                position = batch.next_offset();
                decode_batch(&batch, &mut records)?;
            }
        }
        let epoch = log.latest_epoch().unwrap_or(LeaderEpoch::NONE);
        Ok((Quorum { log, epoch }, records))
    }

    /// Takes the leadership in a new epoch and makes the recovered log durable. Once, at boot.
    pub fn lead(&mut self, io: &mut LogIo) {
        self.epoch = self.epoch.next();
        self.log.start_epoch(self.epoch, io);
        if self.log.end_offset() > Offset::ZERO {
            self.log.sync(io);
        }
    }

    /// The epoch this voter leads in.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// End of the log, committed or not.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.log.end_offset()
    }

    /// End of what is committed: only this may leave the controller.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.log.progress().durable()
    }

    /// Appends records as one batch, all or nothing. They are committed when the high watermark passes them.
    pub fn append(&mut self, now: Timestamp, records: &[MetadataRecord], io: &mut LogIo) {
        let mut builder = BatchBuilder::new(Compression::None);
        for record in records {
            builder.push(now, None, Some(&record.encode()), &[]);
        }
        let batch = RecordBatch::parse(builder.build()).expect("a batch we built is valid");
        self.log.append_as_leader(batch, self.epoch, io);
        self.log.sync(io);
    }

    /// A disk operation of the log ended well. True if the high watermark moved.
    pub fn complete(&mut self, completion: LogCompletion, done: &DiskDone, io: &mut LogIo) -> bool {
        let before = self.high_watermark();
        self.log.complete(completion, done, io);
        self.high_watermark() > before
    }

    /// What to read for a fetch from `offset`: committed batches only; `None` if there is nothing yet.
    ///
    /// # Errors
    /// If the offset is outside the log.
    pub fn read(&self, offset: Offset, max_bytes: usize) -> Result<Option<ReadPlan>, OutOfRange> {
        self.log.read(offset, max_bytes, self.high_watermark())
    }

    /// Panics on a bug of ours.
    pub fn invariants(&self) {
        self.log.invariants();
        assert!(
            self.high_watermark() <= self.end_offset(),
            "high watermark beyond the end of the metadata log"
        );
    }
}

/// Reads the records of a fetched batch of the metadata log.
///
/// # Errors
/// If the batch or a record in it is damaged.
pub fn decode_batch(
    batch: &RecordBatch,
    records: &mut Vec<(Offset, MetadataRecord)>,
) -> Result<(), QuorumError> {
    for record in batch.records()? {
        let record = record?;
        let value = record.value.unwrap_or_else(Bytes::new);
        records.push((record.offset, MetadataRecord::decode(value)?));
    }
    Ok(())
}
