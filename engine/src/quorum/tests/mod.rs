//! Tests of the quorum without a controller, sockets or a runtime.
//!
//! [`Voters`] is a handful of voters whose messages and disk operations lie in queues until the test delivers,
//! performs or loses them. It remembers what no voter can know: who led in which epoch, and what was committed.
//! Two leaders in an epoch, or two batches committed at one offset, end the test.
//!
//! In place of a controller's image each voter has a [`State`]: what it was handed out adds up to a number that only the
//! same records in the same order add up to, snapshots or not.

mod behaviour;
mod disk;
mod property;
mod restart;
mod snapshots;
mod voters;

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use self::disk::{UnsyncedDisk, block_on};
use super::{Committed, Quorum, QuorumSettings};
use crate::config::{BrokerConfig, Properties, QuorumConfig};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::event::{BatchId, Event, QuorumRole};
use crate::id::{ConnectionId, CorrelationId, DirectoryId, Endpoint, NodeId, ProducerId};
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
    /// How many disks it has had.
    disks: u128,
    committed: Offset,
    state: State,
}

/// The directory id on the disk of that number.
fn directory(id: NodeId, disks: u128) -> DirectoryId {
    DirectoryId(Uuid::from_u128((u128::from(id.0.unsigned_abs()) << 64) | disks))
}

/// What a voter has been handed out adds up to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct State(i64);

impl State {
    fn replay(&mut self, offset: Offset, record: &MetadataRecord) {
        let bytes = record.encode();
        let all = bytes.iter().copied().chain(offset.0.to_be_bytes());
        // FNV-1a, kept positive.
        let sum = all.fold(self.0, |sum, byte| (sum ^ i64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.0 = sum & i64::MAX;
    }

    fn records(self) -> Vec<MetadataRecord> {
        let next_producer_id = ProducerId(self.0);
        let (broker, broker_epoch) = (NodeId::NONE, BrokerEpoch::NONE);
        vec![MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id }]
    }

    fn of_snapshot(records: &[MetadataRecord]) -> State {
        match records {
            [MetadataRecord::Voters { .. }, rest @ ..] => State::of_snapshot(rest),
            [MetadataRecord::ProducerIds { next_producer_id, .. }] => State(next_producer_id.0),
            other => panic!("not a snapshot of ours: {other:?}"),
        }
    }
}

/// Voters that had time to elect a leader, and who it is.
fn led(count: i32, variant: ProtocolVariant, config: QuorumConfig) -> (Voters, NodeId) {
    let mut voters = Voters::with_config(count, variant, config);
    voters.run(Duration::from_secs(5));
    let leader = voters.active().expect("a leader after five seconds");
    (voters, leader)
}

/// Voters, their messages, and what was promised so far.
struct Voters {
    now: Instant,
    variant: ProtocolVariant,
    config: QuorumConfig,
    /// Whether everybody knows the first directories of all from the beginning.
    formatted: bool,
    voters: BTreeMap<NodeId, Voter>,
    messages: VecDeque<Message>,
    calls: BTreeMap<u64, OpenCall>,
    next_key: u64,
    /// Pairs that cannot speak to each other.
    cut: Vec<(NodeId, NodeId)>,
    leaders: BTreeMap<LeaderEpoch, (NodeId, u64)>,
    committed: BTreeMap<Offset, BatchId>,
    /// What everything before an offset adds up to.
    states: BTreeMap<Offset, State>,
    /// Snapshots that were written, and that were taken in place of a log.
    written: u64,
    loaded: u64,
    appended: u64,
    /// Answers to requests that a test made by hand.
    answers: Vec<Effect>,
    /// The first thing that must never happen and did.
    violation: Option<String>,
}

impl Voters {
    fn new(count: i32, variant: ProtocolVariant) -> Voters {
        Voters::with_config(count, variant, Voters::default_config())
    }

    fn default_config() -> QuorumConfig {
        BrokerConfig::from_properties(&Properties::new()).expect("defaults").quorum
    }

    fn with_config(count: i32, variant: ProtocolVariant, config: QuorumConfig) -> Voters {
        Voters::start_all(count, variant, config, true)
    }

    fn start_all(count: i32, variant: ProtocolVariant, config: QuorumConfig, formatted: bool) -> Voters {
        let voter = || Voter {
            quorum: None,
            disk: UnsyncedDisk::default(),
            ops: VecDeque::new(),
            boot: 0,
            disks: 1,
            committed: Offset::ZERO,
            state: State::default(),
        };
        let mut voters = Voters {
            now: Instant::from_nanos(1),
            variant,
            config,
            formatted,
            voters: (FIRST..FIRST + count).map(|id| (NodeId(id), voter())).collect(),
            messages: VecDeque::new(),
            calls: BTreeMap::new(),
            next_key: 0,
            cut: Vec::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            states: BTreeMap::new(),
            written: 0,
            loaded: 0,
            appended: 0,
            answers: Vec::new(),
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

    fn settings(&self, id: NodeId) -> QuorumSettings {
        let first_directory = |id: &NodeId| (*id, directory(*id, 1));
        let endpoint = |id: &NodeId| (*id, Endpoint::new(&format!("voter-{id}"), 9093));
        QuorumSettings {
            node: id,
            cluster_id: "test".to_owned(),
            voters: self.voters.keys().map(endpoint).collect(),
            directory: directory(id, self.voters[&id].disks),
            directories: self.voters.keys().filter(|_| self.formatted).map(first_directory).collect(),
            config: self.config,
            variant: self.variant,
            rng: Rng::from_seed(u64::from(id.0.unsigned_abs())),
        }
    }

    fn start(&mut self, id: NodeId) {
        let mut settings = self.settings(id);
        let Some(voter) = self.voters.get_mut(&id) else { return };
        if voter.quorum.is_some() {
            return;
        }
        voter.boot += 1;
        settings.rng = settings.rng.fork(&voter.boot.to_string());
        voter.quorum = Some(voter.disk.recover(settings));
        voter.committed = Offset::ZERO;
        voter.state = State::default();
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

    /// The machine comes back with an empty disk.
    fn wipe(&mut self, id: NodeId) {
        self.crash(id);
        if let Some(voter) = self.voters.get_mut(&id) {
            (voter.disk, voter.disks) = (UnsyncedDisk::default(), voter.disks + 1);
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
                    client_id: None,
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

    /// One message, and one disk operation of each voter; if there is none, time passes.
    fn run_step(&mut self, duration: Duration) {
        let delivered = self.deliver(0);
        let performed = self.ids().into_iter().filter(|id| self.perform(*id)).count() > 0;
        if !delivered && !performed {
            self.wait(duration);
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
        let wall = Timestamp(i64::try_from(self.now.as_nanos() / 1_000_000).expect("some years"));
        let now = Now { mono: self.now, wall };
        let mut effects = Effects::default();
        let Some(voter) = self.voters.get_mut(&id) else { return };
        let Some(quorum) = voter.quorum.as_mut() else { return };
        act(quorum, now, &mut effects);
        quorum.tick(now, &mut effects);
        while let Some(committed) = quorum.take_committed(&mut effects) {
            let end = match committed {
                Committed::Snapshot { id, records } => {
                    voter.state = State::of_snapshot(&records);
                    voter.committed = voter.committed.max(id.end_offset);
                    id.end_offset
                }
                Committed::Batch { batch, records } => {
                    records.iter().for_each(|(offset, record)| voter.state.replay(*offset, record));
                    batch.last.next()
                }
            };
            let first = *self.states.entry(end).or_insert(voter.state);
            if first != voter.state && self.violation.is_none() {
                self.violation = Some(format!("{id} has another image at {end}"));
            }
        }
        if quorum.wants_snapshot(now) {
            quorum.write_snapshot(now, voter.state.records(), &mut effects);
        }
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
            effect @ Effect::Respond {
                context: RequestContext { connection: ConnectionId(u64::MAX), .. },
                ..
            } => {
                self.answers.push(effect);
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
        match event {
            Event::MetadataSnapshotWritten { .. } => self.written += 1,
            Event::MetadataSnapshotLoaded { .. } => self.loaded += 1,
            _ => {}
        }
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
