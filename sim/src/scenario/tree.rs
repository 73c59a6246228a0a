//! The parsed file as a tree that remembers where everything stands.
//!
//! Built from TOML's recoverable parse: what could be read is there, in the order of the file, whatever else is
//! broken. Dotted names inside `config` tables are put together again (`linger.ms = 5` is one name for Kafka, two
//! nested tables for TOML).

use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes;
use super::diagnostic::{Sink, Span, TextProblem};
use super::syntax::{syntax_problem, without_echoes};

/// Most characters of a value that are repeated in a message.
const SHOWN_MAX: usize = 40;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
    /// The axis of the matrix it comes from.
    pub(crate) axis: Option<Rc<str>>,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text {
        value: String,
        /// Where the first character stands, if the source has the text exactly as it is.
        start: Option<usize>,
    },
    /// `None` when it is outside of 64 bits.
    Integer(Option<i64>),
    /// As it is written.
    Float(String),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
    /// A reference that leads nowhere: already reported, so nobody complains about it again.
    Unresolved,
}

/// A table, its entries in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }
}

impl Node {
    /// What kind of value it is, with its article.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Text { .. } => "a text",
            Kind::Integer(_) => "a number",
            Kind::Float(_) => "a decimal number",
            Kind::Boolean(_) => "true or false",
            Kind::Datetime => "a date",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Unresolved => "a reference",
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Array(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// Text, numbers and booleans as text.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.kind {
            Kind::Text { value, .. } => Some(value.clone()),
            Kind::Integer(Some(number)) => Some(number.to_string()),
            Kind::Float(number) => Some(number.clone()),
            Kind::Boolean(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// Where a part of the node's text stands in the source.
    pub(crate) fn span_of(&self, at: &std::ops::Range<usize>) -> Span {
        match &self.kind {
            // An empty range at the end of the text points at the closing quote, which can be seen.
            Kind::Text { start: Some(start), .. } => {
                Span { start: start + at.start, end: start + at.end.max(at.start + 1) }
            }
            _ => self.span,
        }
    }
}

/// `text`, shortened if it is long.
pub(crate) fn shorten(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_MAX + 1).collect();
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Parses `source`, noting every syntax error.
pub(crate) fn parse(source: &str, sink: &mut Sink<'_>) -> Table {
    let (document, errors) = DeTable::parse_recoverable(source);
    let errors: Vec<(Span, &str)> = errors
        .iter()
        .map(|error| (error.span().map_or(Span::default(), Span::from), error.message()))
        .collect();
    let (errors, unclosed) = without_echoes(source, errors);
    for (span, message) in errors {
        if message.contains("unclosed table") {
            // Its keys were read as if they stood in the table before.
            let end = source
                .get(span.end..)
                .and_then(|rest| rest.find("\n["))
                .map_or(source.len(), |at| span.end + at);
            sink.unreadable.push(Span { start: span.start, end });
        }
        sink.push(span, syntax_problem(source, span, message));
    }
    if let Some(span) = unclosed {
        let problem = TextProblem::new(
            codes::SYNTAX,
            0..0,
            "not valid TOML: a list or table is not closed before here",
        );
        sink.push(
            span,
            problem.label("still inside of it").help("close it with `]` or `}`, then the rest can be read"),
        );
        sink.unreadable.push(Span { start: span.start, end: source.len() });
    }
    table(document.into_inner(), source, sink)
}

fn table(table: DeTable<'_>, source: &str, sink: &mut Sink<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let key_span = Span::from(key.span());
            let key = key.into_inner().into_owned();
            let mut node = node(value, source, sink);
            if let (true, Kind::Table(inner)) = (key == "config", &mut node.kind) {
                *inner = flatten(std::mem::take(inner), sink);
            }
            Entry { key, key_span, node }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span);
    Table { entries }
}

fn node(value: Spanned<DeValue<'_>>, source: &str, sink: &mut Sink<'_>) -> Node {
    let span = Span::from(value.span());
    let kind = match value.into_inner() {
        DeValue::String(value) => {
            Kind::Text { start: text_start(&value, span, source), value: value.into_owned() }
        }
        DeValue::Integer(number) => Kind::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(number) => Kind::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Kind::Boolean(value),
        DeValue::Datetime(_) => Kind::Datetime,
        DeValue::Array(values) => {
            Kind::Array(values.into_iter().map(|value| node(value, source, sink)).collect())
        }
        DeValue::Table(inner) => Kind::Table(table(inner, source, sink)),
    };
    Node { span, kind, axis: None }
}

fn text_start(value: &str, span: Span, source: &str) -> Option<usize> {
    let written = source.get(span.start..span.end)?;
    let quotes = if written.starts_with("\"\"\"") || written.starts_with("'''") { 3 } else { 1 };
    let inside = written.get(quotes..written.len().checked_sub(quotes)?)?;
    // A line break right after three quotes is not part of the text.
    let skipped = match quotes {
        3 if inside.starts_with("\r\n") => 2,
        3 if inside.starts_with('\n') => 1,
        _ => 0,
    };
    (&inside[skipped..] == value).then_some(span.start + quotes + skipped)
}

/// Puts dotted names together again.
fn flatten(nested: Table, sink: &mut Sink<'_>) -> Table {
    let mut flat = Table::default();
    let mut open: Vec<Entry> = nested.entries.into_iter().rev().collect();
    while let Some(entry) = open.pop() {
        match entry.node.kind {
            Kind::Table(inner) => open.extend(inner.entries.into_iter().rev().map(|inner| Entry {
                key: format!("{}.{}", entry.key, inner.key),
                key_span: Span {
                    start: entry.key_span.start.min(inner.key_span.start),
                    end: inner.key_span.end,
                },
                node: inner.node,
            })),
            _ if flat.get(&entry.key).is_some() => sink.push(
                entry.key_span,
                TextProblem::new(codes::DUPLICATE, 0..0, format!("`{}` is set twice", entry.key))
                    .label("named twice"),
            ),
            _ => flat.entries.push(entry),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(source: &str) -> (Table, usize) {
        let mut sink = Sink::new(source);
        let table = parse(source, &mut sink);
        (table, sink.finish("test").problems.len())
    }

    #[test]
    fn dotted_settings_are_put_together() {
        let (root, problems) = parsed("[producer.p]\nconfig = { linger.ms = 5, \"batch.size\" = 1 }\n");
        let producer = root.get("producer").and_then(|entry| entry.node.table()).expect("table");
        let p = producer.get("p").and_then(|entry| entry.node.table()).expect("table");
        let config = p.get("config").and_then(|entry| entry.node.table()).expect("table");
        let names: Vec<&str> = config.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!((names, problems), (vec!["linger.ms", "batch.size"], 0));
    }

    #[test]
    fn all_syntax_errors_are_found_at_once() {
        assert_eq!(parsed("a = \nb = 1\nc = oops\n[d\n").1, 3);
    }

    #[test]
    fn entries_keep_the_order_of_the_file() {
        let (root, _) = parsed("b = 1\na = 2\n");
        let keys: Vec<&str> = root.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
    }
}
