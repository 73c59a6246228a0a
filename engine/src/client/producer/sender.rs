//! The sender task: what Kafka's `Sender` thread does between two polls of its network client.
//!
//! Each turn takes in what was answered, gives up what is too old, puts blocked records into batches, sends what is
//! ready, and says when to look again. A turn is taken only when something happened; nothing polls.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tokio::sync::oneshot::error::TryRecvError;

use super::batch::Batch;
use super::{Obstacle, Placed, Shared, State, identity};
use crate::client::backoff::Backoff;
use crate::client::cluster::Route;
use crate::client::connection::{Call, CallError, Connection, ConnectionError, Reply};
use crate::client::outcome::{ClientError, Effect, Outcome, effect, is_stale_metadata};
use crate::client::signal::{Alarm, earlier};
use crate::driver::{Platform, Spawner as _};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::{ApiKey, ProducePartition, ProduceRequest, Request, Response};
use crate::offset::Offset;
use crate::time::Instant;

/// One Produce request under way.
struct InFlight {
    call: Call,
    batches: Vec<(TopicPartition, Batch)>,
}

/// How one attempt to write a batch failed.
struct Failure {
    error: ClientError,
    doubtful: bool,
    retriable: bool,
}

/// Runs until the producer is closed and everything has its outcome.
pub(super) async fn run<P: Platform>(shared: Rc<Shared<P>>) {
    let mut alarm = Alarm::new(shared.platform.clock().clone());
    let mut sender = Sender { shared: &shared, in_flight: BTreeMap::new(), turns: 0, asked_identity: false };
    while !sender.turn(&mut alarm) {
        alarm.wait(&shared.signal).await;
    }
    shared.cluster.close();
}

struct Sender<'a, P: Platform> {
    shared: &'a Rc<Shared<P>>,
    in_flight: BTreeMap<NodeId, VecDeque<InFlight>>,
    turns: usize,
    /// A task is asking who this producer is.
    asked_identity: bool,
}

impl<P: Platform> Sender<'_, P> {
    /// One turn; sets the alarm for the next. True if there is nothing left to do for ever.
    fn turn(&mut self, alarm: &mut Alarm<P::Clock>) -> bool {
        let now = self.shared.now();
        self.turns = self.turns.wrapping_add(1);
        let state = &mut *self.shared.state.borrow_mut();
        self.take_answers(state, now);
        if state.aborted || state.fatal.is_some() {
            let error = state.fatal.clone().unwrap_or(ClientError::Closed);
            self.abort(state, &error);
            return true;
        }
        self.expire(state, now);
        for mut batch in state.accumulator.settle() {
            batch.give_up(&ClientError::Broker(ErrorCode::OutOfOrderSequenceNumber), false);
            state.accumulator.complete(&mut batch);
        }
        self.identify(state);
        let (out_of_memory, unblock) = self.place_blocked(state, now);
        let hurry = out_of_memory || state.closing || !state.flushes.is_empty();
        let ready = self.send_ready(state, now, hurry);
        let (accumulator, blocked) = (&state.accumulator, &state.blocked);
        // Dropping its sender ends a flush.
        state.flushes.retain(|(mark, _)| {
            !accumulator.is_complete_before(*mark)
                || blocked.front().is_some_and(|first| first.number < *mark)
        });
        let idle = state.blocked.is_empty() && state.accumulator.is_complete_before(u64::MAX);
        if state.closing && idle && self.in_flight.values().all(VecDeque::is_empty) {
            return true;
        }
        alarm.set(earlier(earlier(unblock, ready), self.next_expiry(state)));
        false
    }

    fn take_answers(&mut self, state: &mut State, now: Instant) {
        let nodes: Vec<NodeId> = self.in_flight.keys().copied().collect();
        for node in nodes {
            while let Some((reply, batches)) = self.next_answer(node) {
                self.take_answer(state, now, &reply, batches);
            }
        }
    }

    /// Requests of one connection end in order, so only the oldest needs a look.
    fn next_answer(&mut self, node: NodeId) -> Option<(Reply, Vec<(TopicPartition, Batch)>)> {
        let requests = self.in_flight.get_mut(&node)?;
        let reply = match requests.front_mut()?.call.try_recv() {
            Ok(reply) => reply,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Closed) => Err(CallError { why: ConnectionError::Closed, sent: true }),
        };
        Some((reply, requests.pop_front()?.batches))
    }

    fn take_answer(
        &self,
        state: &mut State,
        now: Instant,
        reply: &Reply,
        batches: Vec<(TopicPartition, Batch)>,
    ) {
        for (partition, mut batch) in batches {
            state.accumulator.landed(&partition, &batch);
            let outcome = outcome_of(reply, &partition);
            if outcome.is_ok() {
                state.accumulator.acknowledged(&partition, &batch);
            }
            if batch.is_finished() {
                continue;
            }
            match outcome {
                Ok(base) => {
                    batch.succeed(&partition, base);
                    state.accumulator.complete(&mut batch);
                }
                Err(failure) => self.retry_or_give_up(state, now, &partition, batch, failure),
            }
        }
    }

    fn retry_or_give_up(
        &self,
        state: &mut State,
        now: Instant,
        partition: &TopicPartition,
        mut batch: Batch,
        mut failure: Failure,
    ) {
        failure.retriable |= self.may_send_in_order(state, partition, &batch, &failure);
        let config = &self.shared.config;
        let stale = match &failure.error {
            ClientError::Broker(code) => is_stale_metadata(*code),
            _ => true,
        };
        if stale {
            self.shared.cluster.request_update();
        }
        let in_time = now < batch.created.after(config.delivery_timeout);
        if !failure.retriable || u64::from(batch.failures) >= config.retries || !in_time {
            let doubtful = failure.doubtful || batch.is_in_doubt();
            state.accumulator.gave_up(partition, &batch, doubtful);
            batch.give_up(&failure.error, failure.doubtful);
            state.accumulator.complete(&mut batch);
            return;
        }
        batch.note_failure(failure.error, failure.doubtful);
        let backoff = Backoff { base: config.retry_backoff, max: config.retry_backoff_max };
        batch.not_before = now.after(backoff.after(batch.failures, &mut state.rng));
        batch.failures = batch.failures.saturating_add(1);
        state.accumulator.put_back(partition, batch);
    }

    /// Whether a batch that a leader refused as out of order may be sent again. Behind another one it may: its turn
    /// comes. If it is the next, its number is good no more, and it gets a new one unless it may have been written.
    fn may_send_in_order(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        batch: &Batch,
        failure: &Failure,
    ) -> bool {
        let out_of_order = [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId];
        let refused = matches!(&failure.error, ClientError::Broker(code) if out_of_order.contains(code));
        if !refused || batch.number.is_none() {
            return false;
        }
        if !state.accumulator.is_next(partition, batch) {
            return true;
        }
        if batch.is_in_doubt() {
            return false;
        }
        state.accumulator.gave_up(partition, batch, false);
        true
    }

    /// Asks who this producer is, if that is not known, once a broker is.
    fn identify(&mut self, state: &State) {
        let lacks = state.accumulator.lacks_identity();
        if lacks && !self.asked_identity && self.shared.cluster.metadata().endpoints().next().is_some() {
            self.shared.platform.spawner().spawn("producer-id", identity::obtain(self.shared.clone()));
        } else if lacks && !self.asked_identity {
            return;
        }
        self.asked_identity = lacks;
    }

    /// Gives up batches older than `delivery.timeout.ms`, those under way too: their answer will not be awaited.
    fn expire(&mut self, state: &mut State, now: Instant) {
        let after = self.shared.config.delivery_timeout;
        while let Some((partition, mut batch)) = state.accumulator.take_expired(now) {
            let error = ClientError::DeliveryTimeout { after, last: batch.last_error() };
            state.accumulator.gave_up(&partition, &batch, batch.is_in_doubt());
            batch.give_up(&error, false);
            state.accumulator.complete(&mut batch);
        }
        let requests = self.in_flight.values_mut().flatten();
        for (partition, batch) in requests.flat_map(|request| &mut request.batches) {
            if !batch.is_finished() && batch.created.after(after) <= now {
                let error = ClientError::DeliveryTimeout { after, last: batch.last_error() };
                state.accumulator.gave_up(partition, batch, true);
                batch.give_up(&error, true);
                state.accumulator.complete(batch);
            }
        }
    }

    /// The first delivery timeout among all batches.
    fn next_expiry(&self, state: &State) -> Option<Instant> {
        let under_way = self.in_flight.values().flatten().flat_map(|request| &request.batches);
        let under_way = under_way.filter(|(_, batch)| !batch.is_finished()).map(|(_, batch)| batch.created);
        let first = earlier(under_way.min(), state.accumulator.oldest());
        first.map(|created| created.after(self.shared.config.delivery_timeout))
    }

    /// Puts records that were blocked into batches, in order. Gives whether memory is what is lacking, and when the
    /// first of them has waited for too long.
    fn place_blocked(&self, state: &mut State, now: Instant) -> (bool, Option<Instant>) {
        while let Some(blocked) = state.blocked.pop_front() {
            let (error, promise) = match self.shared.place(state, blocked) {
                Placed::Done { .. } => continue,
                Placed::Blocked(blocked, Obstacle::Refused(error)) => (error, blocked.promise),
                Placed::Blocked(blocked, _) if blocked.deadline <= now => {
                    (ClientError::Blocked(self.shared.config.max_block), blocked.promise)
                }
                Placed::Blocked(blocked, obstacle) => {
                    let deadline = blocked.deadline;
                    let out_of_memory = matches!(obstacle, Obstacle::Memory);
                    if !out_of_memory {
                        self.shared.cluster.want(&blocked.record.topic);
                        self.shared.cluster.request_update();
                    }
                    state.blocked.push_front(blocked);
                    return (out_of_memory, Some(deadline));
                }
            };
            // Whoever dropped the future does not want to know.
            let _ = promise.send(Outcome::Failed(error));
        }
        (false, None)
    }

    /// Sends every batch that may go. Gives when the next one may.
    fn send_ready(&mut self, state: &mut State, now: Instant, hurry: bool) -> Option<Instant> {
        let mut next = None;
        loop {
            let (nodes, later) = self.plan(state, now, hurry);
            next = earlier(next, later);
            let mut sent = false;
            for (node, partitions) in nodes {
                let waiting = self.in_flight.get(&node).map_or(0, VecDeque::len);
                if waiting >= self.shared.config.max_in_flight_requests_per_connection {
                    continue;
                }
                match self.shared.cluster.route(node) {
                    Some(Route::Open(connection)) => {
                        sent |= self.send(state, node, &connection, partitions);
                    }
                    Some(Route::Backoff(until, _)) => next = earlier(next, Some(until)),
                    Some(Route::Opening(_)) => {}
                    None => self.shared.cluster.request_update(),
                }
            }
            if !sent {
                return next;
            }
        }
    }

    /// The brokers with a batch that is ready, each with all partitions it leads whose first batch may be sent along,
    /// and when the next batch will be ready. As in Kafka a request takes batches along that still linger.
    fn plan(
        &self,
        state: &State,
        now: Instant,
        hurry: bool,
    ) -> (BTreeMap<NodeId, Vec<TopicPartition>>, Option<Instant>) {
        let metadata = self.shared.cluster.metadata();
        let mut nodes: BTreeMap<NodeId, (bool, Vec<TopicPartition>)> = BTreeMap::new();
        let mut next = None;
        let mut leaderless = false;
        for (partition, batch, ready) in state.accumulator.ready_times(hurry) {
            let Some(leader) = metadata.leader(partition) else {
                leaderless = true;
                continue;
            };
            let new_leader = batch.failures > 0 && leader.epoch > batch.leader_epoch;
            let is_ready = ready <= now || new_leader;
            if is_ready || batch.failures == 0 {
                let (any, partitions) = nodes.entry(leader.broker).or_default();
                *any |= is_ready;
                partitions.push(partition.clone());
            }
            if !is_ready {
                next = earlier(next, Some(ready));
            }
        }
        drop(metadata);
        if leaderless {
            self.shared.cluster.request_update();
        }
        let ready = nodes.into_iter().filter(|(_, (any, _))| *any);
        (ready.map(|(node, (_, partitions))| (node, partitions)).collect(), next)
    }

    /// Sends one request with at most one batch a partition, up to `max.request.size`. False if there was none.
    fn send(
        &mut self,
        state: &mut State,
        node: NodeId,
        connection: &Connection,
        mut partitions: Vec<TopicPartition>,
    ) -> bool {
        let config = &self.shared.config;
        // Another partition comes first each time, so that none starves when a request is full.
        let first = self.turns % partitions.len().max(1);
        partitions.rotate_left(first);
        let mut size = 0;
        let mut batches: Vec<(TopicPartition, Batch)> = Vec::new();
        let room = Vec::with_capacity(partitions.len());
        let mut request = ProduceRequest::new(config.acks.code(), config.request_timeout, room);
        for partition in partitions {
            let Some(bytes) = state.accumulator.first(&partition).map(Batch::size_bytes) else { continue };
            if !batches.is_empty() && size + bytes > config.max_request_size {
                break;
            }
            let Some(mut batch) = state.accumulator.take(&partition) else { continue };
            size += bytes;
            if let Some(leader) = self.shared.cluster.metadata().leader(&partition) {
                batch.leader_epoch = leader.epoch;
            }
            let records = Some(batch.seal());
            request.partitions.push(ProducePartition { partition: partition.clone(), records });
            batches.push((partition, batch));
        }
        if batches.is_empty() {
            return false;
        }
        let call = connection.call(&Request::Produce(request), config.request_timeout);
        self.in_flight.entry(node).or_default().push_back(InFlight { call, batches });
        true
    }

    /// Gives up everything: the producer was dropped, or can do nothing any more.
    fn abort(&mut self, state: &mut State, error: &ClientError) {
        for blocked in state.blocked.drain(..) {
            // Whoever dropped the future does not want to know.
            let _ = blocked.promise.send(Outcome::Failed(error.clone()));
        }
        while let Some(mut batch) = state.accumulator.take_any() {
            batch.give_up(error, false);
        }
        let requests = std::mem::take(&mut self.in_flight).into_values().flatten();
        for (_, mut batch) in requests.flat_map(|request| request.batches) {
            batch.give_up(error, true);
        }
        state.flushes.clear();
    }
}

/// What a reply says of one partition: the first offset (none with acks=0), or how the attempt failed.
fn outcome_of(reply: &Reply, partition: &TopicPartition) -> Result<Option<Offset>, Failure> {
    let response = match reply {
        Ok(None) => return Ok(None),
        Ok(Some(Response::Produce(response))) => response,
        Ok(Some(_)) => return Err(incomplete()),
        Err(CallError { why, sent }) => {
            let retriable = !matches!(why, ConnectionError::Unsupported(_));
            return Err(Failure { error: ClientError::Connection(why.clone()), doubtful: *sent, retriable });
        }
    };
    let Some(produced) = response.partitions.iter().find(|produced| produced.partition == *partition) else {
        return Err(incomplete());
    };
    match produced.error {
        // The leader has the batch and remembers its offsets no more.
        ErrorCode::DuplicateSequenceNumber => Ok(None),
        ErrorCode::None => Ok((produced.base_offset != Offset::NONE).then_some(produced.base_offset)),
        code => Err(Failure {
            error: ClientError::Broker(code),
            doubtful: effect(code) == Effect::Possible,
            retriable: code.is_retriable(),
        }),
    }
}

fn incomplete() -> Failure {
    Failure { error: ClientError::Incomplete(ApiKey::Produce), doubtful: true, retriable: false }
}
