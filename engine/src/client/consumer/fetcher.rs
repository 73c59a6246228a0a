//! Requests of a consumer and their answers (Kafka's `Fetcher` and `OffsetFetcher`).

use std::collections::BTreeMap;

use tokio::sync::oneshot::error::TryRecvError;

use super::assignment::{Assigned, Position};
use super::{ConsumerEvent, Shared, State, sooner};
use crate::client::backoff::Backoff;
use crate::client::cluster::Route;
use crate::client::connection::{Call, CallError, ConnectionError, Reply};
use crate::client::offsets;
use crate::client::outcome::is_stale_metadata;
use crate::config::OffsetReset;
use crate::driver::Platform;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::{
    ApiKey, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
    ListedOffset, OffsetForLeaderEpochRequest, OffsetSpec, PartitionEpochQuery, Request, Response,
};
use crate::offset::Offset;
use crate::time::Instant;

/// A partition a request asks about.
struct Asked {
    partition: TopicPartition,
    generation: u64,
    /// The leader epoch the request goes by.
    epoch: LeaderEpoch,
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Records.
    Fetch,
    /// A position, by `auto.offset.reset`.
    Reset,
    /// Whether a position is part of a new leader's log.
    Validate,
}

/// A request under way.
pub(super) struct InFlight {
    broker: NodeId,
    purpose: Purpose,
    call: Call,
    asked: Vec<Asked>,
}

impl Purpose {
    /// True if a request of this purpose is what `assigned` needs next of a leader of `epoch`.
    fn applies(self, assigned: &Assigned, epoch: LeaderEpoch) -> bool {
        match self {
            Purpose::Reset => assigned.needs_reset(),
            Purpose::Validate => assigned.needs_validation(epoch),
            Purpose::Fetch => assigned.fetch_offset().is_some() && !assigned.needs_validation(epoch),
        }
    }
}

/// The position is good for nothing: it will be reset, and the event will tell from where.
fn lose_position(state: &mut State, now: Instant, partition: &TopicPartition) {
    let lost = state.assignment.get(partition).and_then(|assigned| assigned.position);
    state.assignment.seek(partition, None, now);
    if let Some(assigned) = state.assignment.get_mut(partition) {
        assigned.lost = lost.map(|position| position.offset);
    }
}

/// What went wrong at a follower may go well at the leader.
fn leave_follower(state: &mut State, partition: &TopicPartition, broker: NodeId) -> bool {
    let assigned = state.assignment.get_mut(partition);
    assigned.is_some_and(|assigned| assigned.return_to_leader(broker))
}

/// Asks where the epochs of the last records read end.
fn validation_request(state: &State, partitions: &[(TopicPartition, LeaderEpoch)]) -> Request {
    let query = |(partition, current_leader_epoch): &(TopicPartition, LeaderEpoch)| {
        let position = state.assignment.get(partition)?.position?;
        let (partition, leader_epoch) = (partition.clone(), position.leader_epoch);
        Some(PartitionEpochQuery { partition, current_leader_epoch: *current_leader_epoch, leader_epoch })
    };
    let partitions = partitions.iter().filter_map(query).collect();
    Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest { replica: NodeId::NONE, partitions })
}

/// Partitions of one leader to ask about.
type ByLeader = BTreeMap<NodeId, Vec<(TopicPartition, LeaderEpoch)>>;

impl<P: Platform> Shared<P> {
    /// Takes in every answer that has come.
    pub(super) fn take_answers(&self, state: &mut State, now: Instant) {
        let mut place = 0;
        while let Some(request) = state.in_flight.get_mut(place) {
            let reply = match request.call.try_recv() {
                Ok(reply) => reply,
                Err(TryRecvError::Closed) => Err(CallError { why: ConnectionError::Closed, sent: true }),
                Err(TryRecvError::Empty) => {
                    place += 1;
                    continue;
                }
            };
            let request = state.in_flight.remove(place);
            self.take_answer(state, now, request, reply);
        }
    }

    fn take_answer(&self, state: &mut State, now: Instant, request: InFlight, reply: Reply) {
        let mut asked = request.asked;
        asked.retain(|asked| {
            let current = state.assignment.current(&asked.partition, asked.generation);
            current.map(|assigned| assigned.busy = None).is_some()
        });
        match reply {
            Ok(Some(Response::Fetch(response))) if !response.error.is_error() => {
                self.take_fetch(state, now, request.broker, asked, response);
            }
            Ok(Some(Response::ListOffsets(response))) => {
                for Asked { partition, epoch, .. } in asked {
                    let answer = response.partitions.iter().find(|answer| answer.partition == partition);
                    self.take_reset(state, now, &partition, epoch, answer);
                }
            }
            Ok(Some(Response::OffsetForLeaderEpoch(response))) => {
                for Asked { partition, epoch, .. } in asked {
                    let answer = response.partitions.iter().find(|answer| answer.partition == partition);
                    self.take_validation(state, now, &partition, epoch, answer);
                }
            }
            // A broker that cannot be asked is believed, as Kafka's consumer does.
            Err(CallError { why: ConnectionError::Unsupported(ApiKey::OffsetForLeaderEpoch), .. }) => {
                for Asked { partition, epoch, .. } in asked {
                    if let Some(assigned) = state.assignment.get_mut(&partition) {
                        assigned.validated = epoch;
                    }
                }
            }
            Ok(_) | Err(_) => {
                self.cluster.request_update();
                for Asked { partition, .. } in asked {
                    leave_follower(state, &partition, request.broker);
                    self.retry_later(state, now, &partition);
                }
            }
        }
    }

    fn take_fetch(
        &self,
        state: &mut State,
        now: Instant,
        broker: NodeId,
        asked: Vec<Asked>,
        response: FetchResponse,
    ) {
        let mut answers: BTreeMap<TopicPartition, FetchedPartition> = BTreeMap::new();
        for topic in response.topics {
            let by_id = || {
                let metadata = self.cluster.metadata();
                let mut names = asked.iter().map(|asked| &asked.partition.topic);
                names.find(|name| metadata.topic_id(name) == topic.id).cloned()
            };
            let Some(name) = topic.name.or_else(by_id) else { continue };
            for fetched in topic.partitions {
                let partition = TopicPartition { topic: name.clone(), partition: fetched.partition };
                answers.insert(partition, fetched);
            }
        }
        for Asked { partition, epoch, .. } in asked {
            match answers.remove(&partition) {
                Some(fetched) if fetched.error.is_error() => {
                    self.take_fetch_error(state, now, broker, &partition, fetched.error);
                }
                Some(fetched) if fetched.preferred_read_replica != NodeId::NONE => {
                    if let Some(assigned) = state.assignment.get_mut(&partition) {
                        let until = now.after(self.config.metadata_max_age);
                        assigned.prefer(fetched.preferred_read_replica, until);
                    }
                }
                Some(fetched) => match state.assignment.take_in(&partition, fetched.records) {
                    Ok(()) => {
                        if let Some(assigned) = state.assignment.get_mut(&partition) {
                            assigned.failures = 0;
                            assigned.validated = epoch;
                        }
                    }
                    Err(problem) => {
                        self.take_fetch_error(state, now, broker, &partition, problem.error_code());
                    }
                },
                None => self.retry_later(state, now, &partition),
            }
        }
    }

    fn take_fetch_error(
        &self,
        state: &mut State,
        now: Instant,
        broker: NodeId,
        partition: &TopicPartition,
        error: ErrorCode,
    ) {
        let at_follower = leave_follower(state, partition, broker);
        if error == ErrorCode::OffsetOutOfRange {
            // A follower may not have what the leader has: only the leader's word moves a position.
            if !at_follower {
                lose_position(state, now, partition);
            }
            return;
        }
        if is_stale_metadata(error) {
            self.cluster.request_update();
        } else {
            state.events.push(ConsumerEvent::FetchFailed { partition: partition.clone(), error });
        }
        self.retry_later(state, now, partition);
    }

    fn take_reset(
        &self,
        state: &mut State,
        now: Instant,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
        answer: Option<&ListedOffset>,
    ) {
        let found = answer.filter(|answer| !answer.error.is_error() && answer.offset != Offset::NONE);
        let Some(found) = found else {
            self.cluster.request_update();
            self.retry_later(state, now, partition);
            return;
        };
        if let Some(assigned) = state.assignment.get_mut(partition) {
            let from = assigned.lost.take();
            assigned.failures = 0;
            assigned.validated = epoch;
            assigned.position = Some(Position { offset: found.offset, leader_epoch: found.leader_epoch });
            state.events.push(ConsumerEvent::Reset { partition: partition.clone(), from, to: found.offset });
        }
    }

    fn take_validation(
        &self,
        state: &mut State,
        now: Instant,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
        answer: Option<&EpochEndOffset>,
    ) {
        let Some(answer) = answer.filter(|answer| !answer.error.is_error()) else {
            self.cluster.request_update();
            self.retry_later(state, now, partition);
            return;
        };
        if answer.end_offset == Offset::NONE || answer.leader_epoch == LeaderEpoch::NONE {
            // The leader knows no epoch so old: nothing says where the logs part.
            lose_position(state, now, partition);
            return;
        }
        let Some(assigned) = state.assignment.get_mut(partition) else { return };
        assigned.failures = 0;
        assigned.validated = epoch;
        if let Some(position) = assigned.position
            && answer.end_offset < position.offset
        {
            let (from, to) = (position.offset, answer.end_offset);
            // Without a policy nobody but the caller moves the position (Kafka's LogTruncationException).
            assigned.stuck = self.config.auto_offset_reset == OffsetReset::None;
            let parting = Position { offset: to, leader_epoch: answer.leader_epoch };
            assigned.position = Some(parting).filter(|_| !assigned.stuck);
            state.events.push(ConsumerEvent::Truncated { partition: partition.clone(), from, to });
        }
    }

    fn retry_later(&self, state: &mut State, now: Instant, partition: &TopicPartition) {
        let backoff = Backoff { base: self.config.retry_backoff, max: self.config.retry_backoff_max };
        if let Some(assigned) = state.assignment.get_mut(partition) {
            assigned.not_before = now.after(backoff.after(assigned.failures, &mut state.rng));
            assigned.failures = assigned.failures.saturating_add(1);
        }
    }

    /// Sends what can be sent. Gives when more can be, unless something happens before.
    pub(super) fn send_requests(&self, state: &mut State, now: Instant) -> Option<Instant> {
        state.turns = state.turns.wrapping_add(1);
        if self.config.auto_offset_reset == OffsetReset::None {
            let stranded = state.assignment.strand().into_iter();
            state
                .events
                .extend(stranded.map(|(partition, lost)| ConsumerEvent::NoOffset { partition, lost }));
        }
        let mut next = None;
        for purpose in [Purpose::Reset, Purpose::Validate, Purpose::Fetch] {
            let leaders = self.by_leader(state, now, purpose, &mut next);
            self.send(state, leaders, purpose, &mut next);
        }
        next
    }

    fn by_leader(
        &self,
        state: &State,
        now: Instant,
        purpose: Purpose,
        next: &mut Option<Instant>,
    ) -> ByLeader {
        let mut leaders = ByLeader::new();
        let mut leaderless = false;
        let metadata = self.cluster.metadata();
        for (partition, assigned) in state.assignment.iter() {
            let leader = metadata.leader(partition);
            let epoch = leader.map_or(LeaderEpoch::NONE, |leader| leader.epoch);
            if !purpose.applies(assigned, epoch) {
                continue;
            }
            let follower = assigned.preferred_replica(now).filter(|_| purpose == Purpose::Fetch);
            let online = follower.filter(|follower| metadata.endpoint(*follower).is_some());
            match online.or(leader.map(|leader| leader.broker)) {
                Some(broker) if assigned.busy == Some(broker) => {}
                _ if assigned.not_before > now => sooner(next, assigned.not_before),
                Some(broker) => leaders.entry(broker).or_default().push((partition.clone(), epoch)),
                None => leaderless = true,
            }
        }
        drop(metadata);
        if leaderless {
            self.cluster.request_update();
        }
        leaders
    }

    fn send(&self, state: &mut State, leaders: ByLeader, purpose: Purpose, next: &mut Option<Instant>) {
        for (broker, mut partitions) in leaders {
            let same = |request: &InFlight| request.broker == broker && request.purpose == purpose;
            if state.in_flight.iter().any(same) {
                continue;
            }
            let connection = match self.cluster.route(broker) {
                Some(Route::Open(connection)) => connection,
                Some(Route::Opening(_)) => continue,
                Some(Route::Backoff(until, _)) => {
                    sooner(next, until);
                    continue;
                }
                None => {
                    self.cluster.request_update();
                    continue;
                }
            };
            // Another partition comes first each time: an answer is filled in the order of the request.
            let first = state.turns % partitions.len().max(1);
            partitions.rotate_left(first);
            let request = match purpose {
                Purpose::Fetch => self.fetch_request(state, &partitions),
                Purpose::Reset => self.reset_request(&partitions),
                Purpose::Validate => validation_request(state, &partitions),
            };
            let mut asked = Vec::with_capacity(partitions.len());
            for (partition, epoch) in partitions {
                if let Some(generation) = state.assignment.ask(&partition, broker) {
                    asked.push(Asked { partition, generation, epoch });
                }
            }
            let call = connection.call(&request, self.config.request_timeout);
            state.in_flight.push(InFlight { broker, purpose, call, asked });
        }
    }

    fn fetch_request(&self, state: &State, partitions: &[(TopicPartition, LeaderEpoch)]) -> Request {
        let metadata = self.cluster.metadata();
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (partition, current_leader_epoch) in partitions {
            let assigned = state.assignment.get(partition);
            let Some(fetch_offset) = assigned.and_then(Assigned::fetch_offset) else { continue };
            let wanted = FetchPartition {
                partition: partition.partition,
                current_leader_epoch: *current_leader_epoch,
                fetch_offset,
                last_fetched_epoch: LeaderEpoch::NONE,
                log_start_offset: Offset::NONE,
                max_bytes: self.config.max_partition_fetch_bytes,
            };
            match topics.iter_mut().find(|topic| topic.name.as_ref() == Some(&partition.topic)) {
                Some(topic) => topic.partitions.push(wanted),
                None => topics.push(FetchTopic {
                    name: Some(partition.topic.clone()),
                    id: metadata.topic_id(&partition.topic),
                    partitions: vec![wanted],
                }),
            }
        }
        Request::Fetch(FetchRequest {
            max_wait: self.config.fetch_max_wait,
            min_bytes: self.config.fetch_min_bytes,
            max_bytes: self.config.fetch_max_bytes,
            rack_id: self.config.client_rack.clone(),
            ..FetchRequest::new(NodeId::NONE, topics)
        })
    }

    fn reset_request(&self, partitions: &[(TopicPartition, LeaderEpoch)]) -> Request {
        let spec = match self.config.auto_offset_reset {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest | OffsetReset::None => OffsetSpec::Latest,
        };
        let questions = partitions.iter();
        let questions =
            questions.map(|(partition, epoch)| offsets::question(partition.clone(), *epoch, spec));
        Request::ListOffsets(offsets::request(questions.collect()))
    }
}
