//! `keys` of a producer: a number, or `{ distinct = 5000, skew = "zipf 1.1" }`.

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem};
use super::super::plan::{Keys, Skew};
use super::super::read::Section;
use super::super::schema;

/// Most different keys.
const KEYS_MAX: i64 = 10_000_000;
/// Largest exponent of a Zipf distribution: beyond it nearly every record has the first key.
const EXPONENT_MAX: f64 = 10.0;

pub(super) fn keys(sink: &mut Sink<'_>, section: &Section<'_>) -> Option<Keys> {
    let Some(entry) = section.entry("keys") else { return Some(Keys { distinct: 0, skew: Skew::Even }) };
    let Some(table) = entry.node.table() else {
        let distinct = section.integer(sink, "keys", 0, KEYS_MAX)?;
        return Some(Keys { distinct: u32::try_from(distinct).ok()?, skew: Skew::Even });
    };
    let path = section.path_of("keys");
    let keys = Section { path: &path, table, head: entry.key_span };
    keys.check_keys(sink, schema::KEYS);
    if keys.entry("distinct").is_none() {
        keys.missing(sink, "distinct", "keys = { distinct = 5000, skew = \"zipf 1.1\" }");
    }
    let distinct = keys.integer(sink, "distinct", 1, KEYS_MAX);
    let skew = match keys.entry("skew") {
        Some(_) => skew(sink, &keys),
        None => Some(Skew::Even),
    };
    Some(Keys { distinct: u32::try_from(distinct?).ok()?, skew: skew? })
}

fn skew(sink: &mut Sink<'_>, keys: &Section<'_>) -> Option<Skew> {
    let (text, node) = keys.text(sink, "skew")?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let exponent = match words.as_slice() {
        ["even"] => return Some(Skew::Even),
        ["zipf", exponent] => exponent.parse::<f64>().ok(),
        _ => None,
    };
    if let Some(exponent) = exponent.filter(|exponent| *exponent > 0.0 && *exponent <= EXPONENT_MAX) {
        return Some(Skew::Zipf { exponent });
    }
    let problem =
        TextProblem::new(codes::UNKNOWN_WORD, 0..0, format!("`{}` cannot be this", keys.path_of("skew")));
    let help = "write \"even\", or \"zipf 1.1\" with an exponent above 0 and at most 10";
    sink.push(node.span, problem.label("unknown skew").help(help));
    None
}
