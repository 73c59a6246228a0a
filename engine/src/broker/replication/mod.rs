//! Fetching from leaders: one fetch in flight per leader, for all partitions followed from it.
//!
//! The next fetch goes out when every followed partition has written what the last one brought: a partition left
//! out would wait for a whole long poll. A fetch carries what moved since the last one (`session`, KIP-227), so that
//! its cost does not grow with the partitions that stand still.

mod session;

use std::collections::{BTreeMap, BTreeSet};

use self::session::FetchSession;
use super::{Broker, Call, Marks};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::log::LogIo;
use crate::machine::{CallError, CallToken, Effect, Effects, Lane, Wakeup};
use crate::message::{FetchRequest, FetchedPartition, Response};
use crate::replica::{FetchPosition, Follower, Replica};
use crate::time::{Instant, Now};

/// The conversations with leaders.
#[derive(Debug, Default)]
pub(super) struct Replication {
    /// Whom this broker follows, and in which partitions. Changes with roles only, so that a broker with many
    /// partitions does not look at all of them when one moves.
    followed: BTreeMap<NodeId, BTreeSet<TopicPartition>>,
    leaders: BTreeMap<TopicPartition, NodeId>,
    fetchers: BTreeMap<NodeId, Fetcher>,
}

/// The conversation with one leader.
#[derive(Debug)]
struct Fetcher {
    session: FetchSession,
    asked: Option<CallToken>,
    /// Partitions whose next fetch may differ from what the leader was told.
    moved: BTreeSet<TopicPartition>,
    /// Those of them that still write what the last fetch brought.
    writing: BTreeSet<TopicPartition>,
    /// Nothing is asked of this leader before.
    pause_until: Instant,
    /// When the first of its partitions may be asked for again, if all of them are paused.
    resume_at: Option<Instant>,
}

impl Default for Fetcher {
    fn default() -> Self {
        Fetcher {
            session: FetchSession::default(),
            asked: None,
            moved: BTreeSet::new(),
            writing: BTreeSet::new(),
            pause_until: Instant::START,
            resume_at: None,
        }
    }
}

impl Replication {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let idle = self.fetchers.values().filter(|fetcher| fetcher.asked.is_none());
        let paused = |fetcher: &Fetcher| Some(fetcher.pause_until).filter(|at| *at > Instant::START);
        idle.filter_map(|fetcher| paused(fetcher).or(fetcher.resume_at)).min().map(|at| (at, Wakeup::Retry))
    }

    /// The partition follows `leader` from now on, or nobody. Returns whom it followed before, if that changed.
    fn follow(&mut self, partition: &TopicPartition, leader: Option<NodeId>) -> Option<NodeId> {
        let before = self.leaders.get(partition).copied();
        if before == leader {
            return None;
        }
        match leader {
            Some(leader) => {
                self.leaders.insert(partition.clone(), leader);
                self.followed.entry(leader).or_default().insert(partition.clone());
                self.fetchers.entry(leader).or_default().moved.insert(partition.clone());
            }
            None => {
                self.leaders.remove(partition);
            }
        }
        let before = before?;
        if let Some(fetcher) = self.fetchers.get_mut(&before) {
            fetcher.writing.remove(partition);
            fetcher.moved.insert(partition.clone());
        }
        if let Some(others) = self.followed.get_mut(&before) {
            others.remove(partition);
            if others.is_empty() {
                self.followed.remove(&before);
            }
        }
        Some(before)
    }
}

impl Broker {
    /// Takes note of whom a partition follows, after its role may have changed.
    pub(super) fn note_leader(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let replica = self.replicas.get(partition);
        let leader = replica.and_then(Replica::follower).and_then(Follower::leader);
        let Some(before) = self.replication.follow(partition, leader) else { return };
        if self.replication.followed.contains_key(&before) {
            self.replicate_from(now, before, effects);
        } else if self.replication.fetchers.remove(&before).is_some() {
            // A leader we follow nowhere any more: its connection may hang on a dead process, let it go.
            effects.push(Effect::Disconnect { from: before, lane: Lane::Replication });
        }
    }

    /// Fetches on from the leader of a partition that has changed, if nothing keeps the next fetch.
    pub(super) fn fetch_on(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let Some(leader) = self.replication.leaders.get(partition).copied() else { return };
        let Some(fetcher) = self.replication.fetchers.get_mut(&leader) else { return };
        fetcher.moved.insert(partition.clone());
        if self.replicas.get(partition).and_then(Replica::fetch_position).is_none() {
            fetcher.writing.insert(partition.clone());
            return;
        }
        fetcher.writing.remove(partition);
        self.replicate_from(now, leader, effects);
    }

    /// Starts every fetch that can start.
    pub(super) fn replicate(&mut self, now: Now, effects: &mut Effects) {
        let leaders: Vec<NodeId> = self.replication.followed.keys().copied().collect();
        for leader in leaders {
            self.replicate_from(now, leader, effects);
        }
    }

    fn replicate_from(&mut self, now: Now, leader: NodeId, effects: &mut Effects) {
        let (Some(endpoint), Some(replica_epoch)) = (self.endpoint(leader), self.lifecycle.broker_epoch())
        else {
            return;
        };
        let Some(fetcher) = self.replication.fetchers.get(&leader) else { return };
        if fetcher.asked.is_some() || !fetcher.writing.is_empty() || fetcher.pause_until > now.mono {
            return;
        }
        self.ask_for_moved(now, leader);
        let Some(fetcher) = self.replication.fetchers.get_mut(&leader) else { return };
        if fetcher.session.is_empty() {
            return self.wait_for_pauses(now, leader);
        }
        let config = &self.settings.config;
        let request = fetcher.session.complete(FetchRequest {
            replica_epoch,
            max_wait: config.replica_fetch_wait_max,
            min_bytes: config.replica_fetch_min_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            ..FetchRequest::new(self.settings.node, Vec::new())
        });
        (fetcher.pause_until, fetcher.resume_at) = (Instant::START, None);
        let timeout = config.replica_socket_timeout;
        let call = Call::ReplicaFetch(leader);
        let asked = self.call((leader, endpoint), Lane::Replication, call, request.into(), timeout, effects);
        if let Some(fetcher) = self.replication.fetchers.get_mut(&leader) {
            fetcher.asked = Some(asked);
        }
    }

    /// Brings the session with a leader up to date: what is to be read where, and what no more. A partition that is
    /// paused is left out until its pause is over.
    fn ask_for_moved(&mut self, now: Now, leader: NodeId) {
        let max_bytes = self.settings.config.replica_fetch_max_bytes;
        let Replication { followed, fetchers, .. } = &mut self.replication;
        let (Some(followed), Some(fetcher)) = (followed.get(&leader), fetchers.get_mut(&leader)) else {
            return;
        };
        if !fetcher.session.is_open() {
            fetcher.session.begin_anew();
            fetcher.moved.clone_from(followed);
        }
        let session = &mut fetcher.session;
        fetcher.moved.retain(|partition| {
            let replica = self.replicas.get(partition).filter(|_| followed.contains(partition));
            let Some(replica) = replica else {
                session.forget(partition);
                return false;
            };
            let paused = replica.follower().is_some_and(|follower| follower.pause_until() > now.mono);
            let position = replica.fetch_position().filter(|_| !paused);
            match position.map(|position| replica.fetch_request(position, max_bytes)) {
                Some(fetch) => session.ask(partition, replica.topic_id(), fetch),
                None => session.forget(partition),
            }
            position.is_none()
        });
    }

    /// Nothing can be asked of this leader now: it is looked at again when the first pause of a partition ends, or
    /// before that if a partition has written or another one follows it.
    fn wait_for_pauses(&mut self, now: Now, leader: NodeId) {
        let followed = self.replication.followed.get(&leader).into_iter().flatten();
        let followers = followed.filter_map(|partition| self.replicas.get(partition)?.follower());
        let resume_at = followers.map(Follower::pause_until).filter(|at| *at > now.mono).min();
        if let Some(fetcher) = self.replication.fetchers.get_mut(&leader) {
            fetcher.resume_at = resume_at;
        }
    }

    /// The answer to a fetch. It counts as under way until all of its answer is taken in.
    pub(super) fn on_fetched(
        &mut self,
        now: Now,
        (leader, token): (NodeId, CallToken),
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        let fetcher = self.replication.fetchers.get_mut(&leader);
        let Some(fetcher) = fetcher.filter(|fetcher| fetcher.asked == Some(token)) else { return };
        let pause_until = now.mono.after(self.settings.config.replica_fetch_backoff);
        match outcome {
            Ok(Response::Fetch(response)) => match fetcher.session.answered(&response) {
                Ok(()) => {
                    for topic in response.topics {
                        for fetched in topic.partitions {
                            self.on_partition_fetched(now, leader, topic.id, &fetched, effects);
                        }
                    }
                }
                // The leader has no such session any more; it is asked anew, for everything, at once.
                Err(ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch) => {}
                Err(_) => fetcher.pause_until = pause_until,
            },
            Ok(_) | Err(_) => {
                fetcher.session.begin_anew();
                fetcher.pause_until = pause_until;
            }
        }
        if let Some(fetcher) = self.replication.fetchers.get_mut(&leader) {
            fetcher.asked = None;
        }
        self.replicate_from(now, leader, effects);
    }

    fn on_partition_fetched(
        &mut self,
        now: Now,
        leader: NodeId,
        topic: TopicId,
        fetched: &FetchedPartition,
        effects: &mut Effects,
    ) {
        let Some(image) = self.image.topic_by_id(topic) else { return };
        let partition = super::partition_of(image, fetched.partition);
        let fetcher = self.replication.fetchers.get(&leader);
        let told = fetcher.and_then(|fetcher| fetcher.session.told(&partition));
        let Some((_, asked)) = told.filter(|(told, _)| *told == topic) else { return };
        let position = FetchPosition { epoch: asked.current_leader_epoch, offset: asked.fetch_offset };
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let before = Marks::of(replica);
        let backoff = self.settings.config.replica_fetch_backoff;
        let mut io = LogIo::default();
        replica.on_fetched(now, position, fetched, backoff, &mut io, effects);
        self.submit(&partition, io, effects);
        self.after_change(now, &partition, before, effects);
    }

    /// Fetches whose pause is over.
    pub(super) fn resume_replication(&mut self, now: Now, effects: &mut Effects) {
        let due = self.replication.next_wakeup().is_some_and(|(at, _)| at <= now.mono);
        if due {
            for fetcher in self.replication.fetchers.values_mut() {
                if fetcher.pause_until <= now.mono {
                    fetcher.pause_until = Instant::START;
                }
                fetcher.resume_at = fetcher.resume_at.filter(|at| *at > now.mono);
            }
            self.replicate(now, effects);
        }
    }

    /// Panics on a bug of ours: what a leader was told is where we are, but for what is known to have moved.
    pub(super) fn replication_invariants(&self) {
        let max_bytes = self.settings.config.replica_fetch_max_bytes;
        for (leader, fetcher) in &self.replication.fetchers {
            assert!(fetcher.writing.is_subset(&fetcher.moved), "who writes has moved");
            let followed = self.replication.followed.get(leader).into_iter().flatten();
            let still = followed.filter(|partition| !fetcher.moved.contains(*partition));
            for partition in still.filter(|_| fetcher.session.is_open()) {
                let Some(replica) = self.replicas.get(partition) else { continue };
                let fetch = replica.fetch_position().map(|at| replica.fetch_request(at, max_bytes));
                let told = fetcher.session.told(partition).map(|(_, told)| told);
                assert_eq!(told, fetch.as_ref(), "the leader knows where {partition} is");
            }
        }
    }
}
