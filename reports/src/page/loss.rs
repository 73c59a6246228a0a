//! How acknowledged records were lost: ladder of the first one, offset grid, and the chains of the others.

use super::parts::{self, Figure};
use crate::artifact::{Exhibit, LossChain, OffsetGrid, Variant};
use crate::{chart, format};
use maud::{Markup, html};

/// The losses of the run that is shown open.
pub(super) fn section(index: usize, variant: &Variant, exhibit: &Exhibit) -> Markup {
    html! {
        section aria-labelledby="loss" {
            h2 id="loss" { "Lost records: " (parts::variant_name(variant)) ", seed " (exhibit.seed) }
            (body(index, exhibit))
        }
    }
}

/// Ladder, grid, list.
pub(super) fn body(index: usize, exhibit: &Exhibit) -> Markup {
    let losses = &exhibit.losses;
    html! {
        @if losses.total == 0 {
            p { span.outcome.held { "✔ none" } ": every acknowledged record of this run was read in the end." }
        } @else {
            p {
                (format::plural(losses.total, "acknowledged record"))
                @if losses.total == 1 { " was" } @else { " were" } " lost in this run. "
                @if losses.chains.is_empty() { "No chain was kept." }
                @else if (losses.chains.len() as u64) < losses.total {
                    "The chains of the first " (losses.chains.len()) " are below."
                }
            }
            @if let Some(first) = losses.chains.first() { (first_chain(index, first)) }
            @if let Some(grid) = &losses.grid { (offsets(index, grid)) }
            @if losses.chains.len() > 1 {
                details {
                    summary { "The other chains" }
                    (parts::scroll("Lost records", &table(&losses.chains[1..])))
                }
            }
        }
    }
}

fn first_chain(index: usize, chain: &LossChain) -> Markup {
    let says = acknowledged(chain);
    let figure = Figure {
        title: "How the first one was lost",
        shows: "Every step from the acknowledgement to the hole, in order.",
        says: &says,
        reading: "A column per actor, time downwards, one numbered step per row. An arrow that ends in ✖ never arrived; \
                  ★ is an election, ✂ a truncation, ∅ the place where a reader finds nothing. Distances are not to \
                  scale.",
        drawing: chart::ladder(&format!("ladder-{index}"), chain),
        table: None,
    };
    html! {
        (figure.markup())
        ol.story {
            @for step in chain.steps.iter().take(chart::RUNGS_MAX) {
                li { span.time { (format::moment(step.at_ns)) } " " (step.text) }
            }
        }
        @if chain.steps.len() > chart::RUNGS_MAX {
            p.small { (chart::RUNGS_MAX) " of " (chain.steps.len()) " steps shown; all are in the artifact." }
        }
        @if !chain.rule.is_empty() { p { strong { "What let it happen: " } (chain.rule) } }
        @if let Some(id) = chain.producer_id {
            p.small {
                "Producer id " (id)
                @if let Some(sequence) = chain.sequence { ", sequence " (sequence) }
            }
        }
    }
}

fn brokers(ids: &[i32]) -> String {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nobody".to_owned() } else { format!("{{{}}}", names.join(", ")) }
}

fn offsets(index: usize, grid: &OffsetGrid) -> Markup {
    let says = match grid.divergence {
        Some(offset) => {
            format!("The replicas of {} first differ at offset {}.", grid.partition, format::count(offset))
        }
        None => format!("The replicas of {} agree in these offsets.", grid.partition),
    };
    Figure {
        title: "Who held what",
        shows: "The log of each replica around the loss, before, at and after the fault.",
        says: &says,
        reading: "A row per replica, a column per offset; a cell names the record and its leader epoch. A thick blue \
                  border is an acknowledged record, a red one with ✖ is lost in the end, an empty frame holds nothing. \
                  The thick bar is the high watermark (HW): left of it is committed. The dashed box is the first \
                  offset that differs.",
        drawing: chart::offset_grid(&format!("grid-{index}"), grid, &says),
        table: None,
    }
    .markup()
}

/// Who told the producer what about the record.
fn acknowledged(chain: &LossChain) -> String {
    let place = match chain.offset {
        Some(offset) => format!("at offset {} of {}", format::count(offset), chain.partition),
        None => format!("for {}", chain.partition),
    };
    let held = if chain.held_by.is_empty() { "nobody".to_owned() } else { brokers(&chain.held_by) };
    match (chain.acked_by, chain.epoch) {
        (Some(broker), Some(epoch)) => format!(
            "Record {} {place} was acknowledged to {} by broker {broker} in epoch {epoch}, with ISR {}; it was on {held}.",
            chain.record,
            chain.producer,
            brokers(&chain.isr),
        ),
        _ => format!(
            "Record {} {place} counted as written for {} without the word of a broker; {held} had it.",
            chain.record, chain.producer
        ),
    }
}

fn table(chains: &[LossChain]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Record" } th scope="col" { "Partition" } th.number scope="col" { "Offset" }
                th.number scope="col" { "Acknowledged" } th scope="col" { "By" } th.number scope="col" { "Epoch" }
                th scope="col" { "ISR" } th scope="col" { "Steps" }
            } }
            tbody {
                @for chain in chains {
                    tr {
                        th scope="row" { (chain.record) }
                        td { (chain.partition) }
                        td.number { (chain.offset.map_or("–".to_owned(), format::count)) }
                        td.number { (format::moment(chain.acked_at_ns)) }
                        td { (chain.acked_by.map_or("–".to_owned(), |broker| format!("broker {broker}"))) }
                        td.number { (chain.epoch.map_or("–".to_owned(), |epoch| epoch.to_string())) }
                        td { (brokers(&chain.isr)) }
                        td {
                            @for (number, step) in chain.steps.iter().enumerate() {
                                @if number > 0 { " → " }
                                (step.label)
                            }
                        }
                    }
                }
            }
        }
    }
}
