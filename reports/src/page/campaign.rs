//! All seeds: who was hit, what they have in common, and what a zero proves.

use super::parts::{self, Figure};
use crate::artifact::{Campaign, CampaignRow, Outcome, RunArtifact};
use crate::{chart, format};
use maud::{Markup, html};

/// Heat map, table per variant, signatures.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let campaign = &artifact.campaign;
    html! {
        section aria-labelledby="campaign" {
            h2 id="campaign" { "Seeds" }
            @if campaign.seeds.is_empty() || campaign.rows.is_empty() { p { "No seed was run." } } @else {
                (figure(campaign))
                (parts::scroll("Seeds by variant", &rows(campaign)))
                @if !campaign.signatures.is_empty() {
                    (parts::scroll("Loss signatures", &signatures(campaign)))
                }
            }
        }
    }
}

fn affected(row: &CampaignRow) -> u64 {
    let hit = |outcome: &&Outcome| matches!(outcome, Outcome::Broken | Outcome::Allowed);
    row.outcomes.iter().filter(hit).count() as u64
}

fn figure(campaign: &Campaign) -> Markup {
    let says: Vec<String> = campaign.rows.iter().map(|row| sentence(campaign, row)).collect();
    let says = says.join(" ");
    Figure {
        title: "Every seed of every variant",
        shows: "One cell per seed, in order; the worst outcome of that seed over all guarantees.",
        says: &says,
        reading: "A full cell is broken, a hollow one allowed, a dot held, a dash not tested. The variants share their \
                  seeds, so a column is the same accident under different settings.",
        drawing: chart::heat_map(campaign),
        table: None,
    }
    .markup()
}

/// What the row proves: a share, or the bound that a zero gives.
fn sentence(campaign: &Campaign, row: &CampaignRow) -> String {
    let seeds = campaign.seeds.len() as u64;
    let tested = row.outcomes.iter().filter(|outcome| **outcome != Outcome::NotTested).count() as u64;
    let name = if row.variant.is_empty() { "The only variant" } else { &row.variant };
    match affected(row) {
        _ if tested == 0 => format!("{name}: no seed tested anything."),
        0 => format!(
            "{name}: 0 of {}; at 95 % confidence the rate is {} (rule of three).",
            format::plural(tested, "seed"),
            format::rule_of_three(tested)
        ),
        hit => {
            format!("{name}: {} of {} ({}).", hit, format::plural(seeds, "seed"), format::share(hit, seeds))
        }
    }
}

fn rows(campaign: &Campaign) -> Markup {
    html! {
        table {
            caption { "Seeds by variant" }
            thead { tr {
                th scope="col" { "Variant" }
                @for outcome in [Outcome::Broken, Outcome::NotTested, Outcome::Allowed, Outcome::Held] {
                    th.number scope="col" { (outcome.word()) }
                }
                th scope="col" { "First seeds affected" }
            } }
            tbody {
                @for row in &campaign.rows {
                    tr {
                        th scope="row" { @if row.variant.is_empty() { "the only variant" } @else { (row.variant) } }
                        @for outcome in [Outcome::Broken, Outcome::NotTested, Outcome::Allowed, Outcome::Held] {
                            td.number { (format::count(row.outcomes.iter().filter(|found| **found == outcome).count() as u64)) }
                        }
                        td { (first_seeds(campaign, row)) }
                    }
                }
            }
        }
    }
}

/// The first eight affected seeds, with their losses if any.
fn first_seeds(campaign: &Campaign, row: &CampaignRow) -> String {
    let hits: Vec<String> = campaign
        .seeds
        .iter()
        .zip(&row.outcomes)
        .enumerate()
        .filter(|(_, (_, outcome))| matches!(outcome, Outcome::Broken | Outcome::Allowed))
        .take(8)
        .map(|(index, (seed, _))| match row.lost.get(index) {
            Some(lost) if *lost > 0 => format!("{seed} ({} lost)", format::count(*lost)),
            _ => seed.to_string(),
        })
        .collect();
    let more = affected(row).saturating_sub(hits.len() as u64);
    match (hits.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => hits.join(", "),
        (false, more) => format!("{}, and {} more", hits.join(", "), format::count(more)),
    }
}

fn signatures(campaign: &Campaign) -> Markup {
    html! {
        table {
            caption { "What the affected seeds have in common" }
            thead { tr {
                th scope="col" { "Signature" } th scope="col" { "Variant" } th.number scope="col" { "Seeds" }
                th.number scope="col" { "First" } th scope="col" { "Run it again" }
            } }
            tbody {
                @for signature in &campaign.signatures {
                    tr {
                        th scope="row" {
                            (signature.signature)
                            @if !signature.smallest.is_empty() { p.small { "Smallest case: " (signature.smallest) } }
                        }
                        td { (signature.variant) }
                        td.number { (format::count(signature.seeds)) }
                        td.number { (signature.first_seed) }
                        td { (parts::command(&signature.reproduce)) }
                    }
                }
            }
        }
    }
}
