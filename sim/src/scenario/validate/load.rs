//! `[producer.X]` and `[consumer.X]`, over the topics.

use tribunal_engine::config::{ConsumerConfig, ProducerConfig, Scope};
use tribunal_engine::id::TopicName;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem, suggest};
use super::super::plan::{ClusterPlan, ConsumerPlan, ProducerPlan, Setting, TopicPlan};
use super::super::read::Section;
use super::super::schema;
use super::super::settings::Given;
use super::super::tree::{Entry, Node, Table, shorten};
use super::super::units::{self, Rate, SizeRange};
use super::{Marks, check_name, group, keys, topic};

pub(super) const CLIENTS_MAX: i64 = 1_000;
/// Most records per second of one client.
const RATE_MAX: f64 = 1_000_000.0;
/// Size of a record's value if the scenario says nothing.
const VALUE_SIZE_DEFAULT: SizeRange = SizeRange { min: 100, max: 100 };
/// Largest value of a record: what `max.request.size` can be at most.
const VALUE_SIZE_MAX: u64 = 64 << 20;

/// What is produced and read, and every name that was defined, right or wrong.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) topics: Vec<TopicPlan>,
    pub(super) producers: Vec<ProducerPlan>,
    pub(super) consumers: Vec<ConsumerPlan>,
    pub(super) topic_names: Vec<String>,
    pub(super) producer_names: Vec<String>,
    pub(super) consumer_names: Vec<String>,
}

pub(super) fn load(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    cluster: &Option<ClusterPlan>,
    marks: &mut Marks,
    settings: &mut Vec<Setting>,
) -> Load {
    let mut load = Load::default();
    let [topics, producers, consumers] = ["topic", "producer", "consumer"].map(|key| top.objects(sink, key));
    let names = |entries: &[&Entry]| entries.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
    load.topic_names = names(&topics);
    load.producer_names = names(&producers);
    load.consumer_names = names(&consumers);
    if top.entry("topic").is_none() {
        let head = super::super::diagnostic::Span::default();
        let problem =
            TextProblem::new(codes::MISSING, 0..0, "the scenario has no topic").label("`topic` is missing");
        sink.push(head, problem.help("add a table like: [topic.orders] with partitions = 1"));
    }
    for entry in topics {
        marks.insert(format!("topic.{}", entry.key), entry.key_span);
        let plan = with_section("topic", entry, |section| {
            topic::topic(sink, section, &entry.key, cluster.as_ref(), marks, settings)
        });
        load.topics.extend(plan.flatten());
    }
    for entry in producers {
        check_name(sink, entry, "a producer");
        let plan = with_section("producer", entry, |section| {
            producer(sink, section, entry, &load.topic_names, settings)
        });
        load.producers.extend(plan.flatten());
    }
    for entry in consumers {
        check_name(sink, entry, "a consumer");
        let plan = with_section("consumer", entry, |section| {
            consumer(sink, section, entry, &load.topic_names, settings)
        });
        load.consumers.extend(plan.flatten());
    }
    load
}

fn with_section<T>(kind: &str, entry: &Entry, read: impl FnOnce(&Section<'_>) -> T) -> Option<T> {
    let table: &Table = entry.node.table()?;
    let path = format!("{kind}.{}", entry.key);
    Some(read(&Section { path: &path, table, head: entry.key_span }))
}

fn known_topic(sink: &mut Sink<'_>, node: &Node, name: &str, topics: &[String]) -> Option<TopicName> {
    if topics.iter().any(|topic| topic == name) {
        return Some(TopicName::new(name));
    }
    let message = format!("there is no topic `{}`", shorten(name));
    let problem = TextProblem::new(codes::UNKNOWN_NAME, 0..0, message).label("unknown topic");
    sink.push(
        node.span,
        match topics {
            [] => problem.help(format!("define it: [topic.{}]", shorten(name))),
            _ => problem.help(suggest(name, topics.iter().map(String::as_str))),
        },
    );
    None
}

fn producer(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    entry: &Entry,
    topics: &[String],
    settings: &mut Vec<Setting>,
) -> Option<ProducerPlan> {
    section.check_keys(sink, schema::PRODUCER);
    for (key, line) in [("topic", "topic = \"orders\""), ("rate", "rate = \"50/s\"")] {
        if section.entry(key).is_none() {
            section.missing(sink, key, line);
        }
    }
    let topic = section.text(sink, "topic").and_then(|(name, node)| known_topic(sink, node, name, topics));
    let count = match section.entry("count") {
        Some(_) => section.integer(sink, "count", 1, CLIENTS_MAX),
        None => Some(1),
    };
    let rate = rate(sink, section);
    let keys = keys::keys(sink, section);
    let value_size = value_size(sink, section);
    let given = Given::read(sink, section, Scope::Producer);
    let mut table = given.table(sink, section, Scope::Producer);
    let config = match ProducerConfig::from_properties(&given.properties) {
        Ok(config) => Some(config),
        Err(errors) => {
            given.refused(sink, section, errors);
            None
        }
    };
    if let Some(config) = &config {
        // Other settings may rule it out: what is shown is what the producer does.
        for setting in table.iter_mut().filter(|setting| setting.name == "enable.idempotence") {
            setting.value = config.enable_idempotence.to_string();
        }
    }
    settings.extend(table);
    Some(ProducerPlan {
        name: entry.key.clone(),
        topic: topic?,
        count: u32::try_from(count?).ok()?,
        rate: rate?,
        keys: keys?,
        value_size: value_size?,
        properties: given.properties,
        config: config?,
    })
}

fn rate(sink: &mut Sink<'_>, section: &Section<'_>) -> Option<Rate> {
    let rate = section.quantity(sink, "rate", "a rate", ["/s", "/m"], units::rate)?;
    let (label, help) = match rate.per_second() {
        zero if zero <= 0.0 => ("a producer that sends nothing", "leave the producer out to send nothing"),
        fast if fast > RATE_MAX => ("expected at most 1000000/s for each client", "raise `count` for more"),
        _ => return Some(rate),
    };
    let message = format!("`{}` is out of bounds", section.path_of("rate"));
    let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label(label);
    sink.push(section.node("rate")?.span, problem.help(help));
    None
}

fn value_size(sink: &mut Sink<'_>, section: &Section<'_>) -> Option<SizeRange> {
    let Some(node) = section.node("value-size") else { return Some(VALUE_SIZE_DEFAULT) };
    let (min, max) = section
        .quantity(sink, "value-size", "a size", ["B", "KiB"], |text| units::range(text, units::size))?;
    if max > VALUE_SIZE_MAX {
        let message = format!("`{}` is out of bounds", section.path_of("value-size"));
        sink.push(
            node.span,
            TextProblem::new(codes::BAD_RANGE, 0..0, message).label("expected at most 64MiB"),
        );
        return None;
    }
    Some(SizeRange { min, max })
}

fn consumer(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    entry: &Entry,
    topics: &[String],
    settings: &mut Vec<Setting>,
) -> Option<ConsumerPlan> {
    section.check_keys(sink, schema::CONSUMER);
    if section.entry("topics").is_none() {
        section.missing(sink, "topics", "topics = [\"orders\"]");
    }
    let group = group::group(sink, section, &entry.key);
    let named = section.texts(sink, "topics");
    if named.as_ref().is_some_and(Vec::is_empty)
        && let Some(node) = section.node("topics")
    {
        let message = format!("`{}` names no topic", section.path_of("topics"));
        sink.push(node.span, TextProblem::new(codes::BAD_RANGE, 0..0, message).label("an empty list"));
    }
    let found: Vec<Option<TopicName>> = named
        .unwrap_or_default()
        .into_iter()
        .map(|(name, node)| known_topic(sink, node, name, topics))
        .collect();
    let mut given = Given::read(sink, section, Scope::Consumer);
    if let Some(Some(group)) = &group {
        group::settings(sink, section, group, &mut given);
    }
    settings.extend(given.table(sink, section, Scope::Consumer));
    let config = match ConsumerConfig::from_properties(&given.properties) {
        Ok(config) => Some(config),
        Err(errors) => {
            given.refused(sink, section, errors);
            None
        }
    };
    Some(ConsumerPlan {
        name: entry.key.clone(),
        topics: found.into_iter().collect::<Option<Vec<_>>>()?,
        properties: given.properties,
        config: config?,
        group: group?,
    })
}
