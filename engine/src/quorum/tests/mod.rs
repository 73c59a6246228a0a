//! Tests of the quorum without a controller, sockets or a runtime.
//!
//! [`Voters`] is a handful of voters whose messages and disk operations lie in queues until the test delivers,
//! performs or loses them. It remembers what no voter can know: who led in which epoch, and what was committed.
//! Two leaders in an epoch, or two batches committed at one offset, end the test.

mod behaviour;
mod disk;
mod property;

use std::collections::{BTreeMap, VecDeque};

use self::disk::UnsyncedDisk;
use super::{Quorum, QuorumSettings};
use crate::config::{BrokerConfig, Properties};
use crate::epoch::LeaderEpoch;
use crate::event::{BatchId, Event, QuorumRole};
use crate::id::{ConnectionId, CorrelationId, Endpoint, NodeId};
use crate::machine::{CallError, CallToken, Effect, Effects, RequestContext};
use crate::message::{Request, Response};
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::rng::Rng;
use crate::storage::{DiskOp, DiskToken};
use crate::time::{Duration, Instant, Now, Timestamp};
use crate::variant::ProtocolVariant;

/// The first voter's id.
const FIRST: i32 = 100;

/// A message on its way.
#[derive(Clone, Debug)]
enum Message {
    Request { to: NodeId, key: u64, request: Request },
    Response { key: u64, response: Response },
}

/// A call that was not answered yet.
#[derive(Clone, Debug)]
struct OpenCall {
    from: NodeId,
    to: NodeId,
    boot: u64,
    token: CallToken,
    deadline: Instant,
}

struct Voter {
    quorum: Option<Quorum>,
    disk: UnsyncedDisk,
    ops: VecDeque<(DiskToken, DiskOp)>,
    boot: u64,
    committed: Offset,
}

/// Voters, their messages, and what was promised so far.
struct Voters {
    now: Instant,
    variant: ProtocolVariant,
    voters: BTreeMap<NodeId, Voter>,
    messages: VecDeque<Message>,
    calls: BTreeMap<u64, OpenCall>,
    next_key: u64,
    /// Pairs that cannot speak to each other.
    cut: Vec<(NodeId, NodeId)>,
    leaders: BTreeMap<LeaderEpoch, (NodeId, u64)>,
    committed: BTreeMap<Offset, BatchId>,
    appended: u64,
    /// The first thing that must never happen and did.
    violation: Option<String>,
}

impl Voters {
    fn new(count: i32, variant: ProtocolVariant) -> Voters {
        let voter = || Voter {
            quorum: None,
            disk: UnsyncedDisk::default(),
            ops: VecDeque::new(),
            boot: 0,
            committed: Offset::ZERO,
        };
        let mut voters = Voters {
            now: Instant::from_nanos(1),
            variant,
            voters: (FIRST..FIRST + count).map(|id| (NodeId(id), voter())).collect(),
            messages: VecDeque::new(),
            calls: BTreeMap::new(),
            next_key: 0,
            cut: Vec::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            appended: 0,
            violation: None,
        };
        for id in voters.ids() {
            voters.start(id);
        }
        voters
    }

    fn ids(&self) -> Vec<NodeId> {
        self.voters.keys().copied().collect()
    }

    fn start(&mut self, id: NodeId) {
        let ids = self.ids();
        let variant = self.variant;
        let Some(voter) = self.voters.get_mut(&id) else { return };
        if voter.quorum.is_some() {
            return;
        }
        voter.boot += 1;
        let settings = QuorumSettings {
            node: id,
            cluster_id: "test".to_owned(),
            voters: ids.iter().map(|id| (*id, Endpoint::new(&format!("voter-{id}"), 9093))).collect(),
            config: BrokerConfig::from_properties(&Properties::new()).expect("defaults").quorum,
            variant,
            rng: Rng::from_seed(u64::from(id.0.unsigned_abs())).fork(&voter.boot.to_string()),
        };
        voter.quorum = Some(voter.disk.recover(settings));
        voter.committed = Offset::ZERO;
        self.step(id, Quorum::start);
    }

    /// The process dies: what was not written is gone, what was written stays.
    fn crash(&mut self, id: NodeId) {
        let Some(voter) = self.voters.get_mut(&id) else { return };
        voter.quorum = None;
        voter.ops.clear();
        let lost: Vec<u64> =
            self.calls.iter().filter(|(_, call)| call.to == id).map(|(key, _)| *key).collect();
        lost.into_iter().for_each(|key| self.fail(key, CallError::Disconnected));
    }

    /// The machine dies: what was not synced is gone too.
    fn lose_power(&mut self, id: NodeId) {
        self.crash(id);
        if let Some(voter) = self.voters.get_mut(&id) {
            voter.disk.lose_power();
        }
    }

    fn cut(&mut self, one: NodeId, other: NodeId) {
        self.cut.extend([(one, other), (other, one)]);
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut.contains(&(from, to))
    }

    /// Performs the oldest disk operation of a voter.
    fn perform(&mut self, id: NodeId) -> bool {
        let Some(voter) = self.voters.get_mut(&id) else { return false };
        let Some((token, op)) = voter.ops.pop_front() else { return false };
        let outcome = voter.disk.perform(op);
        self.step(id, |quorum, now, effects| quorum.on_disk(now, token, outcome, effects));
        true
    }

    /// Delivers a message, or loses it if its way is cut or nobody is there.
    fn deliver(&mut self, index: usize) -> bool {
        let Some(message) = self.messages.remove(index) else { return false };
        match message {
            Message::Request { to, key, request } => {
                let Some(call) = self.calls.get(&key).cloned() else { return true };
                if self.is_cut(call.from, to) {
                    return true;
                }
                if self.voters.get(&to).is_none_or(|voter| voter.quorum.is_none()) {
                    self.fail(key, CallError::Unreachable);
                    return true;
                }
                let context = RequestContext {
                    connection: ConnectionId(key),
                    correlation: CorrelationId(0),
                    api_version: 0,
                };
                self.step(to, |quorum, now, effects| {
                    let other = quorum.on_request(now, context, request, effects);
                    assert_eq!(other, None, "voters send requests of the quorum only");
                });
            }
            Message::Response { key, response } => {
                let Some(call) = self.calls.get(&key) else { return true };
                if self.is_cut(call.to, call.from) {
                    return true;
                }
                self.end(key, Ok(response));
            }
        }
        true
    }

    fn fail(&mut self, key: u64, error: CallError) {
        self.end(key, Err(error));
    }

    fn end(&mut self, key: u64, outcome: Result<Response, CallError>) {
        let Some(call) = self.calls.remove(&key) else { return };
        if self.voters[&call.from].boot == call.boot {
            self.step(call.from, |quorum, now, effects| quorum.on_reply(now, call.token, outcome, effects));
        }
    }

    /// Lets time pass up to the next thing that is due, at most by `duration`.
    fn wait(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        let wakeups = self.voters.values().filter_map(|voter| Some(voter.quorum.as_ref()?.next_wakeup()?.0));
        let timeouts = self.calls.values().map(|call| call.deadline);
        self.now = wakeups.chain(timeouts).min().unwrap_or(end).clamp(self.now, end);
        let late: Vec<u64> =
            self.calls.iter().filter(|(_, call)| call.deadline <= self.now).map(|(key, _)| *key).collect();
        late.into_iter().for_each(|key| self.fail(key, CallError::TimedOut));
        for id in self.ids() {
            self.step(id, |_, _, _| ());
        }
    }

    /// Everything works for a while: messages and disk operations go through in order.
    fn run(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while self.now < end {
            loop {
                let delivered = self.deliver(0);
                let performed = self.ids().into_iter().filter(|id| self.perform(*id)).count() > 0;
                if !delivered && !performed {
                    break;
                }
            }
            self.wait(end.since(self.now));
        }
    }

    /// Appends a record on whoever believes to be the active leader.
    fn append(&mut self, id: NodeId) -> bool {
        self.appended += 1;
        let record = MetadataRecord::LeaderChange {
            leader: NodeId(i32::try_from(self.appended).expect("few")),
            epoch: LeaderEpoch(0),
        };
        let active =
            |voter: &Voter| voter.quorum.as_ref().is_some_and(|quorum| quorum.active_epoch().is_some());
        if !self.voters.get(&id).is_some_and(active) {
            return false;
        }
        self.step(id, |quorum, now, effects| quorum.append(now, &[record], effects));
        true
    }

    fn active(&self) -> Option<NodeId> {
        let active =
            |voter: &Voter| voter.quorum.as_ref().is_some_and(|quorum| quorum.active_epoch().is_some());
        self.voters
            .iter()
            .filter(|(_, voter)| active(voter))
            .max_by_key(|(id, _)| self.epoch(**id))
            .map(|(id, _)| *id)
    }

    fn quorum(&self, id: NodeId) -> &Quorum {
        self.voters[&id].quorum.as_ref().expect("a voter that runs")
    }

    fn epoch(&self, id: NodeId) -> LeaderEpoch {
        self.quorum(id).epoch()
    }

    fn role(&self, id: NodeId) -> QuorumRole {
        self.quorum(id).role.name()
    }

    fn step(&mut self, id: NodeId, act: impl FnOnce(&mut Quorum, Now, &mut Effects)) {
        let now = Now { mono: self.now, wall: Timestamp(0) };
        let mut effects = Effects::default();
        let Some(quorum) = self.voters.get_mut(&id).and_then(|voter| voter.quorum.as_mut()) else { return };
        act(quorum, now, &mut effects);
        quorum.tick(now, &mut effects);
        while quorum.take_committed(&mut effects).is_some() {}
        quorum.invariants();
        for effect in effects.drain().collect::<Vec<_>>() {
            self.take(id, effect);
        }
    }

    fn take(&mut self, id: NodeId, effect: Effect) {
        match effect {
            Effect::Call { to, token, request, timeout, .. } => {
                self.next_key += 1;
                let (key, boot) = (self.next_key, self.voters[&id].boot);
                let deadline = self.now.after(timeout);
                self.calls.insert(key, OpenCall { from: id, to, boot, token, deadline });
                self.messages.push_back(Message::Request { to, key, request });
            }
            Effect::Respond { context, response: Some(response) } => {
                self.messages.push_back(Message::Response { key: context.connection.0, response });
            }
            Effect::Disconnect { .. } | Effect::Respond { .. } => {}
            Effect::Disk { token, op } => {
                if let Some(voter) = self.voters.get_mut(&id) {
                    voter.ops.push_back((token, op));
                }
            }
            Effect::Note(event) => self.hear(id, &event),
            Effect::Close { reason, .. } => panic!("{reason}"),
        }
    }

    fn hear(&mut self, id: NodeId, event: &Event) {
        let boot = self.voters[&id].boot;
        let problem = match event {
            Event::QuorumRoleChanged { role: QuorumRole::Leader, epoch, .. } => {
                let first = *self.leaders.entry(*epoch).or_insert((id, boot));
                (first != (id, boot)).then(|| format!("{id} and {} lead epoch {epoch}", first.0))
            }
            Event::MetadataCommitted { batch } => {
                let voter = self.voters.get_mut(&id).expect("a voter that speaks exists");
                voter.committed = voter.committed.max(batch.last.next());
                let first = *self.committed.entry(batch.base).or_insert(*batch);
                (first != *batch).then(|| format!("{id} has {batch:?} committed, another {first:?}"))
            }
            _ => None,
        };
        if self.violation.is_none() {
            self.violation = problem;
        }
    }
}
