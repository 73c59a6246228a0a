//! A consumer, with Kafka's semantics and settings.
//!
//! It works inside [`Consumer::poll`], as Kafka's does: poll returns what was fetched, and before it returns it sends
//! the next fetches, so that they are under way while the caller works. A partition is fetched again only when all
//! that was fetched of it is returned; that bounds memory by `max.partition.fetch.bytes` a partition. There is at
//! most one fetch under way a broker.
//!
//! A leader may send it to a replica in its own rack (`client.rack`, KIP-392). It reads there until
//! `metadata.max.age.ms` has passed or something goes wrong there, then asks the leader again; only the leader's word
//! that a position is out of range resets it.
//!
//! When a partition has a new leader, the position is checked against that leader's log before the next fetch
//! (KIP-320), so that a log that was truncated and has grown again is noticed.
//!
//! With `group.id` it may subscribe instead of being assigned partitions: then its group says what it reads (`group`).
//! A consumer without a group pays nothing for that.
//!
//! It reads uncommitted records. Fetch sessions are not here.

mod assignment;
mod fetcher;
mod group;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;

use self::assignment::Assignment;
pub use self::assignment::Position;
use self::fetcher::InFlight;
use self::group::{Attention, Group};
pub use self::group::{Callback, GroupMetadata, Offsets, RebalanceListener, SubscribeError};
use super::cluster::{Cluster, ClusterConfig};
use super::offsets::{API_TIMEOUT, list_offsets};
use super::outcome::{ClientError, Outcome};
use super::signal::{Alarm, Signal, earlier, within};
use crate::config::ConsumerConfig;
use crate::driver::Platform;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, TopicName, TopicPartition};
use crate::message::{ListedOffset, OffsetSpec};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::{Duration, Instant, Timestamp};
use crate::variant::ProtocolVariant;

/// A record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// The leader epoch it was written in.
    pub leader_epoch: LeaderEpoch,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
}

/// Something a consumer went through that its records do not tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerEvent {
    /// `auto.offset.reset` moved a position.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// The position that was out of range; `None` if there was none.
        from: Option<Offset>,
        /// The new position.
        to: Offset,
    },
    /// There is no position, and `auto.offset.reset=none`: the partition is not read until [`Consumer::seek`].
    NoOffset {
        /// The partition.
        partition: TopicPartition,
        /// The position that was out of range; `None` if there was none.
        lost: Option<Offset>,
    },
    /// The log of a new leader ends before the position, which moved to where the two logs part (KIP-320); with
    /// `auto.offset.reset=none` it is gone, and the partition is not read until [`Consumer::seek`]. Records that were
    /// read from there on are no longer in the log.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The position before.
        from: Offset,
        /// The new position.
        to: Offset,
    },
    /// A fetch failed with an error that metadata and patience may not cure. It is tried again.
    FetchFailed {
        /// The partition.
        partition: TopicPartition,
        /// The error; CORRUPT_MESSAGE if the batch could not be read.
        error: ErrorCode,
    },
    /// The group gave the member partitions. Told before its listener is.
    Assigned {
        /// What is new.
        partitions: Vec<TopicPartition>,
        /// The generation (classic) or member epoch (KIP-848).
        generation: i32,
    },
    /// The member gave partitions up. Told when its listener has been.
    Revoked {
        /// What is gone.
        partitions: Vec<TopicPartition>,
    },
    /// The member lost partitions: others may have owned them for a while. Told when its listener has been.
    Lost {
        /// What is gone.
        partitions: Vec<TopicPartition>,
    },
    /// How a commit ended that nobody waits for: [`Consumer::commit_async`], or `enable.auto.commit`.
    Committed {
        /// What was to be committed.
        offsets: Offsets,
        /// How it ended.
        outcome: Outcome<()>,
        /// True if `enable.auto.commit` did it.
        automatic: bool,
    },
    /// The group refused the member for good. It reads nothing more until a new consumer subscribes.
    GroupFailed {
        /// Why.
        error: ErrorCode,
    },
}

struct State {
    assignment: Assignment,
    in_flight: Vec<InFlight>,
    events: Vec<ConsumerEvent>,
    turns: usize,
    rng: Rng,
}

/// A consumer. Its methods may be called while no poll is under way; a poll may be dropped at any time.
///
/// Dropping it is as if its process died: nothing is committed, and no group is left. Callbacks of a
/// [`RebalanceListener`] get a handle of it, whose end means nothing.
pub struct Consumer<P: Platform> {
    shared: Rc<Shared<P>>,
    group: Option<Rc<Group<P>>>,
    owner: bool,
}

/// What reads assigned partitions.
struct Shared<P: Platform> {
    cluster: Cluster<P>,
    config: ConsumerConfig,
    signal: Rc<Signal>,
    state: RefCell<State>,
}

impl<P: Platform> Drop for Consumer<P> {
    fn drop(&mut self) {
        if self.owner {
            self.shared.cluster.close();
            if let Some(group) = &self.group {
                group.shut();
            }
        }
    }
}

impl<P: Platform> Consumer<P> {
    /// Starts a consumer: one metadata task. It connects at once.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the consumer owns its platform and its stream of randomness"
    )]
    pub fn start(
        platform: P,
        bootstrap: Vec<Endpoint>,
        client_id: &str,
        config: ConsumerConfig,
        rng: Rng,
    ) -> Self {
        let signal = Rc::new(Signal::default());
        let settings = ClusterConfig::from(&config);
        let cluster = Cluster::start(&platform, bootstrap, client_id, settings, &rng, signal.clone());
        let state = State {
            assignment: Assignment::new(),
            in_flight: Vec::new(),
            events: Vec::new(),
            turns: 0,
            rng: rng.fork("retry"),
        };
        let group = Group::new(&cluster, &config, &rng, signal.clone());
        let shared = Rc::new(Shared { cluster, config, signal, state: RefCell::new(state) });
        Consumer { shared, group, owner: true }
    }

    /// Takes those knobs of `variant` that are a consumer's. To be called before [`Consumer::subscribe`].
    #[must_use]
    pub fn with_variant(self, variant: ProtocolVariant) -> Self {
        if let Some(group) = &self.group {
            group.set_generation_check(variant.assignor_generation_check);
        }
        self
    }

    /// Another handle of the same consumer.
    fn handle(&self) -> Self {
        Consumer { shared: self.shared.clone(), group: self.group.clone(), owner: false }
    }

    /// Reads those partitions of `topics` that the group gives it, from polls on. `listener` is told what comes and
    /// goes. Takes the place of an earlier subscription.
    ///
    /// # Errors
    /// There is no `group.id`, or the group has refused the member.
    pub fn subscribe(
        &self,
        topics: Vec<TopicName>,
        listener: impl RebalanceListener<P> + 'static,
    ) -> Result<(), SubscribeError> {
        let group = self.group.as_ref().ok_or(SubscribeError::NoGroupId)?;
        group.subscribe(topics, Rc::new(listener))
    }

    /// Gives everything up and leaves the group. Commits nothing, as Kafka's does not.
    pub async fn unsubscribe(&self) {
        if let Some(group) = &self.group {
            self.leave_group(group, false).await;
        }
    }

    /// Ends the consumer in good order, within `limit`: commits if that is automatic, tells the listener, and leaves the
    /// group unless it is a static member.
    pub async fn close(self, limit: Duration) {
        if let Some(group) = &self.group {
            let platform = self.shared.cluster.platform().clone();
            within(platform.clock(), limit, self.leave_group(group, true)).await;
        }
    }

    /// Who the consumer is for its group; `None` without `group.id`.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.group.as_ref().map(|group| group.metadata())
    }

    /// The partitions it reads.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.state.borrow().assignment.iter().map(|(partition, _)| partition.clone()).collect()
    }

    /// How far it has come: the position of every assigned partition that has one.
    pub fn positions(&self) -> Offsets {
        self.shared.consumed()
    }

    /// Commits `offsets`, or all positions. Tries again where that may help, for at most a minute.
    ///
    /// REBALANCE_IN_PROGRESS: the group rebalances. ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID: the partitions may be somebody
    /// else's by now. Both are [`Outcome::Failed`].
    pub async fn commit_sync(&self, offsets: Option<Offsets>) -> Outcome<()> {
        let Some(group) = &self.group else {
            return Outcome::Failed(ClientError::Broker(ErrorCode::InvalidGroupId));
        };
        let offsets = offsets.unwrap_or_else(|| self.shared.consumed());
        if offsets.is_empty() {
            return Outcome::Ok(());
        }
        group.commit(&offsets, API_TIMEOUT).await
    }

    /// Commits `offsets`, or all positions, in the background and in one attempt; [`ConsumerEvent::Committed`] tells how
    /// it ended. Commits are sent in the order of the calls. False without `group.id`.
    pub fn commit_async(&self, offsets: Option<Offsets>) -> bool {
        let Some(group) = &self.group else { return false };
        let offsets = offsets.unwrap_or_else(|| self.shared.consumed());
        if !offsets.is_empty() {
            group.commit_aside(offsets, false);
        }
        true
    }

    /// What the group has committed of each partition; `None` if nothing. Tries for at most a minute.
    pub async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Outcome<BTreeMap<TopicPartition, Option<Position>>> {
        let Some(group) = &self.group else {
            return Outcome::Failed(ClientError::Broker(ErrorCode::InvalidGroupId));
        };
        group.committed(partitions, API_TIMEOUT).await.map(|found| found.into_iter().collect())
    }

    /// Replaces the assigned partitions. Those that stay keep their position; new ones start as
    /// `auto.offset.reset` says unless [`Consumer::seek`] comes first.
    pub fn assign(&self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.shared.cluster.want(&partition.topic);
        }
        self.shared.state.borrow_mut().assignment.assign(partitions, self.shared.cluster.now());
        self.shared.signal.raise();
    }

    /// Reads `partition` from `offset` on. False if it is not assigned.
    pub fn seek(&self, partition: &TopicPartition, offset: Offset) -> bool {
        let position = Position { offset, leader_epoch: LeaderEpoch::NONE };
        let now = self.shared.cluster.now();
        let sought = self.shared.state.borrow_mut().assignment.seek(partition, Some(position), now);
        self.shared.signal.raise();
        sought
    }

    /// Neither fetches nor returns records of `partition` until it is resumed. False if it is not assigned.
    pub fn pause(&self, partition: &TopicPartition) -> bool {
        self.shared.state.borrow_mut().assignment.pause(partition)
    }

    /// Ends a pause. False if the partition is not assigned.
    pub fn resume(&self, partition: &TopicPartition) -> bool {
        let resumed = self.shared.state.borrow_mut().assignment.resume(partition);
        self.shared.signal.raise();
        resumed
    }

    /// Where the next record of `partition` is read; `None` if that is not known yet.
    pub fn position(&self, partition: &TopicPartition) -> Option<Position> {
        self.shared.state.borrow().assignment.get(partition)?.position
    }

    /// Up to `max.poll.records` records, as soon as there is one; none after `max_wait`. Callbacks of a listener run
    /// here, and are waited for.
    pub async fn poll(&self, max_wait: Duration) -> Vec<ConsumedRecord> {
        match &self.group {
            None => self.shared.poll(max_wait).await,
            Some(group) => self.poll_in_group(group, max_wait).await,
        }
    }

    async fn poll_in_group(&self, group: &Rc<Group<P>>, max_wait: Duration) -> Vec<ConsumedRecord> {
        let shared = &self.shared;
        let deadline = shared.cluster.now().after(max_wait);
        let mut alarm = Alarm::new(shared.cluster.platform().clock().clone());
        poll_fn(|context| {
            loop {
                let now = shared.cluster.now();
                let next = match self.attend(group, now, context) {
                    Attention::Nested => return Poll::Ready(Vec::new()),
                    Attention::Listening => return Poll::Pending,
                    Attention::Committing => None,
                    Attention::Free => {
                        let (records, next) = shared.turn(now);
                        if !records.is_empty() {
                            return Poll::Ready(records);
                        }
                        earlier(next, Some(group.next_attention(now)))
                    }
                };
                if now >= deadline {
                    return Poll::Ready(Vec::new());
                }
                alarm.set(earlier(next, Some(deadline)));
                let signalled = shared.signal.poll(context).is_ready();
                if !signalled && alarm.poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// What happened since the last call.
    pub fn take_events(&self) -> Vec<ConsumerEvent> {
        let mut events = std::mem::take(&mut self.shared.state.borrow_mut().events);
        if let Some(group) = &self.group {
            events.extend(group.take_events());
        }
        events
    }

    /// The end of each partition as consumers see it.
    pub async fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        self.offsets(partitions, OffsetSpec::Latest).await
    }

    /// The log start offset of each partition.
    pub async fn beginning_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        self.offsets(partitions, OffsetSpec::Earliest).await
    }

    /// The first record of each partition at its time or later: offset and timestamp; `None` if there is none.
    pub async fn offsets_for_times(
        &self,
        times: BTreeMap<TopicPartition, Timestamp>,
    ) -> BTreeMap<TopicPartition, Outcome<Option<(Offset, Timestamp)>>> {
        let questions = times.into_iter().map(|(partition, at)| (partition, OffsetSpec::Timestamp(at)));
        let listed = list_offsets(&self.shared.cluster, questions).await;
        let found = |listed: ListedOffset| {
            Some((listed.offset, listed.timestamp)).filter(|(offset, _)| *offset != Offset::NONE)
        };
        listed
            .into_iter()
            .map(|(partition, result)| (partition, Outcome::of_read(result).map(found)))
            .collect()
    }

    async fn offsets(
        &self,
        partitions: Vec<TopicPartition>,
        spec: OffsetSpec,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        let questions = partitions.into_iter().map(|partition| (partition, spec));
        let listed = list_offsets(&self.shared.cluster, questions).await;
        let outcome = |result| Outcome::of_read(result).map(|listed: ListedOffset| listed.offset);
        listed.into_iter().map(|(partition, result)| (partition, outcome(result))).collect()
    }
}

impl<P: Platform> Shared<P> {
    /// Up to `max.poll.records` records, as soon as there is one; none after `max_wait`.
    async fn poll(&self, max_wait: Duration) -> Vec<ConsumedRecord> {
        let deadline = self.cluster.now().after(max_wait);
        let mut alarm = Alarm::new(self.cluster.platform().clock().clone());
        loop {
            let now = self.cluster.now();
            let (records, next) = self.turn(now);
            if !records.is_empty() || now >= deadline {
                return records;
            }
            alarm.set(earlier(next, Some(deadline)));
            alarm.wait(&self.signal).await;
        }
    }

    /// Takes in what was answered, takes out what was fetched, asks for more; and when to look again.
    fn turn(&self, now: Instant) -> (Vec<ConsumedRecord>, Option<Instant>) {
        let state = &mut *self.state.borrow_mut();
        self.take_answers(state, now);
        let records = state.assignment.take(self.config.max_poll_records);
        (records, self.send_requests(state, now))
    }
}

/// The earliest of several times to look again.
fn sooner(next: &mut Option<Instant>, other: Instant) {
    *next = earlier(*next, Some(other));
}
