//! A snapshot of the metadata as bytes, and fetching one piece by piece (KIP-630).
//!
//! The file is record batches, as Kafka's: a header that says when its last record was written, then records that add
//! up to the image, then a footer. Each batch has its CRC, and only a file with its footer is whole. Header and footer
//! are told from the rest by their keys; Kafka has control records for them.

use bytes::{Buf, Bytes, BytesMut};

use super::{MetadataRecord, RecordError};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{FetchSnapshotRequest, FetchSnapshotResponse, SnapshotId};
use crate::offset::Offset;
use crate::record::{BatchBuilder, BatchError, Compression, RecordBatch, batches};
use crate::time::Timestamp;

const HEADER: &[u8] = b"snapshot-header";
const FOOTER: &[u8] = b"snapshot-footer";
/// The version in the header.
const VERSION: i16 = 0;
/// A batch of a snapshot is closed beyond this size, in bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// Most bytes of one piece (Kafka's `MAX_FETCH_SIZE_BYTES`). Tests have small snapshots, and cut them all the same.
const PIECE_BYTES: i32 = if cfg!(test) { 100 } else { 8 << 20 };
/// Longest snapshot that is fetched. What it holds is held in memory by all.
const BYTES_MAX: u64 = 1 << 30;

/// Why bytes are no snapshot.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A batch is damaged.
    #[error("snapshot damaged: {0}")]
    Batch(#[from] BatchError),
    /// A record is not one of ours.
    #[error("snapshot damaged: {0}")]
    Record(#[from] RecordError),
    /// It does not begin with a header, or one of another version.
    #[error("snapshot without a header")]
    Header,
    /// It ends before its footer.
    #[error("snapshot without its end")]
    Incomplete,
    /// Something follows the footer.
    #[error("snapshot with bytes after its end")]
    TooLong,
    /// A piece is not the one that was asked for.
    #[error("piece of another snapshot, or of another place")]
    OtherPiece,
    /// The leader does not have it (any more), or cannot read it.
    #[error("snapshot refused: {0}")]
    Refused(ErrorCode),
}

/// What a snapshot says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// When the last record it stands for was written, by its leader's wall clock.
    pub last_contained: Timestamp,
    /// Records that add up to the image.
    pub records: Vec<MetadataRecord>,
}

impl Snapshot {
    /// The file.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out =
            Encoder { out: BytesMut::new(), next: Offset::ZERO, batch: None, at: self.last_contained };
        let header = [&VERSION.to_be_bytes()[..], &self.last_contained.0.to_be_bytes()].concat();
        out.push(Some(HEADER), &header);
        out.close();
        for record in &self.records {
            out.push(None, &record.encode());
        }
        out.close();
        out.push(Some(FOOTER), &VERSION.to_be_bytes());
        out.close();
        out.out.freeze()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`SnapshotError`] if it is not one whole snapshot.
    pub fn decode(file: Bytes) -> Result<Snapshot, SnapshotError> {
        let mut last_contained = None;
        let mut records = Vec::new();
        let mut whole = false;
        let mut batches = batches(file);
        for batch in &mut batches {
            for record in batch?.records()? {
                let record = record?;
                let value = record.value.unwrap_or_default();
                match (record.key.as_deref(), last_contained) {
                    _ if whole => return Err(SnapshotError::TooLong),
                    (Some(HEADER), None) => last_contained = Some(read_header(value)?),
                    (_, None) => return Err(SnapshotError::Header),
                    (Some(FOOTER), Some(_)) => whole = true,
                    (_, Some(_)) => records.push(MetadataRecord::decode(value)?),
                }
            }
        }
        if !batches.rest().is_empty() {
            return Err(if whole { SnapshotError::TooLong } else { SnapshotError::Incomplete });
        }
        let last_contained = last_contained.ok_or(SnapshotError::Incomplete)?;
        if whole { Ok(Snapshot { last_contained, records }) } else { Err(SnapshotError::Incomplete) }
    }
}

fn read_header(mut value: Bytes) -> Result<Timestamp, SnapshotError> {
    if value.remaining() != 10 || value.get_i16() != VERSION {
        return Err(SnapshotError::Header);
    }
    Ok(Timestamp(value.get_i64()))
}

/// Puts records into batches, one after the other.
struct Encoder {
    out: BytesMut,
    next: Offset,
    batch: Option<BatchBuilder>,
    at: Timestamp,
}

impl Encoder {
    fn push(&mut self, key: Option<&[u8]>, value: &[u8]) {
        let batch = self.batch.get_or_insert_with(|| BatchBuilder::new(Compression::None));
        batch.push(self.at, key, Some(value), &[]);
        if batch.size_bytes() >= BATCH_BYTES {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        let batch = RecordBatch::parse(batch.build()).expect("a batch we built is valid");
        let batch = batch.with_position(self.next, LeaderEpoch::ZERO);
        self.next = batch.next_offset();
        for part in batch.parts() {
            self.out.extend_from_slice(&part);
        }
    }
}

/// A snapshot being fetched from the leader, piece by piece. Nothing is on disk before all of it is there.
#[derive(Debug)]
pub struct SnapshotFetch {
    id: SnapshotId,
    received: BytesMut,
}

/// How far a fetch is after a piece.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The next piece is to be asked for.
    Piece,
    /// The file is there, and whole.
    Whole(Bytes, Snapshot),
}

impl SnapshotFetch {
    /// Nothing of it is there yet.
    #[must_use]
    pub fn new(id: SnapshotId) -> SnapshotFetch {
        SnapshotFetch { id, received: BytesMut::new() }
    }

    /// Which snapshot it is.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// Asks for the next piece.
    pub(crate) fn request(
        &self,
        cluster_id: &str,
        replica: NodeId,
        current_leader_epoch: LeaderEpoch,
    ) -> FetchSnapshotRequest {
        FetchSnapshotRequest {
            cluster_id: Some(cluster_id.to_owned()),
            replica,
            max_bytes: PIECE_BYTES,
            current_leader_epoch,
            snapshot: self.id,
            position: i64::try_from(self.received.len()).unwrap_or(i64::MAX),
        }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// [`SnapshotError`]: this fetch comes to nothing and has to be begun anew.
    pub(crate) fn take(&mut self, response: &FetchSnapshotResponse) -> Result<Fetched, SnapshotError> {
        if response.error.is_error() {
            return Err(SnapshotError::Refused(response.error));
        }
        let here = i64::try_from(self.received.len()) == Ok(response.position);
        let size = u64::try_from(response.size).ok().filter(|size| *size <= BYTES_MAX);
        let Some(size) = size.filter(|_| here && response.snapshot == self.id) else {
            return Err(SnapshotError::OtherPiece);
        };
        let end = (self.received.len() + response.bytes.len()) as u64;
        if response.bytes.is_empty() || end > size {
            return Err(SnapshotError::OtherPiece);
        }
        self.received.extend_from_slice(&response.bytes);
        if end < size {
            return Ok(Fetched::Piece);
        }
        let file = self.received.split().freeze();
        let snapshot = Snapshot::decode(file.clone())?;
        Ok(Fetched::Whole(file, snapshot))
    }
}
