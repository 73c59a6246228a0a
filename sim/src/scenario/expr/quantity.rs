//! Terms of expressions: constants with their units, and the quantities by name.

use std::ops::Range;

use super::ast::{MaxOf, Metric, Quantity, Term, Value, ValueType};
use crate::scenario::codes;
use crate::scenario::diagnostic::{TextProblem, list, nearest};
use crate::scenario::guarantee::{self, Guarantee};
use crate::scenario::lexer::{Token, Tokens};
use crate::scenario::units;

/// Names of quantities, as they are suggested.
const NAMES: &[&str] = &[
    "time",
    "sent",
    "acked",
    "consumed",
    "isr",
    "unreplicated",
    "truncated",
    "epoch",
    "snapshots-loaded",
    "lag",
    "members",
    "rebalances",
    "stopped-time",
    "rebalance-duration",
    "rto",
    "unavailable",
    "lost",
    "lost-window",
    "p50",
    "p90",
    "p95",
    "p99",
    "p99.9",
    "max",
    "count",
];
const METRICS_NOT_BUILT: &[&str] = &["consume", "end-to-end"];

/// Reads one side of a comparison.
pub(super) fn term(tokens: &mut Tokens<'_>) -> Result<(Term, ValueType), TextProblem> {
    match tokens.peek() {
        Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            let at = tokens.here();
            tokens.take();
            let value = constant(word).map_err(|problem| problem.shift(at.start))?;
            Ok((Term::Constant(value), value.value_type()))
        }
        Some(Token::Word("and" | "or" | "not" | "outside" | "during" | "by")) => {
            Err(tokens.unexpected(codes::BAD_EXPRESSION, "a value"))
        }
        Some(Token::Word(_)) => {
            let quantity = quantity(tokens)?;
            let value_type = quantity.value_type();
            Ok((Term::Quantity(quantity), value_type))
        }
        _ => Err(tokens.unexpected(codes::BAD_EXPRESSION, "a value like `time` or `10s`")),
    }
}

fn constant(word: &str) -> Result<Value, TextProblem> {
    let whole = 0..word.len();
    if word.starts_with('-') {
        return Err(TextProblem::new(codes::BAD_EXPRESSION, whole, format!("`{word}` is negative"))
            .label("nothing that is measured is below zero"));
    }
    if word.ends_with('%') {
        return match word {
            "0%" => Ok(Value::Share(0)),
            _ => units::share(word).map(|share| Value::Share(millionths(share))),
        };
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().map(Value::Count).map_err(|_| {
            TextProblem::new(codes::BAD_RANGE, whole, format!("`{word}` is too large")).label("too large")
        });
    }
    if word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(TextProblem::new(
            codes::BAD_EXPRESSION,
            whole,
            format!("`{word}` is neither a count nor a time"),
        )
        .label("counts are whole numbers, times have a unit")
        .help(format!("did you mean `{word}s` or `{word}ms`?")));
    }
    units::duration(word).map(Value::Duration)
}

/// A share from 0 to 1 in millionths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is from 0 to 1")]
fn millionths(share: f64) -> u32 {
    (share * 1e6).round() as u32
}

fn quantity(tokens: &mut Tokens<'_>) -> Result<Quantity, TextProblem> {
    let (word, at) = tokens.word(codes::BAD_EXPRESSION, "a value")?;
    match word {
        "time" => Ok(Quantity::Time),
        "sent" => Ok(Quantity::Sent),
        "acked" => Ok(Quantity::Acked),
        "consumed" => Ok(Quantity::Consumed),
        "lost" => Ok(Quantity::Lost),
        "lost-window" => Ok(Quantity::LostWindow),
        "snapshots-loaded" => Ok(Quantity::SnapshotsLoaded),
        "isr" => of_partition(tokens).map(Quantity::Isr),
        "unreplicated" => of_partition(tokens).map(Quantity::Unreplicated),
        "truncated" => of_partition(tokens).map(Quantity::Truncated),
        "epoch" => of_partition(tokens).map(Quantity::Epoch),
        "unavailable" => of_partition(tokens).map(Quantity::Unavailable),
        "lag" => of_group(tokens).map(Quantity::Lag),
        "members" => of_group(tokens).map(Quantity::Members),
        "rebalances" => of_group(tokens).map(Quantity::Rebalances),
        "stopped-time" => of_group(tokens).map(Quantity::StoppedTime),
        "rebalance-duration" => of_group(tokens).map(Quantity::RebalanceDuration),
        "rto" => in_parentheses(tokens, |tokens| {
            tokens
                .word(codes::BAD_EXPRESSION, "the name of a fault")
                .map(|(fault, _)| Quantity::Rto(fault.to_owned()))
        }),
        "count" => in_parentheses(tokens, |tokens| {
            let (name, at) = tokens.word(codes::BAD_EXPRESSION, "a guarantee")?;
            guarantee(name, at).map(Quantity::Violations)
        }),
        "max" => in_parentheses(tokens, max).map(Quantity::Max),
        _ => match percentile(word) {
            Some(hundredths) => {
                in_parentheses(tokens, metric).map(|metric| Quantity::Percentile(hundredths, metric))
            }
            None => Err(unknown(word, at)),
        },
    }
}

fn unknown(word: &str, at: Range<usize>) -> TextProblem {
    TextProblem::new(codes::BAD_EXPRESSION, at, format!("`{word}` is not a value"))
        .label("unknown value")
        .help(match nearest(word, NAMES.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("values are {}", list(NAMES.iter().copied())),
        })
}

fn in_parentheses<T>(
    tokens: &mut Tokens<'_>,
    inner: impl FnOnce(&mut Tokens<'_>) -> Result<T, TextProblem>,
) -> Result<T, TextProblem> {
    tokens.expect(codes::BAD_EXPRESSION, "(")?;
    let value = inner(tokens)?;
    tokens.expect(codes::BAD_EXPRESSION, ")")?;
    Ok(value)
}

fn of_group(tokens: &mut Tokens<'_>) -> Result<String, TextProblem> {
    in_parentheses(tokens, |tokens| {
        tokens.word(codes::BAD_EXPRESSION, "the name of a consumer group").map(|(name, _)| name.to_owned())
    })
}

fn of_partition(tokens: &mut Tokens<'_>) -> Result<tribunal_engine::id::TopicPartition, TextProblem> {
    in_parentheses(tokens, |tokens| {
        let partition = tokens.partition(codes::BAD_EXPRESSION)?;
        if tokens.peek() == Some(Token::Symbol(",")) {
            return Err(TextProblem::new(
                codes::NOT_BUILT,
                tokens.here().start..tokens.remainder().end,
                "measuring for one client only is part of the format but not built yet",
            )
            .label("not built yet")
            .help(format!("without the client it is measured over all of them: `({partition})`")));
        }
        Ok(partition)
    })
}

fn metric(tokens: &mut Tokens<'_>) -> Result<Metric, TextProblem> {
    let (word, at) = tokens.word(codes::BAD_EXPRESSION, "a latency like `produce`")?;
    match word {
        "produce" => Ok(Metric::Produce),
        _ if METRICS_NOT_BUILT.contains(&word) => Err(TextProblem::new(
            codes::NOT_BUILT,
            at,
            format!("the latency `{word}` is part of the format but not built yet"),
        )
        .label("not built yet")),
        _ => Err(TextProblem::new(codes::BAD_EXPRESSION, at, format!("`{word}` is not a latency"))
            .label("unknown latency")
            .help("measured is `produce`")),
    }
}

fn max(tokens: &mut Tokens<'_>) -> Result<MaxOf, TextProblem> {
    let metric_words = ["produce", "consume", "end-to-end"];
    if tokens.peek().is_some_and(|token| metric_words.contains(&token.text())) {
        return metric(tokens).map(MaxOf::Metric);
    }
    let at = tokens.here();
    match quantity(tokens)? {
        Quantity::Max(_) | Quantity::Percentile(..) | Quantity::Time => Err(TextProblem::new(
            codes::BAD_EXPRESSION,
            at.start..tokens.taken_to(),
            "the largest value of this says nothing",
        )
        .label("not something that varies")
        .help("write `max(produce)` for the slowest operation, or `max(lost-window)`")),
        quantity => Ok(MaxOf::Quantity(Box::new(quantity))),
    }
}

/// `p99.9` as hundredths of a percent.
fn percentile(word: &str) -> Option<u16> {
    let number = word.strip_prefix('p')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = if fraction.len() == 1 { 10 } else { 1 };
    let hundredths = whole.parse::<u16>().ok()? * 100 + fraction.parse::<u16>().ok()? * scale;
    (hundredths > 0).then_some(hundredths)
}

/// The guarantee called `name`, which stands at `at`.
pub(crate) fn guarantee(name: &str, at: Range<usize>) -> Result<Guarantee, TextProblem> {
    if let Some(guarantee) = Guarantee::named(name) {
        return Ok(guarantee);
    }
    if guarantee::NOT_BUILT.contains(&name) {
        return Err(TextProblem::new(
            codes::NOT_BUILT,
            at,
            format!("the guarantee `{name}` is part of the format but not built yet"),
        )
        .label("not built yet"));
    }
    let names = Guarantee::ALL.iter().map(|guarantee| guarantee.name());
    Err(TextProblem::new(codes::BAD_EXPECTATION, at, format!("`{name}` is not a guarantee"))
        .label("unknown guarantee")
        .help(match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("guarantees are {}", list(names)),
        }))
}
