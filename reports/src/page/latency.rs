//! Latency: the whole distribution, its percentiles with their sample counts, inside and outside faults.

use super::parts::{self, Figure};
use crate::artifact::{Latency, Percentiles, RunArtifact, Variant};
use crate::{chart, format};
use maud::{Markup, html};

/// A percentile that fewer samples than this lie above is luck.
pub(crate) const SAMPLES_ABOVE_MIN: u64 = 10;

/// Curves, sentence and table.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let measured = artifact.variants.iter().any(|variant| variant.figures.latency.all.samples > 0);
    html! {
        section aria-labelledby="latency" {
            h2 id="latency" { "Latency" }
            @if measured {
                @if let Some(drawing) = chart::percentiles(&artifact.variants) { (curves(artifact, drawing)) }
                @for variant in &artifact.variants { (as_the_client_saw_it(variant)) }
                (parts::scroll("Latency percentiles", &table(&artifact.variants)))
                p.muted.small {
                    "A value marked “few” has fewer than " (SAMPLES_ABOVE_MIN) " samples above it: another seed may move it."
                }
            } @else { p { "No produce latency was measured." } }
        }
    }
}

fn curves(artifact: &RunArtifact, drawing: Markup) -> Markup {
    let says = chart::percentiles_sentence(&artifact.variants);
    Figure {
        title: "Produce latency by percentile",
        shows: "How long the slowest share of the records took, from the intended start, all seeds together.",
        says: &says,
        reading: "The horizontal axis spreads the tail: each step to the right has ten times fewer records above it. \
                  A flat line is an even service; a line that climbs early hurts many records. Lines end where fewer \
                  than ten samples remain. The vertical axis is logarithmic. The thin grey line is the first \
                  variant as its client threads saw it.",
        drawing,
        table: None,
    }
    .markup()
}

/// Once per variant, where the two figures differ enough to mislead somebody.
fn as_the_client_saw_it(variant: &Variant) -> Markup {
    let Latency { all, client_thread, .. } = &variant.figures.latency;
    let points = [
        ("p99", all.p99_ns, client_thread.p99_ns),
        ("p99.9", all.p99_9_ns, client_thread.p99_9_ns),
        ("the maximum", all.max_ns, client_thread.max_ns),
    ];
    let hidden = points.into_iter().find(|(_, intended, sent)| *intended > sent.saturating_mul(2));
    html! {
        @if let Some((point, intended, sent)) = hidden.filter(|_| client_thread.samples > 0) {
            p.says {
                strong { (parts::variant_name(variant)) ": " }
                "measured from the send, " (point) " is only " (format::duration(sent))
                "; from the intended start it is " (format::duration(intended))
                ". A client that waits does not send what it should have sent; its own clock never sees that wait."
            }
        }
    }
}

fn table(variants: &[Variant]) -> Markup {
    html! {
        table {
            caption { "Produce latency, all seeds" }
            thead { tr {
                th scope="col" { "Variant" } th scope="col" { "When" } th.number scope="col" { "Samples" }
                th.number scope="col" { "p50" } th.number scope="col" { "p90" } th.number scope="col" { "p99" }
                th.number scope="col" { "p99.9" } th.number scope="col" { "max" }
            } }
            @for variant in variants {
                @let latency = &variant.figures.latency;
                tbody {
                    (row(variant, "whole load phase", &latency.all))
                    (row(variant, "outside faults", &latency.outside_faults))
                    (row(variant, "during faults", &latency.during_faults))
                    (row(variant, "as the client thread saw it", &latency.client_thread))
                }
            }
        }
    }
}

fn row(variant: &Variant, when: &str, percentiles: &Percentiles) -> Markup {
    let Percentiles { samples, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns } = *percentiles;
    html! {
        tr {
            th scope="row" { (parts::variant_name(variant)) }
            td { (when) }
            td.number { (format::count(samples)) }
            @for (value, per_thousand_above) in [(p50_ns, 500), (p90_ns, 100), (p99_ns, 10), (p99_9_ns, 1)] {
                td.number {
                    @if samples == 0 { "–" } @else {
                        (format::duration(value))
                        @if samples.saturating_mul(per_thousand_above) / 1_000 < SAMPLES_ABOVE_MIN {
                            span.best { "few" }
                        }
                    }
                }
            }
            td.number { @if samples == 0 { "–" } @else { (format::duration(max_ns)) } }
        }
    }
}
