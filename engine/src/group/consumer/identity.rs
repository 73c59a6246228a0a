//! Who sends a heartbeat: a new member, one that is known, a static one that came back, or somebody who must not.

use super::change::Change;
use super::{Assignment, CurrentAssignment};
use crate::error::ErrorCode;
use crate::event::LeaveReason;
use crate::group::record::ConsumerRecord;
use crate::message::ConsumerGroupHeartbeatRequest as Heartbeat;

/// Why somebody gets no answer but this.
pub(super) type Refusal = (ErrorCode, String);

/// A request that makes no sense.
pub(super) fn validate(request: &Heartbeat, api_version: i16) -> Result<(), Refusal> {
    let invalid = |why: &str| Err((ErrorCode::InvalidRequest, why.to_owned()));
    let empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
    if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if request.member_id.is_empty() && (api_version >= 1 || request.member_epoch != Heartbeat::JOIN) {
        return invalid("MemberId can't be empty.");
    }
    if empty(&request.instance_id) || empty(&request.rack_id) {
        return invalid("InstanceId and RackId can't be empty.");
    }
    if request.subscribed_topic_regex.as_ref().is_some_and(|regex| !regex.is_empty()) {
        let why = "subscriptions by regular expression are not supported".to_owned();
        return Err((ErrorCode::InvalidRegularExpression, why));
    }
    match request.member_epoch {
        Heartbeat::JOIN if request.rebalance_timeout.is_none_or(|timeout| timeout.is_zero()) => {
            invalid("RebalanceTimeoutMs must be provided in first request.")
        }
        Heartbeat::JOIN if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            invalid("TopicPartitions must be empty when (re-)joining.")
        }
        Heartbeat::JOIN
            if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() =>
        {
            invalid("SubscribedTopicNames must be set when (re-)joining.")
        }
        Heartbeat::LEAVE_STATIC if request.instance_id.is_none() => {
            invalid("InstanceId can't be null when leaving for a while.")
        }
        epoch if epoch < Heartbeat::LEAVE_STATIC => invalid("MemberEpoch is invalid."),
        _ => Ok(()),
    }
}

/// What the sender owns, and whether it is new. A static member that came back takes its old place.
pub(super) fn identify(
    change: &mut Change<'_>,
    member: &str,
    request: &Heartbeat,
) -> Result<(CurrentAssignment, bool), Refusal> {
    let joins = request.member_epoch == Heartbeat::JOIN;
    let owner = match request.instance_id.as_deref() {
        Some(instance) => change.group.static_member(instance).map(str::to_owned),
        None => change.group.members.contains_key(member).then(|| member.to_owned()),
    };
    let Some(owner) = owner else {
        return if joins {
            let current = change.group.current.get(member).cloned();
            let is_new = !change.group.members.contains_key(member);
            Ok((current.unwrap_or_default(), is_new))
        } else {
            Err((ErrorCode::UnknownMemberId, format!("Member {member} is not a member of the group.")))
        };
    };
    let current = change.group.current.get(&owner).cloned().unwrap_or_default();
    if joins && request.instance_id.is_some() && current.epoch == Heartbeat::LEAVE_STATIC {
        return Ok((come_back(change, &owner, member, current), false));
    }
    if owner != member {
        return Err(if joins {
            let why =
                format!("Static member {member} cannot join: {owner} has not released its instance id.");
            (ErrorCode::UnreleasedInstanceId, why)
        } else {
            (ErrorCode::FencedInstanceId, format!("Static member {member} was fenced by {owner}."))
        });
    }
    validate_epoch(&current, request)?;
    Ok((current, false))
}

/// The epoch must be the member's; or the one before, if it owns nothing it should not: the answer may be lost.
fn validate_epoch(current: &CurrentAssignment, request: &Heartbeat) -> Result<(), Refusal> {
    let received = request.member_epoch;
    if received == Heartbeat::JOIN || received == current.epoch {
        return Ok(());
    }
    let owns_no_more = || {
        let owned = request.topic_partitions.as_ref().map(|owned| Assignment::of_wire(owned));
        owned.is_some_and(|owned| owned.iter().all(|place| current.assigned.contains(place)))
    };
    if received < current.epoch && received == current.previous_epoch && owns_no_more() {
        return Ok(());
    }
    let why = format!(
        "The member is at epoch {}, not {received}. It must abandon all its partitions and rejoin.",
        current.epoch
    );
    Err((ErrorCode::FencedMemberEpoch, why))
}

/// A static member is back, maybe under another id: it has what it had.
fn come_back(
    change: &mut Change<'_>,
    owner: &str,
    member: &str,
    current: CurrentAssignment,
) -> CurrentAssignment {
    if owner != member {
        let target = change.group.targets.get(owner).cloned();
        let known = change.group.members.get(owner).cloned().unwrap_or_default();
        let instance = known.instance_id.clone();
        change.remove_member(owner);
        change.record(ConsumerRecord::Member(member.to_owned(), Some(known)));
        if let Some(target) = target {
            change.record(ConsumerRecord::Target(member.to_owned(), Some(target)));
        }
        change.note_left(owner, LeaveReason::Replaced);
        change.note_joined(member, instance, change.group.target_epoch);
    }
    CurrentAssignment { assigned: current.assigned, ..CurrentAssignment::default() }
}
