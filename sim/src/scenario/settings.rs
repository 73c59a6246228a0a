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
use crate::properties;

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

/// Settings of processes that nothing in a simulation depends on; names that end in `.` stand for all that start so.
/// Files of real programs have them.
const NO_EFFECT: &[&str] = &[
    "advertised.listeners",
    "bootstrap.servers",
    "broker.id",
    "client.dns.lookup",
    "client.id",
    "connections.max.idle.ms",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "jmx.",
    "key.deserializer",
    "key.serializer",
    "listener.",
    "listeners",
    "log.dir",
    "log.dirs",
    "metric.",
    "metrics.",
    "node.id",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "process.roles",
    "receive.buffer.bytes",
    "sasl.",
    "security.",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "ssl.",
    "value.deserializer",
    "value.serializer",
];

/// Settings of a section, those that are right.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) properties: Properties,
    entries: Vec<(&'static Key, Node)>,
}

impl Given {
    /// Reads the section's `properties-file`, its `properties` and its `config`; later ones win.
    pub(crate) fn read(sink: &mut Sink<'_>, section: &Section<'_>, scope: Scope) -> Self {
        let mut given = Given::default();
        for entry in of_file(sink, section).into_iter().chain(of_text(sink, section)) {
            let name = entry.key.as_str();
            let known = KEYS.iter().any(|key| key.name == name);
            if !known && NO_EFFECT.iter().any(|it| *it == name || (it.ends_with('.') && name.starts_with(it)))
            {
                let message = format!("`{}` has no effect in the simulator", shorten(name));
                let problem =
                    TextProblem::new(codes::NO_EFFECT, 0..0, message).label("accepted, has no effect");
                sink.push(entry.key_span, problem);
                continue;
            }
            given.take(sink, section, &entry, scope);
        }
        let table: Option<&Table> = section.table(sink, "config").and_then(|entry| entry.node.table());
        for entry in table.into_iter().flat_map(|table| &table.entries) {
            given.take(sink, section, entry, scope);
        }
        given
    }

    /// A setting that another key of the section stands for: it comes from there.
    pub(crate) fn stands_for(&mut self, name: &'static str, value: String, entry: Option<&Entry>) {
        self.properties.insert(name.to_owned(), value);
        if let Some((key, entry)) = key(Scope::Consumer, name).zip(entry) {
            self.entries.push((key, entry.node.clone()));
        }
    }

    fn take(&mut self, sink: &mut Sink<'_>, section: &Section<'_>, entry: &Entry, scope: Scope) {
        let Some(key) = key(scope, &entry.key) else {
            return unknown(sink, section, entry, scope);
        };
        if matches!(entry.node.kind, Kind::Integer(None)) {
            let written = sink.lines.slice(entry.node.span).to_owned();
            return bad_value(sink, &entry.node, key, &written, "expected a number of at most 64 bits");
        }
        let Some(value) = entry.node.scalar() else {
            return sink.wrong_type(&entry.node, &entry.key, "a text, a number, true or false");
        };
        match key.parse(&value) {
            Ok(_) => {
                self.properties.insert(entry.key.clone(), value);
                self.entries.retain(|(known, _)| known.name != key.name);
                self.entries.push((key, entry.node.clone()));
            }
            Err(problem) => bad_value(sink, &entry.node, key, &value, &problem),
        }
    }

    /// Where a given setting stands: its value.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.span)
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
                let given = self.entries.iter().find(|(given, _)| given.name == key.name);
                Setting {
                    table: section.path.to_owned(),
                    name: key.name,
                    value: self
                        .properties
                        .get(key.name)
                        .map_or(key.effective_default(), String::as_str)
                        .to_owned(),
                    default: key.default,
                    origin: given.map_or(Origin::Default, |(_, node)| origin(sink, node)),
                }
            })
            .collect()
    }
}

/// The settings of the section's `properties-file`.
fn of_file(sink: &mut Sink<'_>, section: &Section<'_>) -> Vec<Entry> {
    let Some((written, node)) = section.text(sink, "properties-file") else { return Vec::new() };
    let Some(bundle) = sink.bundle.filter(|_| !written.contains("${")) else { return Vec::new() };
    let path = section.path_of("properties-file");
    let found = bundle.resolve(node.span.start, written).map_err(|why| (why.to_owned(), written.to_owned()));
    let found = found.and_then(|name| match bundle.file(&name) {
        Some(file) => Ok(file),
        None => Err((bundle.why_missing(&name).to_owned(), name)),
    });
    match found {
        Ok(file) => {
            let text = bundle.text.get(file.at.clone()).unwrap_or_default();
            settings_of(
                sink,
                text,
                &|at| Span { start: file.at.start + at.start, end: file.at.start + at.end },
                node,
            )
        }
        Err((why, name)) => {
            let message = format!("`{path}`: cannot read `{}`: {why}", shorten(&name));
            let problem = TextProblem::new(codes::BAD_FILE, 0..0, message).label("cannot be read");
            sink.push(node.span, problem.help("files are named relative to the file that names them"));
            Vec::new()
        }
    }
}

/// The settings of the section's `properties`.
fn of_text(sink: &mut Sink<'_>, section: &Section<'_>) -> Vec<Entry> {
    let Some((text, node)) = section.text(sink, "properties") else { return Vec::new() };
    settings_of(sink, text, &|at| node.span_of(at), node)
}

/// The settings of a properties text whose bytes stand where `place` says; they come from where `node` comes from.
fn settings_of(
    sink: &mut Sink<'_>,
    text: &str,
    place: &dyn Fn(&std::ops::Range<usize>) -> Span,
    node: &Node,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in properties::lines(text) {
        let span = place(&line.at);
        match line.setting {
            Ok((key, value)) => {
                let kind = Kind::Text { value, start: None };
                entries.push(Entry {
                    key,
                    key_span: span,
                    node: Node { span, kind, axis: node.axis.clone() },
                });
            }
            Err(problem) => {
                let message = format!("not a line of a properties file: {problem}");
                let problem = TextProblem::new(codes::BAD_PROPERTIES, 0..0, message).label("not understood");
                sink.push(span, problem);
            }
        }
    }
    entries
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
