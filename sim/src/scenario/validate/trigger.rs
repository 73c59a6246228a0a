//! When a fault fires: `at`, `when`, `after`, `every`.

use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem, suggest};
use super::super::expr::{self, Comparison, Expr, Quantity, Term, Value};
use super::super::lexer::Tokens;
use super::super::plan::{Moment, Trigger};
use super::super::read::Section;
use super::super::tree::{Node, shorten};
use super::super::units::{self, DurationRange};
use super::fault::{Context, never_fires};
use super::refer::{self, Names};

const TRIGGERS: &[&str] = &["at", "when", "after", "every"];
/// Keys that go with `every`.
const OF_EVERY: [&str; 3] = ["from", "until", "times"];
/// Most times a fault can be asked to fire.
const TIMES_MAX: i64 = 1_000_000;
/// Shortest time between two firings of a fault.
const GAP_MIN: Duration = Duration::from_millis(1);

pub(super) fn trigger(sink: &mut Sink<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Trigger> {
    let given: Vec<&str> = TRIGGERS.iter().copied().filter(|key| section.entry(key).is_some()).collect();
    for entry in given.iter().skip(1).filter_map(|key| section.entry(key)) {
        let problem =
            TextProblem::new(codes::BAD_FAULT, 0..0, format!("`{}` has two triggers", section.path));
        sink.push(
            entry.key_span,
            problem.label("a second trigger").help("say both in one: when = \"time >= 10s and ...\""),
        );
    }
    if !given.contains(&"every") {
        for entry in OF_EVERY.iter().filter_map(|key| section.entry(key)) {
            let message = format!("`{}` means nothing without `every`", section.path_of(&entry.key));
            let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("goes with `every`");
            sink.push(entry.key_span, problem.help("add a line like: every = \"3s..8s\""));
        }
    }
    let found: Vec<Option<Trigger>> = given
        .iter()
        .map(|key| match *key {
            "at" => at(sink, section, context),
            "when" => when(sink, section, context),
            "after" => after(sink, section, context),
            _ => every(sink, section, context),
        })
        .collect();
    if given.is_empty() {
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, format!("`{}` has no trigger", section.path));
        let help = "add a line like: at = \"10s\", or when = \"time >= 10s and acked >= 100\"";
        sink.push(section.head, problem.label("never fires").help(help));
    }
    found.into_iter().next().flatten()
}

/// The time after load began before which the trigger cannot fire, as far as it says so itself.
pub(super) fn earliest(trigger: &Trigger) -> Duration {
    match trigger {
        Trigger::At(at) => at.min,
        Trigger::When(condition) => earliest_of(condition).unwrap_or_default(),
        Trigger::After { delay, .. } => delay.min,
        Trigger::Every { gap, from, .. } => from.unwrap_or(gap.min),
    }
}

fn at(sink: &mut Sink<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Trigger> {
    let at = section.duration_range(sink, "at")?;
    if let (Some(run), Some(node)) = (context.run, section.node("at"))
        && at.max >= run.duration
    {
        never_fires(sink, section.path, node.span, at.max, run.duration);
    }
    Some(Trigger::At(at))
}

fn when(sink: &mut Sink<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Trigger> {
    let (text, node) = section.text(sink, "when")?;
    let expr = match expr::parse(text) {
        Ok(expr) => expr,
        Err(problem) => {
            sink.text(node, problem);
            return None;
        }
    };
    condition(sink, section, node, &expr, context.names);
    if let Some((at_least, run)) = earliest_of(&expr).zip(context.run)
        && at_least >= run.duration
    {
        never_fires(sink, section.path, node.span, at_least, run.duration);
    }
    Some(Trigger::When(expr))
}

/// The time before which the condition cannot be true.
fn earliest_of(expr: &Expr) -> Option<Duration> {
    match expr {
        Expr::And(left, right) => earliest_of(left).max(earliest_of(right)),
        Expr::Compare {
            left: Term::Quantity(Quantity::Time),
            comparison: Comparison::Greater | Comparison::GreaterOrEqual | Comparison::Equal,
            right: Term::Constant(Value::Duration(time)),
        } => Some(*time),
        _ => None,
    }
}

/// Notes what a trigger cannot know, and partitions that do not exist.
fn condition(sink: &mut Sink<'_>, section: &Section<'_>, node: &Node, expr: &Expr, names: &Names<'_>) {
    for (quantity, window) in expr.quantities() {
        if window.is_some() || !quantity.is_known_at_run_time() {
            let written = quantity.to_string();
            let at = refer::place(node, &written);
            let message =
                format!("`{}` cannot use `{written}`: it is not known while the run goes on", section.path);
            let problem = TextProblem::new(codes::NOT_IN_TRIGGER, at, message).label("known at the end only").help(
                "triggers can use time, sent, acked, isr(t/p), unreplicated(t/p), epoch(t/p), truncated(t/p), lag(G), members(G), rebalances(G) and snapshots-loaded",
            );
            sink.text(node, problem);
        }
        names.check_quantity(sink, node, quantity);
    }
}

/// `"other + 2s"`, `"other.end + 2s"`, `"other.first + 2s"`.
fn after(sink: &mut Sink<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Trigger> {
    let (text, node) = section.text(sink, "after")?;
    let (fault, moment, delay) = match moment(text) {
        Ok(read) => read,
        Err(problem) => {
            sink.text(node, problem);
            return None;
        }
    };
    if !context.faults.contains(&fault) {
        let message = format!("there is no fault `{}`", shorten(&fault));
        let at = refer::place(node, &fault);
        let problem = TextProblem::new(codes::UNKNOWN_NAME, at, message).label("unknown fault");
        sink.text(node, problem.help(suggest(&fault, context.faults.iter().map(String::as_str))));
        return None;
    }
    Some(Trigger::After { fault, moment, delay })
}

fn moment(text: &str) -> Result<(String, Moment, DurationRange), TextProblem> {
    let example = "write it like `blackout.end + 800ms`";
    let mut tokens = Tokens::new(text);
    let (word, at) = tokens.word(codes::BAD_FAULT, "the name of a fault").map_err(|it| it.help(example))?;
    let dot = word.find('.').unwrap_or(word.len());
    let (fault, written) = word.split_at(dot);
    let Some((_, moment)) = Moment::NAMED.iter().find(|(name, _)| *name == written) else {
        let message = format!("`{}` is not a moment of a fault", shorten(written));
        let problem = TextProblem::new(codes::BAD_FAULT, at.start + dot..at.end, message);
        return Err(problem
            .label("unknown moment")
            .help("moments are `other`, `other.end` and `other.first`"));
    };
    let mut delay = DurationRange::exactly(Duration::ZERO);
    if tokens.accept("+") {
        let (quantity, at) =
            tokens.word(codes::BAD_FAULT, "a duration like `2s`").map_err(|it| it.help(example))?;
        let range = units::range(quantity, units::duration).map_err(|problem| problem.shift(at.start))?;
        delay = DurationRange { min: range.0, max: range.1 };
    }
    match tokens.peek() {
        None => Ok((fault.to_owned(), *moment, delay)),
        Some(_) => Err(tokens.unexpected(codes::BAD_FAULT, "`+` or the end").help(example)),
    }
}

fn every(sink: &mut Sink<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Trigger> {
    let gap = section.duration_range(sink, "every");
    if let (Some(gap), Some(node)) = (gap, section.node("every"))
        && gap.min < GAP_MIN
    {
        let message = format!("`{}` is too short", section.path_of("every"));
        let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label("expected at least 1ms");
        sink.push(node.span, problem);
        return None;
    }
    let [from, until] = ["from", "until"].map(|key| section.duration(sink, key));
    let times = section.integer(sink, "times", 1, TIMES_MAX);
    if OF_EVERY.iter().any(|key| section.entry(key).is_some())
        && [from.is_some(), until.is_some(), times.is_some()]
            != OF_EVERY.map(|key| section.entry(key).is_some())
    {
        return None;
    }
    let gap = gap?;
    let times = times.and_then(|times| u32::try_from(times).ok());
    let first = from.unwrap_or(gap.min);
    if let (Some(until), Some(node)) = (until, section.node("until"))
        && until <= first
    {
        let message = format!("`{}` ends before it begins", section.path);
        let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label("not after the first time");
        sink.push(node.span, problem.help(format!("the first time is {}", units::show(first))));
    }
    if let Some(run) = context.run
        && first >= run.duration
    {
        let node = section.node("from").or_else(|| section.node("every"));
        never_fires(sink, section.path, node.map_or(section.head, |node| node.span), first, run.duration);
    }
    Some(Trigger::Every { gap, from, until, times })
}
