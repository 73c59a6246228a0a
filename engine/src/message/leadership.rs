//! Messages that move leaders and replicas: ElectLeaders (KIP-460), reassignments (KIP-455).

use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::time::Duration;

/// ElectLeaders: elect the preferred replica, or any that lives.
#[derive(Clone, PartialEq, Debug)]
pub struct ElectLeadersRequest {
    /// 0 preferred, 1 unclean (version 1 on).
    pub election_type: i8,
    /// The partitions; `None` is all.
    pub partitions: Option<Vec<TopicPartition>>,
    /// How long the broker may take.
    pub timeout: Duration,
}

impl ElectLeadersRequest {
    /// `election_type`: the first replica of the assignment.
    pub const PREFERRED: i8 = 0;
    /// `election_type`: any live replica, even one that lacks records, if there is no leader.
    pub const UNCLEAN: i8 = 1;
}

/// The answer to ElectLeaders.
#[derive(Clone, PartialEq, Debug)]
pub struct ElectLeadersResponse {
    /// An error of the whole request (version 1 on).
    pub error: ErrorCode,
    /// The outcome, by partition; ELECTION_NOT_NEEDED if it has the leader already.
    pub partitions: Vec<PartitionOutcome>,
}

/// What an admin request did to one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct PartitionOutcome {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if done.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
}

/// AlterPartitionReassignments: move partitions to other replicas.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterPartitionReassignmentsRequest {
    /// How long the broker may take.
    pub timeout: Duration,
    /// The moves.
    pub partitions: Vec<Reassignment>,
}

/// The move of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct Reassignment {
    /// The partition.
    pub partition: TopicPartition,
    /// Where to, the preferred leader first; `None` cancels a move under way.
    pub replicas: Option<Vec<NodeId>>,
}

/// The answer to AlterPartitionReassignments.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterPartitionReassignmentsResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// The outcome, by partition: whether the move has begun.
    pub partitions: Vec<PartitionOutcome>,
}

/// ListPartitionReassignments: which moves are under way?
#[derive(Clone, PartialEq, Debug)]
pub struct ListPartitionReassignmentsRequest {
    /// How long the broker may take.
    pub timeout: Duration,
    /// The partitions; `None` is all.
    pub partitions: Option<Vec<TopicPartition>>,
}

/// The answer to ListPartitionReassignments.
#[derive(Clone, PartialEq, Debug)]
pub struct ListPartitionReassignmentsResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// Partitions that move.
    pub partitions: Vec<OngoingReassignment>,
}

/// A move under way.
#[derive(Clone, PartialEq, Debug)]
pub struct OngoingReassignment {
    /// The partition.
    pub partition: TopicPartition,
    /// Its replicas now, old and new.
    pub replicas: Vec<NodeId>,
    /// Those that are to stay and were not there before.
    pub adding: Vec<NodeId>,
    /// Those that are to go.
    pub removing: Vec<NodeId>,
}
