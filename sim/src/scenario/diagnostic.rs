//! Problems of a scenario file as values: code, position, offending text, what would be right.
//!
//! `Sink` collects them while the file is read; [`Diagnostics`] is the sorted result with the source they point
//! into. Nothing here prints: [`Diagnostics::render`] draws them, the accessors serve JSON.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::bundle::{Bundle, place};
use super::codes::Code;

/// Most characters of a message, label or help.
const MESSAGE_MAX: usize = 400;

/// A range of bytes of the source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Span { start: range.start, end: range.end.max(range.start) }
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The file cannot be run.
    Error,
    /// The file can be run, and probably does not do what its author believes.
    Warning,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Id of the kind of problem, such as `T012`; see [`codes`](super::codes).
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in a sentence that needs no context.
    pub message: String,
    /// The offending text.
    pub span: Span,
    /// Line of the offending text, from 1, in the text of all files: [`Diagnostics::place`] says which file.
    pub line: usize,
    /// Column of the offending text in characters, from 1.
    pub column: usize,
    /// A few words that stand under the offending text.
    pub label: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A problem inside a short text (a quantity, a target, an expression), before its place in the file is known.
#[derive(Clone, PartialEq, Debug)]
pub struct TextProblem {
    /// The kind of problem.
    pub(crate) code: &'static Code,
    /// The offending bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// A few words that stand under the offending text.
    pub label: String,
    /// What would be right.
    pub help: Option<String>,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl TextProblem {
    pub(crate) fn new(code: &'static Code, at: Range<usize>, message: impl Into<String>) -> Self {
        TextProblem { code, at, message: message.into(), label: "here".to_owned(), help: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem in a longer text that has this one at `offset`.
    pub(crate) fn shift(mut self, offset: usize) -> Self {
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}

impl fmt::Display for TextProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.message, self.label)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(formatter, " ({help})"))
    }
}

/// Every problem of one file, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    /// The file's name, as it was given.
    pub file_name: String,
    /// Its text, with every file it names behind it. Bytes that are not UTF-8 are replaced.
    pub source: String,
    /// The problems.
    pub problems: Vec<Diagnostic>,
}

impl Diagnostics {
    /// How many are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// The file a problem is in, and the line there.
    #[must_use]
    pub fn place(&self, problem: &Diagnostic) -> (&str, usize) {
        let (file, line) = place(&self.source, problem.line);
        (if file.is_empty() { &self.file_name } else { file }, line)
    }

    /// How many are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }
}

impl std::error::Error for Diagnostics {}

/// Line and column of bytes of a text, both from 1.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Lines { source, starts }
    }

    pub(crate) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    pub(crate) fn position(&self, at: usize) -> (usize, usize) {
        (self.line(at), self.column(at))
    }

    fn column(&self, at: usize) -> usize {
        let start = self.starts[self.line(at) - 1];
        self.source.get(start..at).map_or(at - start, |before| before.chars().count()) + 1
    }
}

/// Collects problems while a file is read.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(crate) lines: Lines<'a>,
    problems: Vec<(&'static Code, Diagnostic)>,
    known: BTreeSet<(Span, &'static str, String)>,
    /// Whether the file uses something that is not read, so that its other half may be elsewhere.
    pub(crate) incomplete: bool,
    /// The files of the scenario, if it is read with them.
    pub(crate) bundle: Option<&'a Bundle>,
    /// Where what was read cannot be trusted, because something before was not closed.
    pub(crate) unreadable: Vec<Span>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Sink {
            lines: Lines::new(source),
            problems: Vec::new(),
            known: BTreeSet::new(),
            incomplete: false,
            bundle: None,
            unreadable: Vec::new(),
        }
    }

    /// Problems of a scenario of several files.
    pub(crate) fn of(bundle: &'a Bundle) -> Self {
        Sink { bundle: Some(bundle), ..Sink::new(&bundle.text) }
    }

    /// Notes a problem once, however many variants meet it.
    #[expect(clippy::needless_pass_by_value, reason = "callers build the problem in place")]
    pub(crate) fn push(&mut self, span: Span, problem: TextProblem) {
        let source = self.lines.source;
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end).max(start);
        let severity = if problem.code.id < "T100" { Severity::Error } else { Severity::Warning };
        let diagnostic = Diagnostic {
            code: problem.code.id,
            severity,
            message: printable(&problem.message),
            span: Span { start, end },
            line: self.lines.line(start),
            column: self.lines.column(start),
            label: printable(&problem.label),
            help: problem.help.as_deref().map(printable),
        };
        if self.known.insert((diagnostic.span, diagnostic.code, diagnostic.message.clone())) {
            self.problems.push((problem.code, diagnostic));
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|(_, problem)| problem.severity == Severity::Error)
    }

    /// The problems in the order of the file. When part of the file could not be read, only what can be judged
    /// without the rest: no missing key, no unknown name, nothing on a line that is broken anyway.
    pub(crate) fn finish(mut self, file_name: &str) -> Diagnostics {
        let broken: Vec<usize> = self
            .problems
            .iter()
            .filter(|(_, problem)| is_syntax(problem.code))
            .map(|(_, problem)| problem.line)
            .collect();
        if self.incomplete || !broken.is_empty() {
            self.problems.retain(|(code, problem)| {
                is_syntax(code.id) || (code.local && !broken.contains(&problem.line))
            });
        }
        let unreadable = std::mem::take(&mut self.unreadable);
        self.problems.retain(|(_, problem)| {
            let at = problem.span.start;
            is_syntax(problem.code) || !unreadable.iter().any(|span| (span.start..span.end).contains(&at))
        });
        let mut problems: Vec<Diagnostic> = self.problems.into_iter().map(|(_, problem)| problem).collect();
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        Diagnostics { file_name: file_name.to_owned(), source: self.lines.source.to_owned(), problems }
    }
}

/// `text` without control characters, cut if it repeats a very long part of the file.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect()
}

fn is_syntax(id: &str) -> bool {
    matches!(id, "T001" | "T002" | "T011")
}

/// The largest character boundary of `text` at or before `at`.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

/// The one of `known` that `given` is probably a misspelling of.
pub(crate) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_lowercase();
    known
        .into_iter()
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&given, &name.to_lowercase());
            (distance, name.len().abs_diff(given.len()), name)
        })
        .filter(|(distance, _, name)| *distance <= (name.len().max(given.len()) / 3).max(1))
        .min()
        .map(|(_, _, name)| name)
}

/// `did you mean ...`, or the list of what there is.
pub(crate) fn suggest<'k>(given: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match nearest(given, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("possible: {}", list(known)),
    }
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn list<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

impl Lines<'_> {
    /// The text of a span.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.source.get(span.start..span.end).unwrap_or_default()
    }
}
