//! `[fault.X]`: the trigger, the duration, and what the two mean together.

use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::expr::{self, Comparison, Expr, Quantity, Term, Value};
use super::super::plan::{ClusterPlan, FaultPlan, RunSettings, Trigger};
use super::super::read::Section;
use super::super::schema;
use super::super::tree::Node;
use super::super::units::show;
use super::load::Load;
use super::refer::{self, Names};
use super::{action, check_name, operate};

const TRIGGERS_LATER: &[&str] = &["after", "every"];

pub(super) fn faults(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    cluster: &Option<ClusterPlan>,
    load: &Load,
    run: Option<&RunSettings>,
) -> Vec<FaultPlan> {
    let names = Names::of(cluster.as_ref(), load);
    let (mut faults, mut heads) = (Vec::new(), Vec::new());
    for entry in top.objects(sink, "fault") {
        check_name(sink, entry, "a fault");
        let Some(table) = entry.node.table() else { continue };
        let path = format!("fault.{}", entry.key);
        let section = Section { path: &path, table, head: entry.key_span };
        heads.push((entry.key.clone(), entry.key_span));
        faults.extend(fault(sink, &section, &entry.key, &names, run));
    }
    operate::enough_brokers_at_first(sink, &faults, &names, &heads);
    faults
}

fn fault(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    name: &str,
    names: &Names<'_>,
    run: Option<&RunSettings>,
) -> Option<FaultPlan> {
    section.check_keys(sink, schema::FAULT);
    let trigger = trigger(sink, section, names, run);
    let duration = section.duration_range(sink, "for");
    if let Some((duration, node)) = duration.zip(section.node("for"))
        && duration.max.is_zero()
    {
        let message = format!("`{}` is zero", section.path_of("for"));
        let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label("a fault that lasts no time");
        sink.push(node.span, problem.help("leave `for` out to let it last until the end of load"));
    }
    too_long(sink, section, trigger.as_ref(), duration, run);
    let optional = section.boolean(sink, "optional").unwrap_or(false);
    let (action, targets) = action::action(sink, section, names)?;
    if section.entry("for").is_some() && duration.is_none() {
        return None;
    }
    let line = sink.lines.line(section.head.start);
    Some(FaultPlan { name: name.to_owned(), line, trigger: trigger?, action, targets, duration, optional })
}

fn trigger(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
    run: Option<&RunSettings>,
) -> Option<Trigger> {
    let at = section.duration_range(sink, "at");
    let when = section.text(sink, "when");
    if let (Some(_), Some(entry)) = (section.entry("at"), section.entry("when")) {
        let problem =
            TextProblem::new(codes::BAD_FAULT, 0..0, format!("`{}` has two triggers", section.path));
        sink.push(
            entry.key_span,
            problem.label("a second trigger").help("say both in one: when = \"time >= 10s and ...\""),
        );
    }
    let later = TRIGGERS_LATER.iter().chain(&["pick"]).any(|key| section.entry(key).is_some());
    if !later && section.entry("at").is_none() && section.entry("when").is_none() {
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, format!("`{}` has no trigger", section.path));
        let help = "add a line like: at = \"10s\", or when = \"time >= 10s and acked >= 100\"";
        sink.push(section.head, problem.label("never fires").help(help));
    }
    let duration = run.map(|run| run.duration);
    if let Some((at, duration)) = at.zip(duration)
        && at.max >= duration
        && let Some(node) = section.node("at")
    {
        never_fires(sink, section, node.span, at.max, duration);
    }
    let Some((text, node)) = when else { return at.map(Trigger::At) };
    let expr = match expr::parse(text) {
        Ok(expr) => expr,
        Err(problem) => {
            sink.text(node, problem);
            return None;
        }
    };
    condition(sink, section, node, &expr, names);
    if let Some((at_least, duration)) = earliest(&expr).zip(duration)
        && at_least >= duration
    {
        never_fires(sink, section, node.span, at_least, duration);
    }
    Some(Trigger::When(expr))
}

fn never_fires(sink: &mut Sink<'_>, section: &Section<'_>, span: Span, at: Duration, load: Duration) {
    let (at, duration) = (show(at), show(load));
    let message = format!("`{}` cannot fire: load ends after {duration}", section.path);
    let problem = TextProblem::new(codes::NEVER_FIRES, 0..0, message).label(format!("not before {at}"));
    sink.push(span, problem.help("fire earlier, or raise `duration` in [run]"));
}

/// The time before which the condition cannot be true.
fn earliest(expr: &Expr) -> Option<Duration> {
    match expr {
        Expr::And(left, right) => earliest(left).max(earliest(right)),
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
                "triggers can use time, sent, acked, isr(t/p), unreplicated(t/p), epoch(t/p), truncated(t/p) and snapshots-loaded",
            );
            sink.text(node, problem);
        }
        names.check_quantity(sink, node, quantity);
    }
}

fn too_long(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    trigger: Option<&Trigger>,
    duration: Option<super::super::units::DurationRange>,
    run: Option<&RunSettings>,
) {
    let (Some(lasts), Some(run), Some(node)) = (duration, run, section.node("for")) else { return };
    let from = match trigger {
        Some(Trigger::At(at)) => at.min,
        Some(Trigger::When(expr)) => earliest(expr).unwrap_or_default(),
        None => return,
    };
    if from < run.duration && from + lasts.min > run.duration {
        let end = show(from + lasts.min);
        let message = format!("`{}` lasts until {end}, load ends after {}", section.path, show(run.duration));
        let problem = TextProblem::new(codes::TOO_LONG_FAULT, 0..0, message).label("outlasts the run");
        sink.push(node.span, problem.help("everything heals when load ends; leave `for` out to mean that"));
    }
}
