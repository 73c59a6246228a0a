//! Tests of groups: a coordinator with a log that does what the test says, and members without a network.

mod consumers;
mod membership;
mod model;
mod offsets;
mod static_members;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use uuid::Uuid;

use super::{Caller, GroupState, MemberMetadata, Outcome, Record, Shard, Stored, Then, Ticket};
use crate::config::{BrokerConfig, GroupConfig, Properties};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::message::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeavingMember,
    OffsetCommitRequest, OffsetFetchGroup, OffsetToCommit, Response, SyncGroupRequest, SyncGroupResponse,
};
use crate::offset::Offset;
use crate::time::{Duration, Instant, Now, Timestamp};
use crate::variant::ProtocolVariant;

const GROUP: &str = "g";
const SESSION: Duration = Duration::from_secs(10);
/// In so long the first rebalance of a group is complete.
const FORMING: Duration = Duration::from_secs(7);
const REBALANCE: Duration = Duration::from_secs(60);

/// The settings of these tests: Kafka's defaults, but for what is named.
fn config(given: &[(&str, &str)]) -> GroupConfig {
    let given: Properties =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    BrokerConfig::from_properties(&given).expect("settings of a test").group
}

/// A coordinator, its log, and what it has not answered.
struct Bench {
    shard: Shard,
    config: GroupConfig,
    variant: ProtocolVariant,
    /// By batches.
    log: Vec<Vec<Record>>,
    /// What the log adds up to from its beginning.
    replayed: Stored,
    /// So many batches are replicated: no failover loses them.
    committed: usize,
    /// Writes on their way, each with the length of the log that it waits for.
    in_flight: VecDeque<(usize, Then)>,
    /// Writes are committed at once.
    commits: bool,
    /// The log takes no record.
    refuses: bool,
    now: Now,
    next: u64,
    open: BTreeSet<Ticket>,
    answers: BTreeMap<Ticket, Response>,
}

impl Bench {
    fn new(given: &[(&str, &str)]) -> Bench {
        Bench::with(given, ProtocolVariant::SAFE)
    }

    fn with(given: &[(&str, &str)], variant: ProtocolVariant) -> Bench {
        let config = config(given);
        let now = Now { mono: Instant::from_nanos(1_000_000_000), wall: Timestamp(1_000_000) };
        let mut shard = Shard::new(config, variant);
        shard.start(now);
        Bench {
            shard,
            config,
            variant,
            log: Vec::new(),
            replayed: Stored::new(variant.epoch_on_reassign),
            committed: 0,
            in_flight: VecDeque::new(),
            commits: true,
            refuses: false,
            now,
            next: 0,
            open: BTreeSet::new(),
            answers: BTreeMap::new(),
        }
    }

    fn caller(&mut self, api_version: i16) -> Caller {
        self.next += 1;
        let ticket = Ticket(self.next);
        self.open.insert(ticket);
        let unique = Uuid::from_u128(u128::from(self.next));
        Caller { ticket, api_version, client_id: "c".to_owned(), client_host: String::new(), unique }
    }

    /// Does what a decision asks for.
    fn carry_out(&mut self, out: Outcome) {
        for (ticket, response) in out.answers {
            assert!(self.open.remove(&ticket), "{ticket:?} is answered twice");
            self.answers.insert(ticket, response);
        }
        for write in out.writes {
            if self.refuses && !write.records.is_empty() {
                let error = ErrorCode::NotEnoughReplicas;
                self.decide(|shard, now, out| shard.failed(now, write.then, error, out));
                continue;
            }
            for record in &write.records {
                self.shard.replay(record);
                self.replayed.replay(record);
            }
            if !write.records.is_empty() {
                self.log.push(write.records);
            }
            self.in_flight.push_back((self.log.len(), write.then));
        }
        self.check();
        while self.commits && !self.in_flight.is_empty() {
            self.commit_next();
        }
    }

    /// The high watermark passes the oldest write.
    fn commit_next(&mut self) {
        if let Some((end, then)) = self.in_flight.pop_front() {
            self.committed = end;
            self.decide(|shard, now, out| shard.committed(now, then, out));
        }
    }

    /// The oldest write is not committed in time. It may be later.
    fn fail_next(&mut self, error: ErrorCode) {
        if let Some((_, then)) = self.in_flight.pop_front() {
            self.decide(|shard, now, out| shard.failed(now, then, error, out));
        }
    }

    fn decide(&mut self, act: impl FnOnce(&mut Shard, Now, &mut Outcome)) {
        let mut out = Outcome::default();
        act(&mut self.shard, self.now, &mut out);
        self.carry_out(out);
    }

    /// What always holds: the machine's own invariants, and that what is stored is what the log says.
    fn check(&self) {
        self.shard.invariants();
        assert_eq!(&self.replayed, self.shard.stored());
    }

    /// Time passes; timers ring when they are due.
    fn advance(&mut self, duration: Duration) {
        let end = self.now.mono.after(duration);
        while let Some(at) = self.shard.next_wakeup().filter(|at| *at <= end) {
            self.move_to(at.max(self.now.mono));
            self.decide(Shard::tick);
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: Instant) {
        let passed = i64::try_from(at.since(self.now.mono).as_millis()).expect("a test is short");
        self.now = Now { mono: at, wall: Timestamp(self.now.wall.0 + passed) };
    }

    /// Another broker takes over: it knows the log and nothing else.
    fn fail_over(&mut self) {
        self.fail_over_with(self.log.len() - self.committed);
    }

    /// Another broker takes over, which has so many of the batches that were not committed.
    fn fail_over_with(&mut self, kept: usize) {
        let mut out = Outcome::default();
        let old = std::mem::replace(&mut self.shard, Shard::new(self.config, self.variant));
        let waiting = std::mem::take(&mut self.in_flight);
        old.resign(self.now, waiting.into_iter().map(|(_, then)| then), &mut out);
        self.log.truncate(self.committed + kept);
        self.committed = self.log.len();
        self.replayed = Stored::new(self.variant.epoch_on_reassign);
        for record in self.log.iter().flatten() {
            self.shard.replay(record);
            self.replayed.replay(record);
        }
        self.shard.start(self.now);
        self.carry_out(out);
        assert!(self.open.is_empty(), "a coordinator that leaves answers everybody");
    }

    /// Sends JoinGroup.
    fn join(&mut self, version: i16, request: &JoinGroupRequest) -> Ticket {
        let caller = self.caller(version);
        self.decide(|shard, now, out| shard.join(now, &caller, request, out));
        caller.ticket
    }

    /// Joins a new dynamic member up to where it waits: its id and its ticket.
    fn join_new(&mut self) -> (String, Ticket) {
        let ticket = self.join(9, &joining("", None));
        let given = self.joined(ticket);
        assert_eq!(given.error, ErrorCode::MemberIdRequired);
        let ticket = self.join(9, &joining(&given.member_id, None));
        (given.member_id, ticket)
    }

    fn joined(&mut self, ticket: Ticket) -> JoinGroupResponse {
        match self.answers.remove(&ticket) {
            Some(Response::JoinGroup(response)) => response,
            other => panic!("an answer to JoinGroup, not {other:?}"),
        }
    }

    fn sync(&mut self, member: &str, generation: i32, assignments: &[(&str, &'static [u8])]) -> Ticket {
        let assigned = assignments.iter().map(|(id, bytes)| ((*id).to_owned(), Bytes::from_static(bytes)));
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation,
            member_id: member.to_owned(),
            group_instance_id: None,
            protocol_type: None,
            protocol_name: None,
            assignments: assigned.collect(),
        };
        let caller = self.caller(5);
        self.decide(|shard, now, out| shard.sync(now, &caller, request, out));
        caller.ticket
    }

    fn synced(&mut self, ticket: Ticket) -> SyncGroupResponse {
        match self.answers.remove(&ticket) {
            Some(Response::SyncGroup(response)) => response,
            other => panic!("an answer to SyncGroup, not {other:?}"),
        }
    }

    fn heartbeat(&mut self, member: &str, instance: Option<&str>, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation,
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
        };
        let caller = self.caller(4);
        self.decide(|shard, now, out| shard.heartbeat(now, &caller, &request, out));
        match self.answers.remove(&caller.ticket) {
            Some(Response::Heartbeat(response)) => response.error,
            other => panic!("an answer to Heartbeat, not {other:?}"),
        }
    }

    fn leave(&mut self, member: &str, instance: Option<&str>) -> ErrorCode {
        let members = vec![LeavingMember {
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
            reason: None,
        }];
        let request = LeaveGroupRequest { group_id: GROUP.to_owned(), members };
        let caller = self.caller(5);
        self.decide(|shard, now, out| shard.leave(now, &caller, &request, out));
        match self.answers.remove(&caller.ticket) {
            Some(Response::LeaveGroup(left)) => {
                left.members.first().map_or(left.error, |member| member.error)
            }
            other => panic!("an answer to LeaveGroup, not {other:?}"),
        }
    }

    fn commit(&mut self, member: &str, generation: i32, offset: i64) -> Ticket {
        let request = committing(member, generation, offset);
        let caller = self.caller(8);
        self.decide(|shard, now, out| shard.commit(now, &caller, &request, out));
        caller.ticket
    }

    fn commit_error(&mut self, ticket: Ticket) -> ErrorCode {
        match self.answers.remove(&ticket) {
            Some(Response::OffsetCommit(response)) => response.partitions[0].error,
            other => panic!("an answer to OffsetCommit, not {other:?}"),
        }
    }

    /// The offset of `orders/0`, -1 for none.
    fn committed(&mut self) -> Result<i64, ErrorCode> {
        let partitions = Some(vec![TopicPartition::new("orders", 0)]);
        let request =
            OffsetFetchGroup { group_id: GROUP.to_owned(), member_id: None, member_epoch: -1, partitions };
        let caller = self.caller(9);
        self.decide(|shard, _, out| shard.fetch(&caller, &request, out));
        match self.answers.remove(&caller.ticket) {
            Some(Response::OffsetFetch(response)) => {
                let group = &response.groups[0];
                if group.error.is_error() { Err(group.error) } else { Ok(group.partitions[0].offset.0) }
            }
            other => panic!("an answer to OffsetFetch, not {other:?}"),
        }
    }

    fn state(&self) -> Option<GroupState> {
        self.shard.groups().get(GROUP).map(super::ClassicGroup::state)
    }

    /// A stable group of so many dynamic members; the leader first. Their generation is 1.
    fn stable(&mut self, count: usize) -> Vec<String> {
        let joins: Vec<(String, Ticket)> = (0..count).map(|_| self.join_new()).collect();
        self.advance(FORMING);
        let answers: Vec<JoinGroupResponse> = joins.iter().map(|(_, ticket)| self.joined(*ticket)).collect();
        let leader = answers[0].leader.clone();
        let mut ids: Vec<String> = joins.into_iter().map(|(id, _)| id).collect();
        ids.sort_by_key(|id| *id != leader);
        for id in &ids {
            let ticket = self.sync(id, 1, &[(id.as_str(), b"all")]);
            self.answers.remove(&ticket);
        }
        self.answers.clear();
        assert_eq!(self.state(), Some(GroupState::Stable));
        ids
    }
}

/// A JoinGroup of a consumer that knows `range` and subscribes to `orders`.
fn joining(member_id: &str, instance: Option<&str>) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        member_id: member_id.to_owned(),
        group_instance_id: instance.map(str::to_owned),
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), subscription("orders"))],
        reason: None,
    }
}

fn subscription(topic: &str) -> Bytes {
    let length = u8::try_from(topic.len()).expect("a short name");
    [&[0, 0, 0, 0, 0, 1, 0, length][..], topic.as_bytes(), &[0xff; 4]].concat().into()
}

/// A commit of `orders/0`.
fn committing(member: &str, generation: i32, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        generation,
        member_id: member.to_owned(),
        group_instance_id: None,
        retention_ms: -1,
        partitions: vec![OffsetToCommit {
            partition: TopicPartition::new("orders", 0),
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(3),
            metadata: Some("note".to_owned()),
        }],
    }
}
