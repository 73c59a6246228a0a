//! `[run]` and `expect`: the parts that are the same for every variant.

use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::expect::{Claim, Expectation};
use super::super::matrix::Matrix;
use super::super::plan::RunSettings;
use super::super::read::Section;
use super::super::schema;
use super::super::seeds::{SEEDS_MAX, SeedSet};
use super::super::tree::{Kind, Node};

/// Settle time of a scenario that names none.
const SETTLE_DEFAULT: Duration = Duration::from_secs(10);
/// Seeds of a scenario that names none.
const SEEDS_DEFAULT: SeedSet = SeedSet::Range(1, 20);
/// Longest run, in virtual time.
const RUN_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);

pub(super) fn settings(sink: &mut Sink<'_>, top: &Section<'_>) -> Option<RunSettings> {
    let Some(entry) = top.table(sink, "run") else {
        if top.entry("run").is_none() {
            top.missing(sink, "run", "[run] with duration = \"40s\"");
        }
        return None;
    };
    let section = Section { path: "run", table: entry.node.table()?, head: entry.key_span };
    section.check_keys(sink, schema::RUN);
    if section.entry("duration").is_none() {
        section.missing(sink, "duration", "duration = \"40s\"");
    }
    let duration = section.duration(sink, "duration");
    let settle = section.duration(sink, "settle");
    for (key, value) in [("duration", duration), ("settle", settle)] {
        let Some((value, node)) = value.zip(section.node(key)) else { continue };
        let label = if value > RUN_MAX {
            "expected at most 744h (31 days)"
        } else if value.is_zero() && key == "duration" {
            "nothing can happen in no time"
        } else {
            continue;
        };
        let message = format!("`run.{key}` is out of bounds");
        sink.push(node.span, TextProblem::new(codes::BAD_RANGE, 0..0, message).label(label));
    }
    let seeds = section.node("seeds").map_or(Some(SEEDS_DEFAULT), |node| seeds(sink, node));
    let settle = if section.entry("settle").is_some() { settle? } else { SETTLE_DEFAULT };
    Some(RunSettings { duration: duration?, settle, seeds: seeds? })
}

fn seeds(sink: &mut Sink<'_>, node: &Node) -> Option<SeedSet> {
    if node.text().is_some_and(|text| text.contains("${")) {
        return None;
    }
    let bad = |label: &str| {
        TextProblem::new(codes::BAD_RANGE, 0..0, "`run.seeds` names no usable seeds")
            .label(label.to_owned())
            .help("write seeds = \"1..200\", seeds = 50 (the seeds 1 to 50), or seeds = [7, 13]")
    };
    let found = match &node.kind {
        Kind::Integer(Some(count)) => match u64::try_from(*count) {
            Ok(count) if (1..=SEEDS_MAX).contains(&count) => Ok(SeedSet::Range(1, count)),
            _ => Err("expected 1 to 1000000 seeds"),
        },
        Kind::Text { value, .. } => seed_range(value),
        Kind::Array(nodes) => seed_list(nodes),
        _ => Err("expected a number, a range or a list"),
    };
    match found {
        Ok(seeds) => Some(seeds),
        Err(label) => {
            sink.push(node.span, bad(label));
            None
        }
    }
}

fn seed_range(text: &str) -> Result<SeedSet, &'static str> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>()) else {
        return Err("expected a range of whole numbers");
    };
    if first > last {
        return Err("the range ends before it starts");
    }
    if last - first >= SEEDS_MAX {
        return Err("expected at most 1000000 seeds");
    }
    Ok(SeedSet::Range(first, last))
}

fn seed_list(nodes: &[Node]) -> Result<SeedSet, &'static str> {
    let mut seeds = Vec::new();
    for node in nodes {
        let Kind::Integer(Some(seed)) = node.kind else { return Err("expected whole numbers") };
        let Ok(seed) = u64::try_from(seed) else { return Err("seeds are not negative") };
        if seeds.contains(&seed) {
            return Err("a seed stands in the list twice");
        }
        seeds.push(seed);
    }
    if seeds.is_empty() { Err("the list is empty") } else { Ok(SeedSet::List(seeds)) }
}

/// The expectations with the place of their text; references into plans are checked later.
pub(super) fn expectations(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    matrix: &Matrix<'_>,
) -> Vec<(Expectation, Node)> {
    let Some(node) = top.node("expect") else { return Vec::new() };
    let Some(items) = node.array() else {
        sink.wrong_type(node, "expect", "a list of tables: [{ that = \"holds ...\" }]");
        return Vec::new();
    };
    items.iter().filter_map(|item| expectation(sink, item, matrix)).collect()
}

fn expectation(sink: &mut Sink<'_>, item: &Node, matrix: &Matrix<'_>) -> Option<(Expectation, Node)> {
    let Some(table) = item.table() else {
        sink.wrong_type(item, "expect", "tables: { that = \"holds no-acked-record-lost\" }");
        return None;
    };
    let head = Span { start: item.span.start, end: item.span.start + 1 };
    let section = Section { path: "expect", table, head };
    section.check_keys(sink, schema::EXPECT);
    if section.entry("that").is_none() {
        section.missing(sink, "that", "that = \"holds no-acked-record-lost\"");
    }
    let on = on(sink, &section, matrix);
    let (text, node) = section.text(sink, "that")?;
    if text.contains("${") {
        return None;
    }
    let claim = match Claim::parse(text) {
        Ok(claim) => claim,
        Err(problem) => {
            sink.text(node, problem);
            return None;
        }
    };
    let (line, column) = sink.lines.position(item.span.start);
    Some((Expectation { line, column, text: text.to_owned(), claim, on: on? }, node.clone()))
}

fn on(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    matrix: &Matrix<'_>,
) -> Option<std::collections::BTreeMap<String, Vec<String>>> {
    let Some(entry) = section.entry("on") else { return Some(std::collections::BTreeMap::new()) };
    let Some(table) = entry.node.table() else {
        sink.wrong_type(&entry.node, "on", "a table: { axis = \"value\" }");
        return None;
    };
    let selection = matrix.selection(sink, table, codes::BAD_ON)?;
    let any = matrix.combinations.iter().any(|combination| {
        selection
            .iter()
            .all(|(axis, values)| combination.get(*axis).is_some_and(|value| values.contains(value)))
    });
    if !any {
        let problem = TextProblem::new(codes::BAD_ON, 0..0, "no variant that is run has these values");
        sink.push(entry.node.span, problem.label("meets no variant"));
    }
    let named = |(axis, values): &(usize, Vec<usize>)| {
        let axis = &matrix.axes[*axis];
        (axis.name.to_string(), values.iter().map(|value| axis.values[*value].0.clone()).collect())
    };
    Some(selection.iter().map(named).collect())
}
