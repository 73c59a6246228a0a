//! What a fault does and to whom: `action` and the keys of that action.

use super::super::action::ACTIONS;
use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem, list, suggest};
use super::super::disk_fault::DiskFaultKind;
use super::super::plan::{Action, Cut};
use super::super::read::Section;
use super::super::schema;
use super::super::target::{Target, TargetExpr};
use super::super::tree::{Node, shorten};
use super::refer::Names;
use super::{disk, operate};

fn built() -> impl Iterator<Item = &'static str> + Clone {
    ACTIONS.iter().map(|(name, _)| *name)
}

/// The action with its targets.
pub(super) fn action(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    if section.entry("action").is_none() {
        section.missing(sink, "action", "action = \"crash\"");
    }
    let (word, node) = section.text(sink, "action")?;
    if schema::ACTIONS_LATER.contains(&word) {
        let message = format!("the action `{word}` is part of the format but not built yet");
        let problem = TextProblem::new(codes::NOT_BUILT, 0..0, message).label("not built yet");
        sink.push(node.span, problem.help(format!("built are {}", list(built()))));
        return None;
    }
    if !built().any(|name| name == word) {
        let message = format!("`{}` is not an action", shorten(word));
        let problem = TextProblem::new(codes::UNKNOWN_WORD, 0..0, message).label("unknown action");
        sink.push(node.span, problem.help(suggest(word, built())));
        return None;
    }
    foreign_keys(sink, section, word);
    match word {
        "partition" => partition(sink, section, names),
        "slow-link" => slow_link(sink, section, names),
        "add" => operate::add(sink, section, names),
        "remove" => operate::remove(sink, section, names),
        "slow-work" => operate::slow_work(sink, section, names),
        "reassign" => operate::reassign(sink, section, names),
        "move-leader" => operate::move_leader(sink, section, names),
        _ if DiskFaultKind::NAMED.iter().any(|(name, _)| *name == word) => {
            disk::action(sink, section, names, word)
        }
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
fn foreign_keys(sink: &mut Sink<'_>, section: &Section<'_>, action: &str) {
    for (key, actions) in schema::ACTION_KEYS {
        let Some(entry) = section.entry(key).filter(|_| !actions.contains(&action)) else { continue };
        let message = format!("`{key}` means nothing for the action `{action}`");
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("not a key of this action");
        let belongs = match actions {
            [only] => format!("it belongs to the action `{only}`"),
            many => format!("it belongs to the actions {}", list(many.iter().copied())),
        };
        sink.push(entry.key_span, problem.help(belongs));
    }
}

/// The targets of `key`: a text or a list of texts, each possible in this cluster.
pub(super) fn targets(
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
            Target::Rest | Target::Link(..) | Target::Disk(_) => TextProblem::new(
                codes::BAD_TARGET,
                0..0,
                format!("`{target}` is not something that can {}", verb(action)),
            )
            .label("not a process")
            .help("name brokers: `broker 1`, `leader(orders/0)`, `all-brokers`"),
            target if target.is_client() && !names.is_members(target) => TextProblem::new(
                codes::NOT_BUILT,
                0..0,
                format!("the action `{action}` on a client without a group is part of the format but not built yet"),
            )
            .label("a client")
            .help("brokers, controllers and members of consumer groups work"),
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
            Target::Disk(_) => {
                TextProblem::new(codes::BAD_TARGET, 0..0, "a disk cannot stand on one side of a partition")
                    .label("a disk")
                    .help("name the broker itself")
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
    let nested = |target: &Target| matches!(target, Target::Link(..) | Target::Rest | Target::Disk(_));
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
