//! The page: one column, from the verdict to the glossary.
//!
//! Owns the order of the sections and the shell around them. Each section is one module that turns a part of the
//! artifact into markup; none of them judges anything. Text of the artifact reaches the page only through maud's
//! escaping. Nothing depends on JavaScript: the script only copies, compares and filters.

mod campaign;
mod configuration;
mod glossary;
mod groups;
mod guarantees;
mod latency;
mod loss;
mod outage;
mod parts;
mod source;
mod story;
mod timeline;
mod variants;
mod verdict;

use crate::artifact::{Exhibit, Outcome, RunArtifact, Variant};
use crate::embed;
use crate::headline::{Headline, headline};
use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What the page may load: nothing. Styles and script are inside it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page. A pure function: the same artifact gives the same bytes.
#[must_use]
pub fn render(artifact: &RunArtifact) -> String {
    let headline = headline(artifact);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title_of(artifact, &headline)) }
                link rel="icon" href=(favicon(headline.outcome));
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the verdict" }
                header { (masthead(artifact)) }
                main id="main" { (sections(artifact, &headline)) }
                footer { (footer(artifact)) }
                (parts::patterns())
                (embedded(artifact))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// The title of the page: glyph, word, scenario.
#[must_use]
pub fn title(artifact: &RunArtifact) -> String {
    title_of(artifact, &headline(artifact))
}

fn title_of(artifact: &RunArtifact, headline: &Headline) -> String {
    format!("{} {}: {}", headline.glyph, headline.word, artifact.scenario.name)
}

/// The icon of the page: the glyph of the outcome on its colour, as a data URI.
#[must_use]
pub fn favicon(outcome: Outcome) -> String {
    let colour = match outcome {
        Outcome::Broken => "#B00020",
        Outcome::Held => "#00629B",
        Outcome::Allowed => "#8A5200",
        Outcome::NotTested => "#5B6068",
    };
    let icon = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"6\" \
         fill=\"{colour}\"/><text x=\"16\" y=\"23\" font-size=\"20\" font-family=\"sans-serif\" \
         text-anchor=\"middle\" fill=\"#fff\">{}</text></svg>",
        outcome.glyph()
    );
    format!("data:image/svg+xml;base64,{}", base64::engine::general_purpose::STANDARD.encode(icon))
}

fn masthead(artifact: &RunArtifact) -> Markup {
    html! {
        p.product { "Tribunal" span.muted { " run " code { (artifact.run.id) } } }
        h1 { (artifact.scenario.name) }
        @if !artifact.scenario.hypothesis.is_empty() {
            p.hypothesis { span.label { "Hypothesis " } (artifact.scenario.hypothesis) }
        }
        @if !artifact.scenario.tags.is_empty() {
            ul.tags aria-label="Tags" { @for tag in &artifact.scenario.tags { li { (tag) } } }
        }
    }
}

fn sections(artifact: &RunArtifact, headline: &Headline) -> Markup {
    let shown = principal(artifact);
    html! {
        (verdict::section(artifact, headline))
        (verdict::next_steps(artifact))
        (contents(artifact))
        (guarantees::section(artifact))
        (variants::section(artifact))
        (groups::section(artifact))
        @if let Some((index, variant, exhibit)) = shown {
            (story::section(index, variant, exhibit))
            (timeline::section(index, variant, exhibit))
        }
        @if let Some((index, variant, exhibit)) = lossy(artifact, shown) { (loss::section(index, variant, exhibit)) }
        (latency::section(artifact))
        (campaign::section(artifact))
        (outage::section(artifact))
        (other_runs(artifact, shown, lossy(artifact, shown)))
        (configuration::section(artifact))
        (source::section(artifact))
        (glossary::section())
    }
}

/// A run that the page shows: position of its variant, variant, run.
type Shown<'a> = (usize, &'a Variant, &'a Exhibit);

/// The variant whose run is shown open: the one the headline speaks of, by the worst outcome, then by loss.
fn principal(artifact: &RunArtifact) -> Option<Shown<'_>> {
    let mut best: Option<Shown<'_>> = None;
    let rank = |variant: &Variant, exhibit: &Exhibit| {
        let worst = variant.verdicts.iter().map(|verdict| verdict.outcome).min();
        let broken = worst == Some(Outcome::Broken);
        (broken, exhibit.losses.total > 0 && !exhibit.losses.chains.is_empty(), exhibit.losses.total)
    };
    for (index, variant) in artifact.variants.iter().enumerate() {
        let Some(exhibit) = &variant.exhibit else { continue };
        if best.is_none_or(|(_, leader, shown)| rank(variant, exhibit) > rank(leader, shown)) {
            best = Some((index, variant, exhibit));
        }
    }
    best
}

/// The run whose losses are shown open: the open one, or, if that lost nothing, the one with the most chains.
fn lossy<'a>(artifact: &'a RunArtifact, shown: Option<Shown<'a>>) -> Option<Shown<'a>> {
    let lost = |(_, _, exhibit): &Shown<'a>| exhibit.losses.total > 0;
    if shown.as_ref().is_some_and(lost) {
        return shown;
    }
    let all = artifact.variants.iter().enumerate();
    let runs = all.filter_map(|(index, variant)| Some((index, variant, variant.exhibit.as_ref()?)));
    runs.filter(lost).max_by_key(|(_, _, exhibit)| exhibit.losses.chains.len()).or(shown)
}

/// The runs of the other variants, closed: same panels, same scale.
fn other_runs(artifact: &RunArtifact, open: Option<Shown<'_>>, lossy: Option<Shown<'_>>) -> Markup {
    let open = open.map(|(index, ..)| index);
    let lossy = lossy.map(|(index, ..)| index);
    let others: Vec<Shown<'_>> = artifact
        .variants
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != open)
        .filter_map(|(index, variant)| variant.exhibit.as_ref().map(|exhibit| (index, variant, exhibit)))
        .collect();
    html! {
        @if !others.is_empty() {
            section aria-labelledby="other-runs" {
                h2 id="other-runs" { "The other variants, run by run" }
                p.muted { "One run of each, chosen as its heading says. The panels are those of the run above." }
                @for (index, variant, exhibit) in others {
                    details.run {
                        summary { (parts::variant_name(variant)) ", seed " (exhibit.seed) ": " (exhibit.why) }
                        (story::body(index, exhibit))
                        (timeline::body(index, exhibit))
                        @if lossy == Some(index) { p { a href="#loss" { "Its lost records" } " are shown above." } }
                        @else { (loss::body(index, exhibit)) }
                    }
                }
            }
        }
    }
}

fn contents(artifact: &RunArtifact) -> Markup {
    let has_run = principal(artifact).is_some();
    html! {
        nav.contents aria-label="Sections" {
            ul {
                li { a href="#guarantees" { "Guarantees" } }
                li { a href="#variants" { "Variants" } }
                @if groups::any(artifact) { li { a href="#groups" { "Groups" } } }
                @if has_run {
                    li { a href="#story" { "Story" } }
                    li { a href="#timeline" { "Timeline" } }
                    li { a href="#loss" { "Loss" } }
                }
                li { a href="#latency" { "Latency" } }
                li { a href="#campaign" { "Seeds" } }
                li { a href="#outages" { "Outages" } }
                li { a href="#configuration" { "Configuration" } }
                li { a href="#source" { "Scenario" } }
                li { a href="#glossary" { "Glossary" } }
            }
        }
    }
}

fn footer(artifact: &RunArtifact) -> Markup {
    let run = &artifact.run;
    html! {
        p {
            "Tribunal " code { (run.engine_version) } " · protocol variant " code { (run.protocol_variant) }
            " · run " code { (run.id) }
            @if !run.event_hash.is_empty() { " · event hash " code { (run.event_hash) } }
        }
        p.muted {
            "All times are virtual. This page holds its whole run: "
            code { "tribunal replay report.html" } " runs it again."
        }
    }
}

/// The artifact, for whoever wants to run it again. The opening must stay as `embed` reads it.
fn embedded(artifact: &RunArtifact) -> Markup {
    html! { script type=(embed::MEDIA_TYPE) id="artifact" { (PreEscaped(embed::pack(artifact))) } }
}
