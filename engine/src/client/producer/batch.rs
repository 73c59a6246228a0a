//! One batch of records on its way to one partition: its bytes, its promises, its history.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::sequences::Number;
use super::{ProducerRecord, RecordMetadata};
use crate::client::outcome::{ClientError, Outcome};
use crate::epoch::LeaderEpoch;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::{BatchBuilder, Compression, RecordBatch};
use crate::time::{Instant, Timestamp};

/// Where the outcome of one record goes.
pub(super) type Promise = oneshot::Sender<Outcome<RecordMetadata>>;

/// Most bytes a record adds to its key and value (Kafka's `DefaultRecord.MAX_RECORD_OVERHEAD`).
const RECORD_OVERHEAD_BYTES: usize = 21;
/// Bytes of an empty batch.
const BATCH_OVERHEAD_BYTES: usize = 61;

/// The most bytes `record` can take in a batch.
pub(super) fn record_bytes(record: &ProducerRecord) -> usize {
    let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
    RECORD_OVERHEAD_BYTES + length(&record.key) + length(&record.value)
}

/// The most bytes `record` can take in a batch of its own.
pub(super) fn batch_bytes(record: &ProducerRecord) -> usize {
    BATCH_OVERHEAD_BYTES + record_bytes(record)
}

enum Content {
    Open(BatchBuilder),
    /// With the number it was sealed with.
    Sealed(Bytes, Option<Number>),
}

/// A batch.
pub(super) struct Batch {
    content: Content,
    promises: Vec<Promise>,
    /// Number of its first record among all records of the producer.
    pub(super) first_record: u64,
    /// When its first record came: `linger.ms` and `delivery.timeout.ms` count from here.
    pub(super) created: Instant,
    /// Attempts that failed.
    pub(super) failures: u32,
    /// Not to be sent again before.
    pub(super) not_before: Instant,
    /// Leader epoch of the last attempt.
    pub(super) leader_epoch: LeaderEpoch,
    /// Bytes of `buffer.memory` it holds.
    pub(super) reserved: usize,
    /// How many records it holds.
    pub(super) count: i32,
    /// The number an idempotent producer gave it.
    pub(super) number: Option<Number>,
    /// The last error that left room for an effect.
    doubt: Option<ClientError>,
    /// The last error.
    last: Option<ClientError>,
}

impl Batch {
    /// An empty batch that holds `reserved` bytes of the buffer.
    pub(super) fn new(
        compression: Compression,
        first_record: u64,
        created: Instant,
        reserved: usize,
    ) -> Self {
        Batch {
            content: Content::Open(BatchBuilder::new(compression)),
            promises: Vec::new(),
            first_record,
            created,
            failures: 0,
            not_before: created,
            leader_epoch: LeaderEpoch::NONE,
            reserved,
            count: 0,
            number: None,
            doubt: None,
            last: None,
        }
    }

    /// True if a record of `bytes` bytes still fits below `size_max`.
    pub(super) fn has_room(&self, bytes: usize, size_max: usize) -> bool {
        match &self.content {
            Content::Open(builder) => builder.count() == 0 || builder.size_bytes() + bytes <= size_max,
            Content::Sealed(..) => false,
        }
    }

    /// Adds a record. The batch must not be sealed.
    pub(super) fn push(&mut self, record: &ProducerRecord, timestamp: Timestamp, promise: Promise) {
        let Content::Open(builder) = &mut self.content else {
            unreachable!("a sealed batch has no room");
        };
        builder.push(timestamp, record.key.as_deref(), record.value.as_deref(), &[]);
        self.count = builder.count();
        self.promises.push(promise);
    }

    /// Its size on the wire, before compression if it is not sealed.
    pub(super) fn size_bytes(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.size_bytes(),
            Content::Sealed(bytes, _) => bytes.len(),
        }
    }

    /// Seals the batch under its number and gives its bytes: the same for every attempt under one number.
    pub(super) fn seal(&mut self) -> Bytes {
        let sealed = match std::mem::replace(&mut self.content, Content::Sealed(Bytes::new(), None)) {
            Content::Open(mut builder) => {
                if let Some(Number { identity, sequence }) = self.number {
                    builder.set_producer(identity.id, identity.epoch, sequence);
                }
                builder.build()
            }
            Content::Sealed(bytes, number) if number == self.number => bytes,
            Content::Sealed(bytes, _) => renumbered(bytes, self.number),
        };
        self.content = Content::Sealed(sealed.clone(), self.number);
        sealed
    }

    /// True if an attempt may have written it.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// True once its records know their outcome.
    pub(super) fn is_finished(&self) -> bool {
        self.promises.is_empty()
    }

    /// Notes that an attempt failed.
    pub(super) fn note_failure(&mut self, error: ClientError, doubtful: bool) {
        if doubtful {
            self.doubt = Some(error.clone());
        }
        self.last = Some(error);
    }

    /// The last error, in doubt or not.
    pub(super) fn last_error(&self) -> Option<Box<ClientError>> {
        self.last.clone().map(Box::new)
    }

    /// Tells every record that it was acknowledged from `base` on.
    pub(super) fn succeed(&mut self, partition: &TopicPartition, base: Option<Offset>) {
        for (place, promise) in (0..).zip(self.promises.drain(..)) {
            let offset = base.map(|base| base.plus(place));
            // Whoever dropped the future does not want to know.
            let _ = promise.send(Outcome::Ok(RecordMetadata { partition: partition.clone(), offset }));
        }
    }

    /// Tells every record that it was given up. It is unknown if this or an earlier attempt may have had an effect.
    pub(super) fn give_up(&mut self, error: &ClientError, doubtful: bool) {
        for promise in self.promises.drain(..) {
            let outcome = match (&self.doubt, doubtful) {
                (_, true) => Outcome::Unknown(error.clone()),
                (Some(doubt), false) if !matches!(error, ClientError::DeliveryTimeout { .. }) => {
                    Outcome::Unknown(doubt.clone())
                }
                (Some(_), false) => Outcome::Unknown(error.clone()),
                (None, false) => Outcome::Failed(error.clone()),
            };
            // Whoever dropped the future does not want to know.
            let _ = promise.send(outcome);
        }
    }
}

/// The same records under another number.
fn renumbered(sealed: Bytes, number: Option<Number>) -> Bytes {
    let Some(Number { identity, sequence }) = number else { return sealed };
    let batch = RecordBatch::parse(sealed).expect("this producer built it");
    batch.with_producer(identity.id, identity.epoch, sequence).to_bytes()
}
