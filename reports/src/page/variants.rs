//! Variants side by side: what each kept, and what it cost.

use super::parts;
use crate::artifact::{Figures, RunArtifact, Variant};
use crate::chart;
use crate::{format, price_line};
use maud::{Markup, html};

/// Which end of a row is the good one.
#[derive(Clone, Copy)]
enum Best {
    Lowest,
    Highest,
    None,
}

/// One row of the table: name, value (absent if nothing was measured), how it prints, which end is good.
struct Row {
    name: &'static str,
    value: fn(&Figures) -> Option<u64>,
    print: fn(u64) -> String,
    best: Best,
}

const ROWS: &[Row] = &[
    Row {
        name: "acknowledged records",
        value: |figures| Some(figures.acked),
        print: format::count,
        best: Best::None,
    },
    Row {
        name: "failed records",
        value: |figures| Some(figures.failed),
        print: format::count,
        best: Best::Lowest,
    },
    Row {
        name: "records of unknown fate",
        value: |figures| Some(figures.unknown),
        print: format::count,
        best: Best::Lowest,
    },
    Row {
        name: "lost acknowledged records",
        value: |figures| Some(figures.lost),
        print: format::count,
        best: Best::Lowest,
    },
    Row {
        name: "lost in the worst seed",
        value: |figures| Some(figures.worst_loss.map_or(0, |worst| worst.records)),
        print: format::count,
        best: Best::Lowest,
    },
    Row {
        name: "produce p50",
        value: |figures| percentile(figures, |all| all.p50_ns),
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "produce p90",
        value: |figures| percentile(figures, |all| all.p90_ns),
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "produce p99",
        value: |figures| percentile(figures, |all| all.p99_ns),
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "produce p99.9",
        value: |figures| percentile(figures, |all| all.p99_9_ns),
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "produce max",
        value: |figures| percentile(figures, |all| all.max_ns),
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "longest outage",
        value: |figures| {
            figures.longest_outage.as_ref().map(|outage| outage.end_ns.saturating_sub(outage.start_ns))
        },
        print: format::duration,
        best: Best::Lowest,
    },
    Row {
        name: "throughput (acknowledged)",
        value: |figures| Some(figures.acked_per_second),
        print: format::rate,
        best: Best::Highest,
    },
];

/// A percentile of the whole load phase; absent without samples.
fn percentile(figures: &Figures, pick: fn(&crate::artifact::Percentiles) -> u64) -> Option<u64> {
    (figures.latency.all.samples > 0).then(|| pick(&figures.latency.all))
}

/// Table, price line and one small latency chart per variant.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    html! {
        section aria-labelledby="variants" {
            h2 id="variants" { "Variants side by side" }
            @if artifact.variants.is_empty() { p { "The run has no variant." } } @else {
                (parts::scroll("Figures by variant", &table(&artifact.variants)))
                p.muted {
                    "All seeds of a variant together. Latency counts from the intended start of each record over the "
                    "whole load phase, faults included."
                }
                @if let Some(price) = price_line(artifact) { p.price { strong { "Price: " } (price) } }
                (small_multiples(artifact))
            }
        }
    }
}

fn table(variants: &[Variant]) -> Markup {
    html! {
        table.figures {
            thead {
                tr {
                    th scope="col" { "Figure" }
                    @for variant in variants { th.number scope="col" { (parts::variant_name(variant)) } }
                }
            }
            tbody {
                tr {
                    th scope="row" { "seeds" }
                    @for variant in variants { td.number { (format::count(variant.seeds)) } }
                }
                @for row in ROWS { (figure_row(row, variants)) }
            }
        }
    }
}

fn figure_row(row: &Row, variants: &[Variant]) -> Markup {
    let values: Vec<Option<u64>> = variants.iter().map(|variant| (row.value)(&variant.figures)).collect();
    let known = || values.iter().flatten().copied();
    let (best, word) = match row.best {
        Best::Lowest => (known().min(), "lowest"),
        Best::Highest => (known().max(), "highest"),
        Best::None => (None, ""),
    };
    let best = best.map(row.print);
    // A mark says something only if the figures differ as they are printed.
    let differ = known().any(|value| Some((row.print)(value)) != best);
    html! {
        tr {
            th scope="row" { (row.name) }
            @for value in values.iter().map(|value| value.map(row.print)) {
                td.number {
                    @if differ && best.is_some() && value == best { span.best { (word) } }
                    (value.as_deref().unwrap_or("–"))
                }
            }
        }
    }
}

/// One small latency chart per variant, all on one scale.
fn small_multiples(artifact: &RunArtifact) -> Markup {
    let charts = chart::latency_multiples(artifact);
    html! {
        @if charts.len() > 1 {
            h3 { "Latency over time, one run of each variant, same scale" }
            div.multiples {
                @for (label, drawing) in &charts {
                    figure { figcaption { (label) } (drawing) }
                }
            }
        }
    }
}
