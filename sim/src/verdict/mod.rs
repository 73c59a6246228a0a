//! From the runs of a campaign to its verdict.
//!
//! Two questions, kept apart. Per guarantee and variant, over all seeds: **held**, **broken** (it was promised and did
//! not hold in some seed), **allowed** (it happened, and a setting allows it) or **not tested**. And whether that was
//! expected: the scenario's `expect`, and where it says nothing, that no promise is broken. The headline follows the
//! first question, the exit code the second.

mod condition;
mod exit;
mod expectation;
mod untested;

use tribunal_reports::artifact::{GuaranteeVerdict, Outcome};
use tribunal_reports::format;

pub use exit::{Exit, exit};
pub use expectation::expectations;
pub use untested::{not_tested, silent_faults};

use crate::campaign::{Judged, RunSummary, VariantResult};
use crate::promise::Verdict;
use crate::scenario::Guarantee;

/// Examples kept of one guarantee of one variant.
const EXAMPLES_MAX: usize = 5;

/// The outcome of one verdict of one run.
#[must_use]
pub fn outcome_of(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Held => Outcome::Held,
        Verdict::Broken => Outcome::Broken,
        Verdict::Allowed { .. } => Outcome::Allowed,
        Verdict::NotTested { .. } => Outcome::NotTested,
    }
}

/// What several outcomes come to: broken outweighs allowed, allowed outweighs held, held outweighs not tested.
#[must_use]
pub fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Broken => 0,
        Outcome::Allowed => 1,
        Outcome::Held => 2,
        Outcome::NotTested => 3,
    };
    outcomes.into_iter().min_by_key(weight).unwrap_or(Outcome::NotTested)
}

/// The worst outcome of a run.
#[must_use]
pub fn outcome_of_run(summary: &RunSummary) -> Outcome {
    worst(summary.judged.iter().map(|judged| outcome_of(&judged.verdict)))
}

/// The verdicts of a variant over its seeds, in the order of [`Guarantee::ALL`]; those that its plan cannot be judged by
/// are not among them.
#[must_use]
pub fn guarantees(result: &VariantResult) -> Vec<GuaranteeVerdict> {
    let judged = |guarantee: &Guarantee| {
        let mut runs = result.summaries().peekable();
        runs.peek().is_none() || runs.any(|summary| summary.judged(*guarantee).is_some())
    };
    Guarantee::ALL.iter().copied().filter(judged).map(|guarantee| of_guarantee(guarantee, result)).collect()
}

fn of_guarantee(guarantee: Guarantee, result: &VariantResult) -> GuaranteeVerdict {
    let judged: Vec<(u64, &Judged)> =
        result.summaries().filter_map(|summary| Some((summary.seed, summary.judged(guarantee)?))).collect();
    let outcome = worst(judged.iter().map(|(_, judged)| outcome_of(&judged.verdict)));
    let first = judged.iter().find(|(_, judged)| outcome_of(&judged.verdict) == outcome);
    let affected: Vec<&(u64, &Judged)> = judged
        .iter()
        .filter(|(_, judged)| matches!(judged.verdict, Verdict::Broken | Verdict::Allowed { .. }))
        .collect();
    let happened = matches!(outcome, Outcome::Broken | Outcome::Allowed);
    let checked = judged.iter().map(|(_, judged)| judged.checked).sum();
    GuaranteeVerdict {
        guarantee: guarantee.name().to_owned(),
        outcome,
        seeds_affected: affected.len() as u64,
        occurrences: affected.iter().map(|(_, judged)| judged.violated).sum(),
        checked,
        checked_what: judged.first().map_or_else(String::new, |(_, judged)| judged.unit.to_owned()),
        first_seed: first.filter(|_| happened).map(|(seed, _)| *seed),
        first_at_ns: first.filter(|_| happened).and_then(|(_, judged)| Some(judged.first_at?.as_nanos())),
        explanation: explanation(outcome, checked, &judged),
        allowed_by: match first.map(|(_, judged)| &judged.verdict) {
            Some(Verdict::Allowed { setting, .. }) => Some(setting.clone()),
            _ => None,
        },
        examples: first
            .filter(|_| happened)
            .map(|(_, judged)| judged.examples.iter().take(EXAMPLES_MAX).cloned().collect())
            .unwrap_or_default(),
    }
}

fn explanation(outcome: Outcome, checked: u64, judged: &[(u64, &Judged)]) -> String {
    let first = judged.iter().find(|(_, judged)| outcome_of(&judged.verdict) == outcome);
    let Some((seed, first)) = first else {
        return "No run checked it.".to_owned();
    };
    match &first.verdict {
        Verdict::Allowed { sentence, .. } => sentence.clone(),
        Verdict::NotTested { reason } => reason.clone(),
        Verdict::Held => {
            let tested = judged.iter().filter(|(_, judged)| judged.verdict == Verdict::Held).count() as u64;
            format!(
                "Checked on {} {} in {}: not once broken, so the rate of seeds that break it is {} (95 % confidence).",
                format::count(checked),
                first.unit,
                format::plural(tested, "seed"),
                format::rule_of_three(tested),
            )
        }
        Verdict::Broken => match first.examples.first() {
            Some(example) => format!("The settings promise it. Seed {seed}: {example}"),
            None => format!("The settings promise it, and seed {seed} broke it."),
        },
    }
}

/// ` with acks=1`, or nothing for the only variant of a scenario without a matrix.
pub(crate) fn with(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(" with {label}") }
}

#[cfg(test)]
mod tests;
