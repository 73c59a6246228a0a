//! The block of panels over one virtual time axis: faults, brokers, ISR, results, latency, groups, lag.

use super::groups;
use super::parts::{self, Figure};
use crate::artifact::{BrokerState, Exhibit, IsrTrack, LagTrack, ReplicaRole, Variant};
use crate::chart::{self, Run};
use crate::format;
use maud::{Markup, html};

/// ISR panels on one page: the worst partitions come first in the artifact.
const ISR_PANELS_MAX: usize = 8;
/// Panels of consumer groups on one page.
const GROUP_PANELS_MAX: usize = 4;
/// Lag panels on one page.
const LAG_PANELS_MAX: usize = 4;

/// The block of the run that is shown open.
pub(super) fn section(index: usize, variant: &Variant, exhibit: &Exhibit) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline: " (parts::variant_name(variant)) ", seed " (exhibit.seed) }
            p.muted {
                "All panels share one axis of virtual time; the tinted bands are faults, the numbers on top are those "
                "of the story."
            }
            (body(index, exhibit))
        }
    }
}

/// The panels.
pub(super) fn body(index: usize, exhibit: &Exhibit) -> Markup {
    let run = Run::new(index, exhibit);
    html! {
        div.timeline id=(format!("timeline-{index}")) data-run=(index) tabindex="0" role="group"
            aria-label=(format!("Panels over virtual time, seed {}", exhibit.seed)) {
            p.readout aria-live="off" {}
            (faults(run, exhibit))
            @if !exhibit.brokers.is_empty() { (brokers(run, exhibit)) }
            @for (number, track) in exhibit.isr.iter().take(ISR_PANELS_MAX).enumerate() {
                (isr(run, number, track, exhibit.duration_ns))
            }
            @if exhibit.isr.len() > ISR_PANELS_MAX {
                p.axisnote.small { (ISR_PANELS_MAX) " of " (exhibit.isr.len()) " partitions shown; all are in the artifact." }
            }
            @if !exhibit.outcomes.is_empty() { (outcomes(run, exhibit)) }
            @if let Some(drawing) = chart::latency(run) { (latency(exhibit, drawing)) }
            @for (number, track) in exhibit.groups.iter().take(GROUP_PANELS_MAX).enumerate() {
                (groups::panel(run, number, track))
            }
            @for (number, track) in exhibit.lag.iter().take(LAG_PANELS_MAX).enumerate() { (lag(run, number, track)) }
        }
    }
}

fn faults(run: Run<'_>, exhibit: &Exhibit) -> Markup {
    let says = match exhibit.faults.as_slice() {
        [] => "No fault fired in this run.".to_owned(),
        [only] => format!(
            "{} ({} {}) lasted {} from {}.",
            only.name,
            only.action,
            only.target,
            format::duration(only.end_ns.saturating_sub(only.start_ns)),
            format::moment(only.start_ns)
        ),
        [first, ..] => format!(
            "{} fired; the first, {}, began at {}.",
            format::plural(exhibit.faults.len() as u64, "fault"),
            first.name,
            format::moment(first.start_ns)
        ),
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "Fault" } th scope="col" { "Action" } th scope="col" { "Target" }
                th.number scope="col" { "From" } th.number scope="col" { "To" } th scope="col" { "Hardware" }
                th.number scope="col" { "Disk operations changed" } } }
            tbody {
                @for fault in &exhibit.faults {
                    tr {
                        th scope="row" { code { (fault.name) } } td { (fault.action) } td { (fault.target) }
                        td.number { (format::moment(fault.start_ns)) } td.number { (format::moment(fault.end_ns)) }
                        td { (fault.hardware) } td.number { (fault.struck.map_or_else(|| "–".to_owned(), format::count)) }
                    }
                }
            }
        }
    };
    Figure {
        title: "Faults",
        shows: "Phases of the run, the steps of the story, and what was broken when.",
        says: &says,
        reading: "Each fault has a lane; its hatching tells the family: diagonal a crash, crossed the network, dashes a \
                  disk, upright a pause. The target is the one that was chosen when the fault fired. Hardware says \
                  what the fault asks for: legal (sound machines do it), rare (they do it seldom and report it), or \
                  illegal (only a device that breaks its contract does it).",
        drawing: chart::fault_band(run, &says),
        table: (!exhibit.faults.is_empty()).then_some(table),
    }
    .panel()
}

fn brokers(run: Run<'_>, exhibit: &Exhibit) -> Markup {
    let downs = exhibit
        .brokers
        .iter()
        .flat_map(|broker| &broker.states)
        .filter(|state| state.state == BrokerState::Down)
        .count() as u64;
    let mut epochs: Vec<(&str, i32)> = exhibit
        .brokers
        .iter()
        .flat_map(|broker| &broker.roles)
        .filter(|role| role.role == ReplicaRole::Leader)
        .map(|role| (role.partition.as_str(), role.epoch))
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    let mut partitions: Vec<&str> = epochs.iter().map(|(partition, _)| *partition).collect();
    partitions.dedup();
    let changes = (epochs.len() - partitions.len().min(epochs.len())) as u64;
    let says = format!(
        "{}, {}.",
        if downs == 0 {
            "No broker went down".to_owned()
        } else {
            format!("A broker was down {}", format::plural(downs, "time"))
        },
        format::plural(changes, "change") + " of leader"
    );
    Figure {
        title: "Brokers",
        shows: "Who led, who followed in the ISR, and who was gone.",
        says: &says,
        reading: "Solid is the leader, light a follower in the ISR, a dashed outline a follower that has fallen out of \
                  it, hatched a broker that is down. The epoch counts leaderships: it grows with every election.",
        drawing: chart::broker_lanes(run, &says),
        table: None,
    }
    .panel()
}

fn isr(run: Run<'_>, number: usize, track: &IsrTrack, end: u64) -> Markup {
    let least = track.steps.iter().map(|step| step.members.len()).min().unwrap_or(0);
    let below = track
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| (step.members.len() as u64) < u64::from(track.min_insync_replicas))
        .map(|(index, step)| {
            track.steps.get(index + 1).map_or(end, |next| next.at_ns).saturating_sub(step.at_ns)
        });
    let below = format::total(below);
    let says = format!(
        "The ISR of {} had at least {least} of {} replicas; it was below min.insync.replicas={} for {}.",
        track.partition,
        track.replicas,
        track.min_insync_replicas,
        format::duration(below)
    );
    let table = html! {
        table {
            thead { tr { th.number scope="col" { "At" } th scope="col" { "ISR" } } }
            tbody {
                @for step in &track.steps {
                    tr { td.number { (format::moment(step.at_ns)) } td { (members(&step.members)) } }
                }
            }
        }
    };
    Figure {
        title: &format!("ISR of {}", track.partition),
        shows: "How many replicas are close enough to the leader to take over without loss.",
        says: &says,
        reading: "The line is the size of the ISR, the dashed line min.insync.replicas. Where it is below, the area is \
                  shaded: writes with acks=all are refused there, others go on at their own risk.",
        drawing: chart::isr(run, number, track, &says),
        table: Some(table),
    }
    .panel()
}

fn members(brokers: &[i32]) -> String {
    let names: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", names.join(", "))
}

fn outcomes(run: Run<'_>, exhibit: &Exhibit) -> Markup {
    let sum =
        |pick: fn(&crate::artifact::OutcomeWindow) -> u64| format::total(exhibit.outcomes.iter().map(pick));
    let (acked, failed, unknown) = (sum(|w| w.acked), sum(|w| w.failed), sum(|w| w.unknown));
    let longest = exhibit.outages.iter().map(|outage| outage.end_ns.saturating_sub(outage.start_ns)).max();
    let outage = match longest {
        Some(longest) => format!("the longest time without a success was {}", format::duration(longest)),
        None => "there was no time without a success".to_owned(),
    };
    let says = format!(
        "{} acknowledged, {} failed, {} of unknown fate; {outage}.",
        format::count(acked),
        format::count(failed),
        format::count(unknown)
    );
    Figure {
        title: "Writes",
        shows: "Records per window by result, and the times in which nothing succeeded.",
        says: &says,
        reading: "Stacked from below: acknowledged, of unknown fate, failed. A gap is a window in which nothing came \
                  back. The strip below marks outages with their length and who could not write.",
        drawing: chart::outcomes(run, &says),
        table: None,
    }
    .panel()
}

fn latency(exhibit: &Exhibit, drawing: Markup) -> Markup {
    let says = chart::latency_sentence(exhibit);
    Figure {
        title: "Latency",
        shows: "Median, 99th percentile and maximum of each window, from the intended start; logarithmic.",
        says: &says,
        reading: "Each step on the vertical axis is a factor of ten. A gap means that nothing completed in that window: \
                  the wait is in the records that complete after it.",
        drawing,
        table: None,
    }
    .panel()
}

fn lag(run: Run<'_>, number: usize, track: &LagTrack) -> Markup {
    let worst = track.windows.iter().max_by_key(|window| window.records);
    let last = track.windows.last().map_or(0, |window| window.records);
    let says = match worst {
        Some(worst) if worst.records > 0 => format!(
            "{} was at most {} behind, at {}; at the end {}.",
            track.group,
            format::plural(worst.records, "record"),
            format::moment(worst.start_ns),
            format::plural(last, "record")
        ),
        _ => format!("{} was never behind.", track.group),
    };
    let aged = track.windows.iter().any(|window| window.age_ns > 0);
    Figure {
        title: &format!("Consumer lag: {}", track.group),
        shows: "How far the group is behind, in records and in time.",
        says: &says,
        reading: "The first line counts committed records the group has not read, the second is the age of the oldest \
                  of them. Both should reach zero by the end of the drain.",
        drawing: html! {
            (chart::lag_records(run, number, track, &says))
            @if aged { (chart::lag_age(run, number, track, &says)) }
        },
        table: None,
    }
    .panel()
}
