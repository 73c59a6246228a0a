//! Several batches one after the other, as Produce, Fetch and segment files hold them.

use bytes::{Buf as _, Bytes};

use super::batch::{LENGTH_END, RecordBatch, batch_size};
use super::error::BatchError;

/// Iterates over whole batches. See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

/// The batches in `bytes`.
///
/// A batch cut short at the end is dropped without an error: a Fetch response may end in one. The first batch
/// that is wrong in itself yields its error and ends the iteration, since nothing after it can be trusted.
#[must_use]
pub fn batches(bytes: Bytes) -> Batches {
    Batches { rest: bytes }
}

impl Batches {
    /// The bytes not yet consumed: after the end, the batch that was cut short.
    #[must_use]
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    /// The next batch's bytes; none at the end or in a batch cut short.
    fn split(&mut self) -> Option<Result<Bytes, BatchError>> {
        let mut length = self.rest.get(LENGTH_END - 4..LENGTH_END)?;
        let size = match batch_size(length.get_i32()) {
            Ok(size) => size,
            // The older formats may be shorter than a v2 header: their magic byte is the better complaint.
            Err(error) => return Some(Err(RecordBatch::parse(self.rest.clone()).err().unwrap_or(error))),
        };
        (size <= self.rest.len()).then(|| Ok(self.rest.split_to(size)))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.split()?.and_then(RecordBatch::parse);
        if batch.is_err() {
            self.rest = Bytes::new();
        }
        Some(batch)
    }
}
