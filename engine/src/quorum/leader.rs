//! Leading: what is committed, who is still there, and when to give up (Kafka's `LeaderState`).

use super::role::{Leading, Role};
use super::{Call, ElectionState, Quorum};
use crate::id::NodeId;
use crate::machine::{Effects, Lane};
use crate::message::BeginQuorumEpochRequest;
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::time::Now;

/// A leader that a majority has not fetched from for 1.5 times the fetch timeout resigns (Kafka's
/// `CHECK_QUORUM_TIMEOUT_FACTOR`).
const CHECK_QUORUM_HALVES: u32 = 3;

impl Quorum {
    /// Takes the leadership of the epoch this voter was elected in, and begins it with a record of its own.
    pub(super) fn lead(&mut self, now: Now, effects: &mut Effects) {
        let node = self.settings.node;
        let election = ElectionState { leader: Some(node), ..self.election };
        let epoch_start = self.log.end_offset();
        let leading = Leading::new(epoch_start, self.others().into_iter(), now.mono);
        self.become_role(election, Role::Leader(leading), effects);
        self.plan_check_quorum();
        let began = MetadataRecord::LeaderChange { leader: node, epoch: election.epoch };
        self.append_in_epoch(now.wall, &[began], effects);
    }

    /// Tells silent voters of the epoch, and resigns when a majority is silent.
    pub(super) fn lead_on(&mut self, now: Now, effects: &mut Effects) {
        let Role::Leader(leading) = &mut self.role else { return };
        if leading.check_quorum_at.is_some_and(|at| at <= now.mono) {
            return self.resign(now, effects);
        }
        if leading.begin_at > now.mono || leading.voters.is_empty() {
            return;
        }
        let period = self.settings.config.fetch_timeout / 2;
        leading.begin_at = now.mono.after(period);
        let is_silent = |(_, voter): &(&NodeId, &super::role::Fetcher)| {
            voter.end == Offset::NONE || voter.last_fetch.after(period) <= now.mono
        };
        let silent: Vec<NodeId> = leading.voters.iter().filter(is_silent).map(|(voter, _)| *voter).collect();
        for voter in silent {
            let request = BeginQuorumEpochRequest {
                cluster_id: Some(self.settings.cluster_id.clone()),
                voter,
                current_leader: self.current_leader(),
            };
            self.call(voter, Lane::Control, Call::Tell, request, effects);
        }
    }

    /// Its process is about to end: another voter takes over at once instead of after a timeout.
    pub fn step_down(&mut self, now: Now, effects: &mut Effects) {
        self.resign(now, effects);
    }

    /// Leads no more, and asks the voter that is furthest to take over (KAFKA-15489).
    fn resign(&mut self, now: Now, effects: &mut Effects) {
        let Role::Leader(leading) = &self.role else { return };
        let mut candidates: Vec<(Offset, NodeId)> =
            leading.voters.iter().map(|(voter, fetcher)| (fetcher.end, *voter)).collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        let candidates: Vec<NodeId> = candidates.into_iter().map(|(_, voter)| voter).collect();
        let until = self.election_deadline(now);
        self.become_role(self.election, Role::Resigned { until }, effects);
        self.tell_resigned(&candidates, effects);
    }

    /// A voter has fetched: it lives, and if its offset is good, it has all before on disk.
    pub(super) fn voter_fetched(&mut self, now: Now, voter: NodeId, end: Option<Offset>) {
        let leader_end = self.log.end_offset();
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(fetcher) = leading.voters.get_mut(&voter) else { return };
        match end {
            Some(end) => fetcher.fetched(now, end, leader_end),
            None => fetcher.last_fetch = now.mono,
        }
        self.plan_check_quorum();
        self.advance_high_watermark();
    }

    pub(super) fn plan_check_quorum(&mut self) {
        let timeout = self.settings.config.fetch_timeout * CHECK_QUORUM_HALVES / 2;
        let (others, needed) = (self.counting_others(), self.voters_needed());
        if let Role::Leader(leading) = &mut self.role {
            leading.check_quorum_at = leading.next_check_quorum(timeout, &others, needed);
        }
    }

    /// Moves the high watermark to what a majority has on disk; but not before a record of this epoch is among it:
    /// an older record on a majority can still be replaced (Raft's figure 8).
    pub(super) fn advance_high_watermark(&mut self) {
        let Role::Leader(leading) = &self.role else { return };
        let (others, needed) = (self.counting_others(), self.voters_needed());
        let end = leading.majority_end(self.log.progress().durable(), &others, needed);
        if end > leading.epoch_start {
            self.high_watermark = self.high_watermark.max(end);
        }
    }
}
