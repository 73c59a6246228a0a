//! Syntax errors as people can use them: the first of those that follow from each other, in our words.

use std::collections::BTreeSet;

use super::codes;
use super::diagnostic::{Span, TextProblem};
use super::tree::shorten;

/// Drops errors that only follow from earlier ones: on the same line, after a list that is never closed, inside a
/// table that is there a second time. The second answer is where the reader was still inside of the open list.
pub(super) fn without_echoes<'m>(
    source: &str,
    mut errors: Vec<(Span, &'m str)>,
) -> (Vec<(Span, &'m str)>, Option<Span>) {
    let within = |message: &str| message.contains("array") || message.contains("inline table");
    let mut unclosed = None;
    if errors.iter().any(|(_, message)| message.contains("unclosed") && within(message)) {
        let first = errors.iter().position(|(_, message)| within(message)).unwrap_or(0);
        unclosed = errors.get(first).map(|(span, _)| header_before(source, *span));
        errors.truncate(first);
    }
    let start_of_line =
        |at: usize| source.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let mut lines = BTreeSet::new();
    let mut duplicate_table = None;
    errors.retain(|(span, message)| {
        let start = start_of_line(span.start);
        let is_duplicate = message.contains("duplicate key");
        if is_duplicate && source.get(start..).is_some_and(is_header) {
            duplicate_table = Some(span.end);
        } else if let Some(header) = duplicate_table.filter(|_| is_duplicate) {
            let between = source.get(header..start).unwrap_or_default();
            if !between.lines().skip(1).any(is_header) {
                return false;
            }
        }
        lines.insert(start)
    });
    (errors, unclosed)
}

/// The table header right before `span`, which the open list has swallowed; `span` itself if there is none.
fn header_before(source: &str, span: Span) -> Span {
    let before = source.get(..span.start).unwrap_or_default();
    let written = before.trim_end();
    let start = written.rfind('\n').map_or(0, |newline| newline + 1);
    let line = &written[start..];
    if line.starts_with('[') { Span { start, end: written.len() } } else { span }
}

/// The problem TOML describes with `message`.
pub(super) fn syntax_problem(source: &str, span: Span, message: &str) -> TextProblem {
    let found = source.get(span.start..span.end).unwrap_or_default();
    if message.contains("duplicate key") {
        return TextProblem::new(
            codes::DUPLICATE,
            0..0,
            format!("`{}` stands here a second time", shorten(found)),
        )
        .label("named twice")
        .help("give one of the two another name, or keep only one");
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    if what.contains("must be quoted") && found.trim().is_empty() {
        return TextProblem::new(codes::SYNTAX, 0..0, "not valid TOML: a value is missing")
            .label("nothing after `=`");
    }
    let problem = TextProblem::new(codes::SYNTAX, 0..0, format!("not valid TOML: {what}"));
    let problem = match expected {
        "" => problem.label(what),
        _ if what.contains("must be quoted") => problem.label("quotes are missing"),
        expected => problem.label(format!("expected {expected}")),
    };
    if message.contains("extend") {
        return problem.help("Kafka has settings whose name starts with another's: put both names in quotes");
    }
    if what.contains("must be quoted") {
        return problem.help("texts, durations, sizes and rates stand in double quotes: for = \"12s\"");
    }
    if what.contains("array") || what.contains("inline table") {
        return problem.help("perhaps a `[` or `{` further up is not closed");
    }
    problem
}
