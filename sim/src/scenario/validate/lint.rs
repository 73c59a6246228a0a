//! Warnings: files that run, and probably do not do what their author believes.
//!
//! Judged over all variants together: a setting that has no effect with `acks=1` is right as long as another variant
//! has `acks=all`.

use tribunal_engine::message::Acks;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{Plan, TopicPlan};
use super::Marks;

pub(super) fn plans(sink: &mut Sink<'_>, variants: &[(Plan, Marks)]) {
    if !variants.is_empty() && variants.iter().all(|(plan, _)| plan.producers.is_empty()) {
        let problem = TextProblem::new(codes::NO_LOAD, 0..0, "the scenario has no producer")
            .label("nothing is written");
        sink.push(Span::default(), problem.help("add a table like: [producer.p] with topic and rate"));
    }
    for (plan, marks) in variants {
        for topic in &plan.topics {
            unused(sink, variants, topic, marks);
            min_insync(sink, variants, plan, topic, marks);
        }
    }
}

fn unused(sink: &mut Sink<'_>, variants: &[(Plan, Marks)], topic: &TopicPlan, marks: &Marks) {
    let name = topic.name.as_str();
    let used = variants.iter().any(|(plan, _)| {
        plan.producers.iter().any(|producer| producer.topic == topic.name)
            || plan.consumers.iter().any(|consumer| consumer.topics.contains(&topic.name))
    });
    if let (false, Some(span)) = (used, marks.get(&format!("topic.{name}"))) {
        let message = format!("nothing writes to or reads from `{name}`");
        sink.push(*span, TextProblem::new(codes::UNUSED_TOPIC, 0..0, message).label("unused topic"));
    }
}

fn min_insync(
    sink: &mut Sink<'_>,
    variants: &[(Plan, Marks)],
    plan: &Plan,
    topic: &TopicPlan,
    marks: &Marks,
) {
    let name = topic.name.as_str();
    let own = marks.get(&format!("topic.{name}.config.min.insync.replicas"));
    let Some(span) = own.or_else(|| marks.get("cluster.config.min.insync.replicas")).copied() else { return };
    let writes_with = |plan: &Plan, all: bool| {
        plan.producers
            .iter()
            .any(|producer| producer.topic == topic.name && (producer.config.acks == Acks::All) == all)
    };
    let all_anywhere = variants.iter().any(|(plan, _)| writes_with(plan, true));
    let others_anywhere = variants.iter().any(|(plan, _)| writes_with(plan, false));
    let min = topic.config.min_insync_replicas;
    let replicas = usize::try_from(topic.replication).unwrap_or(0);
    let problem = if !all_anywhere && others_anywhere {
        TextProblem::new(codes::MIN_INSYNC_UNUSED, 0..0, "min.insync.replicas has no effect unless acks=all")
            .label("has no effect")
            .help(format!("no producer of `{name}` has acks=all"))
    } else if !writes_with(plan, true) {
        return;
    } else if min > replicas {
        TextProblem::new(codes::MIN_INSYNC_TOO_HIGH, 0..0, "writes with acks=all can never succeed")
            .label(format!("`{name}` has {replicas} replicas, so the ISR never has {min} members"))
            .help(format!("at most {replicas}; usual is one less than the number of replicas"))
    } else if min == replicas && replicas > 1 {
        TextProblem::new(
            codes::MIN_INSYNC_ALL,
            0..0,
            "writes with acks=all stop when one replica leaves the ISR",
        )
        .label(format!("all {replicas} replicas of `{name}`"))
        .help(format!("usual is {}", replicas - 1))
    } else {
        return;
    };
    sink.push(span, problem);
}
