//! What machines tell about themselves: the trace of a run, the material of the loss chain.
//!
//! An event is a fact, not a log line. Each has one text form (`Display`), which is the trace line, so that two
//! runs can be compared byte by byte. Emitting an event never changes what a machine does.

mod group;

use std::collections::BTreeMap;
use std::fmt;

pub use group::{LeaveReason, RebalanceReason};

use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::id::{DirectoryId, NodeId, TopicPartition};
use crate::message::Acks;
use crate::offset::Offset;

/// Identity of a record batch in a log: where it lies, who wrote it, what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BatchId {
    /// First offset.
    pub base: Offset,
    /// Last offset (inclusive).
    pub last: Offset,
    /// The leader epoch it was written in.
    pub epoch: LeaderEpoch,
    /// CRC-32C of its content.
    pub crc: u32,
}

/// Why a log was cut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TruncationReason {
    /// The leader's log parts from ours at `end` of `epoch` (KIP-595).
    DivergingEpoch {
        /// The leader's largest epoch that is not above ours.
        epoch: LeaderEpoch,
        /// Where that epoch ends in the leader's log.
        end: Offset,
    },
    /// To the follower's own high watermark: only in a planted bug.
    ToHighWatermark,
}

impl fmt::Display for TruncationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TruncationReason::DivergingEpoch { epoch, end } => write!(f, "diverging epoch={epoch} end={end}"),
            TruncationReason::ToHighWatermark => f.write_str("to-high-watermark"),
        }
    }
}

/// Why a partition got the leader it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ElectionReason {
    /// The topic was created.
    Created,
    /// The leader was fenced or shut down; a member of the ISR took over.
    LeaderLost,
    /// A leaderless partition found an eligible replica again.
    EligibleReplicaReturned,
    /// No ISR member was alive and `unclean.leader.election.enable` is on.
    Unclean,
    /// Nobody was in sync or eligible any more; the last leader came back (KIP-966). It leads with what it still
    /// has.
    LastKnownLeader,
    /// The preferred replica took over from another.
    Preferred,
    /// A reassignment took the old leader away, or replicas.
    Reassigned,
}

/// What a voter of the metadata quorum is (KIP-595, KIP-996).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum QuorumRole {
    /// It knows no leader.
    Unattached,
    /// It asks whether it would be elected.
    Prospective,
    /// It asks to be elected.
    Candidate,
    /// It leads.
    Leader,
    /// It led and has given up.
    Resigned,
    /// It follows.
    Follower,
}

/// A fact about one machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the fields are the field's words; the variants say what happened")]
pub enum Event {
    /// A replica took the leadership of a partition.
    BecameLeader { partition: TopicPartition, epoch: LeaderEpoch, start: Offset, isr: Vec<NodeId> },
    /// A replica follows a leader in a new epoch.
    BecameFollower { partition: TopicPartition, epoch: LeaderEpoch, leader: Option<NodeId>, end: Offset },
    /// A log was read back at boot; it ends at `end`.
    Recovered { partition: TopicPartition, end: Offset },
    /// A replica was removed with its log, which ended at `end`: it moved away, or the topic was deleted.
    ReplicaRemoved { partition: TopicPartition, end: Offset },
    /// A batch was taken into a log.
    Appended { partition: TopicPartition, batch: BatchId, as_leader: bool },
    /// Segments of a log were replaced by one that holds the last record of each key.
    Compacted { partition: TopicPartition, from: Offset, to: Offset, bytes_before: u64, bytes_after: u64 },
    /// A log was cut: records `to..from` are gone.
    Truncated { partition: TopicPartition, from: Offset, to: Offset, reason: TruncationReason },
    /// A replica's own view of the high watermark moved.
    HighWatermark { partition: TopicPartition, high_watermark: Offset },
    /// The first record of a log is another one now: what lay before was deleted.
    LogStart { partition: TopicPartition, log_start: Offset },
    /// A leader asked the controller for another ISR.
    IsrProposed { partition: TopicPartition, isr: Vec<NodeId> },
    /// A leader learnt the ISR the controller committed.
    IsrCommitted { partition: TopicPartition, isr: Vec<NodeId>, partition_epoch: PartitionEpoch },
    /// A leader acknowledged records to a producer.
    Acknowledged {
        partition: TopicPartition,
        base: Offset,
        last: Offset,
        epoch: LeaderEpoch,
        acks: Acks,
        isr: Vec<NodeId>,
    },
    /// A leader found a batch in its log already: the retry of an idempotent producer.
    Deduplicated { partition: TopicPartition, base: Offset, last: Offset },
    /// The controller accepted a registration.
    BrokerRegistered { broker: NodeId, broker_epoch: BrokerEpoch },
    /// The controller fenced a broker.
    BrokerFenced { broker: NodeId },
    /// The controller unfenced a broker.
    BrokerUnfenced { broker: NodeId },
    /// A broker asked to stop; the controller takes its leaderships and its places in ISRs from it.
    BrokerShuttingDown { broker: NodeId },
    /// A broker began to stop in good order.
    ShutdownBegan { broker: NodeId },
    /// A broker stops now: the controller let it go, or it has waited long enough.
    ShutdownGranted { broker: NodeId, by_controller: bool },
    /// Other replicas may lead when the ISR is empty.
    EligibleLeadersChanged { partition: TopicPartition, elr: Vec<NodeId> },
    /// The controller elected a leader, or none.
    LeaderElected {
        partition: TopicPartition,
        leader: Option<NodeId>,
        epoch: LeaderEpoch,
        isr: Vec<NodeId>,
        reason: ElectionReason,
    },
    /// The controller committed another ISR.
    IsrChanged { partition: TopicPartition, isr: Vec<NodeId>, partition_epoch: PartitionEpoch },
    /// Recovery cut a damaged tail.
    RecoveryCut { partition: TopicPartition, at: Offset, bytes: u64, reason: &'static str },
    /// A voter of the metadata quorum took another role.
    QuorumRoleChanged { role: QuorumRole, epoch: LeaderEpoch, leader: Option<NodeId> },
    /// A voter's log names these directories of voters; its own is `directory`, and with that it `votes` or not.
    QuorumVoters { directories: BTreeMap<NodeId, DirectoryId>, directory: DirectoryId, votes: bool },
    /// A voter of the metadata quorum learnt that a batch of the metadata log is committed.
    MetadataCommitted { batch: BatchId },
    /// A voter of the metadata quorum has written a snapshot of what is committed before `end`.
    MetadataSnapshotWritten { end: Offset, epoch: LeaderEpoch },
    /// A voter or a broker took the active controller's snapshot instead of the metadata log before `end`.
    MetadataSnapshotLoaded { end: Offset, epoch: LeaderEpoch },
    /// A group began to rebalance. Classic: generation `epoch` ends. KIP-848: this is the new group epoch.
    GroupRebalanceBegan { group: String, epoch: i32, why: RebalanceReason },
    /// Somebody became a member of a group, which was at `epoch` then.
    GroupMemberJoined { group: String, member: String, instance: Option<String>, epoch: i32 },
    /// Somebody is a member of a group no more: whatever it owned, it does not from now on.
    GroupMemberLeft { group: String, member: String, why: LeaveReason },
    /// Who shall own what. Classic: the assignment of this generation is stored, which is also told again when a static
    /// member has replaced another. KIP-848: the target assignment of this epoch.
    GroupAssigned {
        group: String,
        epoch: i32,
        protocol: String,
        assignments: Vec<(String, Vec<TopicPartition>)>,
    },
    /// What a member owns, and what it is still to give up, has changed (KIP-848).
    GroupMemberOwns {
        group: String,
        member: String,
        epoch: i32,
        partitions: Vec<TopicPartition>,
        revoking: Vec<TopicPartition>,
    },
    /// Every member of a group has what it should have, or the group has no members.
    GroupStable { group: String, epoch: i32 },
    /// An offset of a group is committed. `epoch` is what the committer said, `current_epoch` what it should have been
    /// when the offset was appended, `fenced` is true if it was no member at its epoch: a consumer without a group,
    /// which names no member, or a planted bug.
    OffsetCommitted {
        group: String,
        partition: TopicPartition,
        offset: Offset,
        member: String,
        epoch: i32,
        current_epoch: i32,
        fenced: bool,
    },
    /// Offsets of a group were forgotten, because nobody needed them for so long.
    OffsetsExpired { group: String, partitions: Vec<TopicPartition> },
    /// A broker has read a partition of `__consumer_offsets` and coordinates its groups: so many. Each was told before
    /// as [`Event::GroupLoaded`].
    GroupsLoaded { partition: TopicPartition, groups: usize },
    /// A group as its new coordinator read it: its members, by id, with the instance id of static ones. What the last
    /// coordinator knew and had not stored is void. `stable` is true for a group of the classic protocol, which is taken
    /// up in its last stored generation.
    GroupLoaded { group: String, epoch: i32, members: Vec<(String, Option<String>)>, stable: bool },
    /// A record of `__consumer_offsets` was passed over when a coordinator read its log: it says nothing that is known.
    GroupRecordSkipped { partition: TopicPartition, offset: Offset, reason: String },
    /// A broker coordinates the groups of a partition of `__consumer_offsets` no more: so many.
    GroupsResigned { partition: TopicPartition, groups: usize },
    /// A log failed at the disk; the replica is offline.
    StorageFailed { partition: TopicPartition },
    /// A connection was closed by us. The client is what it calls itself, if it has said so.
    ConnectionClosed { client_id: Option<String>, reason: String },
}

struct Isr<'a>(&'a [NodeId]);

impl fmt::Display for Isr<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        for (index, broker) in self.0.iter().enumerate() {
            write!(formatter, "{}{broker}", if index == 0 { "" } else { "," })?;
        }
        formatter.write_str("]")
    }
}

struct Closed<'a>(Option<&'a str>, &'a str);

impl fmt::Display for Closed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Closed(client, reason) = self;
        // Quoted with escapes: it is what a stranger sent.
        match client {
            Some(client) => write!(formatter, "closed client={client:?} {reason}"),
            None => write!(formatter, "closed {reason}"),
        }
    }
}

struct Leader(Option<NodeId>);

impl fmt::Display for Leader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(broker) => write!(formatter, "{broker}"),
            None => formatter.write_str("none"),
        }
    }
}

impl fmt::Display for QuorumRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            QuorumRole::Unattached => "unattached",
            QuorumRole::Prospective => "prospective",
            QuorumRole::Candidate => "candidate",
            QuorumRole::Leader => "leader",
            QuorumRole::Resigned => "resigned",
            QuorumRole::Follower => "follower",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::BecameLeader { partition, epoch, start, isr } => {
                write!(f, "leader {partition} epoch={epoch} start={start} isr={}", Isr(isr))
            }
            Event::BecameFollower { partition, epoch, leader, end } => {
                write!(f, "follower {partition} epoch={epoch} leader={} end={end}", Leader(*leader))
            }
            Event::Recovered { partition, end } => write!(f, "recovered {partition} end={end}"),
            Event::ReplicaRemoved { partition, end } => write!(f, "removed {partition} end={end}"),
            Event::Appended { partition, batch, as_leader } => {
                let BatchId { base, last, epoch, crc } = batch;
                let role = if *as_leader { "leader" } else { "follower" };
                write!(f, "append {partition} @{base}..{last} epoch={epoch} crc={crc:08x} as={role}")
            }
            Event::Compacted { partition, from, to, bytes_before, bytes_after } => {
                write!(f, "compacted {partition} {from}..{to} {bytes_before}B to {bytes_after}B")
            }
            Event::Truncated { partition, from, to, reason } => {
                write!(f, "truncate {partition} {from}->{to} {reason}")
            }
            Event::HighWatermark { partition, high_watermark } => {
                write!(f, "hw {partition} {high_watermark}")
            }
            Event::LogStart { partition, log_start } => write!(f, "log-start {partition} {log_start}"),
            Event::IsrProposed { partition, isr } => write!(f, "isr-proposed {partition} {}", Isr(isr)),
            Event::IsrCommitted { partition, isr, partition_epoch } => {
                write!(f, "isr-committed {partition} {} pe={partition_epoch}", Isr(isr))
            }
            Event::Acknowledged { partition, base, last, epoch, acks, isr } => {
                write!(f, "ack {partition} @{base}..{last} epoch={epoch} acks={acks} isr={}", Isr(isr))
            }
            Event::Deduplicated { partition, base, last } => {
                write!(f, "duplicate {partition} @{base}..{last}")
            }
            Event::BrokerRegistered { broker, broker_epoch } => {
                write!(f, "registered {broker} be={broker_epoch}")
            }
            Event::BrokerFenced { broker } => write!(f, "fenced {broker}"),
            Event::BrokerUnfenced { broker } => write!(f, "unfenced {broker}"),
            Event::BrokerShuttingDown { broker } => write!(f, "shutting-down {broker}"),
            Event::ShutdownBegan { broker } => write!(f, "shutdown-began {broker}"),
            Event::ShutdownGranted { broker, by_controller } => {
                let by = if *by_controller { "controller" } else { "time" };
                write!(f, "shutdown-granted {broker} by={by}")
            }
            Event::EligibleLeadersChanged { partition, elr } => {
                write!(f, "elr-changed {partition} {}", Isr(elr))
            }
            Event::LeaderElected { partition, leader, epoch, isr, reason } => {
                write!(
                    f,
                    "elected {partition} leader={} epoch={epoch} isr={} {reason:?}",
                    Leader(*leader),
                    Isr(isr)
                )
            }
            Event::IsrChanged { partition, isr, partition_epoch } => {
                write!(f, "isr-changed {partition} {} pe={partition_epoch}", Isr(isr))
            }
            Event::RecoveryCut { partition, at, bytes, reason } => {
                write!(f, "recovery-cut {partition} at={at} {bytes}B {reason}")
            }
            Event::StorageFailed { partition } => write!(f, "storage-failed {partition}"),
            Event::ConnectionClosed { client_id, reason } => Closed(client_id.as_deref(), reason).fmt(f),
            _ => self.fmt_quorum(f),
        }
    }
}

impl Event {
    /// What the metadata quorum tells, and everything else.
    fn fmt_quorum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::QuorumVoters { directories, directory, votes } => {
                f.write_str("voters")?;
                directories.iter().try_for_each(|(voter, directory)| write!(f, " {voter}={directory}"))?;
                write!(f, " own={directory} votes={}", if *votes { "yes" } else { "no" })
            }
            Event::QuorumRoleChanged { role, epoch, leader } => {
                write!(f, "quorum {role} epoch={epoch} leader={}", Leader(*leader))
            }
            Event::MetadataCommitted { batch } => {
                let BatchId { base, last, epoch, crc } = batch;
                write!(f, "committed metadata @{base}..{last} epoch={epoch} crc={crc:08x}")
            }
            Event::MetadataSnapshotWritten { end, epoch } => {
                write!(f, "snapshot written end={end} epoch={epoch}")
            }
            Event::MetadataSnapshotLoaded { end, epoch } => {
                write!(f, "snapshot loaded end={end} epoch={epoch}")
            }
            _ => self.fmt_group(f),
        }
    }
}
