//! Random runs of a coordinator against models that say what must come of everything.
//!
//! A model is one of the two protocols in its simplest terms: members, the generation or epoch, who owes a request,
//! who is taken for dead when, what is committed. [`classic`] and [`consumer`] are the models, and each knows what its
//! members can know, so that what they send depends on what they were told. A transition of a model comes down to a
//! few [`Act`]s and to the [`Answer`]s they must bring; [`live`] does the acts to a coordinator and compares.
//!
//! What both models share is here: time, tickets, and a log of which the last batches may be lost. The log is a list
//! of what is true after each batch, so that a failover is nothing but an older page.
//!
//! Deliberately absent: assignors, which have tests of their own, and the bytes of records.

mod classic;
mod consumer;
mod live;
mod runs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;

use proptest::prelude::*;

use super::*;

/// The session of every member, in milliseconds.
const SESSION_MS: u64 = 10_000;
/// The rebalance timeout of every member.
const REBALANCE_MS: u64 = 60_000;
/// How often offsets are looked through, and how long they are kept: short, so that runs see it.
const CHECK_MS: u64 = 10_000;
const RETENTION_MS: u64 = 120_000;
const SETTINGS: &[(&str, &str)] = &[
    ("offsets.retention.minutes", "2"),
    ("offsets.retention.check.interval.ms", "10000"),
    ("group.consumer.session.timeout.ms", "10000"),
];
/// What the members read, and a topic that somebody commits for and nobody reads.
const TOPICS: [&str; 2] = ["orders", "other"];

/// What happens to the coordinator.
#[derive(Clone, PartialEq, Debug)]
enum Act {
    Ask(Request),
    /// Time passes, in milliseconds.
    Advance(u64),
    CommitNext,
    FailNext,
    Log(Log),
    /// Another coordinator takes over, with so many of the batches that were not committed.
    FailOver(usize),
}

impl Act {
    /// What happens without a member: requests of operators, time, the log, failovers. As likely as these numbers
    /// say, which add up to [`Act::WEIGHT`].
    fn without_members(uncommitted: usize, millis: BoxedStrategy<u64>) -> BoxedStrategy<Act> {
        let log = prop::sample::select(vec![Log::Works, Log::Works, Log::Lags, Log::Refuses]);
        let topic = prop::sample::select(TOPICS.to_vec());
        prop_oneof![
            1 => Just(Act::Ask(Request::Fetch)),
            1 => topic.prop_map(|topic| Act::Ask(Request::DeleteOffsets { topic })),
            1 => Just(Act::Ask(Request::DeleteGroup)),
            4 => millis.prop_map(Act::Advance),
            2 => log.prop_map(Act::Log),
            4 => Just(Act::CommitNext),
            2 => Just(Act::FailNext),
            2 => (0..=uncommitted).prop_map(Act::FailOver),
        ]
        .boxed()
    }

    const WEIGHT: u32 = 17;

    /// True if it can happen with this log.
    fn is_possible<D: Clone + Default, C>(&self, desk: &Desk<D, C>) -> bool {
        match self {
            Act::CommitNext | Act::FailNext => !desk.in_flight.is_empty(),
            Act::FailOver(kept) => *kept <= desk.uncommitted(),
            _ => true,
        }
    }
}

/// True if the member of this index is in a set of bits.
fn is_in(set: u8, index: usize) -> bool {
    set & (1 << index) != 0
}

/// What the log does with what is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Log {
    /// It commits at once.
    Works,
    /// It takes records and commits them later, or not in time.
    Lags,
    /// It takes nothing.
    Refuses,
}

/// A request to the coordinator.
#[derive(Clone, PartialEq, Debug)]
enum Request {
    /// With another taste, a member says something else of itself than before.
    Join {
        id: String,
        instance: Option<String>,
        taste: usize,
    },
    Sync {
        id: String,
        instance: Option<String>,
        generation: i32,
        assignments: Vec<(String, String)>,
    },
    Heartbeat {
        id: String,
        instance: Option<String>,
        generation: i32,
    },
    Leave {
        id: String,
        instance: Option<String>,
    },
    Commit {
        id: String,
        epoch: i32,
        topic: &'static str,
        offset: i64,
    },
    Fetch,
    DeleteOffsets {
        topic: &'static str,
    },
    DeleteGroup,
    Beat(Beat),
}

/// A heartbeat of KIP-848.
#[derive(Clone, PartialEq, Debug)]
struct Beat {
    id: String,
    instance: Option<String>,
    epoch: i32,
    /// What it says that it owns.
    says: Option<BTreeSet<i32>>,
    /// It says everything of itself.
    full: bool,
    /// How many partitions the topic has by now.
    partitions: i32,
}

/// What is told, as far as the models foretell it.
#[derive(Clone, PartialEq, Debug)]
enum Answer {
    Joined {
        id: String,
        generation: i32,
        leader: String,
        members: Vec<String>,
        skip: bool,
    },
    NotJoined(ErrorCode, String),
    Synced(ErrorCode, String),
    Fetched(Result<BTreeMap<String, i64>, ErrorCode>),
    Beaten {
        epoch: i32,
        assignment: Option<BTreeSet<i32>>,
    },
    NotBeaten(ErrorCode),
    /// An answer that is nothing but its error.
    Told(ErrorCode),
}

impl Answer {
    /// An answer that was to say that something is stored, when it is not.
    fn broken(self, error: ErrorCode) -> Answer {
        match self {
            Answer::Joined { .. } | Answer::NotJoined(..) | Answer::Synced(..) => {
                unreachable!("a write brings these about, and is none")
            }
            Answer::Fetched(_) => Answer::Fetched(Err(error)),
            Answer::Beaten { .. } | Answer::NotBeaten(_) => Answer::NotBeaten(error),
            // What was refused before stays refused, but for offsets that are deleted.
            Answer::Told(_) => Answer::Told(error),
        }
    }
}

/// What follows when a write is committed, or is not.
#[derive(Clone, Debug)]
enum Promise {
    Nothing,
    Answer(u64, Answer),
    Assigned { generation: i32, assignments: Vec<(String, String)> },
    Replaced { old: String, new: String, ticket: u64, taste: usize },
}

/// What both models are made of: the clock, the log, what was asked and answered in this transition.
#[derive(Clone, Debug)]
struct Desk<D, C> {
    /// The coordinator under test has this bug.
    planted: ProtocolVariant,
    now: u64,
    tickets: u64,
    /// What was true after the last batch that is committed, and after each since.
    pages: VecDeque<D>,
    /// How many batches are committed.
    committed: usize,
    in_flight: VecDeque<(usize, Promise)>,
    log: Log,
    /// What the decision of the moment writes.
    writes: Vec<(Vec<C>, Promise)>,
    next_check: u64,
    acts: Vec<Act>,
    answers: BTreeMap<u64, Answer>,
}

impl<D: Clone + Default, C> Desk<D, C> {
    fn new() -> Desk<D, C> {
        Desk {
            planted: ProtocolVariant::SAFE,
            now: 0,
            tickets: 0,
            pages: [D::default()].into(),
            committed: 0,
            in_flight: VecDeque::new(),
            log: Log::Works,
            writes: Vec::new(),
            next_check: CHECK_MS,
            acts: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    /// What the log says.
    fn durable(&self) -> &D {
        self.pages.back().expect("the first page stays")
    }

    fn answer(&mut self, ticket: u64, answer: Answer) {
        self.answers.insert(ticket, answer);
    }

    fn write(&mut self, changes: Vec<C>, promise: Promise) {
        self.writes.push((changes, promise));
    }

    /// How many batches a failover may lose.
    fn uncommitted(&self) -> usize {
        self.pages.len() - 1
    }

    fn end(&self) -> usize {
        self.committed + self.uncommitted()
    }
}

/// A model of a group and of its members.
trait Model: Clone + Debug {
    /// What is stored.
    type Durable: Clone + Default + Debug;
    /// What one record does.
    type Change: Clone + Debug;

    fn desk(&mut self) -> &mut Desk<Self::Durable, Self::Change>;
    fn seen(&self) -> &Desk<Self::Durable, Self::Change>;
    /// A request comes.
    fn ask(&mut self, ticket: u64, request: &Request);
    /// When something is due, offsets apart.
    fn next_deadline(&self) -> Option<u64>;
    /// Does what is due.
    fn tick(&mut self);
    /// Forgets offsets that are too old.
    fn expire(&mut self);
    /// A record is in the log.
    fn replay(&mut self, page: &mut Self::Durable, change: &Self::Change);
    /// The leader's assignment, or the new id of a member, is stored.
    fn kept(&mut self, promise: Promise);
    /// It is not.
    fn broken(&mut self, promise: Promise);
    /// Everybody who waits is told to look elsewhere.
    fn resign(&mut self);
    /// Begins with what is stored.
    fn load(&mut self);
    /// Members take in what they are told.
    fn hear(&mut self, answers: &BTreeMap<u64, Answer>);
    /// What is committed.
    fn offsets(&self) -> BTreeMap<String, i64>;
    /// Everything works again and everybody does what they should. Fails if it does not end well; `then` follows.
    fn recover(&mut self, then: &mut dyn FnMut(&Self));
    /// The settings of the coordinator.
    fn settings(&self) -> Vec<(&'static str, &'static str)> {
        SETTINGS.to_vec()
    }
    /// Fails if the coordinator holds something else.
    fn compare(&self, bench: &Bench);

    /// One act. Members hear of it at once.
    fn act(&mut self, act: Act) {
        match &act {
            Act::Ask(request) => {
                self.desk().tickets += 1;
                let ticket = self.desk().tickets;
                self.ask(ticket, request);
            }
            Act::Advance(millis) => self.advance(*millis),
            Act::CommitNext => {
                if let Some((end, promise)) = self.desk().in_flight.pop_front() {
                    self.commit(end, promise);
                }
            }
            Act::FailNext => {
                if let Some((_, promise)) = self.desk().in_flight.pop_front() {
                    self.fail(promise, ErrorCode::CoordinatorNotAvailable);
                }
            }
            Act::Log(log) => self.desk().log = *log,
            Act::FailOver(kept) => self.fail_over(*kept),
        }
        self.carry_out();
        self.desk().acts.push(act);
        let answers = std::mem::take(&mut self.desk().answers);
        self.hear(&answers);
        self.desk().answers = answers;
    }

    fn advance(&mut self, millis: u64) {
        let end = self.seen().now + millis;
        loop {
            let check = self.seen().next_check;
            let next = self.next_deadline().map_or(check, |at| at.min(check));
            if next > end {
                break;
            }
            self.desk().now = next.max(self.seen().now);
            let now = self.seen().now;
            while self.next_deadline().is_some_and(|at| at <= now) {
                self.tick();
            }
            if check <= now {
                self.desk().next_check = now + CHECK_MS;
                self.expire();
            }
            self.carry_out();
        }
        self.desk().now = end;
    }

    fn carry_out(&mut self) {
        for (changes, promise) in std::mem::take(&mut self.desk().writes) {
            if self.seen().log == Log::Refuses && !changes.is_empty() {
                self.fail(promise, ErrorCode::CoordinatorNotAvailable);
                self.carry_out();
                continue;
            }
            if !changes.is_empty() {
                let mut page = self.seen().durable().clone();
                changes.iter().for_each(|change| self.replay(&mut page, change));
                self.desk().pages.push_back(page);
            }
            let end = self.seen().end();
            self.desk().in_flight.push_back((end, promise));
        }
        while self.seen().log == Log::Works
            && let Some((end, promise)) = self.desk().in_flight.pop_front()
        {
            self.commit(end, promise);
            self.carry_out();
        }
    }

    fn commit(&mut self, end: usize, promise: Promise) {
        let desk = self.desk();
        desk.pages.drain(..end - desk.committed);
        desk.committed = end;
        match promise {
            Promise::Nothing => {}
            Promise::Answer(ticket, answer) => self.desk().answer(ticket, answer),
            other => self.kept(other),
        }
    }

    fn fail(&mut self, promise: Promise, error: ErrorCode) {
        match promise {
            Promise::Nothing => {}
            Promise::Answer(ticket, answer) => self.desk().answer(ticket, answer.broken(error)),
            other => self.broken(other),
        }
    }

    fn fail_over(&mut self, kept: usize) {
        self.resign();
        for (_, promise) in std::mem::take(&mut self.desk().in_flight) {
            if let Promise::Answer(ticket, answer) = promise {
                self.desk().answer(ticket, answer.broken(ErrorCode::NotCoordinator));
            }
        }
        let desk = self.desk();
        desk.committed += kept;
        desk.pages.truncate(kept + 1);
        desk.pages.drain(..kept);
        desk.next_check = desk.now + CHECK_MS;
        self.load();
    }
}
