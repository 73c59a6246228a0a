//! The steps of a chain, by time, each with a sentence.

use tribunal_engine::event::ElectionReason;
use tribunal_engine::id::NodeId;
use tribunal_engine::time::Instant;

use super::cause::brokers;
use super::trace::{Election, Trace};
use crate::checker::no_acked_record_lost::Lost;
use crate::run::RunOutcome;
use crate::view::{Append, Cut, Happening, LOST_AT_RESTART, Phase, What};

/// One step of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainStep {
    /// When.
    pub at: Instant,
    /// What kind.
    pub kind: StepKind,
    /// Who acts: `producer checkout-0`, `broker 1`, `controller`, `reader`.
    pub from: String,
    /// Who receives; none if the step concerns only one.
    pub to: Option<String>,
    /// False if the message never arrived.
    pub delivered: bool,
    /// A few words.
    pub label: String,
    /// The sentence.
    pub text: String,
}

/// Kinds of steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepKind {
    /// A message between two.
    Message,
    /// The record was appended to a log.
    Appended,
    /// The producer was told that it is written.
    Acked,
    /// A fault struck.
    Fault,
    /// A leader was elected.
    Election,
    /// A replica cut its log.
    Truncation,
    /// A reader did not find it.
    Missing,
}

impl ChainStep {
    fn new(at: Instant, kind: StepKind, from: String, label: &str, text: String) -> ChainStep {
        ChainStep { at, kind, from, to: None, delivered: true, label: label.to_owned(), text }
    }

    fn towards(mut self, to: Option<String>, delivered: bool) -> ChainStep {
        (self.to, self.delivered) = (to, delivered);
        self
    }
}

fn broker(id: NodeId) -> String {
    format!("broker {id}")
}

/// The steps of a lost record.
pub(super) fn steps(run: &RunOutcome, lost: &Lost<'_>, trace: &Trace<'_>) -> Vec<ChainStep> {
    let mut steps = vec![sent(lost, trace)];
    steps.extend(appended(trace));
    steps.push(acked(lost, trace));
    steps.extend(trace.fault.map(struck));
    steps.extend(trace.election.map(|election| elected(&election, lost, trace)));
    steps.extend(trace.cuts.iter().map(|cut| removed(cut, trace)));
    steps.push(missing(run, lost, trace));
    // The last one stays the last: it is about the end of the run.
    let last = steps.len() - 1;
    if let Some(steps) = steps.get_mut(..last) {
        steps.sort_by_key(|step| step.at);
    }
    steps
}

fn sent(lost: &Lost<'_>, trace: &Trace<'_>) -> ChainStep {
    let producer = format!("producer {}", lost.producer.name);
    let arrived = trace.given.is_some();
    let text = match (trace.leader, arrived) {
        (Some(leader), true) => format!("{producer} sends {} to broker {leader}.", lost.send.record),
        (Some(leader), false) => format!(
            "{producer} sends {} for {}, which broker {leader} leads; no broker is known to have got it.",
            lost.send.record, lost.partition
        ),
        (None, _) => format!("{producer} sends {} for {}.", lost.send.record, lost.partition),
    };
    ChainStep::new(lost.send.invoked, StepKind::Message, producer, "sends", text)
        .towards(trace.leader.map(broker), arrived)
}

/// Every replica's append of the batch, each once.
fn appended(trace: &Trace<'_>) -> Vec<ChainStep> {
    let (Some(state), Some(batch), Some(given)) = (trace.state, trace.batch, trace.given) else {
        return Vec::new();
    };
    let mut first: Vec<&Append> = Vec::new();
    for append in state.appends.iter().filter(|append| append.batch == batch) {
        if first.iter().all(|known| known.broker != append.broker) {
            first.push(append);
        }
    }
    let step = |append: &&Append| {
        let leads = append.broker == given.broker;
        let offset = trace.offset.unwrap_or(batch.base);
        let text = match leads {
            true => format!(
                "Broker {} leads epoch {} and appends it at offset {offset}.",
                append.broker, batch.epoch
            ),
            false => format!("Broker {} copies offset {offset} from its leader.", append.broker),
        };
        let label = if leads { "appends" } else { "copies" };
        ChainStep::new(append.at, StepKind::Appended, broker(append.broker), label, text)
    };
    first.iter().map(step).collect()
}

fn acked(lost: &Lost<'_>, trace: &Trace<'_>) -> ChainStep {
    let at = lost.send.completed.unwrap_or(lost.send.invoked);
    let producer = format!("producer {}", lost.producer.name);
    let Some((given, offset)) = trace.given.zip(lost.offset) else {
        let text = format!("acks=0: {producer} counts it as sent without an answer.");
        return ChainStep::new(at, StepKind::Acked, producer, "counts as sent", text);
    };
    let text = format!(
        "Broker {}'s acknowledgement of offset {offset} reaches {producer} (acks={}, ISR {:?}); {} had it then.",
        given.broker,
        given.acks,
        given.isr.iter().map(|member| member.0).collect::<Vec<i32>>(),
        brokers(&trace.held_by)
    );
    ChainStep::new(at, StepKind::Acked, broker(given.broker), "acknowledges", text)
        .towards(Some(producer), true)
}

/// What a fault did, as a verb: `crashed`.
pub(super) fn verb(what: &What) -> &'static str {
    match what {
        What::Crashed => "crashed",
        What::Stopped => "stopped",
        What::PowerLost => "lost power",
        What::Paused => "was paused",
        What::Event(_)
        | What::Started
        | What::Resumed
        | What::FaultBegan { .. }
        | What::FaultEnded { .. }
        | What::Phase(_) => "was cut off",
    }
}

fn struck(happening: &Happening) -> ChainStep {
    let (from, label, text) = match (&happening.what, happening.node) {
        (What::FaultBegan { fault, action, targets }, _) => (
            format!("fault {fault}"),
            action.as_str(),
            format!("The fault {fault} begins: {action} of {targets}."),
        ),
        (what, Some(node)) => (broker(node), verb(what), format!("Broker {node} {}.", verb(what))),
        (what, None) => ("fault".to_owned(), verb(what), "A fault strikes.".to_owned()),
    };
    ChainStep::new(happening.at, StepKind::Fault, from, label, text)
}

fn elected(election: &Election, lost: &Lost<'_>, trace: &Trace<'_>) -> ChainStep {
    let Election { leader, epoch, end, .. } = election;
    let why = match election.reason {
        ElectionReason::Created => "the topic is created",
        ElectionReason::LeaderLost => "the leader is gone, and it is in the ISR",
        ElectionReason::EligibleReplicaReturned => "it is back, and no other replica may lead",
        ElectionReason::LastKnownLeader => "nobody is in sync or eligible, and it was the last to lead",
        ElectionReason::Preferred => "it is the preferred replica, and in sync",
        ElectionReason::Reassigned => "the partition was reassigned",
        ElectionReason::Unclean => "no replica of the ISR is alive, and unclean election is on",
    };
    let offset = trace.offset.map_or_else(String::new, |offset| format!(" at offset {offset}"));
    let text = format!(
        "The controller makes broker {leader} leader of epoch {epoch}: {why}. Its log ends at {end}; it does not have {}{offset}.",
        lost.send.record
    );
    ChainStep::new(election.at, StepKind::Election, "controller".to_owned(), "elects", text)
        .towards(Some(broker(*leader)), true)
}

fn removed(cut: &Cut, trace: &Trace<'_>) -> ChainStep {
    let records: i64 = cut.lost.iter().map(|batch| batch.last.since(batch.base) + 1).sum();
    let records = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    let (label, text) = if cut.why == LOST_AT_RESTART {
        let text = format!(
            "Broker {} is back with a log that ends at {}; {records} had not reached its disk.",
            cut.broker, cut.to
        );
        ("lost at restart", text)
    } else {
        let after =
            trace.election.filter(|election| election.leader != cut.broker && election.effective <= cut.at);
        let why = after.map_or_else(String::new, |election| format!(" to follow broker {}", election.leader));
        ("truncates", format!("Broker {} cuts {records} from offset {} on{why}.", cut.broker, cut.to))
    };
    ChainStep::new(cut.at, StepKind::Truncation, broker(cut.broker), label, text)
}

fn missing(run: &RunOutcome, lost: &Lost<'_>, trace: &Trace<'_>) -> ChainStep {
    let at = run.began(Phase::FinalRead).or(run.phases.last().map(|(_, at)| *at)).unwrap_or(Instant::START);
    let found = run.history.final_reads.get(lost.partition).zip(trace.offset).map(|(records, offset)| {
        let there = records.iter().find(|(position, _)| *position == offset);
        match there {
            Some((_, Some(other))) => format!(" Offset {offset} holds {other}."),
            Some((_, None)) => format!(" Offset {offset} holds a record that is none of ours."),
            None => format!(" Nothing is at offset {offset}."),
        }
    });
    let text = format!(
        "The final read of {} does not find {}.{}",
        lost.partition,
        lost.send.record,
        found.unwrap_or_default()
    );
    ChainStep::new(at, StepKind::Missing, "reader".to_owned(), "does not find it", text)
}
