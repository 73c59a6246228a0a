//! Outages and recovery: how long each fault stopped the writers, step by step.

use super::parts;
use crate::artifact::{Recovery, RunArtifact, Variant};
use crate::format;
use maud::{Markup, html};

/// Recovery over all seeds, and the steps of the shown runs.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let any = artifact.variants.iter().any(|variant| !variant.figures.recovery_times.is_empty());
    let recoveries: Vec<(&Variant, u64, &Recovery)> = artifact
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.exhibit.as_ref()?)))
        .flat_map(|(variant, exhibit)| {
            exhibit.recoveries.iter().map(move |recovery| (variant, exhibit.seed, recovery))
        })
        .collect();
    html! {
        section aria-labelledby="outages" {
            h2 id="outages" { "Outages and recovery" }
            p.muted {
                "Recovery time (RTO) runs from the start of a fault to the first acknowledgement after it; lost "
                "records are the recovery point (RPO)."
            }
            @if any { (parts::scroll("Recovery times over all seeds", &over_seeds(&artifact.variants))) }
            @else { p { "No fault fired, so there was nothing to recover from." } }
            (parts::scroll("Longest outages", &longest(&artifact.variants)))
            @if !recoveries.is_empty() { (parts::scroll("Recovery step by step", &steps(&recoveries))) }
        }
    }
}

fn over_seeds(variants: &[Variant]) -> Markup {
    html! {
        table {
            caption { "Recovery time per fault, over all seeds" }
            thead { tr {
                th scope="col" { "Fault" } th scope="col" { "Variant" } th.number scope="col" { "Recovered" }
                th.number scope="col" { "Never" } th.number scope="col" { "Median" } th.number scope="col" { "Worst" }
            } }
            tbody {
                @for variant in variants {
                    @for time in &variant.figures.recovery_times {
                        tr {
                            th scope="row" { code { (time.fault) } }
                            td { (parts::variant_name(variant)) }
                            td.number { (format::plural(time.recovered, "seed")) }
                            td.number { (format::plural(time.never, "seed")) }
                            td.number { (time.p50_ns.map_or("–".to_owned(), format::duration)) }
                            td.number { (time.max_ns.map_or("–".to_owned(), format::duration)) }
                        }
                    }
                }
            }
        }
    }
}

fn longest(variants: &[Variant]) -> Markup {
    html! {
        table {
            caption { "Longest time without a successful write, and records lost" }
            thead { tr {
                th scope="col" { "Variant" } th.number scope="col" { "Longest outage" } th scope="col" { "Who" }
                th.number scope="col" { "Seed" } th.number scope="col" { "Lost (worst seed)" }
            } }
            tbody {
                @for variant in variants {
                    tr {
                        th scope="row" { (parts::variant_name(variant)) }
                        @match &variant.figures.longest_outage {
                            Some(outage) => {
                                td.number { (format::duration(outage.end_ns.saturating_sub(outage.start_ns))) }
                                td { (outage.who) }
                                td.number { (outage.seed) }
                            }
                            None => { td.number { "none" } td { "–" } td.number { "–" } }
                        }
                        td.number { (format::plural(variant.figures.worst_loss.map_or(0, |worst| worst.records), "record")) }
                    }
                }
            }
        }
    }
}

/// Each step with the time since the fault began.
fn steps(recoveries: &[(&Variant, u64, &Recovery)]) -> Markup {
    let since = |start: u64, at: Option<u64>| {
        at.map_or("never".to_owned(), |at| format!("+{}", format::duration(at.saturating_sub(start))))
    };
    html! {
        table {
            caption { "Step by step in the shown runs; times since the fault began" }
            thead { tr {
                th scope="col" { "Fault" } th scope="col" { "Variant" } th.number scope="col" { "Seed" } th.number scope="col" { "Began" } th.number scope="col" { "Detected" }
                th.number scope="col" { "New leader" } th.number scope="col" { "First ack" }
                th.number scope="col" { "ISR full" } th.number scope="col" { "Lag zero" }
            } }
            tbody {
                @for (variant, seed, recovery) in recoveries {
                    tr {
                        th scope="row" { code { (recovery.fault) } }
                        td { (parts::variant_name(variant)) }
                        td.number { (seed) }
                        td.number { (format::moment(recovery.start_ns)) }
                        td.number { (since(recovery.start_ns, recovery.detected_ns)) }
                        td.number { (since(recovery.start_ns, recovery.new_leader_ns)) }
                        td.number { (since(recovery.start_ns, recovery.first_ack_ns)) }
                        td.number { (since(recovery.start_ns, recovery.isr_full_ns)) }
                        td.number { (since(recovery.start_ns, recovery.lag_zero_ns)) }
                    }
                }
            }
        }
    }
}
