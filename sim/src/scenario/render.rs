//! Draws diagnostics for people: each problem with its line, the offending text underlined, and what would be right.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Width of the drawing when nobody says otherwise.
const WIDTH_DEFAULT: usize = 100;

/// One problem as miette sees it.
struct Drawn<'d> {
    problem: &'d Diagnostic,
    source: &'d NamedSource<String>,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.span;
        let label = LabeledSpan::new(Some(self.problem.label.clone()), span.start, span.end - span.start);
        Some(Box::new(std::iter::once(label)))
    }
}

impl Diagnostics {
    /// Every problem drawn, `width` columns wide, with ANSI colours or without, and a last line that counts them.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_context_lines(0)
            .with_links(false);
        let source = NamedSource::new(&self.file_name, self.source.clone());
        let mut drawn = String::new();
        for problem in &self.problems {
            let report = Drawn { problem, source: &source };
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
        let Diagnostic { line, column, code, message, .. } = problem;
        format!("{}:{line}:{column}: {code} {message}", self.file_name)
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
        let Some(first) = self.problems.first() else { return String::new() };
        format!(
            "{}: {}. `tribunal explain {}` tells more.\n",
            self.file_name,
            counts.join(" and "),
            first.code
        )
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false, WIDTH_DEFAULT))
    }
}
