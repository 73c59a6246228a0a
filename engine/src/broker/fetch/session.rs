//! Fetch sessions (KIP-227): a reader says once what it wants, and then only what changed.
//!
//! A session keeps the partitions its reader wants and what it told about each; a request of the session carries
//! changes, an answer only partitions that have news. Requests of a session are numbered (its epoch): a request
//! that is not the next one was lost or doubled somewhere and is refused, and the reader begins anew. The leader
//! epoch the reader believes in is part of what is kept, so that every fetch of a session is checked against it and
//! not the first alone (KAFKA-9338).
//!
//! The cache is bounded by `max.incremental.fetch.session.cache.slots`; who may be evicted for whom is Kafka's
//! `FetchSessionCache`: whoever was not used for [`EVICTION`], then, if it is older than that, a consumer for a
//! follower, then a smaller session for a larger one. A reader without a session is served all the same.
//!
//! Partitions whose records were sent go to the end of the session's order, so that none starves when an answer is
//! full.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName};
use crate::message::{FetchPartition, FetchRequest, FetchedPartition};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// A session used within this time is not evicted (Kafka's `MinIncrementalFetchSessionEvictionMs`).
pub(super) const EVICTION: Duration = Duration::from_secs(120);

/// The first version whose topics have ids.
const TOPIC_IDS: i16 = 13;

/// How a reader names a topic: by name up to version 12, by id from then on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum TopicKey {
    Name(TopicName),
    Id(TopicId),
}

impl TopicKey {
    pub(super) fn of(name: Option<&TopicName>, id: TopicId) -> TopicKey {
        name.map_or(TopicKey::Id(id), |name| TopicKey::Name(name.clone()))
    }
}

/// What a session has told its reader about a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) high_watermark: Offset,
    pub(super) log_start_offset: Offset,
}

impl Told {
    /// Nothing yet: whatever is answered is news.
    pub(super) const NOTHING: Told = Told { high_watermark: Offset::NONE, log_start_offset: Offset::NONE };

    fn by(fetched: &FetchedPartition) -> Told {
        Told { high_watermark: fetched.high_watermark, log_start_offset: fetched.log_start_offset }
    }
}

/// One partition a reader wants, and what it was told of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Wanted {
    pub(super) topic: TopicKey,
    pub(super) fetch: FetchPartition,
    pub(super) told: Told,
}

impl Wanted {
    /// True if an answer says something new (Kafka's `CachedPartition.maybeUpdateResponseData`).
    pub(super) fn is_news(&self, fetched: &FetchedPartition) -> bool {
        self.told != Told::by(fetched)
            || fetched.has_records()
            || fetched.error.is_error()
            || fetched.diverging_epoch.is_some()
            || fetched.preferred_read_replica != NodeId::NONE
    }
}

/// What an answer says about one partition.
pub(super) type Answered = (Wanted, FetchedPartition);

/// How a request stands to sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Session {
    /// It has none.
    None,
    /// It wants one, if there is room.
    Begin { by_id: bool, follower: bool },
    /// It is the request of this number in its session.
    Next { id: i32, epoch: i32 },
}

#[derive(Debug)]
struct Cache {
    /// The number of the next request.
    epoch: i32,
    by_id: bool,
    follower: bool,
    created: Instant,
    used: Instant,
    /// By place; the first is served first.
    partitions: BTreeMap<u64, Wanted>,
    places: BTreeMap<(TopicKey, PartitionIndex), u64>,
    next_place: u64,
    /// Its size when it was used last: what the eviction order goes by.
    size: usize,
}

/// How hard a session is to evict: consumers go first, then small ones.
type Worth = (bool, usize, i32);

/// The sessions of a broker.
#[derive(Debug)]
pub(super) struct Sessions {
    slots: usize,
    rng: Rng,
    caches: BTreeMap<i32, Cache>,
    by_use: BTreeSet<(Instant, i32)>,
    /// Those a consumer's new session may replace.
    evictable: BTreeSet<Worth>,
    /// Those a follower's new session may replace.
    evictable_by_follower: BTreeSet<Worth>,
}

impl Cache {
    fn wants(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.fetch.partition);
        let Some(known) = self.places.get(&key).and_then(|place| self.partitions.get_mut(place)) else {
            return self.push(key, Wanted { told: Told::NOTHING, ..wanted });
        };
        // A follower may have dropped an answer that came late, and with it the high watermark: what it asks for
        // anew it is told anew.
        if self.follower && known.fetch != wanted.fetch {
            known.told = Told::NOTHING;
        }
        known.fetch = wanted.fetch;
    }

    fn push(&mut self, key: (TopicKey, PartitionIndex), wanted: Wanted) {
        self.next_place += 1;
        self.places.insert(key, self.next_place);
        self.partitions.insert(self.next_place, wanted);
    }

    fn forget(&mut self, key: &(TopicKey, PartitionIndex)) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.remove(&place);
        }
    }

    /// Takes in what is answered; true if it must be told.
    fn tell(&mut self, wanted: &Wanted, fetched: &FetchedPartition) -> bool {
        let key = (wanted.topic.clone(), wanted.fetch.partition);
        let Some(place) = self.places.get(&key).copied() else { return false };
        let Some(known) = self.partitions.get_mut(&place) else { return false };
        let news = known.is_news(fetched);
        // After an error the next good answer is news whatever it says.
        known.told = if fetched.error.is_error() { Told::NOTHING } else { Told::by(fetched) };
        if fetched.has_records()
            && let Some(known) = self.partitions.remove(&place)
        {
            self.push(key, known);
        }
        news
    }

    fn worth(&self, id: i32) -> Worth {
        (self.follower, self.size, id)
    }
}

impl Sessions {
    /// At most `slots` sessions.
    pub(super) fn new(slots: usize, rng: Rng) -> Sessions {
        Sessions {
            slots,
            rng,
            caches: BTreeMap::new(),
            by_use: BTreeSet::new(),
            evictable: BTreeSet::new(),
            evictable_by_follower: BTreeSet::new(),
        }
    }

    /// What a request reads: what it says, or what its session adds up to.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR: the reader begins a
    /// new session.
    pub(super) fn open(
        &mut self,
        now: Instant,
        version: i16,
        request: &FetchRequest,
    ) -> Result<(Session, Vec<Wanted>), ErrorCode> {
        let named = request.topics.iter().flat_map(|topic| {
            let key = TopicKey::of(topic.name.as_ref(), topic.id);
            topic.partitions.iter().map(move |fetch| Wanted {
                topic: key.clone(),
                fetch: fetch.clone(),
                told: Told::NOTHING,
            })
        });
        let by_id = version >= TOPIC_IDS;
        if [FetchRequest::INITIAL_EPOCH, FetchRequest::FINAL_EPOCH].contains(&request.session_epoch) {
            self.remove(request.session_id);
            let follower = request.replica != NodeId::NONE;
            let begins = request.session_epoch == FetchRequest::INITIAL_EPOCH;
            let session = if begins { Session::Begin { by_id, follower } } else { Session::None };
            return Ok((session, named.collect()));
        }
        let (id, epoch) = (request.session_id, request.session_epoch);
        let cache = self.caches.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if cache.by_id != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        if cache.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        named.for_each(|wanted| cache.wants(wanted));
        for topic in &request.forgotten_topics {
            let key = TopicKey::of(topic.name.as_ref(), topic.id);
            topic.partitions.iter().for_each(|partition| cache.forget(&(key.clone(), *partition)));
        }
        let wanted: Vec<Wanted> = cache.partitions.values().cloned().collect();
        if wanted.is_empty() {
            self.remove(id);
            return Ok((Session::None, wanted));
        }
        cache.epoch = FetchRequest::epoch_after(epoch);
        self.touch(id, now);
        Ok((Session::Next { id, epoch }, wanted))
    }

    /// What is sent of an answer: the session's id, and what has news. A session that was asked for begins here.
    /// Partitions without news may be left out of `answered`, unless a session begins.
    ///
    /// # Errors
    /// INVALID_FETCH_SESSION_EPOCH or FETCH_SESSION_ID_NOT_FOUND if the session went on or away meanwhile.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        session: Session,
        mut answered: Vec<Answered>,
    ) -> Result<(i32, Vec<Answered>), ErrorCode> {
        match session {
            Session::None => Ok((0, answered)),
            Session::Begin { by_id, follower } => Ok((self.begin(now, by_id, follower, &answered), answered)),
            Session::Next { id, epoch } => {
                let cache = self.caches.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
                if cache.epoch != FetchRequest::epoch_after(epoch) {
                    return Err(ErrorCode::InvalidFetchSessionEpoch);
                }
                answered.retain(|(wanted, fetched)| cache.tell(wanted, fetched));
                Ok((id, answered))
            }
        }
    }

    /// A new session with what was answered; 0 if there is no room.
    fn begin(&mut self, now: Instant, by_id: bool, follower: bool, answered: &[Answered]) -> i32 {
        if answered.is_empty() || !self.make_room(now, follower, answered.len()) {
            return 0;
        }
        let id = self.unused_id();
        let mut cache = Cache {
            epoch: 1,
            by_id,
            follower,
            created: now,
            used: now,
            partitions: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            size: answered.len(),
        };
        for (wanted, fetched) in answered {
            cache.wants(wanted.clone());
            cache.tell(wanted, fetched);
        }
        self.caches.insert(id, cache);
        self.touch(id, now);
        id
    }

    /// Random, so that a session of an earlier boot is not taken for one of this boot.
    fn unused_id(&mut self) -> i32 {
        loop {
            let drawn = self.rng.between(1, i32::MAX.unsigned_abs().into());
            let id = i32::try_from(drawn).unwrap_or(1);
            if !self.caches.contains_key(&id) {
                return id;
            }
        }
    }

    fn make_room(&mut self, now: Instant, follower: bool, size: usize) -> bool {
        if self.caches.len() < self.slots {
            return true;
        }
        let stale = self.by_use.first().filter(|(used, _)| now.since(*used) > EVICTION).map(|(_, id)| *id);
        let evictable = if follower { &self.evictable_by_follower } else { &self.evictable };
        let less = evictable.first().filter(|worth| (follower, size, 0) >= **worth).map(|(.., id)| *id);
        stale.or(less).is_some_and(|id| self.remove(id))
    }

    fn touch(&mut self, id: i32, now: Instant) {
        let Some(cache) = self.caches.get_mut(&id) else { return };
        self.by_use.remove(&(cache.used, id));
        self.evictable.remove(&cache.worth(id));
        self.evictable_by_follower.remove(&cache.worth(id));
        cache.used = now;
        cache.size = cache.partitions.len();
        self.by_use.insert((now, id));
        let old = now.since(cache.created) > EVICTION;
        if old {
            self.evictable.insert(cache.worth(id));
        }
        if old || !cache.follower {
            self.evictable_by_follower.insert(cache.worth(id));
        }
    }

    fn remove(&mut self, id: i32) -> bool {
        let Some(cache) = self.caches.remove(&id) else { return false };
        self.by_use.remove(&(cache.used, id));
        self.evictable.remove(&cache.worth(id));
        self.evictable_by_follower.remove(&cache.worth(id));
        true
    }

    /// Panics on a bug of ours.
    pub(super) fn invariants(&self) {
        assert!(self.caches.len() <= self.slots, "more fetch sessions than slots");
        assert_eq!(self.caches.len(), self.by_use.len(), "every fetch session was used once last");
        assert!(self.evictable.is_subset(&self.evictable_by_follower), "a follower may evict what any may");
    }
}

#[cfg(test)]
mod tests;
