//! Records that wait to be sent, as batches in one queue per partition (Kafka's `RecordAccumulator`).
//!
//! Pure: it is told the time. It bounds its memory by `buffer.memory`, charging each batch at least `batch.size` as
//! Kafka's buffer pool does. With one request in flight per connection a partition with a batch under way gives out
//! no other, so that a retry keeps the order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ProducerRecord;
use super::batch::{Batch, Promise, batch_bytes, record_bytes};
use crate::config::ProducerConfig;
use crate::id::TopicPartition;
use crate::record::Compression;
use crate::time::{Duration, Instant, Timestamp};

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    in_flight: usize,
}

/// All queues.
pub(super) struct Accumulator {
    batch_size: usize,
    linger: Duration,
    delivery_timeout: Duration,
    compression: Compression,
    keep_order: bool,
    free: usize,
    queues: BTreeMap<TopicPartition, Queue>,
    /// First records of all batches without an outcome.
    incomplete: BTreeSet<u64>,
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Accumulator {
            batch_size: config.batch_size,
            linger: config.linger,
            delivery_timeout: config.delivery_timeout,
            compression: config.compression,
            keep_order: config.max_in_flight_requests_per_connection == 1,
            free: config.buffer_memory,
            queues: BTreeMap::new(),
            incomplete: BTreeSet::new(),
        }
    }

    /// True if `record` fits into a batch of `partition` that is already open.
    pub(super) fn has_room(&self, partition: &TopicPartition, record: &ProducerRecord) -> bool {
        let last = self.queues.get(partition).and_then(|queue| queue.batches.back());
        last.is_some_and(|batch| batch.has_room(record_bytes(record), self.batch_size))
    }

    /// Puts a record into a batch: true if the batch is new. Gives the promise back if there is no memory for one.
    ///
    /// # Errors
    /// The promise, if `buffer.memory` is used up.
    pub(super) fn append(
        &mut self,
        partition: &TopicPartition,
        record: &ProducerRecord,
        number: u64,
        (now, timestamp): (Instant, Timestamp),
        promise: Promise,
    ) -> Result<bool, Promise> {
        let bytes = record_bytes(record);
        let queue = match self.queues.get_mut(partition) {
            Some(queue) => queue,
            None => self.queues.entry(partition.clone()).or_default(),
        };
        if let Some(last) = queue.batches.back_mut()
            && last.has_room(bytes, self.batch_size)
        {
            last.push(record, timestamp, promise);
            return Ok(false);
        }
        // A batch alone in the buffer may take all of it, even if `batch.size` is larger.
        let wanted = self.batch_size.max(batch_bytes(record));
        let reserved = if self.incomplete.is_empty() { wanted.min(self.free) } else { wanted };
        let Some(free) = self.free.checked_sub(reserved) else { return Err(promise) };
        self.free = free;
        let mut batch = Batch::new(self.compression, number, now, reserved);
        batch.push(record, timestamp, promise);
        queue.batches.push_back(batch);
        self.incomplete.insert(number);
        Ok(true)
    }

    /// When the first batch of each partition that has one may be sent; a time that has passed is now. `hurry` takes
    /// no account of `linger.ms`. Partitions whose order forbids sending are left out.
    pub(super) fn ready_times(
        &self,
        hurry: bool,
    ) -> impl Iterator<Item = (&TopicPartition, &Batch, Instant)> {
        self.queues.iter().filter_map(move |(partition, queue)| {
            if self.keep_order && queue.in_flight > 0 {
                return None;
            }
            let first = queue.batches.front()?;
            let full = queue.batches.len() > 1 || first.size_bytes() >= self.batch_size;
            let ready = if first.failures > 0 {
                first.not_before
            } else if hurry || full {
                first.created
            } else {
                first.created.after(self.linger)
            };
            Some((partition, first, ready))
        })
    }

    /// True if the last batch of `partition` has reached `batch.size`.
    pub(super) fn is_full(&self, partition: &TopicPartition) -> bool {
        let last = self.queues.get(partition).and_then(|queue| queue.batches.back());
        last.is_some_and(|batch| batch.size_bytes() >= self.batch_size)
    }

    /// When the oldest of the first batches of all queues was made.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.queues.values().filter_map(|queue| queue.batches.front()).map(|batch| batch.created).min()
    }

    /// Takes the first batch of `partition`.
    pub(super) fn take(&mut self, partition: &TopicPartition) -> Option<Batch> {
        let queue = self.queues.get_mut(partition)?;
        if self.keep_order && queue.in_flight > 0 {
            return None;
        }
        let batch = queue.batches.pop_front()?;
        queue.in_flight += 1;
        Some(batch)
    }

    /// A look at the first batch of `partition`.
    pub(super) fn first(&self, partition: &TopicPartition) -> Option<&Batch> {
        self.queues.get(partition)?.batches.front()
    }

    /// A batch of `partition` is no longer under way.
    pub(super) fn landed(&mut self, partition: &TopicPartition) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
        }
    }

    /// Puts a batch that failed back in front. With several under way this may reorder them, as in Kafka.
    pub(super) fn put_back(&mut self, partition: &TopicPartition, batch: Batch) {
        self.queues.entry(partition.clone()).or_default().batches.push_front(batch);
    }

    /// The records of `batch` know their outcome: its memory is free.
    pub(super) fn complete(&mut self, batch: &mut Batch) {
        self.free += std::mem::take(&mut batch.reserved);
        self.incomplete.remove(&batch.first_record);
    }

    /// Takes a queued batch older than `delivery.timeout.ms`.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Batch> {
        let timeout = self.delivery_timeout;
        let expired = |batch: &Batch| batch.created.after(timeout) <= now;
        self.queues.values_mut().find_map(|queue| queue.batches.pop_front_if(|batch| expired(batch)))
    }

    /// Takes any queued batch.
    pub(super) fn take_any(&mut self) -> Option<Batch> {
        self.queues.values_mut().find_map(|queue| queue.batches.pop_front())
    }

    /// True if every record before `number` knows its outcome.
    pub(super) fn is_complete_before(&self, number: u64) -> bool {
        self.incomplete.first().is_none_or(|first| *first >= number)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;
    use crate::config::Properties;
    use crate::id::TopicName;

    fn accumulator(settings: &[(&str, &str)]) -> Accumulator {
        let given: Properties =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Accumulator::new(&ProducerConfig::from_properties(&given).expect("settings of a test"))
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn record() -> ProducerRecord {
        let value = Some(Bytes::from_static(&[0; 50]));
        ProducerRecord { topic: TopicName::new("orders"), partition: None, key: None, value, timestamp: None }
    }

    fn at(millis: u64) -> Instant {
        Instant::START.after(Duration::from_millis(millis))
    }

    fn append(accumulator: &mut Accumulator, number: u64, millis: u64) -> Option<bool> {
        let (promise, _) = oneshot::channel();
        accumulator.append(&partition(), &record(), number, (at(millis), Timestamp(0)), promise).ok()
    }

    fn ready(accumulator: &Accumulator) -> Option<Instant> {
        accumulator.ready_times(false).next().map(|(_, _, ready)| ready)
    }

    #[test]
    fn a_batch_is_ready_when_it_has_lingered() {
        let mut accumulator = accumulator(&[("linger.ms", "5")]);
        assert_eq!(append(&mut accumulator, 0, 10), Some(true));
        assert_eq!(append(&mut accumulator, 1, 12), Some(false));
        assert_eq!(ready(&accumulator), Some(at(15)));
    }

    #[test]
    fn a_batch_is_ready_when_the_next_record_does_not_fit() {
        let mut accumulator = accumulator(&[("linger.ms", "5"), ("batch.size", "200")]);
        assert_eq!(append(&mut accumulator, 0, 10), Some(true));
        assert_eq!(append(&mut accumulator, 1, 11), Some(false));
        assert_eq!(append(&mut accumulator, 2, 12), Some(true));
        assert_eq!(ready(&accumulator), Some(at(10)));
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let mut accumulator =
            accumulator(&[("batch.size", "200"), ("buffer.memory", "250"), ("linger.ms", "0")]);
        assert_eq!(append(&mut accumulator, 0, 0), Some(true));
        assert_eq!(append(&mut accumulator, 1, 0), Some(false));
        assert_eq!(append(&mut accumulator, 2, 0), None);
        let mut batch = accumulator.take(&partition()).expect("a batch");
        accumulator.complete(&mut batch);
        assert_eq!(append(&mut accumulator, 2, 0), Some(true));
    }

    #[test]
    fn with_one_request_in_flight_a_partition_gives_out_one_batch() {
        let mut accumulator =
            accumulator(&[("batch.size", "0"), ("max.in.flight.requests.per.connection", "1")]);
        append(&mut accumulator, 0, 0);
        append(&mut accumulator, 1, 0);
        let first = accumulator.take(&partition()).expect("a batch");
        assert!(accumulator.take(&partition()).is_none());
        accumulator.landed(&partition());
        accumulator.put_back(&partition(), first);
        assert_eq!(accumulator.take(&partition()).expect("a batch").first_record, 0);
    }

    #[test]
    fn a_batch_expires_after_the_delivery_timeout() {
        let mut accumulator = accumulator(&[
            ("delivery.timeout.ms", "1000"),
            ("request.timeout.ms", "500"),
            ("linger.ms", "0"),
        ]);
        append(&mut accumulator, 0, 10);
        assert!(accumulator.take_expired(at(1009)).is_none());
        assert!(accumulator.take_expired(at(1010)).is_some());
    }

    #[test]
    fn completion_is_known_by_record_number() {
        let mut accumulator = accumulator(&[("batch.size", "0")]);
        append(&mut accumulator, 0, 0);
        append(&mut accumulator, 1, 0);
        let mut first = accumulator.take(&partition()).expect("a batch");
        assert!(!accumulator.is_complete_before(1));
        accumulator.complete(&mut first);
        assert!(accumulator.is_complete_before(1));
        assert!(!accumulator.is_complete_before(2));
    }
}
