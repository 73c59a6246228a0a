//! Seeds against variants: one small cell each, its shape tells the outcome as well as its colour.

use super::svg::{Drawing, TOP, left_label, num};
use super::time_scale::{LEFT, RIGHT, WIDTH};
use crate::artifact::{Campaign, CampaignRow, Outcome};
use maud::{Markup, html};

/// Sides of a cell, with its gap: as large as fits, within these.
const CELL_MAX: f64 = 14.0;
const CELL_MIN: f64 = 5.0;

/// The map.
pub(crate) fn heat_map(campaign: &Campaign) -> Markup {
    let seeds = campaign.seeds.len().max(1);
    let room = f64::from(RIGHT - LEFT);
    let cell = (room / seeds as f64).clamp(CELL_MIN, CELL_MAX);
    let per_line = ((room / cell) as usize).max(1);
    let lines = seeds.div_ceil(per_line);
    let block = (lines as f64 * cell).ceil() as u32 + 12;
    let height = TOP + block * u32::try_from(campaign.rows.len()).unwrap_or(0) + 24;
    let content = html! {
        @for (number, row) in campaign.rows.iter().enumerate() {
            @let y = f64::from(TOP + u32::try_from(number).unwrap_or(0) * block);
            (left_label(if row.variant.is_empty() { "all" } else { &row.variant }, y + cell.max(10.0) - 1.0))
            @for outcome in [Outcome::Broken, Outcome::NotTested, Outcome::Allowed, Outcome::Held] {
                @let path = cells(row, outcome, per_line, cell, y);
                @if !path.is_empty() { path class=(class(outcome)) d=(path) {} }
            }
        }
        text.tick x=(LEFT) y=(height - 8) { "seed " (campaign.seeds.first().copied().unwrap_or(0)) }
        text.tick x=(num((f64::from(LEFT) + per_line.min(seeds) as f64 * cell).max(f64::from(LEFT) + 190.0)))
            y=(height - 8) text-anchor="end" {
            "seed " (campaign.seeds.get(per_line.min(seeds) - 1).copied().unwrap_or(0))
            @if lines > 1 { ", then the next line" }
        }
    };
    let hit = |row: &CampaignRow| {
        row.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Broken | Outcome::Allowed)).count()
    };
    let desc: Vec<String> = campaign
        .rows
        .iter()
        .map(|row| format!("{}: {} of {} seeds affected.", row.variant, hit(row), row.outcomes.len()))
        .collect();
    let title = "Worst outcome of every seed of every variant";
    Drawing { id: "heat-map", title, desc: &desc.join(" "), size: (WIDTH, height), class: "wide" }
        .markup(&content)
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Broken => "cell-broken",
        Outcome::NotTested => "cell-not-tested",
        Outcome::Allowed => "cell-allowed",
        Outcome::Held => "cell-held",
    }
}

/// All cells of one outcome in one path.
fn cells(row: &CampaignRow, outcome: Outcome, per_line: usize, cell: f64, top: f64) -> String {
    let mut path = String::new();
    for (index, _) in row.outcomes.iter().enumerate().filter(|(_, found)| **found == outcome) {
        let x = f64::from(LEFT) + (index % per_line) as f64 * cell;
        let y = top + (index / per_line) as f64 * cell;
        let (inset, width, height) = match outcome {
            Outcome::Broken => (0.5, cell - 1.5, cell - 1.5),
            Outcome::Allowed => (1.0, cell - 2.5, cell - 2.5),
            Outcome::Held => (cell * 0.3, cell * 0.35, cell * 0.35),
            Outcome::NotTested => (cell * 0.15, cell * 0.65, cell * 0.15),
        };
        let down = if outcome == Outcome::NotTested { cell * 0.4 } else { inset };
        let (x, y) = (num(x + inset), num(y + down));
        path.push_str(&format!("M{x} {y}h{}v{}h-{}z", num(width), num(height), num(width)));
    }
    path
}
