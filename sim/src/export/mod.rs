//! From runs and verdicts to the artifact of a report.
//!
//! Everything here is a pure function of scenario, campaign and binary: no clock, no path of this machine, no order
//! that depends on threads. [`exhibit`] turns one run into what the page shows of it while the run is still there;
//! [`artifact`] puts the rest around it when the campaign is over.

mod configuration;
mod exhibit;
mod groups;
mod guarantee;
mod identity;
mod isr;
mod lag;
mod lanes;
mod loss;
mod story;
mod variant;
mod windows;

use tribunal_reports::artifact::{
    Campaign as Seeds, CampaignRow, Coverage, FORMAT, LossSignature, Outcome, RunArtifact, RunIdentity,
    Scenario as Source, SourceMark,
};

pub use exhibit::exhibit;
pub use guarantee::how_checked;
pub use identity::{ENGINE_VERSION, leading_case, quoted, replay_command, run_id};

use crate::campaign::{Campaign, Seen};
use crate::scenario::expect::Claim;
use crate::scenario::{Diagnostic, Scenario};
use crate::verdict;

/// The artifact of a campaign; `warnings` are the loader's.
#[must_use]
pub fn artifact(scenario: &Scenario, warnings: &[Diagnostic], campaign: &Campaign) -> RunArtifact {
    let variants: Vec<_> =
        campaign.variants.iter().map(|result| variant::variant(scenario, result)).collect();
    let mut artifact = RunArtifact {
        format: FORMAT,
        run: RunIdentity {
            id: run_id(scenario, campaign),
            engine_version: ENGINE_VERSION.to_owned(),
            protocol_variant: protocol(scenario, campaign),
            reproduce: String::new(),
            event_hash: String::new(),
            partial: campaign.partial,
        },
        scenario: source(scenario, campaign),
        guarantees: guarantee::all(scenario),
        variants,
        expectations: verdict::expectations(scenario, campaign),
        campaign: seeds(scenario, campaign),
        configuration: configuration::settings(scenario, campaign),
        not_tested: verdict::not_tested(scenario, campaign),
        warnings: configuration::warnings(warnings),
        coverage: coverage(campaign),
    };
    if let Some((label, seed)) = leading_case(&artifact) {
        artifact.run.reproduce = replay_command("report.html", &label, seed);
        artifact.run.event_hash = hash_of(scenario, campaign, &label, seed).unwrap_or_default();
    }
    artifact
}

/// A hash as the artifact writes it.
#[must_use]
pub fn hash_text(hash: u64) -> String {
    format!("{hash:016x}")
}

fn hash_of(scenario: &Scenario, campaign: &Campaign, label: &str, seed: u64) -> Option<String> {
    let result = campaign.variants.iter().find(|result| scenario.variants[result.variant].label == label)?;
    let summary = result.summaries().find(|summary| summary.seed == seed)?;
    Some(hash_text(summary.trace_hash))
}

fn protocol(scenario: &Scenario, campaign: &Campaign) -> String {
    let mut names: Vec<&str> =
        campaign.variants.iter().map(|result| scenario.variants[result.variant].protocol_name).collect();
    names.dedup();
    names.join(", ")
}

/// The file's name without its folder: an artifact is the same wherever it was made.
#[must_use]
pub fn file_of(scenario: &Scenario) -> String {
    let name = std::path::Path::new(&scenario.file_name).file_name();
    name.map_or_else(|| scenario.file_name.clone(), |name| name.to_string_lossy().into_owned())
}

fn source(scenario: &Scenario, campaign: &Campaign) -> Source {
    Source {
        name: scenario.name.clone(),
        file: file_of(scenario),
        hypothesis: scenario.hypothesis.clone().unwrap_or_default(),
        tags: scenario.tags.clone(),
        source: scenario.source.clone(),
        marks: marks(scenario, campaign),
    }
}

fn marks(scenario: &Scenario, campaign: &Campaign) -> Vec<SourceMark> {
    let summaries = || campaign.variants.iter().flat_map(|result| result.summaries());
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let mut marks: Vec<SourceMark> = Vec::new();
    for result in &campaign.variants {
        for fault in &scenario.variants[result.variant].faults {
            let what = format!("fault {}", fault.name);
            if marks.iter().all(|mark| mark.what != what) {
                let faults = || summaries().flat_map(|summary| &summary.faults);
                let fired = faults().filter(|one| one.fault == fault.name && one.fired).count() as u64;
                marks.push(SourceMark { line: line(fault.line), fired, what });
            }
        }
    }
    for (index, expectation) in scenario.expectations.iter().enumerate() {
        if let Claim::Happens(condition) = &expectation.claim {
            let answers = || summaries().flat_map(|summary| &summary.answers);
            let happened = answers().filter(|one| one.expectation == index && one.holds == Some(true));
            let fired = happened.count() as u64;
            marks.push(SourceMark {
                line: line(expectation.line),
                fired,
                what: format!("happens {condition}"),
            });
        }
    }
    marks.sort_by_key(|mark| mark.line);
    marks
}

fn seeds(scenario: &Scenario, campaign: &Campaign) -> Seeds {
    let rows = campaign.variants.iter().map(|result| {
        let outcome = |summary: Option<_>| summary.map_or(Outcome::NotTested, verdict::outcome_of_run);
        let lost: Vec<u64> =
            result.seeds.iter().map(|seed| seed.summary().map_or(0, |summary| summary.lost)).collect();
        CampaignRow {
            variant: scenario.variants[result.variant].label.clone(),
            outcomes: result.seeds.iter().map(|seed| outcome(seed.summary())).collect(),
            lost: if lost.iter().all(|lost| *lost == 0) { Vec::new() } else { lost },
        }
    });
    Seeds { seeds: campaign.seeds.clone(), rows: rows.collect(), signatures: signatures(scenario, campaign) }
}

fn signatures(scenario: &Scenario, campaign: &Campaign) -> Vec<LossSignature> {
    let mut found: Vec<LossSignature> = Vec::new();
    for result in &campaign.variants {
        let label = &scenario.variants[result.variant].label;
        for summary in result.summaries().filter(|summary| !summary.signature.is_empty()) {
            let same = |one: &&mut LossSignature| one.signature == summary.signature && one.variant == *label;
            match found.iter_mut().find(same) {
                Some(known) => known.seeds += 1,
                None => found.push(LossSignature {
                    signature: summary.signature.clone(),
                    variant: label.clone(),
                    seeds: 1,
                    first_seed: summary.seed,
                    smallest: String::new(),
                    reproduce: replay_command("report.html", label, summary.seed),
                }),
            }
        }
    }
    found.sort_by_key(|signature| std::cmp::Reverse(signature.seeds));
    found
}

fn coverage(campaign: &Campaign) -> Vec<Coverage> {
    let summaries = || campaign.variants.iter().flat_map(|result| result.summaries());
    let counted = Seen::NAMED.iter().map(|(seen, what)| {
        let counts = || summaries().map(|summary| summary.seen.get(seen).copied().unwrap_or(0));
        Coverage {
            what: (*what).to_owned(),
            count: counts().sum(),
            seeds: counts().filter(|count| *count > 0).count() as u64,
        }
    });
    counted.collect()
}

#[cfg(test)]
mod tests;
