//! What an operator does to a running cluster: `add`, `reassign`, `move-leader`.

use tribunal_engine::id::{NodeId, TopicPartition};

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{Action, FaultPlan, late_brokers};
use super::super::read::Section;
use super::super::target::{Target, TargetExpr};
use super::super::tree::{Kind, Node};
use super::action::targets;
use super::refer::Names;

/// Most times longer that a member works on a record.
const FACTOR_MAX: i64 = 1_000_000;

/// New brokers, each named by its id, and new members of groups.
pub(super) fn add(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    no_duration(sink, section, "add", "a broker that was added stays");
    let found = targets(sink, section, names, "target")?;
    let mut good = true;
    for (target, node) in &found {
        let can = match target {
            Target::Broker(_) => true,
            Target::Consumer(name) => names.is_group(name),
            _ => false,
        };
        if !can {
            let message =
                format!("`{target}` is not what `add` takes: a broker by its id, or a consumer group");
            let problem = TextProblem::new(codes::BAD_TARGET, 0..0, message).label("cannot be added");
            let help = "who is not there yet has no role: target = \"broker 4\", or \"consumer billing\" with `members`";
            sink.push(node.span, problem.help(help));
            good = false;
        }
    }
    good.then(|| (Action::Add, TargetExpr(found.into_iter().map(|(target, _)| target).collect())))
}

/// Members of groups leave for good.
pub(super) fn remove(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    no_duration(sink, section, "remove", "who is removed does not come back; `restart` does");
    Some((Action::Remove, members(sink, section, names, "remove")?))
}

/// Members of groups work slowly.
pub(super) fn slow_work(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    if section.entry("factor").is_none() {
        section.missing(sink, "factor", "factor = 20");
    }
    let factor = section.integer(sink, "factor", 2, FACTOR_MAX);
    let targets = members(sink, section, names, "slow-work")?;
    Some((Action::SlowWork { factor: u32::try_from(factor?).ok()? }, targets))
}

/// The targets of an action that only members of consumer groups know.
fn members(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
    action: &str,
) -> Option<TargetExpr> {
    let found = targets(sink, section, names, "target")?;
    let mut good = true;
    for (target, node) in &found {
        if !names.is_members(target) {
            let message = format!("`{target}` is no member of a consumer group, which `{action}` takes");
            let problem = TextProblem::new(codes::BAD_TARGET, 0..0, message).label("not a member of a group");
            sink.push(
                node.span,
                problem.help("name a consumer with `members`: target = \"any(consumer billing)\""),
            );
            good = false;
        }
    }
    good.then(|| TargetExpr(found.into_iter().map(|(target, _)| target).collect()))
}

/// A partition moves to other replicas.
pub(super) fn reassign(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    no_duration(sink, section, "reassign", "it ends when every new replica has the whole partition");
    let partition = needed_partition(sink, section, names);
    let replicas = replicas(sink, section, names);
    Some((Action::Reassign { partition: partition?, replicas: replicas? }, TargetExpr::default()))
}

/// The preferred leader takes over.
pub(super) fn move_leader(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<(Action, TargetExpr)> {
    no_duration(sink, section, "move-leader", "a leader stays until it is moved again");
    let partition = needed_partition(sink, section, names)?;
    Some((Action::MoveLeader(partition), TargetExpr::default()))
}

fn no_duration(sink: &mut Sink<'_>, section: &Section<'_>, action: &str, help: &str) {
    let Some(entry) = section.entry("for") else { return };
    let message = format!("`for` means nothing for the action `{action}`");
    let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("it has no duration");
    sink.push(entry.key_span, problem.help(help));
}

fn needed_partition(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<TopicPartition> {
    if section.entry("partition").is_none() {
        section.missing(sink, "partition", "partition = \"orders/0\"");
    }
    names.partition(sink, section)
}

/// `replicas = [4, 2, 3]`: brokers of this cluster, each once.
fn replicas(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<Vec<NodeId>> {
    let Some(node) = section.node("replicas") else {
        section.missing(sink, "replicas", "replicas = [4, 2, 3]");
        return None;
    };
    let Some(nodes) = node.array() else {
        sink.wrong_type(
            node,
            &section.path_of("replicas"),
            "a list of broker ids, the preferred leader first",
        );
        return None;
    };
    if nodes.is_empty() {
        let message = format!("`{}` names no broker", section.path_of("replicas"));
        sink.push(node.span, TextProblem::new(codes::BAD_TARGET, 0..0, message).label("an empty list"));
        return None;
    }
    let mut replicas = Vec::new();
    let mut good = true;
    for node in nodes {
        match replica(node, names, &replicas) {
            Ok(id) => replicas.push(id),
            Err(problem) => {
                sink.push(node.span, problem);
                good = false;
            }
        }
    }
    good.then_some(replicas)
}

fn replica(node: &Node, names: &Names<'_>, before: &[NodeId]) -> Result<NodeId, TextProblem> {
    let bad = |message: String, label: &str| {
        TextProblem::new(codes::BAD_TARGET, 0..0, message).label(label.to_owned())
    };
    let id = match node.kind {
        Kind::Integer(Some(number)) => i32::try_from(number).ok().map(NodeId),
        _ => None,
    };
    let Some(id) = id else {
        return Err(bad("a replica is a broker's id, a whole number".to_owned(), "not a broker id"));
    };
    if let Some(brokers) = names.brokers().filter(|brokers| id.0 < 1 || id.0 > i32::from(*brokers)) {
        let problem = bad(format!("there is no broker {id}"), "no such broker");
        return Err(problem.help(format!("the cluster has the brokers 1 to {brokers}")));
    }
    if before.contains(&id) {
        return Err(bad(format!("broker {id} is named twice"), "again"));
    }
    Ok(id)
}

/// Notes topics that need brokers which are added only later.
pub(super) fn enough_brokers_at_first(
    sink: &mut Sink<'_>,
    faults: &[FaultPlan],
    names: &Names<'_>,
    heads: &[(String, Span)],
) {
    let adds = |fault: &&FaultPlan| {
        let brokers = |target: &Target| matches!(target, Target::Broker(_));
        fault
            .strikes
            .iter()
            .any(|strike| strike.action == Action::Add && strike.targets.0.iter().any(brokers))
    };
    let add = faults.iter().find(adds);
    let (Some(brokers), Some(fault)) = (names.brokers(), add) else { return };
    let late = late_brokers(faults).len();
    let first = i32::from(brokers) - i32::try_from(late).unwrap_or(i32::MAX);
    let topic = names.topics().iter().find(|topic| i32::from(topic.replication) > first);
    let head = heads.iter().find(|(name, _)| *name == fault.name);
    let (Some(topic), Some((_, span))) = (topic, head) else { return };
    let (name, replication) = (&topic.name, topic.replication);
    let there = first.max(0);
    let message =
        format!("topic `{name}` needs {replication} brokers, but {there} of {brokers} are there at first");
    let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("adds brokers later");
    sink.push(*span, problem.help("raise `brokers` in [cluster], or lower `replication`"));
}
