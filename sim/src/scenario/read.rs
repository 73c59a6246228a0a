//! Reads typed values out of tables, noting every problem.
//!
//! A reader never stops at a problem: it notes it, answers `None`, and the caller goes on, so that one pass over a
//! file finds everything.

use super::codes;
use super::diagnostic::{Sink, Span, TextProblem, nearest, suggest};
use super::distribution::Distribution;
use super::schema::{Keys, elsewhere};
use super::tree::{Entry, Kind, Node, Table, shorten};
use super::units::{self, DurationRange};

/// A table with its name and place.
#[derive(Clone, Copy)]
pub(crate) struct Section<'t> {
    /// As in the file's header: `fault.kill-leader`; empty for the top of the file.
    pub(crate) path: &'t str,
    pub(crate) table: &'t Table,
    /// Where its name stands.
    pub(crate) head: Span,
}

impl Sink<'_> {
    /// Notes a problem of a node's text.
    pub(crate) fn text(&mut self, node: &Node, problem: TextProblem) {
        let span = node.span_of(&problem.at);
        self.push(span, problem);
    }

    /// Notes that `node` should have been `expected`.
    pub(crate) fn wrong_type(&mut self, node: &Node, path: &str, expected: &str) {
        if matches!(node.kind, Kind::Unresolved) {
            return;
        }
        let problem = TextProblem::new(
            codes::WRONG_TYPE,
            0..0,
            format!("`{path}` takes {expected}, not {}", node.kind_name()),
        );
        self.push(node.span, problem.label(format!("expected {expected}")));
    }
}

impl<'t> Section<'t> {
    /// The full name of one of the section's keys.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.table.get(key)
    }

    pub(crate) fn node(&self, key: &str) -> Option<&'t Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Notes keys that the format does not have here, or that are not built.
    pub(crate) fn check_keys(&self, sink: &mut Sink<'_>, keys: &Keys) {
        for entry in &self.table.entries {
            let key = entry.key.as_str();
            let path = self.path_of(key);
            if keys.built.contains(&key) {
                continue;
            }
            let problem = if keys.later.contains(&key) {
                TextProblem::new(
                    codes::NOT_BUILT,
                    0..0,
                    format!("`{path}` is part of the format but not built yet"),
                )
                .label("not built yet")
            } else {
                let problem = TextProblem::new(codes::UNKNOWN_KEY, 0..0, format!("unknown key `{path}`"));
                let near = nearest(key, keys.built.iter().chain(keys.later).copied());
                match (near, elsewhere(key)) {
                    (Some(near), _) => problem.label("unknown key").help(format!("did you mean `{near}`?")),
                    (None, Some(place)) => problem.label("does not belong here").help(place),
                    (None, None) => problem
                        .label("unknown key")
                        .help(suggest(key, keys.built.iter().copied()).replace("possible", "keys here")),
                }
            };
            sink.push(entry.key_span, problem);
        }
    }

    /// Notes that `key` is missing; `line` is what could stand there.
    pub(crate) fn missing(&self, sink: &mut Sink<'_>, key: &str, line: &str) {
        let problem = TextProblem::new(codes::MISSING, 0..0, format!("`{}` is missing", self.path_of(key)));
        sink.push(
            self.head,
            problem.label(format!("`{key}` is missing")).help(format!("add a line like: {line}")),
        );
    }

    /// The table `key`, if there is one.
    pub(crate) fn table(&self, sink: &mut Sink<'_>, key: &str) -> Option<&'t Entry> {
        let entry = self.entry(key)?;
        if entry.node.table().is_none() {
            sink.wrong_type(&entry.node, &self.path_of(key), "a table");
            return None;
        }
        Some(entry)
    }

    /// The tables of the objects called `[key.NAME]`.
    pub(crate) fn objects(&self, sink: &mut Sink<'_>, key: &str) -> Vec<&'t Entry> {
        let Some(tables) = self.table(sink, key).and_then(|entry| entry.node.table()) else {
            return Vec::new();
        };
        let mut objects = Vec::new();
        for entry in &tables.entries {
            match &entry.node.kind {
                Kind::Table(_) => objects.push(entry),
                _ => sink.push(
                    entry.key_span,
                    TextProblem::new(
                        codes::WRONG_TYPE,
                        0..0,
                        format!("`{key}.{}` is not a table", entry.key),
                    )
                    .label(format!("a {key} needs a name"))
                    .help(format!("each {key} has a table of its own: [{key}.NAME]")),
                ),
            }
        }
        objects
    }

    pub(crate) fn text(&self, sink: &mut Sink<'_>, key: &str) -> Option<(&'t str, &'t Node)> {
        let node = self.node(key)?;
        let text = node.text();
        if text.is_none() {
            sink.wrong_type(node, &self.path_of(key), "a text in quotes");
        }
        text.map(|text| (text, node))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, sink: &mut Sink<'_>, key: &str) -> Option<Vec<(&'t str, &'t Node)>> {
        let node = self.node(key)?;
        let Some(items) = node.array() else {
            sink.wrong_type(node, &self.path_of(key), "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match item.text() {
                Some(text) => texts.push((text, item)),
                None => sink.wrong_type(item, &self.path_of(key), "texts in quotes"),
            }
        }
        Some(texts)
    }

    pub(crate) fn boolean(&self, sink: &mut Sink<'_>, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        match node.kind {
            Kind::Boolean(value) => Some(value),
            _ => {
                sink.wrong_type(node, &self.path_of(key), "true or false");
                None
            }
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, sink: &mut Sink<'_>, key: &str, min: i64, max: i64) -> Option<i64> {
        let node = self.node(key)?;
        match node.kind {
            Kind::Integer(Some(number)) if (min..=max).contains(&number) => Some(number),
            Kind::Integer(_) => {
                let message = format!("`{}` must be from {min} to {max}", self.path_of(key));
                sink.push(
                    node.span,
                    TextProblem::new(codes::BAD_RANGE, 0..0, message)
                        .label(format!("expected {min} to {max}")),
                );
                None
            }
            _ => {
                sink.wrong_type(node, &self.path_of(key), "a whole number without quotes");
                None
            }
        }
    }

    /// One of a fixed list of words.
    pub(crate) fn word(
        &self,
        sink: &mut Sink<'_>,
        key: &str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let (text, node) = self.text(sink, key)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let message = format!("`{}` cannot be `{}`", self.path_of(key), shorten(text));
            sink.push(
                node.span,
                TextProblem::new(codes::UNKNOWN_WORD, 0..0, message)
                    .label("unknown word")
                    .help(suggest(text, words.iter().copied())),
            );
        }
        found
    }

    /// A quantity in quotes, read by `parse`. `unit` is the unit a bare number could have meant, twice.
    pub(crate) fn quantity<T>(
        &self,
        sink: &mut Sink<'_>,
        key: &str,
        what: &str,
        readings: [&str; 2],
        parse: impl Fn(&str) -> Result<T, TextProblem>,
    ) -> Option<T> {
        let node = self.node(key)?;
        match &node.kind {
            // A reference where nothing varies: already reported.
            Kind::Text { value, .. } if value.contains("${") => {}
            Kind::Text { value, .. } => match parse(value.trim()) {
                Ok(quantity) => return Some(quantity),
                Err(problem) => {
                    let offset = value.len() - value.trim_start().len();
                    sink.text(node, problem.shift(offset));
                }
            },
            Kind::Integer(_) | Kind::Float(_) => {
                let written = sink.lines.slice(node.span).to_owned();
                let [first, second] = readings;
                let or = if first != second { format!(" or \"{written}{second}\"") } else { String::new() };
                sink.push(
                    node.span,
                    TextProblem::new(
                        codes::BARE_NUMBER,
                        0..0,
                        format!("`{}` needs a unit", self.path_of(key)),
                    )
                    .label("a number without a unit")
                    .help(format!("did you mean \"{written}{first}\"{or}?")),
                );
            }
            _ => sink.wrong_type(node, &self.path_of(key), &format!("{what} in quotes")),
        }
        None
    }

    pub(crate) fn duration_range(&self, sink: &mut Sink<'_>, key: &str) -> Option<DurationRange> {
        let node = self.node(key)?;
        if let Kind::Table(table) = &node.kind {
            shape_not_built(sink, node, table, &self.path_of(key));
            return None;
        }
        self.quantity(sink, key, "a duration", ["ms", "s"], |text| {
            units::range(text, units::duration).map(|(min, max)| DurationRange { min, max })
        })
    }

    pub(crate) fn duration(&self, sink: &mut Sink<'_>, key: &str) -> Option<std::time::Duration> {
        self.quantity(sink, key, "a duration", ["ms", "s"], units::duration)
    }

    /// A duration, a range, or `{ p50 = ..., p99 = ..., max = ... }`.
    pub(crate) fn distribution(&self, sink: &mut Sink<'_>, key: &str) -> Option<Distribution> {
        let entry = self.entry(key)?;
        let Kind::Table(table) = &entry.node.kind else {
            return self.duration_range(sink, key).map(Distribution::Range);
        };
        if table.get("exp").is_some() || table.get("pick").is_some() {
            shape_not_built(sink, &entry.node, table, &self.path_of(key));
            return None;
        }
        let path = self.path_of(key);
        let shape = Section { path: &path, table, head: entry.key_span };
        shape.check_keys(sink, &Keys { built: &["p50", "p99", "max"], later: &[] });
        let [p50, p99, max] = ["p50", "p99", "max"].map(|key| shape.duration(sink, key));
        if shape.entry("p50").is_none() || shape.entry("p99").is_none() {
            shape.missing(sink, "p50 and p99", "{ p50 = \"2ms\", p99 = \"15ms\", max = \"80ms\" }");
        }
        let (p50, p99) = (p50?, p99?);
        let max = if shape.entry("max").is_some() { max? } else { p99 * 4 };
        if p50 > p99 || p99 > max {
            let problem =
                TextProblem::new(codes::BAD_RANGE, 0..0, "the percentiles must not fall: p50, p99, max");
            sink.push(entry.node.span, problem.label("a higher percentile has a lower value"));
            return None;
        }
        Some(Distribution::Shape { p50, p99, max })
    }
}

fn shape_not_built(sink: &mut Sink<'_>, node: &Node, table: &Table, path: &str) {
    let form = table.entries.first().map_or("shape", |entry| entry.key.as_str());
    let message =
        format!("the distribution `{{ {form} = ... }}` of `{path}` is part of the format but not built yet");
    let problem = TextProblem::new(codes::NOT_BUILT, 0..0, message).label("not built yet");
    sink.push(node.span, problem.help("a range works: \"1ms..4ms\""));
}
