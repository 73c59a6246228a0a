//! Elections: who asks whom, who gets a vote, and what follows (Kafka's `QuorumState`, `KafkaRaftClient`).
//!
//! A voter that hears no leader first asks whether it would be elected (pre-vote, KIP-996): nobody's epoch changes.
//! Only with a majority behind it does it raise the epoch and ask for votes.

use super::role::{Ballot, Following, Role, Votes};
use super::{Call, ElectionState, Quorum};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::machine::{CallError, Effects, Lane};
use crate::message::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse,
    LeaderIdAndEpoch, Response, VoteRequest, VoteResponse,
};
use crate::time::{Duration, Instant, Now};

impl Quorum {
    /// The role after a boot. A former leader has resigned: in its old epoch it could write other records at
    /// offsets it has given out already (KAFKA-10527).
    pub(super) fn take_first_role(&mut self, now: Now, effects: &mut Effects) {
        let election = self.election;
        let until = self.election_deadline(now);
        match election.leader {
            _ if self.settings.voters.len() == 1 => {
                self.role = Role::Unattached { until: now.mono };
                self.ask_for_pre_votes(now, effects);
            }
            Some(leader) if leader == self.settings.node => {
                if self.settings.variant.quorum_memory.leads_its_old_epoch() {
                    return self.lead(now, effects);
                }
                self.become_role(election, Role::Resigned { until }, effects);
                self.tell_resigned(&[], effects);
            }
            Some(leader) if self.is_voter(leader) => {
                let following = Following::new(leader, self.fetch_deadline(now));
                self.become_role(election, Role::Follower(following), effects);
            }
            _ => self.become_role(election, Role::Unattached { until }, effects),
        }
    }

    /// Ends what has run out of time.
    pub(super) fn expire_role(&mut self, now: Now, effects: &mut Effects) {
        let due = |at: Instant| at <= now.mono;
        match &self.role {
            Role::Unattached { until } | Role::Candidate { until, .. } if due(*until) => {
                self.ask_for_pre_votes(now, effects);
            }
            Role::Follower(following) if due(following.until) => self.ask_for_pre_votes(now, effects),
            Role::Prospective { until, .. } if due(*until) => self.lose_pre_vote(now, effects),
            Role::Resigned { until } if due(*until) => {
                let election = ElectionState::of_epoch(self.election.epoch.next());
                self.become_unattached(now, election, effects);
            }
            _ => {}
        }
    }

    /// Answers a candidate.
    pub(super) fn decide_vote(
        &mut self,
        now: Now,
        request: &VoteRequest,
        effects: &mut Effects,
    ) -> VoteResponse {
        let refused = self.check_cluster(request.cluster_id.as_deref()).or_else(|| {
            let known = self.is_voter(request.candidate) && request.voter == self.settings.node;
            (!known).then_some(ErrorCode::InconsistentVoterSet)
        });
        let refused = refused.or_else(|| {
            let meant = self.is_meant(request.voter_directory);
            (!meant).then_some(ErrorCode::InvalidVoterKey)
        });
        if let Some(error) = refused {
            return VoteResponse { error, current_leader: self.current_leader(), granted: false };
        }
        if request.candidate_epoch < self.election.epoch {
            let error = ErrorCode::FencedLeaderEpoch;
            return VoteResponse { error, current_leader: self.current_leader(), granted: false };
        }
        if request.candidate_epoch > self.election.epoch {
            let granted = self.is_up_to_date(request);
            let voted = (granted && !request.pre_vote).then_some(request.candidate);
            let election = ElectionState { epoch: request.candidate_epoch, voted, leader: None };
            self.become_unattached(now, election, effects);
            return VoteResponse { error: ErrorCode::None, current_leader: self.current_leader(), granted };
        }
        let granted = self.may_grant(request);
        if granted && !request.pre_vote && self.election.voted != Some(request.candidate) {
            let election = ElectionState { voted: Some(request.candidate), ..self.election };
            self.become_unattached(now, election, effects);
        }
        VoteResponse { error: ErrorCode::None, current_leader: self.current_leader(), granted }
    }

    fn may_grant(&self, request: &VoteRequest) -> bool {
        let is_up_to_date = self.is_up_to_date(request);
        if request.pre_vote {
            return match &self.role {
                Role::Leader(_) => false,
                // Its leader works: whoever asks has a problem of its own (KIP-996).
                Role::Follower(following) => is_up_to_date && !following.fetched,
                _ => is_up_to_date,
            };
        }
        match (&self.role, self.election.voted) {
            (Role::Leader(_) | Role::Resigned { .. }, _) => false,
            // A candidate whose log is shorter than when it got the vote has lost its disk.
            (_, Some(voted)) => voted == request.candidate && is_up_to_date,
            (_, None) => is_up_to_date && self.election.leader.is_none(),
        }
    }

    /// Whether the candidate's log reaches as far as this voter's.
    fn is_up_to_date(&self, request: &VoteRequest) -> bool {
        (request.last_epoch, request.last_offset) >= (self.last_epoch(), self.log.end_offset())
    }

    /// A voter answered.
    pub(super) fn on_vote(
        &mut self,
        now: Now,
        voter: NodeId,
        ballot: Ballot,
        outcome: &Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        // A voter that cannot be reached is asked again in the next round.
        let Ok(Response::Vote(VoteResponse { error, current_leader, granted })) = outcome else { return };
        self.learn(now, *current_leader, effects);
        if error.is_error() || ballot.epoch != self.election.epoch {
            return;
        }
        let (voters, needed) = (self.voter_count(), self.voters_needed());
        match &mut self.role {
            Role::Prospective { votes, .. } if ballot.pre_vote => {
                votes.record(voter, *granted);
                if votes.won(needed) {
                    self.ask_for_votes(now, effects);
                } else if votes.lost(voters, needed) {
                    self.lose_pre_vote(now, effects);
                }
            }
            Role::Candidate { votes, until } if !ballot.pre_vote => {
                let was_lost = votes.lost(voters, needed);
                votes.record(voter, *granted);
                if votes.lost(voters, needed) && !was_lost {
                    // A pause of another length for each, so that the next candidates do not meet again.
                    let pause = self.settings.rng.duration(Duration::ZERO, self.settings.config.backoff_max);
                    *until = now.mono.after(pause);
                }
                self.maybe_win(now, effects);
            }
            _ => {}
        }
    }

    /// A candidate with a majority leads; its own vote is on disk then, and what it cut is gone.
    pub(super) fn maybe_win(&mut self, now: Now, effects: &mut Effects) {
        if self.states_durable < self.states_written || self.log.is_cutting() {
            return;
        }
        let Role::Candidate { votes, .. } = &self.role else { return };
        if votes.won(self.voters_needed()) {
            self.lead(now, effects);
        }
    }

    fn ask_for_pre_votes(&mut self, now: Now, effects: &mut Effects) {
        if !self.counts_itself() {
            return self.lose_pre_vote(now, effects);
        }
        let until = self.election_deadline(now);
        let votes = self.own_vote();
        self.become_role(self.election, Role::Prospective { votes, until }, effects);
        self.ask(Ballot { epoch: self.election.epoch, pre_vote: true }, effects);
        if self.settings.voters.len() == 1 {
            self.ask_for_votes(now, effects);
        }
    }

    fn ask_for_votes(&mut self, now: Now, effects: &mut Effects) {
        let until = self.election_deadline(now);
        let (epoch, voted) = (self.election.epoch.next(), Some(self.settings.node));
        let votes = self.own_vote();
        self.become_role(
            ElectionState { epoch, voted, leader: None },
            Role::Candidate { votes, until },
            effects,
        );
        self.ask(Ballot { epoch, pre_vote: false }, effects);
        self.maybe_win(now, effects);
    }

    fn own_vote(&self) -> Votes {
        let mut votes = Votes::default();
        votes.record(self.settings.node, true);
        votes
    }

    fn ask(&mut self, ballot: Ballot, effects: &mut Effects) {
        for voter in self.counting_others() {
            let request = VoteRequest {
                cluster_id: Some(self.settings.cluster_id.clone()),
                voter,
                voter_directory: self.directory_of(voter),
                candidate_epoch: ballot.epoch,
                candidate: self.settings.node,
                candidate_directory: self.own_directory(),
                last_epoch: self.last_epoch(),
                last_offset: self.log.end_offset(),
                pre_vote: ballot.pre_vote,
            };
            self.call(voter, Lane::Control, Call::Vote(voter, ballot), request, effects);
        }
    }

    /// Nobody wants it elected: back to the leader it had, or to waiting for one.
    fn lose_pre_vote(&mut self, now: Now, effects: &mut Effects) {
        match self.election.leader {
            Some(leader) if leader != self.settings.node => {
                let following = Following::new(leader, self.fetch_deadline(now));
                self.become_role(self.election, Role::Follower(following), effects);
            }
            _ => self.become_unattached(now, self.election, effects),
        }
    }

    /// A leader introduces itself.
    pub(super) fn on_begin(
        &mut self,
        now: Now,
        request: &BeginQuorumEpochRequest,
        effects: &mut Effects,
    ) -> BeginQuorumEpochResponse {
        let error = self.check_leader(request.cluster_id.as_deref(), request.current_leader);
        if error == ErrorCode::None {
            self.learn(now, request.current_leader, effects);
            // Heard from the leader itself: there is no need to go on asking for votes.
            if matches!(self.role, Role::Prospective { .. }) {
                self.lose_pre_vote(now, effects);
            }
        }
        BeginQuorumEpochResponse { error, current_leader: self.current_leader() }
    }

    /// A leader has resigned: whoever it prefers tries at once, the others a little later.
    pub(super) fn on_end(
        &mut self,
        now: Now,
        request: &EndQuorumEpochRequest,
        effects: &mut Effects,
    ) -> EndQuorumEpochResponse {
        let error = self.check_leader(request.cluster_id.as_deref(), request.current_leader);
        if error == ErrorCode::None {
            self.learn(now, request.current_leader, effects);
            let (node, backoff_max) = (self.settings.node, self.settings.config.backoff_max);
            let candidates = &request.preferred_candidates;
            let place = candidates.iter().position(|candidate| *candidate == node);
            let place = place.unwrap_or(candidates.len());
            if let Role::Follower(following) = &mut self.role
                && following.leader == request.current_leader.leader
            {
                let share = u32::try_from(candidates.len().max(place + 1)).unwrap_or(u32::MAX);
                let wait = backoff_max / share * u32::try_from(place).unwrap_or(u32::MAX);
                following.until = following.until.min(now.mono.after(wait));
                following.fetched = false;
            }
        }
        EndQuorumEpochResponse { error, current_leader: self.current_leader() }
    }

    /// A voter answered to what it was told; all that counts is a higher epoch.
    pub(super) fn on_told(&mut self, now: Now, outcome: &Result<Response, CallError>, effects: &mut Effects) {
        match outcome {
            Ok(Response::BeginQuorumEpoch(response)) => self.learn(now, response.current_leader, effects),
            Ok(Response::EndQuorumEpoch(response)) => self.learn(now, response.current_leader, effects),
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes over what another voter knows of epoch and leader, if it is more than this one knows.
    pub(super) fn learn(&mut self, now: Now, known: LeaderIdAndEpoch, effects: &mut Effects) {
        let LeaderIdAndEpoch { leader, epoch } = known;
        let leader = Some(leader).filter(|leader| self.is_voter(*leader) && *leader != self.settings.node);
        let own = self.election;
        if epoch > own.epoch {
            match leader {
                Some(leader) => self.follow(now, ElectionState::of_epoch(epoch), leader, effects),
                None => self.become_unattached(now, ElectionState::of_epoch(epoch), effects),
            }
        } else if let (true, None, Some(leader)) = (epoch == own.epoch, own.leader, leader) {
            self.follow(now, own, leader, effects);
        }
    }

    fn follow(&mut self, now: Now, election: ElectionState, leader: NodeId, effects: &mut Effects) {
        let following = Following::new(leader, self.fetch_deadline(now));
        let election = ElectionState { leader: Some(leader), ..election };
        self.become_role(election, Role::Follower(following), effects);
    }

    pub(super) fn become_unattached(&mut self, now: Now, election: ElectionState, effects: &mut Effects) {
        let until = self.election_deadline(now);
        self.become_role(election, Role::Unattached { until }, effects);
    }

    pub(super) fn check_cluster(&self, cluster_id: Option<&str>) -> Option<ErrorCode> {
        let other = cluster_id.is_some_and(|id| id != self.settings.cluster_id);
        other.then_some(ErrorCode::InconsistentClusterId)
    }

    fn check_leader(&self, cluster_id: Option<&str>, leader: LeaderIdAndEpoch) -> ErrorCode {
        if let Some(error) = self.check_cluster(cluster_id) {
            return error;
        }
        if !self.is_voter(leader.leader) || leader.leader == self.settings.node {
            return ErrorCode::InconsistentVoterSet;
        }
        if leader.epoch < self.election.epoch { ErrorCode::FencedLeaderEpoch } else { ErrorCode::None }
    }

    pub(super) fn election_deadline(&mut self, now: Now) -> Instant {
        let timeout = self.settings.config.election_timeout;
        now.mono.after(timeout + self.settings.rng.duration(Duration::ZERO, timeout))
    }

    fn fetch_deadline(&self, now: Now) -> Instant {
        now.mono.after(self.settings.config.fetch_timeout)
    }

    /// Tells every other voter that this one leads its epoch no more.
    pub(super) fn tell_resigned(&mut self, preferred_candidates: &[NodeId], effects: &mut Effects) {
        for voter in self.others() {
            let request = EndQuorumEpochRequest {
                cluster_id: Some(self.settings.cluster_id.clone()),
                current_leader: LeaderIdAndEpoch { leader: self.settings.node, epoch: self.epoch() },
                preferred_candidates: preferred_candidates.to_vec(),
            };
            self.call(voter, Lane::Control, Call::Tell, request, effects);
        }
    }

    /// The highest epoch this voter knows of.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.election.epoch
    }
}
