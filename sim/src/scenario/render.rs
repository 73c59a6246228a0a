//! Draws diagnostics for people: each problem with its line, the offending text underlined, and what would be right.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use super::bundle::place;
use super::diagnostic::{Diagnostic, Diagnostics, Severity, Span, floor_boundary};

/// Width of the drawing when nobody says otherwise.
const WIDTH_DEFAULT: usize = 100;
/// Columns miette puts before a help text.
const INDENT: usize = 8;

/// Most problems that are drawn; the rest is counted.
const DRAWN_MAX: usize = 50;
/// Most bytes of the offending text that are underlined, and of its line that are shown before and after it.
const UNDERLINED_MAX: usize = 80;

/// The source as miette sees it: snippets are the offending line, cut if it is very long.
struct Source<'d>(&'d Diagnostics);

impl SourceCode for Source<'_> {
    /// With context lines miette asks for the snippet, without for the position it prints above it.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.source.as_str();
        let (start, end) = (span.offset(), (span.offset() + span.len()).min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
        let line = text[..start].matches('\n').count();
        let column = text[line_start..start].chars().count();
        let (from, to, column) = if before == 0 {
            (start, end, column)
        } else {
            let from = floor_boundary(text, start.saturating_sub(UNDERLINED_MAX)).max(line_start);
            (from, floor_boundary(text, end + UNDERLINED_MAX).min(line_end).max(end), 0)
        };
        let to = if to > end && text[..to].ends_with('\r') { to - 1 } else { to };
        let data = &text.as_bytes()[from..to];
        let span = SourceSpan::new(from.into(), to - from);
        let (file, line) = match place(text, line + 1) {
            ("", line) => (self.0.file_name.as_str(), line),
            found => found,
        };
        let contents = MietteSpanContents::new_named(file.to_owned(), data, span, line - 1, column, 1);
        Ok(Box::new(contents))
    }
}

/// One problem as miette sees it.
struct Drawn<'d> {
    problem: &'d Diagnostic,
    source: Source<'d>,
    width: usize,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&wrap(&format!("{} {}", self.problem.code, self.problem.message), self.width))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.problem.help.as_ref().map(|help| Box::new(wrap(help, self.width)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, end } = self.problem.span;
        let text = &self.source.0.source;
        let line_end = text[start..end].find('\n').map_or(end, |newline| start + newline);
        let end = floor_boundary(text, line_end.min(start + UNDERLINED_MAX)).max(start);
        // Nothing can be underlined at the end of a line: the last character before it stands for it.
        let last = text[..start].chars().next_back().filter(|last| *last != '\n').map_or(0, char::len_utf8);
        let (start, end) = match text[end..].chars().next() {
            None | Some('\n') if start == end => (start - last, end),
            _ => (start, end),
        };
        let label = LabeledSpan::new(Some(self.problem.label.clone()), start, end - start);
        Some(Box::new(std::iter::once(label)))
    }
}

/// Breaks `text` into lines at spaces only, so that names with hyphens stay whole.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width.saturating_sub(INDENT) {
            wrapped.push('\n');
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

impl Diagnostics {
    /// Every problem drawn, `width` columns wide, with ANSI colours or without, and a last line that counts them.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_wrap_lines(false)
            .with_context_lines(1)
            .with_links(false);
        let mut drawn = String::new();
        for problem in self.problems.iter().take(DRAWN_MAX) {
            let report = Drawn { problem, source: Source(self), width };
            if handler.render_report(&mut drawn, &report).is_err() {
                drawn.push_str(&self.line_of(problem));
            }
            drawn.push('\n');
        }
        drawn.push_str(&self.summary());
        drawn
    }

    /// `e.toml:7:1: T005 unknown key ...`: one problem as one line.
    #[must_use]
    pub fn line_of(&self, problem: &Diagnostic) -> String {
        let Diagnostic { column, code, message, .. } = problem;
        let (file, line) = self.place(problem);
        format!("{file}:{line}:{column}: {code} {message}")
    }

    fn summary(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            many => Some(format!("{many} {what}s")),
        };
        let counts: Vec<String> = [counted(self.errors(), "error"), counted(self.warnings(), "warning")]
            .into_iter()
            .flatten()
            .collect();
        let worst = self.problems.iter().find(|problem| problem.severity == Severity::Error);
        let Some(problem) = worst.or(self.problems.first()) else { return String::new() };
        let cut = match self.problems.len().saturating_sub(DRAWN_MAX) {
            0 => String::new(),
            more => format!(" ({more} not shown)"),
        };
        let counts = counts.join(" and ");
        format!("{}: {counts}{cut}. `tribunal explain {}` tells more.\n", self.file_name, problem.code)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false, WIDTH_DEFAULT))
    }
}
