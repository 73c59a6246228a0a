//! What a campaign was meant to test and did not. A pass proves nothing about these.

use tribunal_reports::artifact::{NotTested, Outcome};
use tribunal_reports::format;

use super::{guarantees, with};
use crate::campaign::Campaign;
use crate::scenario::expect::Claim;
use crate::scenario::plan::Trigger;
use crate::scenario::{Guarantee, Scenario};

/// A fault that fired in no seed of a variant, or whose disks nobody used while it lasted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SilentFault {
    /// Its name.
    pub fault: String,
    /// The variant's label.
    pub variant: String,
    /// Whether the scenario says that it may stay away.
    pub optional: bool,
    /// Why, as far as one can say.
    pub reason: String,
}

/// The faults that fired in no seed of a variant or struck nothing in any, variant by variant.
pub fn silent_faults<'a>(
    scenario: &'a Scenario,
    campaign: &'a Campaign,
) -> impl Iterator<Item = SilentFault> + 'a {
    campaign.variants.iter().flat_map(move |result| {
        let plan = &scenario.variants[result.variant];
        let seeds = result.summaries().count() as u64;
        plan.faults.iter().filter_map(move |fault| {
            let own = || {
                result.summaries().flat_map(|summary| &summary.faults).filter(|one| one.fault == fault.name)
            };
            let fired = own().any(|one| one.fired);
            let struck = own().any(|one| one.fired && one.struck != Some(0));
            (!struck && seeds > 0).then(|| SilentFault {
                fault: fault.name.clone(),
                variant: plan.label.clone(),
                optional: fault.optional,
                reason: match &fault.trigger {
                    _ if fired => {
                        let seeds = format::plural(seeds, "seed");
                        format!("it fired and changed no operation of a disk in any of {seeds}")
                    }
                    Trigger::When(condition) => {
                        format!("`{condition}` was true in none of {}", format::plural(seeds, "seed"))
                    }
                    Trigger::At(_) | Trigger::After { .. } | Trigger::Every { .. } => {
                        format!("it fired in none of {}", format::plural(seeds, "seed"))
                    }
                },
            })
        })
    })
}

/// Everything that was not tested, each with the reason; variants with the same reason in one entry.
#[must_use]
pub fn not_tested(scenario: &Scenario, campaign: &Campaign) -> Vec<NotTested> {
    let mut found: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut note = |what: String, reason: String, variant: &str| match found
        .iter_mut()
        .find(|(known, why, _)| *known == what && *why == reason)
    {
        Some((.., variants)) => variants.push(variant.to_owned()),
        None => found.push((what, reason, vec![variant.to_owned()])),
    };
    for silent in silent_faults(scenario, campaign) {
        let optional = if silent.optional { " (optional)" } else { "" };
        note(format!("fault {}{optional}", silent.fault), silent.reason, &silent.variant);
    }
    for result in &campaign.variants {
        let plan = &scenario.variants[result.variant];
        for verdict in guarantees(result) {
            if verdict.outcome == Outcome::NotTested {
                note(verdict.guarantee, verdict.explanation, &plan.label);
            }
        }
        for index in &plan.expectations {
            let Some(Claim::Happens(condition)) = scenario.expectations.get(*index).map(|one| &one.claim)
            else {
                continue;
            };
            let happened = result.summaries().any(|summary| {
                summary
                    .answers
                    .iter()
                    .any(|answer| answer.expectation == *index && answer.holds == Some(true))
            });
            if !happened {
                note(format!("happens {condition}"), "it happened in no seed".to_owned(), &plan.label);
            }
        }
        for summary in result.summaries() {
            if let Some(why) = &summary.abandoned {
                note(
                    format!("the rest of seed {}", summary.seed),
                    format!("the run ended early: {why}"),
                    &plan.label,
                );
            }
        }
    }
    let all = campaign.variants.len();
    let entry = |(what, reason, variants): (String, String, Vec<String>)| {
        let about = if variants.len() == all { String::new() } else { with(&variants.join("; ")) };
        NotTested { what: format!("{what}{about}"), reason }
    };
    found.into_iter().map(entry).collect()
}

/// Whether an expectation of a variant speaks about a guarantee.
pub(super) fn spoken_of(scenario: &Scenario, variant: usize, guarantee: Guarantee) -> bool {
    let expectations = &scenario.variants[variant].expectations;
    let mut claims = expectations.iter().filter_map(|index| scenario.expectations.get(*index));
    claims.any(|expectation| expectation.claim.guarantee() == Some(guarantee))
}
