//! The offset grid: one row per replica, one column per offset, at up to three moments.

use super::svg::{Drawing, TOP, clip, left_label, num};
use super::time_scale::{LEFT, WIDTH};
use crate::artifact::{GridCell, GridMoment, OffsetGrid};
use crate::format;
use maud::{Markup, html};

/// Columns and moments that fit.
const COLUMNS_MAX: u32 = 24;
const MOMENTS_MAX: usize = 3;
const ROW: u32 = 36;

/// The grid.
pub(crate) fn offset_grid(id: &str, grid: &OffsetGrid, desc: &str) -> Markup {
    let columns = grid.columns.clamp(1, COLUMNS_MAX);
    let width = (f64::from(WIDTH - LEFT - 24) / f64::from(columns)).min(84.0);
    let moments = &grid.moments[..grid.moments.len().min(MOMENTS_MAX)];
    let mut y = TOP;
    let mut parts = Vec::new();
    for moment in moments {
        parts.push(moment_rows(grid, moment, columns, width, y));
        y += moment_height(moment);
    }
    let content = html! { @for part in parts { (part) } };
    let title = format!("What each replica of {} held around offset {}", grid.partition, grid.first_offset);
    Drawing { id, title: &title, desc, size: (WIDTH, y.max(TOP + 1)), class: "wide" }.markup(&content)
}

fn moment_height(moment: &GridMoment) -> u32 {
    44 + u32::try_from(moment.rows.len()).unwrap_or(0) * ROW + 14
}

/// Title, offsets, replicas.
fn moment_rows(grid: &OffsetGrid, moment: &GridMoment, columns: u32, width: f64, y: u32) -> Markup {
    let x = |column: u32| f64::from(LEFT) + f64::from(column) * width;
    let first_row = y + 44;
    let rows = u32::try_from(moment.rows.len()).unwrap_or(0);
    let boxed = grid
        .divergence
        .and_then(|offset| offset.checked_sub(grid.first_offset))
        .and_then(|column| u32::try_from(column).ok())
        .filter(|column| *column < columns);
    html! {
        text x=(LEFT) y=(y + 16) font-weight="600" { (format::moment(moment.at_ns)) ": " (clip(&moment.title, 90)) }
        @for column in 0..columns {
            text.tick x=(num(x(column) + width / 2.0)) y=(y + 36) text-anchor="middle" {
                (format::count(grid.first_offset.saturating_add(u64::from(column))))
            }
        }
        @for (number, row) in moment.rows.iter().enumerate() {
            @let top = first_row + u32::try_from(number).unwrap_or(0) * ROW;
            (left_label(&format!("broker {}", row.replica), f64::from(top) + 14.0))
            text.tick x=(LEFT - 8) y=(top + 28) text-anchor="end" { (clip(&row.role, 13)) }
            @for column in 0..columns {
                @let cell = row.cells.get(column as usize).and_then(Option::as_ref);
                (record(cell, x(column), top, width))
            }
            @if let Some(column) = high_watermark_column(grid, row.high_watermark, columns) {
                path.hw d=(format!("M{} {}v{}", num(x(column) - 1.0), top - 2, ROW)) {}
                text.halo.tick x=(num(x(column) + 3.0)) y=(top + 31) { "HW" }
            }
        }
        @if let Some(column) = boxed {
            rect.divergence x=(num(x(column) + 1.0)) y=(first_row - 4) width=(num(width - 4.0)) height=(rows * ROW + 4) {}
        }
    }
}

/// The column whose left edge is the high watermark; the edge behind the last column counts.
fn high_watermark_column(grid: &OffsetGrid, high_watermark: Option<u64>, columns: u32) -> Option<u32> {
    let column = high_watermark?.checked_sub(grid.first_offset)?;
    u32::try_from(column).ok().filter(|column| *column <= columns)
}

fn record(cell: Option<&GridCell>, x: f64, y: u32, width: f64) -> Markup {
    let (left, inner) = (num(x + 2.0), num(width - 5.0));
    let Some(cell) = cell else {
        return html! { rect.slot x=(left) y=(y) width=(inner) height=(ROW - 4) rx="2" {} };
    };
    let class = match (cell.lost, cell.acked) {
        (true, _) => "record-lost",
        (false, true) => "record-acked",
        (false, false) => "record",
    };
    let glyph = if cell.lost { "✖ " } else { "" };
    let text_class = if cell.lost { "epoch lost-text" } else { "epoch" };
    // Eleven pixels a character would be generous; seven hold.
    let characters = ((width - 8.0) / 6.6).max(1.0) as usize;
    html! {
        rect class=(class) x=(left) y=(y) width=(inner) height=(ROW - 4) rx="2" {}
        text class=(text_class) x=(num(x + width / 2.0)) y=(y + 13) text-anchor="middle" {
            (clip(&format!("{glyph}{}", cell.record), characters))
        }
        text.epoch.tick x=(num(x + width - 8.0)) y=(y + 27) text-anchor="end" { "e" (cell.epoch) }
    }
}
