//! What a voter is at present, with what it needs for that (Kafka's `EpochState` classes).

use std::collections::{BTreeMap, BTreeSet};

use crate::epoch::LeaderEpoch;
use crate::event::QuorumRole;
use crate::id::{DirectoryId, NodeId};
use crate::machine::CallToken;
use crate::metadata::SnapshotFetch;
use crate::offset::Offset;
use crate::time::{Duration, Instant, Now, Timestamp};

/// What a voter is.
#[derive(Debug)]
pub(super) enum Role {
    /// It knows no leader and waits; at `until` it asks for pre-votes.
    Unattached { until: Instant },
    /// It asks whether it would be elected (KIP-996). Gives up at `until`.
    Prospective { votes: Votes, until: Instant },
    /// It asks to be elected. At `until` it has lost, or ends its pause after it has lost.
    Candidate { votes: Votes, until: Instant },
    /// It leads.
    Leader(Leading),
    /// It led, and tells the others that it does no more. At `until` it goes on to the next epoch.
    Resigned { until: Instant },
    /// It follows.
    Follower(Following),
}

impl Role {
    /// The role's name.
    pub(super) fn name(&self) -> QuorumRole {
        match self {
            Role::Unattached { .. } => QuorumRole::Unattached,
            Role::Prospective { .. } => QuorumRole::Prospective,
            Role::Candidate { .. } => QuorumRole::Candidate,
            Role::Leader(_) => QuorumRole::Leader,
            Role::Resigned { .. } => QuorumRole::Resigned,
            Role::Follower(_) => QuorumRole::Follower,
        }
    }
}

/// Votes so far.
#[derive(Debug, Default)]
pub(super) struct Votes {
    pub(super) granted: BTreeSet<NodeId>,
    pub(super) rejected: BTreeSet<NodeId>,
}

impl Votes {
    pub(super) fn record(&mut self, voter: NodeId, granted: bool) {
        if granted {
            self.granted.insert(voter);
        } else {
            self.rejected.insert(voter);
        }
    }

    pub(super) fn won(&self, needed: usize) -> bool {
        self.granted.len() >= needed
    }

    /// Too many of `voters` have refused for enough to be left.
    pub(super) fn lost(&self, voters: usize, needed: usize) -> bool {
        voters.saturating_sub(self.rejected.len()) < needed
    }
}

/// What a follower knows.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) leader: NodeId,
    /// Without a good answer until then the leader counts as gone.
    pub(super) until: Instant,
    /// The leader has answered a fetch well: while it is followed, nobody else is worth a pre-vote.
    pub(super) fetched: bool,
    /// The fetch on its way.
    pub(super) in_flight: Option<CallToken>,
    /// No fetch before this time.
    pub(super) pause_until: Instant,
    /// The snapshot it fetches instead of the log.
    pub(super) snapshot: Option<SnapshotFetch>,
}

impl Following {
    pub(super) fn new(leader: NodeId, until: Instant) -> Following {
        let pause_until = Instant::START;
        Following { leader, until, fetched: false, in_flight: None, pause_until, snapshot: None }
    }
}

/// What a leader knows.
#[derive(Debug)]
pub(super) struct Leading {
    /// Offset of the LeaderChange record that began the epoch.
    pub(super) epoch_start: Offset,
    /// The other voters.
    pub(super) voters: BTreeMap<NodeId, Fetcher>,
    /// The directories they have fetched with, while the log names none.
    pub(super) directories: BTreeMap<NodeId, DirectoryId>,
    /// Who fetches without a vote, for DescribeQuorum.
    pub(super) observers: BTreeMap<NodeId, Fetcher>,
    /// Without fetches from a majority until then it resigns. Never, if it is the only voter.
    pub(super) check_quorum_at: Option<Instant>,
    /// When silent voters are told of the epoch next.
    pub(super) begin_at: Instant,
}

/// A replica that fetches, as the leader sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetcher {
    /// Its log end offset: all before is on its disk. NONE before its first good fetch in this epoch.
    pub(super) end: Offset,
    /// When it last fetched; at first, when the epoch began.
    pub(super) last_fetch: Instant,
    /// The same by the wall clock, or NONE.
    pub(super) last_fetch_wall: Timestamp,
    /// When it last had everything, by the wall clock, or NONE.
    pub(super) last_caught_up: Timestamp,
}

impl Fetcher {
    pub(super) fn silent_since(now: Instant) -> Fetcher {
        Fetcher {
            end: Offset::NONE,
            last_fetch: now,
            last_fetch_wall: Timestamp::NONE,
            last_caught_up: Timestamp::NONE,
        }
    }

    pub(super) fn fetched(&mut self, now: Now, end: Offset, leader_end: Offset) {
        self.end = end;
        self.last_fetch = now.mono;
        self.last_fetch_wall = now.wall;
        if end >= leader_end {
            self.last_caught_up = now.wall;
        }
    }
}

impl Leading {
    pub(super) fn new(epoch_start: Offset, others: impl Iterator<Item = NodeId>, now: Instant) -> Leading {
        Leading {
            epoch_start,
            voters: others.map(|voter| (voter, Fetcher::silent_since(now))).collect(),
            directories: BTreeMap::new(),
            observers: BTreeMap::new(),
            check_quorum_at: None,
            begin_at: now,
        }
    }

    /// The largest end that `needed` voters have on disk, this voter's own `durable` end and those of `others`
    /// counted.
    pub(super) fn majority_end(&self, durable: Offset, others: &[NodeId], needed: usize) -> Offset {
        let others = others.iter().filter_map(|voter| self.voters.get(voter));
        let mut ends: Vec<Offset> = others.map(|voter| voter.end).chain([durable]).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        needed.checked_sub(1).and_then(|last| ends.get(last).copied()).unwrap_or(Offset::NONE)
    }

    /// When the last fetch of one of `others` that made up the `needed` voters is `timeout` ago; `None` for a single
    /// voter.
    pub(super) fn next_check_quorum(
        &self,
        timeout: Duration,
        others: &[NodeId],
        needed: usize,
    ) -> Option<Instant> {
        let others = others.iter().filter_map(|voter| self.voters.get(voter));
        let mut fetches: Vec<Instant> = others.map(|voter| voter.last_fetch).collect();
        fetches.sort_unstable_by(|a, b| b.cmp(a));
        // The leader itself is one of them.
        needed.checked_sub(2).and_then(|last| fetches.get(last)).map(|fetch| fetch.after(timeout))
    }
}

/// An election that a call belongs to; an answer of another one says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ballot {
    pub(super) epoch: LeaderEpoch,
    pub(super) pre_vote: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leading(ends: &[i64]) -> Leading {
        let mut leading = Leading::new(Offset(5), (1..).map(NodeId).take(ends.len()), Instant::START);
        for (voter, end) in leading.voters.values_mut().zip(ends) {
            voter.end = Offset(*end);
        }
        leading
    }

    fn majority_end(ends: &[i64], own: i64) -> Offset {
        let leading = leading(ends);
        let others: Vec<NodeId> = leading.voters.keys().copied().collect();
        leading.majority_end(Offset(own), &others, others.len().div_ceil(2) + 1)
    }

    #[test]
    fn a_majority_end_is_on_more_than_half_of_the_voters() {
        assert_eq!(majority_end(&[], 7), Offset(7));
        assert_eq!(majority_end(&[4, 9], 7), Offset(7));
        assert_eq!(majority_end(&[4, 3], 7), Offset(4));
        assert_eq!(majority_end(&[9, 8, 2, 1], 3), Offset(3));
        assert_eq!(majority_end(&[-1, -1, 9, 8], 3), Offset(3));
    }

    #[test]
    fn an_end_counts_only_if_its_voter_does() {
        let leading = leading(&[9, 1]);
        assert_eq!(leading.majority_end(Offset(7), &[NodeId(2)], 2), Offset(1));
        assert_eq!(leading.majority_end(Offset(7), &[NodeId(1), NodeId(2)], 3), Offset(1));
        assert_eq!(leading.majority_end(Offset(7), &[], 2), Offset::NONE);
    }

    #[test]
    fn a_leader_needs_fetches_of_all_but_a_minority() {
        let second = Duration::from_secs(1);
        let mut leading = leading(&[0, 0, 0, 0]);
        for (index, voter) in leading.voters.values_mut().enumerate() {
            voter.last_fetch = Instant::START.after(second * u32::try_from(index).expect("small"));
        }
        let others: Vec<NodeId> = leading.voters.keys().copied().collect();
        // Of five voters two others are needed: the second latest fetch, of second 2, counts.
        assert_eq!(leading.next_check_quorum(second, &others, 3), Some(Instant::START.after(second * 3)));
        // Of all five, the earliest.
        assert_eq!(leading.next_check_quorum(second, &others, 5), Some(Instant::START.after(second)));
        assert_eq!(leading.next_check_quorum(second, &[], 1), None);
    }

    #[test]
    fn an_election_is_lost_when_no_majority_is_left() {
        let mut votes = Votes::default();
        votes.record(NodeId(1), true);
        votes.record(NodeId(2), false);
        assert!(!votes.lost(3, 2) && !votes.won(2) && votes.lost(3, 3));
        votes.record(NodeId(3), false);
        assert!(votes.lost(3, 2));
    }
}
