//! Expectations that are conditions on the run, over the seeds: `happens E`, and `E`.

use tribunal_reports::artifact::ExpectationStatus;
use tribunal_reports::format;

use super::expectation::Answer;
use super::with;
use crate::campaign::{ClaimAnswer, VariantResult};
use crate::scenario::expr::{Comparison, Expr, Term, Value};
use crate::scenario::units::percent;

/// The answers of the seeds to a condition.
fn answers(index: usize, result: &VariantResult) -> Vec<(u64, &ClaimAnswer)> {
    result
        .summaries()
        .filter_map(|summary| {
            let answer = summary.answers.iter().find(|answer| answer.expectation == index)?;
            Some((summary.seed, answer))
        })
        .collect()
}

pub(super) fn happens(label: &str, index: usize, condition: &Expr, result: &VariantResult) -> Answer {
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

pub(super) fn conditional(label: &str, index: usize, condition: &Expr, result: &VariantResult) -> Answer {
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
        Value::Share(millionths) => percent(millionths),
        Value::Duration(std::time::Duration::MAX) => "without end".to_owned(),
        Value::Duration(duration) => format::duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
    }
}
