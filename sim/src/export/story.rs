//! The story of a run in a few sentences.
//!
//! Every candidate has a weight; if there are too many, the lightest go. What is told stays in the order of time.

use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::time::Instant;
use tribunal_reports::artifact::StoryStep;
use tribunal_reports::format;

use crate::measure::{FaultRecovery, Measured, leaders_at};
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::scenario::action::Hardware;
use crate::scenario::plan::{Action, Trigger};
use crate::view::{Happening, Phase, What};

/// Sentences in a story.
const SENTENCES_MAX: usize = 9;

struct Candidate {
    at: Instant,
    /// The larger, the longer it stays.
    weight: u8,
    text: String,
}

/// The sentences, by time.
pub(super) fn story(plan: &Plan, run: &RunOutcome, measured: &Measured) -> Vec<StoryStep> {
    let mut told: Vec<Candidate> = Vec::new();
    told.extend(load_began(plan, run));
    told.extend(run.faults.iter().flat_map(|fault| of_fault(plan, run, fault)));
    told.extend(measured.recoveries.iter().flat_map(of_recovery));
    told.extend(elections(run));
    told.extend(run.view.happenings.iter().filter_map(of_happening));
    told.extend(ending(run, measured));
    while told.len() > SENTENCES_MAX {
        // Of the lightest the last: the first of its kind is the one that explains.
        let lightest = told.iter().map(|one| one.weight).min().unwrap_or(0);
        let last =
            told.iter().enumerate().filter(|(_, one)| one.weight == lightest).max_by_key(|(_, one)| one.at);
        let Some((index, _)) = last else { break };
        told.remove(index);
    }
    told.sort_by_key(|one| one.at);
    told.into_iter().map(|one| StoryStep { at_ns: one.at.as_nanos(), text: one.text }).collect()
}

fn list(brokers: &[NodeId]) -> String {
    let mut ids: Vec<String> = brokers.iter().map(NodeId::to_string).collect();
    ids.sort();
    format!("{{{}}}", ids.join(", "))
}

fn seconds(from: Instant, to: Instant) -> String {
    format::duration(u64::try_from(to.since(from).as_nanos()).unwrap_or(u64::MAX))
}

fn load_began(plan: &Plan, run: &RunOutcome) -> Option<Candidate> {
    let at = run.began(Phase::Load)?;
    let clients: u32 = plan.producers.iter().map(|producer| producer.count).sum();
    let partitions = run.view.partitions.len() as u64;
    let leaders = leaders_at(&run.view, at);
    let first = leaders.iter().find_map(|(partition, leader)| Some((*partition, (*leader)?)));
    let leader =
        first.map_or_else(String::new, |(partition, leader)| format!("; broker {leader} leads {partition}"));
    let text = format!(
        "Load begins: {} to {}{leader}.",
        format::plural(u64::from(clients), "producer"),
        format::plural(partitions, "partition"),
    );
    Some(Candidate { at, weight: 30, text })
}

/// The action's name, and what it asks of hardware if that is more than sound machines do.
fn described(action: &Action) -> String {
    match action.hardware() {
        Hardware::Legal => action.name().to_owned(),
        hardware => format!("{}, {hardware} hardware", action.name()),
    }
}

fn of_fault(plan: &Plan, run: &RunOutcome, fault: &crate::run::FaultRecord) -> Vec<Candidate> {
    let Some(at) = fault.began else { return Vec::new() };
    let planned = fault.planned(plan);
    let action = planned.map_or_else(String::new, |(_, strike)| described(&strike.action));
    let because = match planned.map(|(planned, _)| &planned.trigger) {
        Some(Trigger::When(condition)) => format!(", because {condition}"),
        Some(Trigger::At(_) | Trigger::After { .. } | Trigger::Every { .. }) | None => String::new(),
    };
    // Of a fault that fires again and again, the first time explains.
    let (begins, ends) = if fault.firing.is_some_and(|number| number > 1) { (45, 20) } else { (100, 40) };
    let before = Instant::from_nanos(at.as_nanos().saturating_sub(1));
    let leaders = leaders_at(&run.view, before);
    let led = leaders.iter().filter(|(_, leader)| {
        leader.is_some_and(|leader| fault.targets.contains(&format!("broker {leader}")))
    });
    let led: Vec<&TopicPartition> = led.map(|(partition, _)| *partition).collect();
    let led = match led.as_slice() {
        [] => String::new(),
        [only] => format!(" It led {only}."),
        [first, rest @ ..] => {
            format!(" It led {first} and {}.", format::plural(rest.len() as u64, "more partition"))
        }
    };
    let targets = fault.targets.join(", ");
    let text = format!("Fault {} ({action}) hits {targets}{because}.{led}", fault.label());
    let mut told = vec![Candidate { at, weight: begins, text }];
    if let Some(ended) = fault.ended.filter(|ended| *ended > at) {
        let struck = fault.struck.map_or_else(String::new, |struck| {
            format!(" It changed {}.", format::plural(struck, "disk operation"))
        });
        let text = format!("Fault {} ends after {}.{struck}", fault.label(), seconds(at, ended));
        told.push(Candidate { at: ended, weight: ends, text });
    }
    told
}

fn of_recovery(recovery: &FaultRecovery) -> Vec<Candidate> {
    let mut told = Vec::new();
    let since = |at| seconds(recovery.began, at);
    // Of a fault that fires again and again, the first time explains.
    let lighter = if recovery.firing.is_some_and(|number| number > 1) { 40 } else { 0 };
    if let Some(at) = recovery.detected {
        let text =
            format!("The controller fences the broker, {} after fault {} began.", since(at), recovery.label);
        told.push(Candidate { at, weight: 60 - lighter, text });
    }
    if let Some(at) = recovery.first_ack {
        let text = format!(
            "A record wanted after fault {} is acknowledged again{}: {} after it began.",
            recovery.label,
            if recovery.partitions.len() > 1 { " on every partition it hit" } else { "" },
            since(at)
        );
        told.push(Candidate { at, weight: 70 - lighter, text });
    }
    if let Some(at) = recovery.isr_full {
        let text =
            format!("Every replica is in the ISR again, {} after fault {} began.", since(at), recovery.label);
        told.push(Candidate { at, weight: 50 - lighter, text });
    }
    told
}

/// Elections of one moment in one sentence.
fn elections(run: &RunOutcome) -> Vec<Candidate> {
    let mut told: Vec<Candidate> = Vec::new();
    let mut more = 0_u64;
    for happening in &run.view.happenings {
        let What::Event(Event::LeaderElected { partition, leader, epoch, isr, reason }) = &happening.what
        else {
            continue;
        };
        if *reason == ElectionReason::Created {
            continue;
        }
        if let Some(last) = told.last_mut().filter(|last| last.at == happening.at) {
            more += 1;
            if more == 1 {
                last.text.push_str(" Other partitions change their leader with it.");
            }
            continue;
        }
        more = 0;
        let isr = list(isr);
        let text = match (leader, reason) {
            (None, _) => {
                format!("{partition} has no leader: no replica that may lead lives (epoch {epoch}).")
            }
            (Some(leader), ElectionReason::Unclean) => format!(
                "Broker {leader} is elected leader of {partition} in epoch {epoch} from outside the ISR: an unclean election."
            ),
            (Some(leader), ElectionReason::EligibleReplicaReturned) => {
                format!(
                    "Broker {leader} is back and leads {partition} again, in epoch {epoch} with ISR {isr}."
                )
            }
            (Some(leader), ElectionReason::LastKnownLeader) => format!(
                "Broker {leader}, the last to lead {partition}, leads it again in epoch {epoch} with what it still has: nobody was in sync or eligible."
            ),
            (Some(leader), ElectionReason::Preferred) => format!(
                "Broker {leader} takes over {partition} in epoch {epoch} as its preferred replica, ISR {isr}."
            ),
            (Some(leader), ElectionReason::Reassigned) => {
                format!("{partition} is reassigned: broker {leader} leads it in epoch {epoch}, ISR {isr}.")
            }
            (Some(leader), ElectionReason::LeaderLost | ElectionReason::Created) => {
                format!(
                    "Broker {leader} is elected leader of {partition} in epoch {epoch}, ISR {isr}: a clean election."
                )
            }
        };
        let weight = if *reason == ElectionReason::Unclean { 95 } else { 80 };
        told.push(Candidate { at: happening.at, weight, text });
    }
    told
}

fn of_happening(happening: &Happening) -> Option<Candidate> {
    let node = happening.node?;
    let (weight, text) = match &happening.what {
        What::Event(Event::Truncated { partition, from, to, .. }) => {
            let records = u64::try_from(from.since(*to)).unwrap_or(0);
            let are = if records == 1 { "is" } else { "are" };
            let records = format::plural(records, "record");
            (
                90,
                format!(
                    "Broker {node} cuts {partition} from offset {from} to {to}: {records} {are} gone from it."
                ),
            )
        }
        What::Event(Event::RecoveryCut { partition, at, bytes, reason }) => {
            let size = format::bytes(*bytes);
            (
                85,
                format!(
                    "Broker {node} finds a damaged tail in its log of {partition} ({reason}) and cuts {size} at \
                     offset {at}."
                ),
            )
        }
        What::Event(Event::StorageFailed { partition }) => {
            (85, format!("The log of {partition} fails at the disk of broker {node}."))
        }
        _ => return None,
    };
    Some(Candidate { at: happening.at, weight, text })
}

fn ending(run: &RunOutcome, measured: &Measured) -> Option<Candidate> {
    let at = run.began(Phase::FinalRead).unwrap_or(measured.end);
    let text = match (&run.abandoned, measured.lost) {
        (Some(why), _) => format!("The run ends early: {why}."),
        (None, Some(0)) => {
            format!(
                "The final read finds every one of {}.",
                format::plural(measured.counts.acked, "acknowledged record")
            )
        }
        (None, Some(lost)) => {
            let lost = format::plural(lost, "acknowledged record");
            format!("The final read cannot find {lost} of {}.", format::count(measured.counts.acked))
        }
        (None, None) => return None,
    };
    Some(Candidate { at, weight: 99, text })
}
