//! What a group coordinator tells: who is in a group, who was given what, and how far it has come.
//!
//! Facts that are stored are told when their records are committed, by the coordinator that wrote them and while it
//! lives: nothing is told again when a log is replayed, and what an earlier coordinator wrote but did not live to see
//! committed is not told at all. Facts that only live in the coordinator's memory are told when it decides them.
//!
//! An epoch is a generation of the classic protocol, or a group or member epoch of KIP-848.

use std::fmt;

use super::Event;
use crate::id::TopicPartition;

/// Why a group began to rebalance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RebalanceReason {
    /// Somebody joined.
    MemberJoined,
    /// A member wants something else than before, or the leader wants a new assignment.
    MemberChanged,
    /// Somebody left or was taken out.
    MemberLeft,
    /// The leader's assignment could not be stored.
    AssignmentNotStored,
    /// Topics that members subscribe to were created, deleted, or got partitions (KIP-848).
    TopicsChanged,
}

/// Why somebody is a member no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeaveReason {
    /// It asked to.
    Left,
    /// It sent no heartbeat for its session timeout.
    SessionTimedOut,
    /// It did not do its part of a rebalance in time.
    RebalanceTimedOut,
    /// A static member came back under a new id.
    Replaced,
    /// An operator removed it, or the group has become too small for it.
    Removed,
}

impl fmt::Display for RebalanceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RebalanceReason::MemberJoined => "member-joined",
            RebalanceReason::MemberChanged => "member-changed",
            RebalanceReason::MemberLeft => "member-left",
            RebalanceReason::AssignmentNotStored => "assignment-not-stored",
            RebalanceReason::TopicsChanged => "topics-changed",
        })
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeaveReason::Left => "left",
            LeaveReason::SessionTimedOut => "session-timed-out",
            LeaveReason::RebalanceTimedOut => "rebalance-timed-out",
            LeaveReason::Replaced => "replaced",
            LeaveReason::Removed => "removed",
        })
    }
}

/// Partitions, one after another.
struct All<'a>(&'a [TopicPartition]);

impl fmt::Display for All<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, partition) in self.0.iter().enumerate() {
            write!(f, "{}{partition}", if index == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}

/// Who is given what.
struct Assignments<'a>(&'a [(String, Vec<TopicPartition>)]);

impl fmt::Display for Assignments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (member, partitions) in self.0 {
            write!(f, " {member:?}={}", All(partitions))?;
        }
        Ok(())
    }
}

impl Event {
    /// What a group coordinator tells, the last of all. Names are quoted with escapes: strangers make them up.
    pub(super) fn fmt_group(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::GroupRebalanceBegan { group, epoch, why } => {
                write!(f, "group-rebalance {group:?} epoch={epoch} {why}")
            }
            Event::GroupMemberJoined { group, member, instance, epoch } => {
                write!(f, "group-joined {group:?} {member:?} epoch={epoch}")?;
                instance.iter().try_for_each(|instance| write!(f, " instance={instance:?}"))
            }
            Event::GroupMemberLeft { group, member, why } => {
                write!(f, "group-left {group:?} {member:?} {why}")
            }
            Event::GroupAssigned { group, epoch, protocol, assignments } => {
                write!(f, "group-assigned {group:?} epoch={epoch} {protocol:?}{}", Assignments(assignments))
            }
            Event::GroupMemberOwns { group, member, epoch, partitions, revoking } => {
                write!(f, "group-owns {group:?} {member:?} epoch={epoch} {}", All(partitions))?;
                if revoking.is_empty() { Ok(()) } else { write!(f, " revoking={}", All(revoking)) }
            }
            Event::GroupStable { group, epoch } => write!(f, "group-stable {group:?} epoch={epoch}"),
            Event::OffsetCommitted { group, partition, offset, member, epoch, current_epoch, fenced } => {
                write!(f, "offset-committed {group:?} {partition} {offset} by={member:?} epoch={epoch}")?;
                if epoch != current_epoch {
                    write!(f, " current={current_epoch}")?;
                }
                if *fenced { f.write_str(" fenced") } else { Ok(()) }
            }
            Event::OffsetsExpired { group, partitions } => {
                write!(f, "offsets-expired {group:?} {}", All(partitions))
            }
            Event::GroupRecordSkipped { partition, offset, reason } => {
                write!(f, "group-record-skipped {partition} @{offset} {reason}")
            }
            Event::GroupsLoaded { partition, groups } => {
                write!(f, "groups-loaded {partition} groups={groups}")
            }
            Event::GroupLoaded { group, epoch, members, stable } => {
                let state = if *stable { " stable" } else { "" };
                write!(f, "group-loaded {group:?} epoch={epoch}{state}")?;
                members.iter().try_for_each(|(member, instance)| {
                    write!(f, " {member:?}")?;
                    instance.iter().try_for_each(|instance| write!(f, "={instance:?}"))
                })
            }
            Event::GroupsResigned { partition, groups } => {
                write!(f, "groups-resigned {partition} groups={groups}")
            }
            other => write!(f, "{other:?}"),
        }
    }
}
