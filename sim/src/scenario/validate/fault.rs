//! `[fault.X]`: trigger, action, and the keys of that action.

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem, list, suggest};
use super::super::expr::{self, Comparison, Expr, Quantity, Term, Value};
use super::super::plan::{Action, ClusterPlan, Cut, FaultPlan, RunSettings, Trigger};
use super::super::read::Section;
use super::super::schema;
use super::super::target::{Target, TargetExpr};
use super::super::tree::{Node, shorten};
use super::super::units::show;
use super::check_name;
use super::load::Load;
use super::refer::{self, Names};

const ACTIONS: &[&str] = &["crash", "power-loss", "restart", "pause", "partition", "slow-link"];
const TRIGGERS_LATER: &[&str] = &["after", "every"];

pub(super) fn faults(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    cluster: &Option<ClusterPlan>,
    load: &Load,
    run: Option<&RunSettings>,
) -> Vec<FaultPlan> {
    let names = Names::of(cluster.as_ref(), load);
    let mut faults = Vec::new();
    for entry in top.objects(sink, "fault") {
        check_name(sink, entry, "a fault");
        let Some(table) = entry.node.table() else { continue };
        let path = format!("fault.{}", entry.key);
        let section = Section { path: &path, table, head: entry.key_span };
        faults.extend(fault(sink, &section, &entry.key, &names, run));
    }
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
    let (action, targets) = action(sink, section, names)?;
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
        never_fires(sink, section, node.span, show(at.max), show(duration));
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
        never_fires(sink, section, node.span, show(at_least), show(duration));
    }
    Some(Trigger::When(expr))
}

fn never_fires(sink: &mut Sink<'_>, section: &Section<'_>, span: Span, at: String, duration: String) {
    let message = format!("`{}` cannot fire: load ends after {duration}", section.path);
    let problem = TextProblem::new(codes::NEVER_FIRES, 0..0, message).label(format!("not before {at}"));
    sink.push(span, problem.help("fire earlier, or raise `duration` in [run]"));
}

/// The time before which the condition cannot be true.
fn earliest(expr: &Expr) -> Option<std::time::Duration> {
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
                "triggers can use time, sent, acked, isr(t/p), unreplicated(t/p), epoch(t/p) and truncated(t/p)",
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

/// The action with its targets.
fn action(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<(Action, TargetExpr)> {
    let Some(entry) = section.entry("action") else {
        if section.entry("pick").is_none() {
            section.missing(sink, "action", "action = \"crash\"");
        }
        return None;
    };
    let (word, node) = section.text(sink, "action")?;
    if schema::ACTIONS_LATER.contains(&word) {
        let message = format!("the action `{word}` is part of the format but not built yet");
        let problem = TextProblem::new(codes::NOT_BUILT, 0..0, message).label("not built yet");
        sink.push(node.span, problem.help(format!("built are {}", list(ACTIONS.iter().copied()))));
        return None;
    }
    if !ACTIONS.contains(&word) {
        let message = format!("`{}` is not an action", shorten(word));
        let problem = TextProblem::new(codes::UNKNOWN_WORD, 0..0, message).label("unknown action");
        sink.push(node.span, problem.help(suggest(word, ACTIONS.iter().copied())));
        return None;
    }
    let _ = entry;
    let own: &[&str] = match word {
        "partition" => &["side-a", "side-b", "cut"],
        "slow-link" => &["target", "latency"],
        _ => &["target"],
    };
    foreign_keys(sink, section, word, own);
    match word {
        "partition" => partition(sink, section, names),
        "slow-link" => slow_link(sink, section, names),
        _ => {
            let targets = process_targets(sink, section, names, word)?;
            let action = match word {
                "crash" => Action::Crash,
                "power-loss" => Action::PowerLoss,
                "restart" => Action::Restart,
                _ => Action::Pause,
            };
            Some((action, targets))
        }
    }
}

/// Notes keys of other actions.
fn foreign_keys(sink: &mut Sink<'_>, section: &Section<'_>, action: &str, own: &[&str]) {
    for key in ["target", "side-a", "side-b", "cut", "latency"] {
        let Some(entry) = section.entry(key).filter(|_| !own.contains(&key)) else { continue };
        let belongs = match key {
            "target" => "the other actions; a partition has side-a and side-b",
            "latency" => "the action slow-link",
            _ => "the action partition",
        };
        let message = format!("`{key}` means nothing for the action `{action}`");
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("not a key of this action");
        sink.push(entry.key_span, problem.help(format!("it belongs to {belongs}")));
    }
}

/// The targets of `key`: a text or a list of texts, each possible in this cluster.
fn targets(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
    key: &str,
) -> Option<Vec<(Target, Node)>> {
    let Some(node) = section.node(key) else {
        let line = match key {
            "side-a" => "side-a = [\"leader(orders/0)\"]",
            "side-b" => "side-b = \"rest\"",
            _ => "target = \"leader(orders/0)\"",
        };
        section.missing(sink, key, line);
        return None;
    };
    let nodes = node.array().unwrap_or(std::slice::from_ref(node));
    if nodes.is_empty() {
        let message = format!("`{}` names no target", section.path_of(key));
        sink.push(node.span, TextProblem::new(codes::BAD_TARGET, 0..0, message).label("an empty list"));
        return None;
    }
    let mut found = Some(Vec::new());
    for node in nodes {
        let target = match node.text() {
            None => {
                sink.wrong_type(node, &section.path_of(key), "a target in quotes, or a list of them");
                None
            }
            Some(text) => match Target::parse(text) {
                Ok(target) => Some(target),
                Err(problem) => {
                    sink.text(node, problem);
                    None
                }
            },
        };
        match target {
            Some(target) if names.check_target(sink, node, &target) => {
                found =
                    found.map(|found: Vec<(Target, Node)>| [found, vec![(target, node.clone())]].concat());
            }
            _ => found = None,
        }
    }
    found
}

fn process_targets(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
    action: &str,
) -> Option<TargetExpr> {
    let found = targets(sink, section, names, "target")?;
    let mut good = true;
    for (target, node) in &found {
        let problem = match target {
            Target::Rest | Target::Link(..) => TextProblem::new(
                codes::BAD_TARGET,
                0..0,
                format!("`{target}` is not something that can {}", verb(action)),
            )
            .label("not a process")
            .help("name brokers: `broker 1`, `leader(orders/0)`, `all-brokers`"),
            Target::Producer(_) | Target::Consumer(_) => TextProblem::new(
                codes::NOT_BUILT,
                0..0,
                format!("the action `{action}` on a client is part of the format but not built yet"),
            )
            .label("a client")
            .help("brokers and the controller work"),
            _ => continue,
        };
        sink.push(node.span, problem);
        good = false;
    }
    good.then(|| TargetExpr(found.into_iter().map(|(target, _)| target).collect()))
}

fn verb(action: &str) -> &'static str {
    match action {
        "crash" => "crash",
        "power-loss" => "lose power",
        "restart" => "be restarted",
        _ => "be paused",
    }
}

fn partition(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<(Action, TargetExpr)> {
    let side_a = targets(sink, section, names, "side-a");
    let side_b = targets(sink, section, names, "side-b");
    let cut = match section.entry("cut") {
        Some(_) => section.word(sink, "cut", &["full", "one-way"]),
        None => Some("full"),
    };
    let (side_a, side_b) = (side_a?, side_b?);
    let mut good = true;
    for (target, node) in side_a.iter().chain(&side_b) {
        let in_a = side_a.iter().any(|(other, _)| other == target);
        let problem = match target {
            Target::Link(..) => {
                TextProblem::new(codes::BAD_TARGET, 0..0, "a link cannot stand on one side of a partition")
                    .label("a link")
                    .help("name the ends of it on the two sides")
            }
            Target::Rest if in_a || side_b.len() > 1 => {
                TextProblem::new(codes::BAD_TARGET, 0..0, "`rest` must be the whole of side-b")
                    .label("rest")
                    .help("`rest` is everything that is not in side-a: side-b = \"rest\"")
            }
            target if in_a && side_b.iter().any(|(other, at)| other == target && at.span == node.span) => {
                TextProblem::new(codes::BAD_FAULT, 0..0, format!("`{target}` stands on both sides"))
                    .label("also in side-a")
            }
            _ => continue,
        };
        sink.push(node.span, problem);
        good = false;
    }
    let cut = if cut? == "full" { Cut::Full } else { Cut::OneWay };
    let side =
        |targets: Vec<(Target, Node)>| TargetExpr(targets.into_iter().map(|(target, _)| target).collect());
    good.then(|| {
        (Action::Partition { side_a: side(side_a), side_b: side(side_b), cut }, TargetExpr::default())
    })
}

fn slow_link(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<(Action, TargetExpr)> {
    if section.entry("latency").is_none() {
        section.missing(sink, "latency", "latency = \"200ms..900ms\"");
    }
    let latency = section.distribution(sink, "latency");
    let targets = targets(sink, section, names, "target")?;
    let link = match targets.as_slice() {
        [(Target::Link(a, b), _)] => Some(((**a).clone(), (**b).clone())),
        _ => None,
    };
    let nested = |target: &Target| matches!(target, Target::Link(..) | Target::Rest);
    let link = link.filter(|(a, b)| !nested(a) && !nested(b) && a != b);
    if link.is_none() {
        let span = section.node("target").map_or(section.head, |node| node.span);
        let problem =
            TextProblem::new(codes::BAD_TARGET, 0..0, "`slow-link` takes one link between two hosts")
                .label("not a link between two hosts");
        sink.push(span, problem.help("target = \"link(leader(orders/0), any-follower(orders/0))\""));
    }
    Some((Action::SlowLink { link: link?, latency: latency? }, TargetExpr::default()))
}
