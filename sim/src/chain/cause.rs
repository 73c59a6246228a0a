//! Why a record could be lost: the class, and the rule as a sentence.

use tribunal_engine::event::ElectionReason;
use tribunal_engine::id::NodeId;
use tribunal_engine::message::Acks;

use super::trace::{Trace, holds_at};
use crate::checker::no_acked_record_lost::Lost;
use crate::scenario::Plan;
use crate::view::LOST_AT_RESTART;

/// The class of a loss.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// acks=0, and no broker is known to have had the record.
    NeverAppended,
    /// A replica outside the ISR was elected.
    UncleanElection,
    /// The new leader itself lost the record when its machine lost power.
    LostWithPower,
    /// Only the leader had it when it was acknowledged.
    LeaderAlone,
    /// Some followers had it, but not the one that was elected, and acks did not ask for more.
    NotOnTheNewLeader,
    /// acks=all was answered before every in-sync replica had it: the protocol was broken.
    AcknowledgedTooEarly,
    /// The new leader had it and cut it before it was elected: the protocol was broken.
    CutBeforeElection,
    /// No election and no cut explains it.
    Unexplained,
}

impl Cause {
    pub(super) fn words(self) -> &'static str {
        match self {
            Cause::NeverAppended => "never appended",
            Cause::UncleanElection => "unclean election",
            Cause::LostWithPower => "not on disk when the power failed",
            Cause::LeaderAlone => "acknowledged by the leader alone",
            Cause::NotOnTheNewLeader => "acknowledged before the next leader had it",
            Cause::AcknowledgedTooEarly => "acks=all answered before all in-sync replicas had it",
            Cause::CutBeforeElection => "cut by an in-sync replica that then led",
            Cause::Unexplained => "unexplained",
        }
    }
}

/// What struck the broker that acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Strike {
    /// Its process died.
    Crashed,
    /// Its process stopped in good order.
    Stopped,
    /// Its machine lost power.
    PowerLost,
    /// Its process stood still.
    Paused,
    /// A fault of the scenario that left the process alone: the network.
    OtherFault,
    /// Nothing.
    None,
}

impl Strike {
    pub(super) fn words(self) -> &'static str {
        match self {
            Strike::Crashed => "leader crashed",
            Strike::Stopped => "leader stopped in good order",
            Strike::PowerLost => "leader lost power",
            Strike::Paused => "leader paused",
            Strike::OtherFault => "leader cut off",
            Strike::None => "no fault at the leader",
        }
    }
}

/// What removed the copies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Removal {
    /// The former leader cut its log when it followed the new one.
    TruncatedOnReturn,
    /// Other replicas cut theirs too.
    Truncated,
    /// Bytes that had not been synced.
    LostAtRestart,
    /// Some copies went so, some so.
    Both,
    /// No copy was ever removed.
    None,
}

impl Removal {
    pub(super) fn words(self) -> &'static str {
        match self {
            Removal::TruncatedOnReturn => "truncated on return",
            Removal::Truncated => "truncated",
            Removal::LostAtRestart => "lost at restart",
            Removal::Both => "lost at restart and truncated",
            Removal::None => "",
        }
    }
}

/// The class of a loss: the first that fits, from the strongest reason to the weakest.
pub(super) fn cause(lost: &Lost<'_>, trace: &Trace<'_>) -> Cause {
    let (Some(given), Some(batch), Some(state)) = (trace.given, trace.batch, trace.state) else {
        return if lost.producer.acks == Acks::None { Cause::NeverAppended } else { Cause::Unexplained };
    };
    let missing_in_isr = given.isr.iter().any(|member| !trace.held_by.contains(member));
    let Some(election) = trace.election else {
        let own = trace.cuts.iter().any(|cut| cut.broker == given.broker && cut.why == LOST_AT_RESTART);
        return if own { Cause::LostWithPower } else { Cause::Unexplained };
    };
    if election.reason == ElectionReason::Unclean {
        return Cause::UncleanElection;
    }
    let cut = trace
        .cuts
        .iter()
        .find(|cut| cut.broker == election.leader && given.at <= cut.at && cut.at <= election.effective);
    match cut {
        Some(cut) if cut.why == LOST_AT_RESTART => Cause::LostWithPower,
        Some(_) => Cause::CutBeforeElection,
        None if lost.producer.acks == Acks::All && missing_in_isr => Cause::AcknowledgedTooEarly,
        None if lost.producer.acks == Acks::All => Cause::Unexplained,
        None if trace.held_by == [given.broker] => Cause::LeaderAlone,
        None if !holds_at(state, election.leader, &batch, given.at) => Cause::NotOnTheNewLeader,
        None => Cause::Unexplained,
    }
}

/// The rule that let it happen.
pub(super) fn rule(plan: &Plan, lost: &Lost<'_>, trace: &Trace<'_>, cause: Cause) -> String {
    let acks = lost.producer.acks;
    let acker = trace.given.map_or_else(String::new, |given| format!("broker {}", given.broker));
    let elected = trace.election.map_or_else(String::new, |election| format!("broker {}", election.leader));
    match cause {
        Cause::NeverAppended => {
            "acks=0: the producer does not wait for a broker, and none is known to have had the record."
                .to_owned()
        }
        Cause::UncleanElection => format!(
            "unclean.leader.election.enable=true: {elected} was not in sync and was made leader; what it lacked was given up."
        ),
        Cause::LostWithPower => format!(
            "Kafka does not wait for the disk: the record was in the page cache of {}, which lost its power and led on without it.",
            if elected.is_empty() { acker } else { elected }
        ),
        Cause::LeaderAlone => format!(
            "acks={acks}: {acker} acknowledged before any follower had the record, and {elected} was elected without it."
        ),
        Cause::NotOnTheNewLeader => format!(
            "acks={acks}: {acker} acknowledged when {} had the record; {elected}, which was elected, did not.",
            brokers(&trace.held_by)
        ),
        Cause::AcknowledgedTooEarly => {
            let isr = trace.given.map(|given| given.isr.as_slice()).unwrap_or_default();
            let missing: Vec<NodeId> =
                isr.iter().copied().filter(|member| !trace.held_by.contains(member)).collect();
            format!(
                "acks=all was broken: {acker} acknowledged although {} of the in-sync replicas had not got the record (protocol `{}`).",
                brokers(&missing),
                plan.protocol_name
            )
        }
        Cause::CutBeforeElection => format!(
            "{elected} had the record, was in sync, and cut it from its log before it was elected (protocol `{}`).",
            plan.protocol_name
        ),
        Cause::Unexplained => {
            format!(
                "acks={acks}: no rule of the protocol explains this loss (protocol `{}`).",
                plan.protocol_name
            )
        }
    }
}

/// `broker 1`, `brokers 1 and 3`, `no broker`.
pub(super) fn brokers(ids: &[NodeId]) -> String {
    match ids {
        [] => "no broker".to_owned(),
        [one] => format!("broker {one}"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("brokers {} and {last}", first.join(", "))
        }
    }
}
