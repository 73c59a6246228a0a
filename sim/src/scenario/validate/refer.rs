//! Names that targets and expressions mention: whether they exist, in this cluster, with so many partitions.

use tribunal_engine::id::TopicPartition;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem, suggest};
use super::super::expect::Expectation;
use super::super::expr::{MaxOf, Quantity, Window};
use super::super::lexer::Tokens;
use super::super::plan::{ClusterPlan, ConsumerPlan, Plan, TopicPlan};
use super::super::read::Section;
use super::super::target::Target;
use super::super::tree::Node;
use super::Marks;
use super::load::Load;

/// The names of one variant.
#[derive(Debug)]
pub(super) struct Names<'p> {
    brokers: Option<u16>,
    topics: &'p [TopicPlan],
    topic_names: Vec<&'p str>,
    producers: Vec<&'p str>,
    consumers: Vec<&'p str>,
    /// Of the consumers, those without a group; one that could not be read may have one.
    alone: Vec<&'p str>,
}

/// Names of the consumers that have no group.
fn without_group(consumers: &[ConsumerPlan]) -> Vec<&str> {
    let alone = consumers.iter().filter(|consumer| consumer.group.is_none());
    alone.map(|consumer| consumer.name.as_str()).collect()
}

impl<'p> Names<'p> {
    pub(super) fn of(cluster: Option<&ClusterPlan>, load: &'p Load) -> Self {
        let texts = |names: &'p [String]| names.iter().map(String::as_str).collect();
        Names {
            brokers: cluster.map(|cluster| cluster.brokers),
            topics: &load.topics,
            topic_names: texts(&load.topic_names),
            producers: texts(&load.producer_names),
            consumers: texts(&load.consumer_names),
            alone: without_group(&load.consumers),
        }
    }

    fn of_plan(plan: &'p Plan) -> Self {
        Names {
            brokers: Some(plan.cluster.brokers),
            topics: &plan.topics,
            topic_names: plan.topics.iter().map(|topic| topic.name.as_str()).collect(),
            producers: plan.producers.iter().map(|producer| producer.name.as_str()).collect(),
            consumers: plan.consumers.iter().map(|consumer| consumer.name.as_str()).collect(),
            alone: without_group(&plan.consumers),
        }
    }

    /// Notes a target that can never exist.
    pub(super) fn check_target(&self, sink: &mut Sink<'_>, node: &Node, target: &Target) -> bool {
        match target {
            Target::Broker(id) => match self.brokers {
                Some(brokers) if id.0 < 1 || id.0 > i32::from(brokers) => {
                    let problem = impossible(
                        node,
                        &target.to_string(),
                        format!("there is no broker {id}"),
                        "no such broker",
                    );
                    sink.text(node, problem.help(format!("the cluster has the brokers 1 to {brokers}")));
                    false
                }
                _ => true,
            },
            Target::Leader(partition) | Target::Isr(partition) => self.check_partition(sink, node, partition),
            Target::Followers(partition) | Target::AnyFollower(partition) => {
                self.check_partition(sink, node, partition)
                    && self.check_follower(sink, node, partition, target)
            }
            Target::Producer(name) => self.check_name(sink, node, "producer", name, &self.producers),
            Target::Consumer(name) => self.check_name(sink, node, "consumer", name, &self.consumers),
            Target::Link(a, b) => self.check_target(sink, node, a) & self.check_target(sink, node, b),
            Target::Coordinator(name) => self.check_group(sink, node, name),
            Target::Any(set) => self.check_target(sink, node, set),
            Target::Disk(host) => self.check_target(sink, node, host),
            Target::Controller | Target::AllControllers | Target::AllBrokers | Target::Rest => true,
        }
    }

    /// Notes a name that is no consumer group.
    pub(super) fn check_group(&self, sink: &mut Sink<'_>, node: &Node, name: &str) -> bool {
        if !self.check_name(sink, node, "consumer", name, &self.consumers) {
            return false;
        }
        let group = self.is_group(name);
        if !group {
            let message = format!("the consumer `{name}` has no group");
            let problem = TextProblem::new(codes::IMPOSSIBLE_TARGET, place(node, name), message);
            sink.text(node, problem.label("no group").help(format!("add `members` to [consumer.{name}]")));
        }
        group
    }

    /// Whether the consumer has a group.
    pub(super) fn is_group(&self, name: &str) -> bool {
        !self.alone.contains(&name)
    }

    /// Whether the target is members of a group.
    pub(super) fn is_members(&self, target: &Target) -> bool {
        match target {
            Target::Consumer(name) => self.is_group(name),
            Target::Any(set) => self.is_members(set),
            _ => false,
        }
    }

    /// The partition that the key `partition` names.
    pub(super) fn partition(&self, sink: &mut Sink<'_>, section: &Section<'_>) -> Option<TopicPartition> {
        let (text, node) = section.text(sink, "partition")?;
        let mut tokens = Tokens::new(text);
        let read = tokens.partition(codes::BAD_TARGET).and_then(|partition| match tokens.peek() {
            None => Ok(partition),
            Some(_) => Err(tokens.unexpected(codes::BAD_TARGET, "the end of the partition")),
        });
        match read {
            Ok(partition) => self.check_partition(sink, node, &partition).then_some(partition),
            Err(problem) => {
                sink.text(node, problem);
                None
            }
        }
    }

    /// The topic of that name.
    pub(super) fn topics(&self) -> &[TopicPlan] {
        self.topics
    }

    /// So many brokers the cluster has.
    pub(super) fn brokers(&self) -> Option<u16> {
        self.brokers
    }

    pub(super) fn check_partition(
        &self,
        sink: &mut Sink<'_>,
        node: &Node,
        partition: &TopicPartition,
    ) -> bool {
        let name = partition.topic.as_str();
        if !self.check_name(sink, node, "topic", name, &self.topic_names) {
            return false;
        }
        let topic = self.topics.iter().find(|topic| topic.name == partition.topic);
        let Some(topic) = topic.filter(|topic| partition.partition.0 >= topic.partitions) else {
            return true;
        };
        let message = format!("there is no partition {partition}");
        let problem = impossible(node, &partition.to_string(), message, "no such partition");
        sink.text(
            node,
            problem.help(match topic.partitions {
                1 => format!("`{name}` has one partition, {name}/0"),
                many => format!("`{name}` has the partitions 0 to {}", many - 1),
            }),
        );
        false
    }

    fn check_follower(
        &self,
        sink: &mut Sink<'_>,
        node: &Node,
        partition: &TopicPartition,
        target: &Target,
    ) -> bool {
        let alone = self.topics.iter().any(|topic| topic.name == partition.topic && topic.replication < 2);
        if alone {
            let message = format!("`{partition}` has one replica, so it never has a follower");
            let problem = impossible(node, &target.to_string(), message, "never exists");
            sink.text(node, problem.help(format!("raise `replication` in [topic.{}]", partition.topic)));
        }
        !alone
    }

    fn check_name(&self, sink: &mut Sink<'_>, node: &Node, what: &str, name: &str, known: &[&str]) -> bool {
        let exists = known.contains(&name);
        if !exists {
            let at = place(node, name);
            let message = format!("there is no {what} `{}`", super::super::tree::shorten(name));
            let problem = TextProblem::new(codes::UNKNOWN_NAME, at, message).label(format!("unknown {what}"));
            sink.text(
                node,
                match known {
                    [] => problem.help(format!("the file defines no {what}")),
                    _ => problem.help(suggest(name, known.iter().copied())),
                },
            );
        }
        exists
    }

    /// Notes a quantity of a partition that does not exist.
    pub(super) fn check_quantity(&self, sink: &mut Sink<'_>, node: &Node, quantity: &Quantity) {
        if let Some(partition) = quantity.partition() {
            self.check_partition(sink, node, partition);
        }
        if let Some(group) = quantity.group() {
            self.check_group(sink, node, group);
        }
    }
}

fn impossible(node: &Node, written: &str, message: String, label: &str) -> TextProblem {
    TextProblem::new(codes::IMPOSSIBLE_TARGET, place(node, written), message).label(label)
}

/// Where `written` stands in the node's text; the whole text if it is spelt otherwise there.
pub(super) fn place(node: &Node, written: &str) -> std::ops::Range<usize> {
    let text = node.text().unwrap_or_default();
    match text.find(written) {
        Some(start) => start..start + written.len(),
        None => 0..text.len(),
    }
}

/// Notes partitions and faults that expectations mention and that no variant they are about has.
pub(super) fn expectations(
    sink: &mut Sink<'_>,
    read: Vec<(Expectation, Node)>,
    variants: &[(Plan, Marks)],
) -> Vec<Expectation> {
    for (expectation, node) in &read {
        let Some(expr) = expectation.claim.condition() else { continue };
        for (plan, _) in variants.iter().filter(|(plan, _)| expectation.applies_to(&plan.axis_values)) {
            let names = Names::of_plan(plan);
            let faults: Vec<&str> = plan.faults.iter().map(|fault| fault.name.as_str()).collect();
            for (quantity, window) in expr.quantities() {
                names.check_quantity(sink, node, quantity);
                let inner = match quantity {
                    Quantity::Max(MaxOf::Quantity(inner)) => inner,
                    other => other,
                };
                if let Quantity::Rto(fault) = inner {
                    names.check_name(sink, node, "fault", fault, &faults);
                }
                if let Some(Window::During(fault)) = window {
                    names.check_name(sink, node, "fault", fault, &faults);
                }
            }
        }
    }
    read.into_iter().map(|(expectation, _)| expectation).collect()
}
