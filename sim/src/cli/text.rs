//! The verdict as one screen of text: the first sentences of the page, the table, the figures, what to do next.

use std::path::Path;

use tribunal_reports::artifact::{Expectation, ExpectationStatus, Outcome, RunArtifact, Variant};
use tribunal_reports::{format, headline, price_line};

use super::style::{Style, hanging, pad};
use crate::export;
use crate::verdict::Exit;

/// Entries of lists that are shown; the report has them all.
const LISTED_MAX: usize = 6;

/// What is drawn.
pub(super) struct Page<'a> {
    pub(super) artifact: &'a RunArtifact,
    /// The scenario's path, as it was given.
    pub(super) file: &'a str,
    /// The page, if one was written.
    pub(super) report: Option<&'a Path>,
    pub(super) exit: Exit,
    /// How many warnings the loader gave.
    pub(super) warnings: usize,
}

impl Page<'_> {
    /// The whole text.
    pub(super) fn draw(&self, style: Style) -> String {
        let sections = [
            self.head(style),
            self.headline(style),
            self.expectations(style),
            self.table(style),
            self.not_tested(style),
            self.next(style),
        ];
        let drawn: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        drawn.join("\n")
    }

    fn head(&self, style: Style) -> String {
        let artifact = self.artifact;
        let seeds = match artifact.campaign.seeds.as_slice() {
            [] => "no seed".to_owned(),
            [only] => format!("seed {only}"),
            [first, .., last] => format!("{} seeds ({first}..{last})", artifact.campaign.seeds.len()),
        };
        let variants = format::plural(artifact.variants.len() as u64, "variant");
        let protocol = match artifact.run.protocol_variant.as_str() {
            "safe" => String::new(),
            planted => format!(", protocol {planted}"),
        };
        let partial = if artifact.run.partial { "  PARTIAL: interrupted" } else { "" };
        let facts = format!("{variants} × {seeds}, engine {}{protocol}", artifact.run.engine_version);
        format!("{}  {}{partial}\n", style.bold(&artifact.scenario.name), style.faint(&facts))
    }

    fn headline(&self, style: Style) -> String {
        let headline = headline(self.artifact);
        let mark = format!("{} {}", headline.glyph, headline.word);
        let sentence = hanging(&headline.sentence, 2, style.width.saturating_sub(mark.len()));
        let mut drawn = format!("{}: {sentence}\n", style.outcome(headline.outcome, &mark));
        for more in [&headline.cause, &headline.also] {
            if !more.is_empty() {
                drawn.push_str(&format!("  {}\n", hanging(more, 2, style.width)));
            }
        }
        drawn
    }

    fn expectations(&self, style: Style) -> String {
        let mut sorted: Vec<&Expectation> = self.artifact.expectations.iter().collect();
        sorted.sort_by_key(|expectation| match expectation.status {
            ExpectationStatus::NotMet => 0,
            ExpectationStatus::Inconclusive => 1,
            ExpectationStatus::Met => 2,
        });
        let mut drawn = String::new();
        for expectation in sorted {
            let (outcome, mark) = match expectation.status {
                ExpectationStatus::Met => (Outcome::Held, "✔ as expected"),
                ExpectationStatus::NotMet => (Outcome::Broken, "✖ UNEXPECTED"),
                ExpectationStatus::Inconclusive => (Outcome::NotTested, "? undecided"),
            };
            let sentence =
                hanging(&expectation.sentence, 2, style.width.saturating_sub(mark.chars().count()));
            drawn.push_str(&format!("{}: {sentence}\n", style.outcome(outcome, mark)));
            let place = if expectation.line > 0 {
                format!("{}:{}  {}", self.file, expectation.line, expectation.text)
            } else {
                expectation.text.clone()
            };
            drawn.push_str(&format!("  {}\n", style.faint(&place)));
        }
        drawn
    }

    fn table(&self, style: Style) -> String {
        let notes = allowances(self.artifact);
        let rows = rows(self.artifact, &notes);
        let first = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0) + 2;
        let columns: Vec<usize> = (0..self.artifact.variants.len())
            .map(|column| rows.iter().map(|row| row.cells[column].1.chars().count()).max().unwrap_or(0) + 2)
            .collect();
        let mut drawn = String::new();
        let mut from = 0;
        while from < columns.len() {
            let mut width = first + columns[from];
            let mut to = from + 1;
            while to < columns.len() && width + columns[to] <= style.width {
                width += columns[to];
                to += 1;
            }
            if from > 0 {
                drawn.push('\n');
            }
            for row in &rows {
                let mut line = pad(&row.name, first);
                for ((outcome, text), width) in row.cells.iter().zip(&columns).take(to).skip(from) {
                    let padded = pad(text, *width);
                    line.push_str(
                        &outcome.map_or_else(|| padded.clone(), |outcome| style.outcome(outcome, &padded)),
                    );
                }
                drawn.push_str(line.trim_end());
                drawn.push('\n');
            }
            from = to;
        }
        for (index, setting) in notes.iter().enumerate() {
            drawn.push_str(&format!("{} allowed by {setting}\n", superscript(index)));
        }
        if let Some(seeds) = self.artifact.variants.iter().map(|variant| variant.seeds).min() {
            let bound = format::rule_of_three(seeds);
            let of = format::plural(seeds, "seed");
            drawn.push_str(&format!(
                "✔ held in {of}: the rate of seeds that break it is {bound} (95 % confidence)\n"
            ));
        }
        if let Some(price) = price_line(self.artifact) {
            drawn.push_str(&format!("{}\n", hanging(&price, 0, style.width)));
        }
        drawn
    }

    fn not_tested(&self, style: Style) -> String {
        let mut drawn = String::new();
        let all = &self.artifact.not_tested;
        for item in all.iter().take(LISTED_MAX) {
            let line = hanging(&format!("{}: {}", item.what, item.reason), 2, style.width.saturating_sub(12));
            drawn.push_str(&format!("{}: {line}\n", style.outcome(Outcome::NotTested, "? not tested")));
        }
        if all.len() > LISTED_MAX {
            drawn.push_str(&format!("  and {} more, see the report\n", all.len() - LISTED_MAX));
        }
        if self.warnings > 0 {
            drawn.push_str(&format!(
                "! {} of the loader, above\n",
                format::plural(self.warnings as u64, "warning")
            ));
        }
        drawn
    }

    fn next(&self, style: Style) -> String {
        let mut drawn = String::new();
        let file = self.report.map_or_else(|| self.file.to_owned(), |report| report.display().to_string());
        if self.report.is_some() {
            drawn.push_str(&format!("report   {file}\n"));
        }
        if let Some((label, seed)) = export::leading_case(self.artifact) {
            drawn.push_str(&format!("replay   {}\n", export::replay_command(&file, &label, seed)));
        }
        let exit = format!("exit {}: {}", self.exit.code(), self.exit.meaning());
        drawn.push_str(&format!("{}\n", style.bold(&exit)));
        drawn
    }
}

struct Row {
    name: String,
    cells: Vec<(Option<Outcome>, String)>,
}

/// The settings that allow what happened, each once: the footnotes of the table.
fn allowances(artifact: &RunArtifact) -> Vec<&str> {
    let mut notes: Vec<&str> = Vec::new();
    let verdicts = artifact.variants.iter().flat_map(|variant| &variant.verdicts);
    for setting in verdicts.filter_map(|verdict| verdict.allowed_by.as_deref()) {
        if !notes.contains(&setting) {
            notes.push(setting);
        }
    }
    notes
}

/// The sign of a footnote.
fn superscript(index: usize) -> String {
    let digit = |digit: char| digit.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize));
    (index + 1).to_string().chars().filter_map(digit).collect()
}

fn rows(artifact: &RunArtifact, notes: &[&str]) -> Vec<Row> {
    let plain = |name: &str, cell: &dyn Fn(&Variant) -> String| Row {
        name: name.to_owned(),
        cells: artifact.variants.iter().map(|variant| (None, cell(variant))).collect(),
    };
    let mut rows = Vec::new();
    if artifact.variants.iter().any(|variant| !variant.label.is_empty()) {
        rows.push(plain("", &|variant| variant.label.clone()));
    }
    for guarantee in &artifact.guarantees {
        let cell = |variant: &Variant| verdict_cell(variant, &guarantee.id, notes);
        rows.push(Row { name: guarantee.title.clone(), cells: artifact.variants.iter().map(cell).collect() });
    }
    let durations =
        |first: u64, second: u64| format!("{} / {}", format::duration(first), format::duration(second));
    rows.push(plain("produce p50 / p99 outside faults", &|variant| {
        let latency = &variant.figures.latency.outside_faults;
        if latency.samples == 0 { "–".to_owned() } else { durations(latency.p50_ns, latency.p99_ns) }
    }));
    rows.push(plain("longest outage (worst seed)", &|variant| {
        variant.figures.longest_outage.as_ref().map_or_else(
            || "–".to_owned(),
            |outage| format!("{} (seed {})", format::duration(outage.end_ns - outage.start_ns), outage.seed),
        )
    }));
    rows.push(plain("acknowledged / failed / unknown", &|variant| {
        let figures = &variant.figures;
        let counts = [figures.acked, figures.failed, figures.unknown].map(format::count);
        counts.join(" / ")
    }));
    rows
}

fn verdict_cell(variant: &Variant, guarantee: &str, notes: &[&str]) -> (Option<Outcome>, String) {
    let Some(verdict) = variant.verdicts.iter().find(|verdict| verdict.guarantee == guarantee) else {
        return (Some(Outcome::NotTested), "? not checked".to_owned());
    };
    let share = format!("{}/{}", verdict.seeds_affected, variant.seeds);
    let text = match verdict.outcome {
        Outcome::Broken => format!("✖ broken {share}"),
        Outcome::Allowed => {
            let note = notes.iter().position(|note| verdict.allowed_by.as_deref() == Some(*note));
            format!("○ allowed {share}{}", note.map(superscript).unwrap_or_default())
        }
        Outcome::Held => "✔ held".to_owned(),
        Outcome::NotTested => "? not tested".to_owned(),
    };
    (Some(verdict.outcome), text)
}
