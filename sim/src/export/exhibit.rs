//! One run, as the page shows it.

use tribunal_engine::time::Instant;
use tribunal_reports::artifact::{Exhibit, FaultBand, Outage, Phase as PhaseBand, Recovery};

use super::{groups, identity, isr, lag, lanes, loss, story, windows};
use crate::campaign::{Rank, RunSummary};
use crate::measure::{Measured, active};
use crate::run::RunOutcome;
use crate::scenario::plan::Action;
use crate::scenario::{Plan, Scenario};
use crate::view::{Phase, What};

/// Windows the charts over time divide a run into.
const WINDOWS: u64 = 200;

/// What the page shows of a run.
#[must_use]
pub fn exhibit(
    scenario: &Scenario,
    plan: &Plan,
    run: &RunOutcome,
    measured: &Measured,
    summary: &RunSummary,
) -> Exhibit {
    let duration_ns = measured.end.as_nanos().max(1);
    let window_ns = duration_ns.div_ceil(WINDOWS);
    let losses = loss::losses(plan, run);
    let story = story::story(plan, run, measured);
    Exhibit {
        seed: run.seed,
        why: why(scenario, summary).to_owned(),
        reproduce: identity::replay_command("report.html", &plan.label, run.seed),
        event_hash: super::hash_text(run.trace_hash),
        duration_ns,
        phases: phases(run, measured),
        faults: faults(plan, run, measured),
        brokers: lanes::lanes(plan, run, measured.end),
        isr: isr::tracks(plan, run),
        window_ns,
        outcomes: windows::outcomes(run, window_ns),
        outages: outages(measured),
        latency: windows::latency(run, window_ns),
        lag: [lag::tracks(run, window_ns, duration_ns), groups::lag(plan, run, window_ns, duration_ns)]
            .concat(),
        groups: groups::tracks(plan, run, measured.end),
        recoveries: recoveries(run, measured),
        losses,
        story,
    }
}

fn why(scenario: &Scenario, summary: &RunSummary) -> &'static str {
    match summary.rank {
        Rank::Broken if summary.lost > 0 => "the first seed that broke a promise and lost a record",
        Rank::Broken => "the first seed that broke a promise",
        Rank::Allowed if summary.lost > 0 => "the first seed that lost a record, which a setting allows",
        Rank::Allowed => "the first seed in which something happened that a setting allows",
        Rank::Quiet if scenario.run.seeds.len() > 1 => "the first seed: none broke a promise",
        Rank::Quiet => "the only seed",
    }
}

fn phases(run: &RunOutcome, measured: &Measured) -> Vec<PhaseBand> {
    let ends = run.phases.iter().skip(1).map(|(_, at)| *at).chain([measured.end]);
    let bands = run.phases.iter().zip(ends).filter(|((phase, _), _)| *phase != Phase::Done);
    bands
        .map(|((phase, start), end)| PhaseBand {
            name: phase.to_string(),
            start_ns: start.as_nanos(),
            end_ns: end.as_nanos(),
        })
        .collect()
}

fn faults(plan: &Plan, run: &RunOutcome, measured: &Measured) -> Vec<FaultBand> {
    let mut bands: Vec<FaultBand> = run
        .faults
        .iter()
        .filter_map(|fault| {
            let span = active(fault, measured.end)?;
            let action = fault.planned(plan).map(|(_, strike)| &strike.action);
            Some(FaultBand {
                name: fault.label(),
                action: action.map_or("", Action::name).to_owned(),
                target: fault.targets.join(", "),
                start_ns: span.start.as_nanos(),
                end_ns: span.end.as_nanos(),
                hardware: action.map_or_else(String::new, |action| action.hardware().to_string()),
                struck: fault.struck,
            })
        })
        .collect();
    bands.sort_by_key(|band| band.start_ns);
    bands
}

fn outages(measured: &Measured) -> Vec<Outage> {
    let all = measured.partitions.iter().flat_map(|(name, found)| {
        found.outages.iter().map(move |span| Outage {
            who: name.to_string(),
            start_ns: span.start.as_nanos(),
            end_ns: span.end.as_nanos(),
        })
    });
    let mut outages: Vec<Outage> = all.collect();
    outages.sort_by(|a, b| (a.start_ns, &a.who).cmp(&(b.start_ns, &b.who)));
    outages
}

fn recoveries(run: &RunOutcome, measured: &Measured) -> Vec<Recovery> {
    let nanos = |at: Option<Instant>| at.map(Instant::as_nanos);
    let one = |recovery: &crate::measure::FaultRecovery| Recovery {
        fault: recovery.label.clone(),
        start_ns: recovery.began.as_nanos(),
        detected_ns: nanos(recovery.detected),
        new_leader_ns: nanos(recovery.new_leader),
        first_ack_ns: nanos(recovery.first_ack),
        isr_full_ns: nanos(recovery.isr_full),
        lag_zero_ns: nanos(lag::caught_up(run, recovery)),
    };
    measured.recoveries.iter().map(one).collect()
}

/// Whether a happening is about a process of that id.
pub(super) fn is_process(what: &What) -> bool {
    matches!(
        what,
        What::Started | What::Crashed | What::Stopped | What::PowerLost | What::Paused | What::Resumed
    )
}
