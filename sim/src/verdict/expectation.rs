//! Expectations, judged over variants and seeds.
//!
//! - `holds G`: no seed violates it, allowed or not, and some seed tested it. Not tested is not met.
//! - `breaks G in some|every seed`: it is violated, allowed or not. A lesson must stay true.
//! - `may break G`: met either way.
//! - `happens E`: true at the end of one seed at least. False everywhere is not met, not known anywhere is
//!   inconclusive.
//! - a condition: true at the end of every seed that can say; the seed with the worst value is named. If no seed can
//!   say, it is inconclusive.
//!
//! An expectation is about each of its variants: the worst answer counts. A promise that broke and of which no
//! expectation speaks is an expectation not met, too: Kafka's promises are expected without saying so.

use tribunal_reports::artifact::{Expectation as Judgement, ExpectationStatus, Outcome};
use tribunal_reports::format;

use super::untested::spoken_of;
use super::{guarantees, outcome_of, with};
use crate::campaign::{Campaign, ClaimAnswer, VariantResult};
use crate::scenario::expect::{Claim, Expectation, Seeds};
use crate::scenario::expr::{Comparison, Expr, Term, Value};
use crate::scenario::{Guarantee, Scenario};

/// The answer of one variant.
struct Answer {
    status: ExpectationStatus,
    sentence: String,
    measured: Option<String>,
    /// The value that decides, and whether a larger one is worse.
    worst: Option<(Value, bool)>,
}

/// Judges every expectation of the scenario, in the order of the file, and the promises nobody spoke of.
#[must_use]
pub fn expectations(scenario: &Scenario, campaign: &Campaign) -> Vec<Judgement> {
    let stated = scenario.expectations.iter().enumerate();
    let mut judged: Vec<Judgement> = stated
        .filter_map(|(index, expectation)| stated_one(scenario, campaign, index, expectation))
        .collect();
    judged.extend(campaign.variants.iter().flat_map(|result| unspoken(scenario, result)));
    judged
}

fn stated_one(
    scenario: &Scenario,
    campaign: &Campaign,
    index: usize,
    expectation: &Expectation,
) -> Option<Judgement> {
    let about = campaign
        .variants
        .iter()
        .filter(|result| scenario.variants[result.variant].expectations.contains(&index));
    let answers = about.map(|result| {
        let label = &scenario.variants[result.variant].label;
        (label, answer(label, index, expectation, result))
    });
    let answers: Vec<(&String, Answer)> = answers.collect();
    let on = if expectation.on.is_empty() {
        Vec::new()
    } else {
        answers.iter().map(|(label, _)| (*label).clone()).collect()
    };
    // Only some variants were run: the expectation may be about none of them.
    let (_, decisive) =
        answers.into_iter().reduce(|best, next| if worse(&next.1, &best.1) { next } else { best })?;
    Some(Judgement {
        text: expectation.text.clone(),
        line: u32::try_from(expectation.line).unwrap_or(u32::MAX),
        on,
        status: decisive.status,
        measured: decisive.measured,
        sentence: decisive.sentence,
    })
}

fn worse(next: &Answer, best: &Answer) -> bool {
    let weight = |status| match status {
        ExpectationStatus::NotMet => 0,
        ExpectationStatus::Inconclusive => 1,
        ExpectationStatus::Met => 2,
    };
    if next.status != best.status {
        return weight(next.status) < weight(best.status);
    }
    match (next.worst, best.worst) {
        (Some((next, larger_is_worse)), Some((best, _))) => {
            if larger_is_worse {
                next > best
            } else {
                next < best
            }
        }
        _ => false,
    }
}

fn answer(label: &str, index: usize, expectation: &Expectation, result: &VariantResult) -> Answer {
    match &expectation.claim {
        Claim::Holds(guarantee) => holds(label, *guarantee, result),
        Claim::Breaks { guarantee, seeds } => breaks(label, *guarantee, *seeds, result),
        Claim::MayBreak(guarantee) => {
            let tally = tally(*guarantee, result);
            let status = ExpectationStatus::Met;
            let sentence =
                format!("{} broke{} in {}.", guarantee, with(label), tally.in_seeds(tally.violated));
            Answer { status, sentence, measured: Some(tally.share()), worst: None }
        }
        Claim::Happens(condition) => happens(label, index, condition, result),
        Claim::Condition(condition) => conditional(label, index, condition, result),
    }
}

/// How a guarantee fared over the seeds.
struct Tally {
    seeds: u64,
    tested: u64,
    violated: u64,
    first: Option<u64>,
    reason: String,
}

impl Tally {
    fn in_seeds(&self, count: u64) -> String {
        format!("{} of {}", format::count(count), format::plural(self.seeds, "seed"))
    }

    fn share(&self) -> String {
        self.in_seeds(self.violated)
    }
}

fn tally(guarantee: Guarantee, result: &VariantResult) -> Tally {
    let mut tally = Tally { seeds: 0, tested: 0, violated: 0, first: None, reason: String::new() };
    for summary in result.summaries() {
        tally.seeds += 1;
        let Some(judged) = summary.judged(guarantee) else { continue };
        match outcome_of(&judged.verdict) {
            Outcome::Broken | Outcome::Allowed => {
                tally.tested += 1;
                tally.violated += 1;
                tally.first = tally.first.or(Some(summary.seed));
            }
            Outcome::Held => tally.tested += 1,
            Outcome::NotTested => {
                if let crate::promise::Verdict::NotTested { reason } = &judged.verdict {
                    tally.reason.clone_from(reason);
                }
            }
        }
    }
    tally
}

fn holds(label: &str, guarantee: Guarantee, result: &VariantResult) -> Answer {
    let tally = tally(guarantee, result);
    let (status, sentence) = match (tally.first, tally.tested) {
        (Some(first), _) => (
            ExpectationStatus::NotMet,
            format!("{guarantee} did not hold{} in {}, first in seed {first}.", with(label), tally.share()),
        ),
        (None, 0) => (
            ExpectationStatus::NotMet,
            format!("{guarantee} was not tested{}: {}.", with(label), trimmed(&tally.reason)),
        ),
        (None, tested) => (
            ExpectationStatus::Met,
            format!("{guarantee} held{} in {}.", with(label), tally.in_seeds(tested)),
        ),
    };
    Answer { status, sentence, measured: Some(tally.share()), worst: None }
}

fn breaks(label: &str, guarantee: Guarantee, seeds: Seeds, result: &VariantResult) -> Answer {
    let tally = tally(guarantee, result);
    let enough = match seeds {
        Seeds::Some => tally.violated > 0,
        Seeds::Every => tally.seeds > 0 && tally.violated == tally.seeds,
    };
    let status = if enough { ExpectationStatus::Met } else { ExpectationStatus::NotMet };
    let sentence = match (tally.first, tally.tested) {
        (Some(first), _) => {
            format!("{guarantee} broke{} in {}, first in seed {first}.", with(label), tally.share())
        }
        (None, 0) => format!("{guarantee} was not tested{}: {}.", with(label), trimmed(&tally.reason)),
        (None, tested) => {
            format!("{guarantee} held{} in {}, expected to break.", with(label), tally.in_seeds(tested))
        }
    };
    Answer { status, sentence, measured: Some(tally.share()), worst: None }
}

fn trimmed(reason: &str) -> &str {
    let reason = reason.trim_end_matches('.');
    if reason.is_empty() { "no run finished" } else { reason }
}

/// The answers of the seeds to a condition.
fn answers(index: usize, result: &VariantResult) -> Vec<(u64, &ClaimAnswer)> {
    let of = |summary: &'_ crate::campaign::RunSummary| summary.seed;
    result
        .summaries()
        .filter_map(|summary| {
            let answer = summary.answers.iter().find(|answer| answer.expectation == index)?;
            Some((of(summary), answer))
        })
        .collect()
}

fn happens(label: &str, index: usize, condition: &Expr, result: &VariantResult) -> Answer {
    let answers = answers(index, result);
    let seeds = format::plural(answers.len() as u64, "seed");
    let happened: Vec<u64> =
        answers.iter().filter(|(_, answer)| answer.holds == Some(true)).map(|(seed, _)| *seed).collect();
    let unknown = answers.iter().all(|(_, answer)| answer.holds.is_none());
    let measured = Some(format!("{} of {seeds}", happened.len()));
    let (status, sentence) = match happened.first() {
        Some(first) => (
            ExpectationStatus::Met,
            format!(
                "`{condition}` happened{} in {} of {seeds}, first in seed {first}.",
                with(label),
                happened.len()
            ),
        ),
        None if unknown => (
            ExpectationStatus::Inconclusive,
            format!("Whether `{condition}` happened{} is not known in any of {seeds}.", with(label)),
        ),
        None => (
            ExpectationStatus::NotMet,
            format!(
                "`{condition}` happened{} in none of {seeds}: what it guards was not tested.",
                with(label)
            ),
        ),
    };
    Answer { status, sentence, measured, worst: None }
}

fn conditional(label: &str, index: usize, condition: &Expr, result: &VariantResult) -> Answer {
    let answers = answers(index, result);
    let known: Vec<&(u64, &ClaimAnswer)> =
        answers.iter().filter(|(_, answer)| answer.holds.is_some()).collect();
    let failed = known.iter().filter(|(_, answer)| answer.holds == Some(false)).count() as u64;
    let Some((seed, decisive)) = decisive(condition, &known) else {
        return Answer {
            status: ExpectationStatus::Inconclusive,
            sentence: format!("`{condition}` is not known{}: nothing of the kind happened.", with(label)),
            measured: None,
            worst: None,
        };
    };
    let status = if failed > 0 { ExpectationStatus::NotMet } else { ExpectationStatus::Met };
    let seeds = format::plural(known.len() as u64, "seed");
    let quantities = condition.quantities();
    let named = quantities.iter().zip(&decisive.values).map(|((quantity, window), value)| {
        let window = window.map_or_else(String::new, |window| format!(" {window}"));
        let value = value.map_or_else(|| "not known".to_owned(), shown);
        (format!("{quantity}{window}"), value)
    });
    let named: Vec<(String, String)> = named.collect();
    let values: Vec<String> = named.iter().map(|(name, value)| format!("{name} was {value}")).collect();
    let values = values.join(" and ");
    let sentence = if failed > 0 {
        let of = format!("not met in {} of {seeds}", format::count(failed));
        format!("{}{} in seed {seed}, expected {}; {of}.", values, with(label), expected(condition))
    } else {
        format!("{}{} in the worst of {seeds} (seed {seed}).", values, with(label))
    };
    let single = (named.len() == 1).then(|| named[0].1.clone());
    let worst = direction(condition)
        .and_then(|larger_is_worse| Some((decisive.values.first().copied()??, larger_is_worse)));
    Answer { status, sentence, measured: single.or(Some(values)), worst }
}

/// What stands on the other side of a simple comparison, or the whole condition.
fn expected(condition: &Expr) -> String {
    match condition {
        Expr::Compare { left: Term::Quantity(_), comparison, right: Term::Constant(value) } => {
            format!("{} {}", comparison.symbol(), shown(*value))
        }
        Expr::Within(inner, _) => expected(inner),
        _ => format!("`{condition}`"),
    }
}

/// Whether a larger value is worse; `None` if the condition is no comparison of one quantity with a constant.
fn direction(condition: &Expr) -> Option<bool> {
    match condition {
        Expr::Within(inner, _) => direction(inner),
        Expr::Compare { left: Term::Quantity(_), comparison, right: Term::Constant(_) } => match comparison {
            Comparison::Less | Comparison::LessOrEqual => Some(true),
            Comparison::Greater | Comparison::GreaterOrEqual => Some(false),
            Comparison::Equal | Comparison::NotEqual => None,
        },
        _ => None,
    }
}

/// The seed that decides: the worst value of a simple comparison, else the first that fails, else the first.
fn decisive<'a>(condition: &Expr, known: &[&(u64, &'a ClaimAnswer)]) -> Option<(u64, &'a ClaimAnswer)> {
    let value = |answer: &ClaimAnswer| answer.values.first().copied().flatten();
    if let Some(larger_is_worse) = direction(condition) {
        let worst = known.iter().copied().copied().reduce(|best, next| {
            let (next_value, best_value) = (value(next.1), value(best.1));
            let worse = if larger_is_worse { next_value > best_value } else { next_value < best_value };
            if worse { next } else { best }
        });
        return worst;
    }
    let failed = known.iter().find(|(_, answer)| answer.holds == Some(false));
    failed.or_else(|| known.first()).map(|found| **found)
}

fn shown(value: Value) -> String {
    match value {
        Value::Count(count) => format::count(count),
        Value::Duration(std::time::Duration::MAX) => "without end".to_owned(),
        Value::Duration(duration) => format::duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
    }
}

/// The promises of a variant that broke without an expectation that speaks of them.
fn unspoken(scenario: &Scenario, result: &VariantResult) -> Vec<Judgement> {
    let label = &scenario.variants[result.variant].label;
    let broken = guarantees(result).into_iter().filter(|verdict| verdict.outcome == Outcome::Broken);
    broken
        .filter_map(|verdict| {
            let guarantee = Guarantee::named(&verdict.guarantee)?;
            if spoken_of(scenario, result.variant, guarantee) {
                return None;
            }
            let tally = tally(guarantee, result);
            let first = tally.first.map_or_else(String::new, |seed| format!(", first in seed {seed}"));
            Some(Judgement {
                text: format!("holds {guarantee} (promised by the settings)"),
                line: 0,
                on: if label.is_empty() { Vec::new() } else { vec![label.clone()] },
                status: ExpectationStatus::NotMet,
                measured: Some(tally.share()),
                sentence: format!(
                    "{guarantee} is promised and broke{} in {}{first}.",
                    with(label),
                    tally.share()
                ),
            })
        })
        .collect()
}
