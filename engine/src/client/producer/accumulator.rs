//! Records that wait to be sent, as batches in one queue per partition (Kafka's `RecordAccumulator`).
//!
//! Pure: it is told the time. It bounds its memory by `buffer.memory`, charging each batch at least `batch.size` as
//! Kafka's buffer pool does. With one request in flight per connection a partition with a batch under way gives out
//! no other, so that a retry keeps the order. An idempotent producer's batches get their numbers when they are first
//! given out, and come back in the order of their numbers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ProducerRecord;
use super::batch::{Batch, Promise, batch_bytes, record_bytes};
use super::sequences::{Identity, Sequences, Settled};
use crate::config::ProducerConfig;
use crate::id::TopicPartition;
use crate::record::Compression;
use crate::time::{Duration, Instant, Timestamp};

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// First records of the batches under way.
    under_way: BTreeSet<u64>,
    sequences: Sequences,
}

impl Queue {
    /// True if no batch with a number comes before the one of that first record.
    fn is_next(&self, first_record: u64) -> bool {
        let before = |first: u64| first < first_record;
        !self.under_way.first().is_some_and(|first| before(*first))
            && !self.batches.iter().any(|batch| batch.number.is_some() && before(batch.first_record))
    }
}

/// All queues.
pub(super) struct Accumulator {
    batch_size: usize,
    linger: Duration,
    delivery_timeout: Duration,
    compression: Compression,
    keep_order: bool,
    idempotent: bool,
    /// Who an idempotent producer is; none before a broker has told.
    identity: Option<Identity>,
    /// Partitions with a batch that was given up after it had a number.
    troubled: BTreeSet<TopicPartition>,
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
            idempotent: config.enable_idempotence,
            identity: None,
            troubled: BTreeSet::new(),
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
            if !self.may_give_out(queue) {
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

    /// Whether the order allows the first batch of a queue to be sent.
    fn may_give_out(&self, queue: &Queue) -> bool {
        let Some(first) = queue.batches.front() else { return false };
        if self.keep_order && !queue.under_way.is_empty() {
            return false;
        }
        match (self.idempotent, self.identity, first.number) {
            (false, ..) => true,
            (true, None, _) => false,
            (true, Some(identity), None) => queue.sequences.may_number(identity, queue.under_way.len()),
            (true, Some(_), Some(_)) => queue.sequences.may_retry() && queue.is_next(first.first_record),
        }
    }

    /// Takes the first batch of `partition`.
    pub(super) fn take(&mut self, partition: &TopicPartition) -> Option<Batch> {
        if !self.may_give_out(self.queues.get(partition)?) {
            return None;
        }
        let queue = self.queues.get_mut(partition)?;
        let mut batch = queue.batches.pop_front()?;
        queue.under_way.insert(batch.first_record);
        if let (true, Some(identity), None) = (self.idempotent, self.identity, batch.number) {
            batch.number = Some(queue.sequences.number(identity, batch.first_record, batch.count));
        }
        Some(batch)
    }

    /// A look at the first batch of `partition`.
    pub(super) fn first(&self, partition: &TopicPartition) -> Option<&Batch> {
        self.queues.get(partition)?.batches.front()
    }

    /// A batch of `partition` is no longer under way.
    pub(super) fn landed(&mut self, partition: &TopicPartition, batch: &Batch) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.under_way.remove(&batch.first_record);
        }
    }

    /// Puts a batch that failed back: in front, or where its number belongs. Without numbers this may reorder
    /// batches if several were under way, as in Kafka.
    pub(super) fn put_back(&mut self, partition: &TopicPartition, batch: Batch) {
        let batches = &mut self.queues.entry(partition.clone()).or_default().batches;
        let place = match batch.number {
            None => 0,
            Some(_) => batches.partition_point(|other| other.first_record < batch.first_record),
        };
        batches.insert(place, batch);
    }

    /// A broker told an idempotent producer who it is.
    pub(super) fn identify(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// True if nothing can be sent before a broker tells who the producer is.
    pub(super) fn lacks_identity(&self) -> bool {
        self.idempotent && self.identity.is_none()
    }

    /// A batch of `partition` was acknowledged.
    pub(super) fn acknowledged(&mut self, partition: &TopicPartition, batch: &Batch) {
        if let (Some(_), Some(queue)) = (batch.number, self.queues.get_mut(partition)) {
            queue.sequences.acknowledged(batch.first_record);
        }
    }

    /// A batch of `partition` was given up, or its number is good no more; `doubtful` if it may have been written.
    pub(super) fn gave_up(&mut self, partition: &TopicPartition, batch: &Batch, doubtful: bool) {
        if let (Some(_), Some(queue)) = (batch.number, self.queues.get_mut(partition)) {
            queue.sequences.gave_up(doubtful);
            self.troubled.insert(partition.clone());
        }
    }

    /// True if no batch of `partition` that has a number comes before this one.
    pub(super) fn is_next(&self, partition: &TopicPartition, batch: &Batch) -> bool {
        self.queues.get(partition).is_none_or(|queue| queue.is_next(batch.first_record))
    }

    /// Lets every partition of which a batch was given up go on, if nothing of it is under way: in a new epoch if
    /// numbers are missing. Batches that wait to be sent again get new numbers then, but for those that may have
    /// been written: they are handed out to be given up.
    pub(super) fn settle(&mut self) -> Vec<Batch> {
        let mut given_up = Vec::new();
        for partition in std::mem::take(&mut self.troubled) {
            let Some(queue) = self.queues.get_mut(&partition) else { continue };
            let retries = queue.batches.iter().any(|batch| batch.number.is_some());
            let settled = if queue.under_way.is_empty() { queue.sequences.settle(retries) } else { None };
            match settled {
                None => drop(self.troubled.insert(partition)),
                Some(Settled::GoOn) => {}
                Some(Settled::NewEpoch) => {
                    self.identity = self.identity.and_then(Identity::bumped);
                    let batches = std::mem::take(&mut queue.batches);
                    for mut batch in batches {
                        if batch.number.take().is_some() && batch.is_in_doubt() {
                            given_up.push(batch);
                        } else {
                            queue.batches.push_back(batch);
                        }
                    }
                }
            }
        }
        given_up
    }

    /// The records of `batch` know their outcome: its memory is free.
    pub(super) fn complete(&mut self, batch: &mut Batch) {
        self.free += std::mem::take(&mut batch.reserved);
        self.incomplete.remove(&batch.first_record);
    }

    /// Takes a queued batch older than `delivery.timeout.ms`.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<(TopicPartition, Batch)> {
        let timeout = self.delivery_timeout;
        let expired = |batch: &Batch| batch.created.after(timeout) <= now;
        self.queues.iter_mut().find_map(|(partition, queue)| {
            Some((partition.clone(), queue.batches.pop_front_if(|batch| expired(batch))?))
        })
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
    use crate::id::{ProducerId, TopicName};

    fn accumulator(settings: &[(&str, &str)]) -> Accumulator {
        let given: Properties =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut accumulator =
            Accumulator::new(&ProducerConfig::from_properties(&given).expect("settings of a test"));
        accumulator.identify(Identity { id: ProducerId(7), epoch: 0 });
        accumulator
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
        accumulator.landed(&partition(), &first);
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
