//! A producer with Kafka's semantics and settings.
//!
//! Records are put into batches in the order of the calls, at the moment of the call, one queue per partition; a
//! call that would block in Kafka (no metadata yet, buffer full) waits in line here, and all later ones behind it.
//! One sender task sends what is ready, retries within `retries` and `delivery.timeout.ms`, and tells each record
//! its outcome.
//!
//! With `enable.idempotence` (the default) every batch is numbered: the records of a partition are written once and
//! in order, whatever is retried (`sequences`). Without it the order is kept with
//! `max.in.flight.requests.per.connection` = 1 only, and a batch whose answer was lost may be written twice. A batch
//! refused as too large is not split.

mod accumulator;
mod batch;
#[cfg(test)]
mod idempotence_tests;
mod identity;
mod partitioner;
mod sender;
mod sequences;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::accumulator::Accumulator;
use self::batch::{Promise, batch_bytes};
use self::partitioner::{RoundRobin, Sticky, partition_for_key};
use super::cluster::{Cluster, ClusterConfig};
use super::outcome::{ClientError, Outcome};
use super::signal::Signal;
use crate::config::{Partitioner, ProducerConfig};
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::error::ErrorCode;
use crate::id::{Endpoint, PartitionIndex, TopicName, TopicPartition};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::{Instant, Timestamp};

/// A record to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition, if it is not left to the partitioner.
    pub partition: Option<PartitionIndex>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The timestamp; the wall clock if there is none.
    pub timestamp: Option<Timestamp>,
}

/// Where a record was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordMetadata {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset; `None` with acks=0.
    pub offset: Option<Offset>,
}

/// A record that could not be put into a batch yet.
struct Blocked {
    record: ProducerRecord,
    chosen: Option<PartitionIndex>,
    number: u64,
    deadline: Instant,
    promise: Promise,
}

/// Whether a record could be put into a batch.
enum Placed {
    /// It could; the sender should look at the batch if `wake`.
    Done { wake: bool },
    /// It could not.
    Blocked(Blocked, Obstacle),
}

/// Why a record cannot be put into a batch.
enum Obstacle {
    Metadata,
    Memory,
    Refused(ClientError),
}

struct State {
    accumulator: Accumulator,
    sticky: Sticky,
    round_robin: RoundRobin,
    blocked: VecDeque<Blocked>,
    /// Records accepted so far.
    accepted: u64,
    /// Flushes under way: all records before the number must have their outcome.
    flushes: Vec<(u64, oneshot::Sender<()>)>,
    /// No record is taken any more.
    closing: bool,
    /// Nothing is sent any more.
    aborted: bool,
    /// Why nothing can ever be sent any more.
    fatal: Option<ClientError>,
    rng: Rng,
}

struct Shared<P: Platform> {
    platform: P,
    cluster: Cluster<P>,
    config: ProducerConfig,
    signal: Rc<Signal>,
    state: RefCell<State>,
}

/// A producer. Dropping it gives up what is not sent; [`Producer::close`] does not.
pub struct Producer<P: Platform> {
    shared: Rc<Shared<P>>,
}

impl<P: Platform> Producer<P> {
    /// Starts a producer: one sender task and one metadata task. It connects at once.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the producer owns its platform and its stream of randomness"
    )]
    pub fn start(
        platform: P,
        bootstrap: Vec<Endpoint>,
        client_id: &str,
        config: ProducerConfig,
        rng: Rng,
    ) -> Self {
        let signal = Rc::new(Signal::default());
        let settings = ClusterConfig::from(&config);
        let cluster = Cluster::start(&platform, bootstrap, client_id, settings, &rng, signal.clone());
        let state = State {
            accumulator: Accumulator::new(&config),
            sticky: Sticky::new(rng.fork("partitioner")),
            round_robin: RoundRobin::default(),
            blocked: VecDeque::new(),
            accepted: 0,
            flushes: Vec::new(),
            closing: false,
            aborted: false,
            fatal: None,
            rng: rng.fork("retry"),
        };
        let shared = Rc::new(Shared {
            platform: platform.clone(),
            cluster,
            config,
            signal,
            state: RefCell::new(state),
        });
        platform.spawner().spawn("producer-sender", sender::run(shared.clone()));
        Producer { shared }
    }

    /// Sends a record. It is on its way when this returns; the future only tells its outcome and may be dropped.
    pub fn send(&self, record: ProducerRecord) -> impl Future<Output = Outcome<RecordMetadata>> + use<P> {
        let (promise, outcome) = oneshot::channel();
        self.shared.accept(record, promise);
        async move { outcome.await.unwrap_or(Outcome::Unknown(ClientError::Closed)) }
    }

    /// Sends everything without regard to `linger.ms` and waits until all records sent before have their outcome.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        {
            let mut state = self.shared.state.borrow_mut();
            let mark = state.accepted;
            state.flushes.push((mark, done));
        }
        self.shared.signal.raise();
        // An error means that the sender is gone, and with it every record.
        let _ = flushed.await;
    }

    /// Takes no record any more, waits until all have their outcome, and ends.
    pub async fn close(self) {
        self.shared.state.borrow_mut().closing = true;
        self.flush().await;
    }
}

impl<P: Platform> Drop for Producer<P> {
    fn drop(&mut self) {
        let mut state = self.shared.state.borrow_mut();
        state.closing = true;
        state.aborted = true;
        drop(state);
        self.shared.signal.raise();
    }
}

impl<P: Platform> Shared<P> {
    fn now(&self) -> Instant {
        self.platform.clock().now().mono
    }

    /// Takes a record: into a batch if nothing is in its way, else in line.
    fn accept(&self, record: ProducerRecord, promise: Promise) {
        let bytes = batch_bytes(&record);
        let bytes_max = self.config.max_request_size.min(self.config.buffer_memory);
        let state = &mut *self.state.borrow_mut();
        let refused = if let Some(fatal) = &state.fatal {
            Some(fatal.clone())
        } else if state.closing {
            Some(ClientError::Closed)
        } else if bytes > bytes_max {
            Some(ClientError::RecordTooLarge { bytes, bytes_max })
        } else {
            None
        };
        if let Some(error) = refused {
            // Whoever dropped the future does not want to know.
            let _ = promise.send(Outcome::Failed(error));
            return;
        }
        let number = state.accepted;
        state.accepted += 1;
        let deadline = self.now().after(self.config.max_block);
        let blocked = Blocked { record, chosen: None, number, deadline, promise };
        if !state.blocked.is_empty() {
            state.blocked.push_back(blocked);
            return;
        }
        match self.place(state, blocked) {
            Placed::Done { wake: false } => {}
            Placed::Done { wake: true } => self.signal.raise(),
            Placed::Blocked(blocked, _) => {
                state.blocked.push_back(blocked);
                self.signal.raise();
            }
        }
    }

    /// Puts a record into a batch, if nothing is in its way.
    fn place(&self, state: &mut State, blocked: Blocked) -> Placed {
        let chosen = match blocked.chosen.map_or_else(|| self.choose(state, &blocked.record), Ok) {
            Ok(chosen) => chosen,
            Err(obstacle) => return Placed::Blocked(blocked, obstacle),
        };
        let partition = TopicPartition { topic: blocked.record.topic.clone(), partition: chosen };
        let now = self.platform.clock().now();
        let timestamp = blocked.record.timestamp.unwrap_or(now.wall);
        let Blocked { record, number, deadline, promise, .. } = blocked;
        match state.accumulator.append(&partition, &record, number, (now.mono, timestamp), promise) {
            Ok(new) => Placed::Done { wake: new || state.accumulator.is_full(&partition) },
            Err(promise) => {
                let blocked = Blocked { record, chosen: Some(chosen), number, deadline, promise };
                Placed::Blocked(blocked, Obstacle::Memory)
            }
        }
    }

    fn choose(&self, state: &mut State, record: &ProducerRecord) -> Result<PartitionIndex, Obstacle> {
        let metadata = self.cluster.metadata();
        let error = metadata.topic_error(&record.topic);
        if matches!(error, ErrorCode::InvalidTopicException | ErrorCode::TopicAuthorizationFailed) {
            return Err(Obstacle::Refused(ClientError::Broker(error)));
        }
        let Some(count) = metadata.partition_count(&record.topic) else { return Err(Obstacle::Metadata) };
        let available = metadata.available(&record.topic);
        let (topic, partitioner) = (&record.topic, self.config.partitioner);
        match (record.partition, partitioner, &record.key) {
            (Some(partition), _, _) => {
                let exists = usize::try_from(partition.0).is_ok_and(|index| index < count);
                if exists { Ok(partition) } else { Err(Obstacle::Metadata) }
            }
            (None, Partitioner::RoundRobin, _) => Ok(state.round_robin.next(topic, available, count)),
            (None, Partitioner::Default, Some(key)) => Ok(partition_for_key(key, count)),
            (None, Partitioner::Default, None) => {
                if let Some(partition) = state.sticky.current(topic, count) {
                    let current = TopicPartition { topic: topic.clone(), partition };
                    if state.accumulator.has_room(&current, record) {
                        return Ok(partition);
                    }
                }
                Ok(state.sticky.advance(topic, available, count))
            }
        }
    }
}
