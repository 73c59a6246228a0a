//! The metadata quorum: who may write the controller's log, and what of it is committed (KRaft: KIP-595, KIP-996).
//!
//! A [`Quorum`] is one voter: the log, the vote it must not forget, and a role. It is a part of a machine and takes
//! the inputs that concern it; it owns every disk operation and every call of a controller. One of 1, 3 or 5 voters
//! leads in an epoch and alone appends. The others pull: a voter's fetch says by its offset what it has on disk, so
//! a record is **committed** when a majority of fetches have passed it, or the leader's own disk for itself.
//!
//! What keeps it safe:
//! - Epoch and vote are on disk before they are told (`election_state`). A leader that restarts never leads its old
//!   epoch: it could write other records at offsets it has given out (KAFKA-10527).
//! - A vote goes only to a log that is as far as the voter's own (`election`).
//! - A leader counts nothing as committed before a record of its own epoch is (`leader`; Raft's figure 8).
//! - A follower cuts what parts from the leader's log, and never below the high watermark (`follower`; KAFKA-12460).
//! - A snapshot holds what is committed and nothing else. The log begins at the end of one, which is on disk before
//!   anything before it goes (`snapshots`; KIP-630). A follower whose next record the leader has no more takes the
//!   leader's snapshot in place of its log (`loading`); a leader takes none.
//!
//! What keeps it live: a voter that hears nothing asks for pre-votes before it raises the epoch, so that one that
//! was cut off does not depose a working leader; a leader that a majority has stopped fetching from resigns.
//!
//! A voter is its id and the directory its log lies in: one whose disk was replaced does not count until it has
//! caught up and the log names its new directory (`voters`; KIP-853).
//!
//! Deliberately absent: changes of the voters' ids.

mod boot;
mod describe;
mod election;
mod election_state;
mod follower;
mod leader;
mod loading;
mod role;
mod serve;
mod snapshots;
mod voters;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

pub use boot::QuorumError;
pub use election_state::{ElectionState, ElectionStateError, QUORUM_STATE};

use role::{Ballot, Leading, Role};
use serve::{ParkedFetches, PlannedFetch};
use snapshots::{PlannedPiece, Snapshots};
use voters::VoterSets;

use crate::config::QuorumConfig;
use crate::epoch::LeaderEpoch;
use crate::event::{BatchId, Event};
use crate::id::{ConnectionId, DirectoryId, Endpoint, NodeId};
use crate::log::{LogCompletion, LogIo, PartitionLog};
use crate::machine::{CallError, CallToken, Effect, Effects, Lane, RequestContext, Wakeup};
use crate::message::{LeaderIdAndEpoch, Request, Response, SnapshotId};
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::record::{BatchBuilder, Compression, RecordBatch};
use crate::rng::Rng;
use crate::storage::{DiskOp, DiskOutcome, DiskToken, FileName};
use crate::time::{Instant, Now, Timestamp};
use crate::variant::ProtocolVariant;

/// What a voter is born with.
#[derive(Clone, Debug)]
pub struct QuorumSettings {
    /// Its `node.id`; one of the voters.
    pub node: NodeId,
    /// The cluster's id.
    pub cluster_id: String,
    /// `controller.quorum.voters`: every voter, this one too, and where it listens.
    pub voters: BTreeMap<NodeId, Endpoint>,
    /// The id of the directory its log lies in.
    pub directory: DirectoryId,
    /// The directory that each voter had when the cluster was formatted; empty if nobody has said so. Then the first
    /// leader finds out, and needs all voters for it.
    pub directories: BTreeMap<NodeId, DirectoryId>,
    /// Its timeouts.
    pub config: QuorumConfig,
    /// The protocol's knobs.
    pub variant: ProtocolVariant,
    /// For timeouts that differ from voter to voter.
    pub rng: Rng,
}

/// What is committed, in the order of the log.
#[derive(Clone, PartialEq, Debug)]
pub enum Committed {
    /// Everything up to a place in the log: whatever was handed out before is to be forgotten.
    Snapshot {
        /// What it stands for.
        id: SnapshotId,
        /// Records that add up to the image there.
        records: Vec<MetadataRecord>,
    },
    /// The next batch.
    Batch {
        /// The batch the records lay in.
        batch: BatchId,
        /// The records with their offsets.
        records: Vec<(Offset, MetadataRecord)>,
    },
}

/// What the end of a disk operation means.
#[derive(Debug)]
enum DiskWait {
    Log(LogCompletion),
    /// The election state of that number is on disk.
    ElectionState(u64),
    Fetch(PlannedFetch),
    /// That snapshot is on disk.
    Snapshot(SnapshotId),
    Piece(PlannedPiece),
    /// A snapshot was deleted.
    Housekeeping,
}

/// What the reply to a call means.
#[derive(Clone, Copy, Debug)]
enum Call {
    Vote(NodeId, Ballot),
    /// Of BeginQuorumEpoch or EndQuorumEpoch: only a higher epoch in it counts.
    Tell,
    Fetch,
}

/// One voter.
#[derive(Debug)]
pub struct Quorum {
    settings: QuorumSettings,
    log: PartitionLog,
    /// The snapshot that the log follows on, if it does not start at offset 0.
    base: SnapshotId,
    snapshots: Snapshots,
    voters: VoterSets,
    election: ElectionState,
    role: Role,
    high_watermark: Offset,
    /// Batches from `applied` to the end of the log, committed or not.
    ahead: VecDeque<RecordBatch>,
    /// Everything before was handed out by [`Quorum::take_committed`].
    applied: Offset,
    fetches: ParkedFetches,
    calls: BTreeMap<CallToken, Call>,
    disk: BTreeMap<DiskToken, DiskWait>,
    next_token: u64,
    /// Election states written so far, and how many of them are on disk.
    states_written: u64,
    states_durable: u64,
    /// What must not be said before the election state of that number is on disk.
    held: VecDeque<(u64, Effect)>,
}

impl Quorum {
    /// Takes up its role. Once, with the first step.
    pub fn start(&mut self, now: Now, effects: &mut Effects) {
        self.snapshots.began(now.mono);
        self.take_first_role(now, effects);
    }

    /// The highest epoch this voter knows, and who leads in it.
    #[must_use]
    pub fn current_leader(&self) -> LeaderIdAndEpoch {
        let leader = self.election.leader.unwrap_or(NodeId::NONE);
        LeaderIdAndEpoch { leader, epoch: self.election.epoch }
    }

    /// The epoch in which this voter leads and in which everything that was committed before it has been handed
    /// out: from then on the controller may decide (KAFKA-15345).
    #[must_use]
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        let leading = self.leading()?;
        (self.applied > leading.epoch_start).then_some(self.election.epoch)
    }

    /// End of the log, committed or not.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.log.end_offset()
    }

    /// End of what this voter knows to be committed: only this may leave the controller.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Appends records as one batch, all or nothing. They are committed when the high watermark passes them.
    ///
    /// # Panics
    /// If this voter does not lead.
    pub fn append(&mut self, now: Now, records: &[MetadataRecord], effects: &mut Effects) {
        assert!(self.leading().is_some(), "only the leader of the quorum appends");
        self.append_in_epoch(now.wall, records, effects);
        self.release_fetches(now, effects);
    }

    fn append_in_epoch(&mut self, at: Timestamp, records: &[MetadataRecord], effects: &mut Effects) {
        let mut builder = BatchBuilder::new(Compression::None);
        for record in records {
            builder.push(at, None, Some(&record.encode()), &[]);
        }
        let batch = RecordBatch::parse(builder.build()).expect("a batch we built is valid");
        let batch = batch.with_position(self.log.end_offset(), self.election.epoch);
        self.ahead.push_back(batch.clone());
        if records.iter().any(|record| matches!(record, MetadataRecord::Voters { .. })) {
            self.read_voters(&batch, effects);
        }
        let epoch = self.election.epoch;
        self.with_log(effects, |log, io| {
            log.append_as_leader(batch, epoch, io);
            log.sync(io);
        });
    }

    /// The next committed batch that was not handed out yet, or a snapshot to begin with.
    pub fn take_committed(&mut self, effects: &mut Effects) -> Option<Committed> {
        if let Some((id, records)) = self.snapshots.take_loaded() {
            return Some(Committed::Snapshot { id, records });
        }
        let batch = loop {
            let batch = self.ahead.pop_front_if(|batch| batch.next_offset() <= self.high_watermark)?;
            effects.note(Event::MetadataCommitted { batch: batch.id() });
            // Only a planted bug cuts and replaces what was handed out before.
            if batch.next_offset() > self.applied {
                break batch;
            }
        };
        self.applied = batch.next_offset();
        self.snapshots.handed_out(&batch);
        let mut records = Vec::new();
        decode_batch(&batch, &mut records).expect("what was appended was decoded before");
        Some(Committed::Batch { batch: batch.id(), records })
    }

    /// True if this voter leads its epoch.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leading().is_some()
    }

    /// True while another voter has yet to hear what this one told it.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.calls.values().any(|call| matches!(call, Call::Tell))
    }

    /// A connection is gone; replies to it are pointless.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.fetches.forget(connection);
    }

    /// Takes a request if it is one of the quorum's; gives any other back.
    #[must_use]
    pub fn on_request(
        &mut self,
        now: Now,
        context: RequestContext,
        request: Request,
        effects: &mut Effects,
    ) -> Option<(RequestContext, Request)> {
        match request {
            Request::Vote(request) => {
                let response = self.decide_vote(now, &request, effects);
                self.answer(&context, response, effects);
            }
            Request::BeginQuorumEpoch(request) => {
                let response = self.on_begin(now, &request, effects);
                self.answer(&context, response, effects);
            }
            Request::EndQuorumEpoch(request) => {
                let response = self.on_end(now, &request, effects);
                self.answer(&context, response, effects);
            }
            Request::Fetch(request) => self.on_fetch(now, context, &request, effects),
            Request::FetchSnapshot(request) => self.on_fetch_snapshot(now, context, &request, effects),
            Request::DescribeQuorum(request) => {
                let response = self.describe(now, &request);
                effects.respond(&context, response.into());
            }
            other => return Some((context, other)),
        }
        None
    }

    /// A call of this voter ended.
    pub fn on_reply(
        &mut self,
        now: Now,
        token: CallToken,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        match self.calls.remove(&token) {
            Some(Call::Vote(voter, ballot)) => self.on_vote(now, voter, ballot, &outcome, effects),
            Some(Call::Tell) => self.on_told(now, &outcome, effects),
            Some(Call::Fetch) => self.on_fetched(now, token, outcome, effects),
            None => panic!("reply to a call that was never made"),
        }
    }

    /// A disk operation of this voter ended.
    ///
    /// # Panics
    /// If a write failed: a voter that cannot write its log or its vote must not go on.
    pub fn on_disk(&mut self, now: Now, token: DiskToken, outcome: DiskOutcome, effects: &mut Effects) {
        match (self.disk.remove(&token), outcome) {
            (Some(DiskWait::Log(completion)), Ok(done)) => {
                let before = (self.log.progress(), self.log.is_cutting());
                self.with_log(effects, |log, io| log.complete(completion, &done, io));
                if (self.log.progress(), self.log.is_cutting()) != before {
                    self.log_moved(now, effects);
                }
            }
            (Some(DiskWait::ElectionState(number)), Ok(_)) => {
                self.states_durable = self.states_durable.max(number);
                while self.held.front().is_some_and(|(needs, _)| *needs <= self.states_durable) {
                    if let Some((_, effect)) = self.held.pop_front() {
                        effects.push(effect);
                    }
                }
                self.maybe_win(now, effects);
            }
            (Some(DiskWait::Snapshot(id)), Ok(_)) => self.snapshot_written(now, id, effects),
            (Some(DiskWait::Fetch(planned)), outcome) => self.finish_fetch(planned, outcome, effects),
            (Some(DiskWait::Piece(planned)), outcome) => self.finish_piece(&planned, outcome, effects),
            (Some(DiskWait::Housekeeping), Ok(_)) => {}
            (Some(_), Err(error)) => panic!("the metadata log failed: {error}"),
            (None, _) => panic!("end of a disk operation that was never started"),
        }
    }

    /// Does what time demands. After every step.
    pub fn tick(&mut self, now: Now, effects: &mut Effects) {
        self.expire_fetches(now, effects);
        self.expire_role(now, effects);
        self.lead_on(now, effects);
        self.follow_on(now, effects);
    }

    /// When [`Quorum::tick`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let role = match &self.role {
            Role::Unattached { until }
            | Role::Prospective { until, .. }
            | Role::Candidate { until, .. }
            | Role::Resigned { until } => Some((*until, Wakeup::Election)),
            Role::Leader(leading) => {
                let begin = (!leading.voters.is_empty()).then_some(leading.begin_at);
                [begin, leading.check_quorum_at].into_iter().flatten().min().map(|at| (at, Wakeup::Election))
            }
            Role::Follower(following) => {
                let fetch = self.may_fetch().then_some(following.pause_until);
                fetch.into_iter().chain([following.until]).min().map(|at| (at, Wakeup::Election))
            }
        };
        [role, self.fetches.next_deadline(), self.snapshot_wakeup()].into_iter().flatten().min()
    }

    /// Panics on a bug of ours.
    pub fn invariants(&self) {
        self.log.invariants();
        let end = self.log.end_offset();
        assert!(self.high_watermark <= end, "high watermark beyond the end of the metadata log");
        if !self.settings.variant.quorum_memory.may_cut_committed() {
            assert!(self.applied <= self.high_watermark, "applied beyond what is committed");
            self.snapshots.invariants(self.applied);
            let ahead = self.ahead.back().map_or(self.applied, RecordBatch::next_offset);
            assert_eq!(ahead, end, "the batches ahead end with the log");
        }
        assert_eq!(self.base.end_offset, self.log.start_offset(), "the log follows on a snapshot");
        assert!(self.states_durable <= self.states_written, "more election states on disk than written");
        assert!(self.held.is_empty() || self.states_durable < self.states_written, "held without a reason");
        match &self.role {
            Role::Leader(_) => assert_eq!(self.election.leader, Some(self.settings.node), "leader"),
            Role::Follower(following) => {
                assert_eq!(self.election.leader, Some(following.leader), "follower");
                assert_ne!(following.leader, self.settings.node, "a voter does not follow itself");
            }
            Role::Candidate { .. } => {
                assert_eq!(self.election.voted, Some(self.settings.node), "a candidate votes for itself");
            }
            Role::Unattached { .. } | Role::Prospective { .. } | Role::Resigned { .. } => {}
        }
    }

    fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    fn is_voter(&self, node: NodeId) -> bool {
        self.settings.voters.contains_key(&node)
    }

    fn others(&self) -> Vec<NodeId> {
        self.settings.voters.keys().copied().filter(|voter| *voter != self.settings.node).collect()
    }

    /// The epoch of the last record of the log, or of the snapshot it follows on; NONE if there is neither.
    fn last_epoch(&self) -> LeaderEpoch {
        self.log.latest_epoch().unwrap_or(self.base.epoch)
    }

    /// Something about the log's writes has moved.
    fn log_moved(&mut self, now: Now, effects: &mut Effects) {
        self.drop_cut();
        match &self.role {
            Role::Leader(_) => {
                self.advance_high_watermark();
                self.release_fetches(now, effects);
            }
            Role::Follower(_) => self.follow_on(now, effects),
            Role::Candidate { .. } => self.maybe_win(now, effects),
            _ => {}
        }
    }

    /// Forgets the batches that were cut from the log.
    fn drop_cut(&mut self) {
        let end = self.log.end_offset();
        while self.ahead.back().is_some_and(|batch| batch.next_offset() > end) {
            self.ahead.pop_back();
        }
        self.cut_voters();
    }

    /// Another role, with or without another election state. The state is on its way to the disk before anything
    /// that comes of it is said.
    fn become_role(&mut self, election: ElectionState, role: Role, effects: &mut Effects) {
        assert!(election.epoch >= self.election.epoch, "the epoch of a voter never decreases");
        if election != self.election {
            self.election = election;
            self.write_election_state(effects);
        }
        let before = std::mem::replace(&mut self.role, role);
        let ElectionState { epoch, leader, .. } = self.election;
        effects.note(Event::QuorumRoleChanged { role: self.role.name(), epoch, leader });
        match before {
            Role::Leader(_) if self.leading().is_none() => self.fail_fetches(effects),
            Role::Follower(following) if following.in_flight.is_some() => {
                effects.push(Effect::Disconnect { from: following.leader, lane: Lane::Metadata });
            }
            _ => {}
        }
    }

    fn write_election_state(&mut self, effects: &mut Effects) {
        if !self.settings.variant.quorum_memory.is_written() {
            return;
        }
        self.states_written += 1;
        let token = self.disk_token(DiskWait::ElectionState(self.states_written));
        let directory = self.log.directory();
        let file = FileName::new(directory, QUORUM_STATE);
        effects.push(Effect::Disk { token, op: DiskOp::Replace { file, content: self.election.encode() } });
    }

    /// Says something when all that it may depend on is on disk.
    fn say(&mut self, effect: Effect, effects: &mut Effects) {
        if self.states_durable < self.states_written {
            self.held.push_back((self.states_written, effect));
        } else {
            effects.push(effect);
        }
    }

    fn answer(&mut self, context: &RequestContext, response: impl Into<Response>, effects: &mut Effects) {
        let response = Some(response.into());
        self.say(Effect::Respond { context: context.clone(), response }, effects);
    }

    fn call(
        &mut self,
        to: NodeId,
        lane: Lane,
        call: Call,
        request: impl Into<Request>,
        effects: &mut Effects,
    ) -> CallToken {
        self.next_token += 1;
        let token = CallToken(self.next_token);
        self.calls.insert(token, call);
        let endpoint = self.settings.voters[&to].clone();
        let timeout = self.settings.config.request_timeout;
        self.say(Effect::Call { to, endpoint, lane, token, request: request.into(), timeout }, effects);
        token
    }

    fn disk_token(&mut self, wait: DiskWait) -> DiskToken {
        self.next_token += 1;
        let token = DiskToken(self.next_token);
        self.disk.insert(token, wait);
        token
    }

    /// Does something with the log and hands its operations over.
    fn with_log<R>(
        &mut self,
        effects: &mut Effects,
        act: impl FnOnce(&mut PartitionLog, &mut LogIo) -> R,
    ) -> R {
        let mut io = LogIo::default();
        let result = act(&mut self.log, &mut io);
        for (op, completion) in io.drain() {
            let token = self.disk_token(DiskWait::Log(completion));
            effects.push(Effect::Disk { token, op });
        }
        result
    }
}

/// Reads the records of a batch of the metadata log.
///
/// # Errors
/// If the batch or a record in it is damaged.
pub fn decode_batch(
    batch: &RecordBatch,
    records: &mut Vec<(Offset, MetadataRecord)>,
) -> Result<(), QuorumError> {
    for record in batch.records()? {
        let record = record?;
        let value = record.value.unwrap_or_else(Bytes::new);
        records.push((record.offset, MetadataRecord::decode(value)?));
    }
    Ok(())
}
