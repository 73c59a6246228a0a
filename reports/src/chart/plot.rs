//! Curves over two axes, drawn by plotters.
//!
//! plotters writes colours, not classes. So every part is drawn in a sentinel colour, and the colour is then
//! replaced by a class: the same drawing follows light and dark. It draws at twice the size, because its
//! coordinates are whole pixels, and without its font features, because they depend on the machine.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::{
    ChartBuilder, IntoDrawingArea as _, IntoFont as _, LineSeries, PathElement, RGBColor, SVGBackend,
    ShapeStyle, TRANSPARENT,
};
use plotters::style::Color as _;
use std::ops::Range;

/// Sentinel colours by their last byte; the classes they become.
const GRID: u8 = 0;
const AXIS: u8 = 1;
const TICK: u8 = 2;
const FIRST_SERIES: u8 = 16;

/// A linear axis over whole numbers with given ticks. A logarithmic axis is one over logarithms.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Value at the low end.
    pub(super) low: u64,
    /// Value at the high end; above `low`.
    pub(super) high: u64,
    /// Ticks, ascending, with their labels.
    pub(super) ticks: Vec<(u64, String)>,
}

impl Axis {
    /// Where a value is between two positions; values outside are at the end.
    pub(super) fn place(&self, value: u64, from: i32, to: i32) -> i32 {
        let value = value.clamp(self.low, self.high) - self.low;
        let span = i128::from(self.high - self.low).max(1);
        let length = i128::from(to) - i128::from(from);
        let offset = (i128::from(value) * length * 2 + span * length.signum()) / (span * 2);
        from + i32::try_from(offset).expect("an offset within two i32 positions")
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = u64;

    fn map(&self, value: &u64, limit: (i32, i32)) -> i32 {
        self.place(*value, limit.0, limit.1)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<u64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<u64> {
        self.low..self.high
    }
}

impl ValueFormatter<u64> for Axis {
    fn format_ext(&self, value: &u64) -> String {
        self.ticks.iter().find(|(at, _)| at == value).map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// One series: its class, and its pieces; nothing is drawn between pieces.
pub(super) struct Series {
    /// CSS class of the line.
    pub(super) class: String,
    /// Runs of points. A single point is drawn as a short dash.
    pub(super) pieces: Vec<Vec<(u64, u64)>>,
}

/// The frame of a plot, in units; drawn at twice that.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Width of the whole drawing.
    pub(super) width: u32,
    /// Height of the whole drawing.
    pub(super) height: u32,
    /// Left edge of the plot.
    pub(super) left: u32,
    /// Right edge of the plot.
    pub(super) right: u32,
    /// Top edge of the plot.
    pub(super) top: u32,
    /// Room below the plot.
    pub(super) below: u32,
}

/// The inside of an SVG element of twice the frame's size.
pub(super) fn draw(frame: Frame, x: Axis, y: Axis, series: &[Series]) -> String {
    let mut text = String::new();
    paint(&mut text, frame, x, y, series).expect("drawing into memory cannot fail");
    classes(&text, series)
}

fn sentinel(last: u8) -> RGBColor {
    RGBColor(0xF0, 0xF0, last)
}

fn paint(
    text: &mut String,
    frame: Frame,
    x: Axis,
    y: Axis,
    series: &[Series],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    let area = SVGBackend::with_string(text, (frame.width * 2, frame.height * 2)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin_top(frame.top * 2)
        .margin_right((frame.width - frame.right) * 2)
        .x_label_area_size(frame.below * 2)
        .y_label_area_size(frame.left * 2)
        .build_cartesian_2d(x, y)
        .map_err(|error| fail(&error))?;
    let tick = ("sans-serif", 24).into_font().color(&sentinel(TICK));
    chart
        .configure_mesh()
        .axis_style(ShapeStyle::from(&sentinel(AXIS)).stroke_width(2))
        .bold_line_style(ShapeStyle::from(&sentinel(GRID)).stroke_width(2))
        .light_line_style(TRANSPARENT)
        .label_style(tick)
        .set_all_tick_mark_size(6)
        .draw()
        .map_err(|error| fail(&error))?;
    for (index, line) in series.iter().enumerate() {
        let colour = sentinel(FIRST_SERIES.saturating_add(u8::try_from(index).unwrap_or(u8::MAX)));
        let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: 4 };
        for piece in &line.pieces {
            if let [point] = piece.as_slice() {
                let dash = PathElement::new([*point, *point], style);
                chart.draw_series([dash]).map_err(|error| fail(&error))?;
            } else {
                chart
                    .draw_series(LineSeries::new(piece.iter().copied(), style))
                    .map_err(|error| fail(&error))?;
            }
        }
    }
    area.present().map_err(|error| fail(&error))?;
    Ok(())
}

/// Drops the outer element and what CSS decides; turns sentinel colours into classes.
fn classes(text: &str, series: &[Series]) -> String {
    let inside = text.split_once('>').map_or(text, |(_, rest)| rest);
    let inside = inside.rsplit_once("</svg>").map_or(inside, |(rest, _)| rest);
    let mut result = inside
        .replace(" opacity=\"1\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" stroke-width=\"2\"", "")
        .replace(" stroke-width=\"4\"", "")
        .replace(" \"", "\"")
        .replace("\n</text>", "</text>")
        .replace(">\n", ">");
    let colour = |last: u8| format!("#F0F0{last:02X}");
    for (last, class) in [(GRID, "grid"), (AXIS, "axis"), (TICK, "tick")] {
        result = result.replace(&format!("stroke=\"{}\"", colour(last)), &format!("class=\"{class}\""));
        result = result.replace(&format!("fill=\"{}\"", colour(last)), &format!("class=\"{class}\""));
    }
    for (index, line) in series.iter().enumerate() {
        let last = FIRST_SERIES.saturating_add(u8::try_from(index).unwrap_or(u8::MAX));
        result =
            result.replace(&format!("stroke=\"{}\"", colour(last)), &format!("class=\"{}\"", line.class));
    }
    result
}
