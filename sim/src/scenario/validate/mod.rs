//! From the tree of a file to validated plans, noting every problem on the way.
//!
//! The parts that do not vary (`run`, `expect`, the matrix itself) are read once; the cluster, the load and the
//! faults are read once for each variant, and a problem that several variants share is noted once.

mod action;
mod after;
mod cluster;
mod disk;
mod fault;
mod group;
mod hosts;
mod keys;
mod lint;
mod load;
mod operate;
mod refer;
mod run;
mod strike;
mod topic;
mod trigger;

use std::collections::BTreeMap;

use super::codes;
use super::diagnostic::{Sink, Span, TextProblem};
use super::expect::Expectation;
use super::matrix::Matrix;
use super::plan::{Axis, FORMAT, Plan, RunSettings, Scenario};
use super::read::Section;
use super::schema;
use super::tree::{Entry, Kind, Node, Table};

/// Where things of a plan stand in the file, by their path such as `topic.orders.config.min.insync.replicas`.
pub(super) type Marks = BTreeMap<String, Span>;

/// Reads the whole file. Without errors in `sink` the answer is a scenario.
pub(super) fn scenario(sink: &mut Sink<'_>, root: &Table, file_name: &str, source: &str) -> Option<Scenario> {
    let top = Section { path: "", table: root, head: Span::default() };
    if root.entries.is_empty() && !sink.has_errors() {
        empty(sink);
        return None;
    }
    format(sink, &top);
    top.check_keys(sink, schema::TOP);
    let name = top.text(sink, "name").map(|(name, _)| name.to_owned());
    if top.entry("name").is_none() {
        top.missing(sink, "name", "name = \"What happens when the leader dies\"");
    }
    let hypothesis = top.text(sink, "hypothesis").map(|(text, _)| text.to_owned());
    let tags =
        top.texts(sink, "tags").unwrap_or_default().into_iter().map(|(tag, _)| tag.to_owned()).collect();
    for key in ["run", "expect"] {
        no_references(sink, key, top.node(key));
    }
    let run = run::settings(sink, &top);
    let matrix = Matrix::read(sink, &top);
    let expectations = run::expectations(sink, &top, &matrix);
    let variants: Vec<(Plan, Marks)> = matrix
        .combinations
        .iter()
        .filter_map(|values| plan(sink, root, &matrix, values, run.as_ref()))
        .collect();
    let expectations = refer::expectations(sink, expectations, &variants);
    if !sink.has_errors() {
        lint::plans(sink, &variants);
    }
    let axes = axes(sink, &matrix);
    Some(Scenario {
        name: name?,
        hypothesis,
        tags,
        source: source.to_owned(),
        file_name: file_name.to_owned(),
        format: FORMAT,
        run: run?,
        axes,
        variants: variants.into_iter().map(|(plan, _)| with_expectations(plan, &expectations)).collect(),
        expectations,
    })
}

fn empty(sink: &mut Sink<'_>) {
    let problem = TextProblem::new(codes::MISSING, 0..0, "the scenario is empty").label("nothing here");
    let help = "a scenario has at least format = 1, name = \"...\", [run] with a duration, a [topic.NAME] and a \
                [producer.NAME]; scenarios/README.md shows how to write one";
    sink.push(Span::default(), problem.help(help));
}

fn format(sink: &mut Sink<'_>, top: &Section<'_>) {
    let Some(node) = top.node("format") else {
        return top.missing(sink, "format", "format = 1");
    };
    match node.kind {
        Kind::Integer(Some(number)) if number == i64::from(FORMAT) => {}
        Kind::Integer(number) => {
            let shown = number.map_or("this".to_owned(), |number| number.to_string());
            let message = format!("format {shown} is not one this version reads");
            let problem =
                TextProblem::new(codes::FORMAT, 0..0, message).label(format!("this version reads {FORMAT}"));
            sink.push(
                node.span,
                problem.help(format!("write `format = {FORMAT}`, or get a version that reads it")),
            );
        }
        _ => sink.wrong_type(node, "format", "a whole number without quotes"),
    }
}

fn plan(
    sink: &mut Sink<'_>,
    root: &Table,
    matrix: &Matrix<'_>,
    values: &[usize],
    run: Option<&RunSettings>,
) -> Option<(Plan, Marks)> {
    let file = matrix.materialize(sink, root, values);
    let top = Section { path: "", table: &file, head: Span { start: 0, end: 0 } };
    let mut marks = Marks::new();
    let (cluster, protocol, mut settings) = cluster::cluster(sink, &top, &mut marks);
    let mut load = load::load(sink, &top, &cluster, &mut marks, &mut settings);
    let faults = fault::faults(sink, &top, &cluster, &load, run);
    let duration = run.map(|run| run.duration).unwrap_or_default();
    for consumer in &mut load.consumers {
        if let Some(group) = &mut consumer.group {
            group.added_max = fault::added_members(&faults, &consumer.name, duration);
        }
    }
    hosts::check(sink, &top, &load);
    group::one_table_each(sink, &top, &load.consumers);
    let axis_values: BTreeMap<String, String> = matrix
        .axes
        .iter()
        .zip(values)
        .map(|(axis, value)| (axis.name.to_string(), axis.values[*value].0.clone()))
        .collect();
    let label: Vec<String> =
        matrix.axes.iter().map(|axis| format!("{}={}", axis.name, axis_values[&*axis.name])).collect();
    let plan = Plan {
        label: label.join(", "),
        axis_values,
        run: run?.clone(),
        cluster: cluster?,
        topics: load.topics,
        producers: load.producers,
        consumers: load.consumers,
        faults,
        expectations: Vec::new(),
        protocol: protocol.1,
        protocol_name: protocol.0,
        settings,
    };
    Some((plan, marks))
}

fn with_expectations(mut plan: Plan, expectations: &[Expectation]) -> Plan {
    plan.expectations = expectations
        .iter()
        .enumerate()
        .filter(|(_, expectation)| expectation.applies_to(&plan.axis_values))
        .map(|(index, _)| index)
        .collect();
    plan
}

fn axes(sink: &Sink<'_>, matrix: &Matrix<'_>) -> Vec<Axis> {
    matrix
        .axes
        .iter()
        .map(|axis| Axis {
            name: axis.name.to_string(),
            values: axis.values.iter().map(|(value, _)| value.clone()).collect(),
            line: sink.lines.line(axis.span.start),
        })
        .collect()
}

/// Notes `${...}` where nothing varies.
fn no_references(sink: &mut Sink<'_>, key: &str, node: Option<&Node>) {
    match node.map(|node| (&node.kind, node.span)) {
        Some((Kind::Text { value, .. }, span)) if value.contains("${") => {
            let message = format!("`{key}` is the same for every variant, it cannot use `${{...}}`");
            let problem = TextProblem::new(codes::BAD_REFERENCE, 0..0, message).label("a reference");
            sink.push(
                span,
                match key {
                    "expect" => {
                        problem.help("an expectation for some variants only has `on = { axis = value }`")
                    }
                    _ => problem.help("variants compare because they run as long and with the same seeds"),
                },
            );
        }
        Some((Kind::Array(nodes), _)) => nodes.iter().for_each(|node| no_references(sink, key, Some(node))),
        Some((Kind::Table(table), _)) => {
            table.entries.iter().for_each(|entry| no_references(sink, key, Some(&entry.node)));
        }
        _ => {}
    }
}

/// Notes a name that a target or an expression could not be written with.
pub(super) fn check_name(sink: &mut Sink<'_>, entry: &Entry, what: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let good = !entry.key.is_empty() && entry.key.len() <= 64 && entry.key.chars().all(legal);
    if !good {
        let message = format!("`{}` cannot be the name of {what}", super::tree::shorten(&entry.key));
        let problem = TextProblem::new(codes::BAD_NAME, 0..0, message).label("not a name");
        sink.push(entry.key_span, problem.help("names have 1 to 64 letters, digits, `-` and `_`"));
    }
    good
}
