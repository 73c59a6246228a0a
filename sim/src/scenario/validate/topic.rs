//! `[topic.X]`.

use tribunal_engine::config::{Scope, TopicConfig, broker_key_of, key};
use tribunal_engine::id::TopicName;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem};
use super::super::plan::{ClusterPlan, Origin, Setting, TopicPlan};
use super::super::read::Section;
use super::super::schema;
use super::super::settings::Given;
use super::super::tree::shorten;
use super::Marks;

const PARTITIONS_MAX: i64 = 1_000;

pub(super) fn topic(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    name: &str,
    cluster: Option<&ClusterPlan>,
    marks: &mut Marks,
    settings: &mut Vec<Setting>,
) -> Option<TopicPlan> {
    section.check_keys(sink, schema::TOPIC);
    if let Err(problem) = TopicName::check(name) {
        let message = format!("`{}` cannot be the name of a topic", shorten(name));
        sink.push(
            section.head,
            TextProblem::new(codes::BAD_NAME, 0..0, message).label("not a topic name").help(problem),
        );
    }
    let partitions = match section.entry("partitions") {
        Some(_) => section.integer(sink, "partitions", 1, PARTITIONS_MAX),
        None => Some(cluster.map_or(1, |cluster| i64::from(cluster.config.num_partitions))),
    };
    let replication = match section.entry("replication") {
        Some(_) => section.integer(sink, "replication", 1, i64::from(i16::MAX)),
        None => Some(cluster.map_or(1, |cluster| i64::from(cluster.config.default_replication_factor))),
    };
    if let Some((replicas, cluster)) = replication.zip(cluster)
        && replicas > i64::from(cluster.brokers)
    {
        let span = section.node("replication").map_or(section.head, |node| node.span);
        let message =
            format!("`{}` needs {replicas} brokers, the cluster has {}", section.path, cluster.brokers);
        let problem = TextProblem::new(codes::IMPOSSIBLE_REPLICATION, 0..0, message)
            .label(format!("at most {} replicas", cluster.brokers))
            .help(match section.entry("replication") {
                Some(_) => format!("raise `brokers` in [cluster] or write replication = {}", cluster.brokers),
                None => {
                    "the number comes from default.replication.factor; write replication = ...".to_owned()
                }
            });
        sink.push(span, problem);
    }
    let given = Given::read(sink, section, Scope::Topic);
    if let Some(span) = given.span("min.insync.replicas") {
        marks.insert(format!("topic.{name}.config.min.insync.replicas"), span);
    }
    let defaults = cluster.map(|cluster| cluster.config.topic_defaults);
    let config =
        defaults.and_then(|defaults| match TopicConfig::from_properties(&given.properties, defaults) {
            Ok(config) => Some(config),
            Err(errors) => {
                given.refused(sink, section, errors);
                None
            }
        });
    settings.extend(
        given.table(sink, section, Scope::Topic).into_iter().map(|setting| inherited(setting, cluster)),
    );
    Some(TopicPlan {
        name: TopicName::new(name),
        partitions: i32::try_from(partitions?).ok()?,
        replication: i16::try_from(replication?).ok()?,
        properties: given.properties,
        config: config?,
    })
}

/// A topic setting that is not given has the cluster's value of the broker setting behind it.
fn inherited(setting: Setting, cluster: Option<&ClusterPlan>) -> Setting {
    let name = key(Scope::Topic, setting.name).and_then(broker_key_of).map_or(setting.name, |key| key.name);
    let value = cluster.and_then(|cluster| cluster.properties.get(name));
    match (&setting.origin, value) {
        (Origin::Default, Some(value)) => {
            Setting { value: value.clone(), origin: Origin::Cluster { name }, ..setting }
        }
        _ => setting,
    }
}
