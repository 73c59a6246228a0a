//! Messages of the metadata quorum (KIP-595, KIP-630, KIP-836, KIP-996).
//!
//! Kafka's definitions allow many partitions; there is one, `__cluster_metadata/0`, and the messages here speak of
//! that one only. Who votes is configured; directory ids (KIP-853) say whose disk is meant.

use bytes::Bytes;

use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{DirectoryId, Endpoint, NodeId, TopicPartition};
use crate::offset::Offset;
use crate::time::Timestamp;

/// Who leads, and in which epoch; a leader of [`NodeId::NONE`] is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaderIdAndEpoch {
    /// The leader, or NONE.
    pub leader: NodeId,
    /// The epoch.
    pub epoch: LeaderEpoch,
}

/// Names a snapshot of the metadata log: what it contains ends before `end_offset` (KIP-630).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SnapshotId {
    /// The first offset that is not in it.
    pub end_offset: Offset,
    /// The epoch of the last record in it.
    pub epoch: LeaderEpoch,
}

/// Vote: elect me, or (KIP-996) would you elect me?
#[derive(Clone, PartialEq, Debug)]
pub struct VoteRequest {
    /// The cluster the candidate believes to be in.
    pub cluster_id: Option<String>,
    /// The voter that is asked.
    pub voter: NodeId,
    /// The directory that the candidate means by it, or NONE.
    pub voter_directory: DirectoryId,
    /// The epoch to be elected in; of a pre-vote, the candidate's present epoch.
    pub candidate_epoch: LeaderEpoch,
    /// The candidate.
    pub candidate: NodeId,
    /// Its directory, or NONE.
    pub candidate_directory: DirectoryId,
    /// Epoch of the last record in the candidate's log.
    pub last_epoch: LeaderEpoch,
    /// The candidate's log end offset.
    pub last_offset: Offset,
    /// Ask only; neither side changes its epoch or its vote.
    pub pre_vote: bool,
}

/// The answer to Vote.
#[derive(Clone, PartialEq, Debug)]
pub struct VoteResponse {
    /// NONE if the question was understood, whatever the answer.
    pub error: ErrorCode,
    /// The leader the voter knows, and its epoch.
    pub current_leader: LeaderIdAndEpoch,
    /// The vote.
    pub granted: bool,
}

/// BeginQuorumEpoch: a new leader tells a voter that has not fetched yet.
#[derive(Clone, PartialEq, Debug)]
pub struct BeginQuorumEpochRequest {
    /// The cluster the leader believes to be in.
    pub cluster_id: Option<String>,
    /// The voter that is told.
    pub voter: NodeId,
    /// The leader and its epoch.
    pub current_leader: LeaderIdAndEpoch,
}

/// The answer to BeginQuorumEpoch.
#[derive(Clone, PartialEq, Debug)]
pub struct BeginQuorumEpochResponse {
    /// NONE if the voter follows.
    pub error: ErrorCode,
    /// The leader the voter knows, and its epoch.
    pub current_leader: LeaderIdAndEpoch,
}

/// EndQuorumEpoch: a leader has resigned; elect another without waiting for a timeout.
#[derive(Clone, PartialEq, Debug)]
pub struct EndQuorumEpochRequest {
    /// The cluster the leader believes to be in.
    pub cluster_id: Option<String>,
    /// The leader that resigned and its epoch.
    pub current_leader: LeaderIdAndEpoch,
    /// The other voters, the furthest first: who should try at once, and who a little later.
    pub preferred_candidates: Vec<NodeId>,
}

/// The answer to EndQuorumEpoch.
#[derive(Clone, PartialEq, Debug)]
pub struct EndQuorumEpochResponse {
    /// NONE if the voter has heard it.
    pub error: ErrorCode,
    /// The leader the voter knows, and its epoch.
    pub current_leader: LeaderIdAndEpoch,
}

/// FetchSnapshot: a piece of a snapshot, for a replica whose next offset is no longer in the leader's log.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchSnapshotRequest {
    /// The cluster the replica believes to be in.
    pub cluster_id: Option<String>,
    /// The replica that asks.
    pub replica: NodeId,
    /// At most this many bytes.
    pub max_bytes: i32,
    /// The leader epoch the replica believes in, or NONE.
    pub current_leader_epoch: LeaderEpoch,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// First byte wanted.
    pub position: i64,
}

/// The answer to FetchSnapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchSnapshotResponse {
    /// NONE, or why there are no bytes.
    pub error: ErrorCode,
    /// The snapshot the bytes are of.
    pub snapshot: SnapshotId,
    /// The leader the asked voter knows, and its epoch.
    pub current_leader: LeaderIdAndEpoch,
    /// Size of the whole snapshot, in bytes.
    pub size: i64,
    /// Where the bytes begin in it.
    pub position: i64,
    /// The bytes; they need not end where a batch ends.
    pub bytes: Bytes,
}

/// DescribeQuorum: how far is everybody? (KIP-642, KIP-836)
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeQuorumRequest {
    /// The partitions asked about; all but `__cluster_metadata/0` are unknown.
    pub partitions: Vec<TopicPartition>,
}

/// The answer to DescribeQuorum.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeQuorumResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// By partition.
    pub partitions: Vec<DescribedQuorum>,
    /// Where the voters listen (version 2 on).
    pub nodes: Vec<(NodeId, Endpoint)>,
}

/// The quorum of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedQuorum {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if it is known and led by the asked voter.
    pub error: ErrorCode,
    /// The leader and its epoch.
    pub current_leader: LeaderIdAndEpoch,
    /// What is committed, or NONE.
    pub high_watermark: Offset,
    /// The voters.
    pub voters: Vec<QuorumReplica>,
    /// Who fetches without a vote: brokers.
    pub observers: Vec<QuorumReplica>,
}

/// One replica of a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuorumReplica {
    /// The replica.
    pub replica: NodeId,
    /// Its log end offset as the leader knows it, or NONE.
    pub log_end_offset: Offset,
    /// When it last fetched, by the leader's wall clock, or NONE (version 1 on).
    pub last_fetch: Timestamp,
    /// When it last held everything the leader had, or NONE (version 1 on).
    pub last_caught_up: Timestamp,
}

impl SnapshotId {
    /// What lies before the first record of all: nothing.
    pub const NONE: SnapshotId = SnapshotId { end_offset: Offset::ZERO, epoch: LeaderEpoch::NONE };
}

impl LeaderIdAndEpoch {
    /// Nobody is known to lead.
    pub const NONE: LeaderIdAndEpoch = LeaderIdAndEpoch { leader: NodeId::NONE, epoch: LeaderEpoch::NONE };
}
