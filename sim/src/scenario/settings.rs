//! Kafka settings of a table: read, checked against the engine's table, with their origin.
//!
//! A setting is never ignored: an unknown name, a name of another scope, a setting that is Kafka's but not built, and
//! a value the engine cannot honour are each an error of their own.

use tribunal_engine::config::{ConfigError, KEYS, Key, Properties, Scope, key};

use super::codes;
use super::diagnostic::{Sink, Span, TextProblem, nearest};
use super::plan::{Origin, Setting};
use super::read::Section;
use super::tree::{Entry, Kind, Node, Table, shorten};

/// Kafka's settings that tribunal does not have yet, whatever their scope. They are refused as such, not as unknown.
const LATER: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.create.topics.enable",
    "auto.leader.rebalance.enable",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "controlled.shutdown.enable",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "exclude.internal.topics",
    "follower.fetch.delay",
    "group.id",
    "group.initial.rebalance.delay.ms",
    "group.instance.id",
    "group.max.session.timeout.ms",
    "group.min.session.timeout.ms",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "interceptor.classes",
    "leader.imbalance.check.interval.seconds",
    "log.retention.hours",
    "log.roll.hours",
    "max.connections",
    "max.connections.per.ip",
    "max.poll.interval.ms",
    "metadata.log.segment.bytes",
    "num.io.threads",
    "num.network.threads",
    "num.replica.fetchers",
    "offsets.retention.minutes",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "partition.assignment.strategy",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.ignore.keys",
    "preallocate",
    "queued.max.requests",
    "receive.buffer.bytes",
    "replica.selector.class",
    "segment.index.bytes",
    "segment.jitter.ms",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "transaction.max.timeout.ms",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
    "transaction.timeout.ms",
    "transactional.id",
    "transaction.two.phase.commit.enable",
];

/// Settings given in `config` of a section, those that are right.
#[derive(Debug, Default)]
pub(crate) struct Given<'t> {
    pub(crate) properties: Properties,
    entries: Vec<(&'static Key, &'t Entry)>,
}

impl<'t> Given<'t> {
    /// Reads `section.config`.
    pub(crate) fn read(sink: &mut Sink<'_>, section: &Section<'t>, scope: Scope) -> Self {
        let mut given = Given::default();
        let table: Option<&Table> = section.table(sink, "config").and_then(|entry| entry.node.table());
        for entry in table.into_iter().flat_map(|table| &table.entries) {
            let Some(key) = key(scope, &entry.key) else {
                unknown(sink, section, entry, scope);
                continue;
            };
            if matches!(entry.node.kind, Kind::Integer(None)) {
                let written = sink.lines.slice(entry.node.span).to_owned();
                bad_value(sink, &entry.node, key, &written, "expected a number of at most 64 bits");
                continue;
            }
            let Some(value) = entry.node.scalar() else {
                sink.wrong_type(&entry.node, &entry.key, "a text, a number, true or false");
                continue;
            };
            match key.parse(&value) {
                Ok(_) => {
                    given.properties.insert(entry.key.clone(), value);
                    given.entries.push((key, entry));
                }
                Err(problem) => bad_value(sink, &entry.node, key, &value, &problem),
            }
        }
        given
    }

    /// A setting that another key of the section stands for: it comes from there.
    pub(crate) fn stands_for(&mut self, name: &'static str, value: String, entry: Option<&'t Entry>) {
        self.properties.insert(name.to_owned(), value);
        if let Some((key, entry)) = key(Scope::Consumer, name).zip(entry) {
            self.entries.push((key, entry));
        }
    }

    /// Where a given setting stands: its value.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, entry)| entry.node.span)
    }

    /// Notes what the typed config found wrong with settings that are right one by one.
    pub(crate) fn refused(&self, sink: &mut Sink<'_>, section: &Section<'_>, errors: Vec<ConfigError>) {
        for error in errors {
            if let ConfigError::Invalid { name, value, problem } = error {
                let span = self.span(&name).unwrap_or(section.head);
                let message = format!("`{name}` cannot be {}", shorten(&value));
                sink.push(span, TextProblem::new(codes::BAD_SETTING, 0..0, message).label(problem));
            }
        }
    }

    /// Every setting of the scope with its value and origin.
    pub(crate) fn table(&self, sink: &Sink<'_>, section: &Section<'_>, scope: Scope) -> Vec<Setting> {
        KEYS.iter()
            .filter(|key| key.scope == scope)
            .map(|key| {
                let entry =
                    self.entries.iter().find(|(given, _)| given.name == key.name).map(|(_, entry)| *entry);
                Setting {
                    table: section.path.to_owned(),
                    name: key.name,
                    value: self
                        .properties
                        .get(key.name)
                        .map_or(key.effective_default(), String::as_str)
                        .to_owned(),
                    default: key.default,
                    origin: entry.map_or(Origin::Default, |entry| origin(sink, &entry.node)),
                }
            })
            .collect()
    }
}

fn origin(sink: &Sink<'_>, node: &Node) -> Origin {
    let line = sink.lines.line(node.span.start);
    match &node.axis {
        Some(axis) => Origin::Matrix { axis: axis.to_string(), line },
        None => Origin::File { line },
    }
}

fn bad_value(sink: &mut Sink<'_>, node: &Node, key: &Key, value: &str, problem: &str) {
    let name = key.name;
    if let Some(only) = key.only.filter(|_| problem.starts_with("not built")) {
        let message = format!("`{name}` = {} is part of Kafka but not built yet", shorten(value));
        let problem =
            TextProblem::new(codes::NOT_BUILT, 0..0, message).label(format!("only {only} works so far"));
        sink.push(node.span, problem.help(format!("write \"{name}\" = {only}, or leave it out")));
        return;
    }
    let message = format!("`{name}` cannot be `{}`", shorten(value));
    let problem = TextProblem::new(codes::BAD_SETTING, 0..0, message).label(problem.to_owned());
    sink.push(node.span, problem.help(key.doc.to_owned()));
}

fn unknown(sink: &mut Sink<'_>, section: &Section<'_>, entry: &Entry, scope: Scope) {
    let name = entry.key.as_str();
    let shown = shorten(name);
    let others: Vec<&Key> = KEYS.iter().filter(|key| key.name == name).collect();
    let problem = if let Some(other) = others.first() {
        let message =
            format!("`{shown}` is a {} setting, this is the config of [{}]", other.scope, section.path);
        TextProblem::new(codes::WRONG_SCOPE, 0..0, message)
            .label(format!("not a {scope} setting"))
            .help(format!("put it in {}", place(&others)))
    } else if LATER.contains(&name) {
        TextProblem::new(codes::NOT_BUILT, 0..0, format!("Kafka's setting `{shown}` is not built yet"))
            .label("not built yet")
            .help("it is refused rather than ignored; remove it to run without it")
    } else {
        let problem =
            TextProblem::new(codes::UNKNOWN_SETTING, 0..0, format!("unknown {scope} setting `{shown}`"))
                .label("unknown setting");
        let same_scope = KEYS.iter().filter(|key| key.scope == scope).map(|key| key.name);
        match nearest(name, same_scope) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("names are Kafka's own, in quotes: config = { \"linger.ms\" = 5 }"),
        }
    };
    sink.push(entry.key_span, problem);
}

fn place(keys: &[&Key]) -> String {
    let tables: Vec<&str> = keys
        .iter()
        .map(|key| match key.scope {
            Scope::Broker => "[cluster]",
            Scope::Topic => "[topic.NAME]",
            Scope::Producer => "[producer.NAME]",
            Scope::Consumer => "[consumer.NAME]",
        })
        .collect();
    tables.join(" or ")
}
