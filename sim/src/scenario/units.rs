//! Quantities with units: durations, sizes, rates, and their ranges.
//!
//! A quantity is text such as `250us`, `2KiB`, `50/s`, `1ms..4ms`. A bare number is refused with the two likely
//! readings. All arithmetic is in whole nanoseconds and bytes, so a quantity means the same on every machine.

use std::fmt;
use std::time::Duration;

use super::codes;
use super::diagnostic::{TextProblem, list, nearest};

/// Longest duration a scenario can name: 1 000 hours.
pub const DURATION_MAX: Duration = Duration::from_secs(1_000 * 3_600);
/// Largest size a scenario can name: 1 TiB.
pub const SIZE_MAX: u64 = 1 << 40;

const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A duration, or a uniform range of durations, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DurationRange {
    /// Shortest.
    pub min: Duration,
    /// Longest; equal to the shortest when nothing is random.
    pub max: Duration,
}

impl DurationRange {
    /// Exactly `duration`.
    #[must_use]
    pub const fn exactly(duration: Duration) -> Self {
        DurationRange { min: duration, max: duration }
    }

    /// The duration at `position` of the range, from 0 (shortest) to 1 (longest).
    #[must_use]
    pub fn at(self, position: f64) -> Duration {
        between(self.min, self.max, position)
    }
}

/// The duration `position` (0 to 1) of the way from `min` to `max`.
pub(crate) fn between(min: Duration, max: Duration, position: f64) -> Duration {
    (min + max.saturating_sub(min).mul_f64(position.clamp(0.0, 1.0))).min(max)
}

impl fmt::Display for DurationRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&show(self.min))?;
        if self.min == self.max { Ok(()) } else { write!(formatter, "..{}", show(self.max)) }
    }
}

/// A size in bytes, or a uniform range of sizes, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SizeRange {
    /// Smallest, in bytes.
    pub min: u64,
    /// Largest, in bytes.
    pub max: u64,
}

/// Records per time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many records...
    pub records: u64,
    /// ...in this time.
    pub per: Duration,
}

impl Rate {
    /// Time from one record to the next.
    #[must_use]
    pub fn interval(self) -> Duration {
        let nanos = self.per.as_nanos() / u128::from(self.records.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Records per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        let seconds = self.per.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
        let records = self.records as f64;
        records / seconds
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.per == Duration::from_secs(1) {
            write!(formatter, "{}/s", self.records)
        } else {
            write!(formatter, "{} per {}", self.records, show(self.per))
        }
    }
}

/// A decimal as digits and the number of digits after the point, and the unit after it.
struct Quantity<'a> {
    digits: u64,
    decimals: u32,
    unit: &'a str,
}

impl<'a> Quantity<'a> {
    fn read(text: &'a str, what: &str, example: &str) -> Result<Self, TextProblem> {
        let bad = |reason: &str| {
            TextProblem::new(codes::BAD_QUANTITY, 0..text.len(), format!("`{text}` is not a {what}"))
                .label(reason.to_owned())
                .help(format!("write it like {example}"))
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        if number.is_empty() {
            return Err(bad("it does not start with a number"));
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || number.ends_with('.') || fraction.contains('.') {
            return Err(bad("not a decimal number"));
        }
        if fraction.len() > 9 {
            return Err(bad("too many decimals"));
        }
        let digits = format!("{whole}{fraction}").parse().map_err(|_| bad("too large a number"))?;
        let decimals = u32::try_from(fraction.len()).unwrap_or(0);
        Ok(Quantity { digits, decimals, unit: unit.trim_start() })
    }

    /// The quantity in units of `scale`, if that is a whole number in range.
    fn scaled(&self, scale: u64) -> Option<u64> {
        let value = u128::from(self.digits) * u128::from(scale);
        let divisor = 10_u128.pow(self.decimals);
        (value % divisor == 0).then(|| u64::try_from(value / divisor).ok()).flatten()
    }
}

fn unit_of(
    quantity: &Quantity<'_>,
    text: &str,
    units: &[(&str, u64)],
    what: &str,
) -> Result<u64, TextProblem> {
    if let Some((_, scale)) = units.iter().find(|(name, _)| *name == quantity.unit) {
        return Ok(*scale);
    }
    let start = text.len() - quantity.unit.len();
    let names = units.iter().map(|(name, _)| *name).filter(|name| name.is_ascii() && *name != "KB");
    let problem = TextProblem::new(
        codes::BAD_QUANTITY,
        start..text.len(),
        format!("`{}` is not a unit of {what}", quantity.unit),
    )
    .label("unknown unit");
    let spelled = DURATION_WORDS.iter().find(|(word, _)| *word == quantity.unit.trim_end_matches('s'));
    Err(match (spelled, nearest(quantity.unit, names.clone())) {
        (Some((_, unit)), _) if what == "time" => {
            problem.help(format!("did you mean `{}{unit}`?", text[..start].trim_end()))
        }
        (_, Some(unit)) if !unit.is_empty() => {
            let number = text[..start].trim_end();
            problem.help(format!("did you mean `{number}{unit}`? Units of {what}: {}", list(names)))
        }
        _ => problem.help(format!("units of {what}: {}", list(names))),
    })
}

const DURATION_WORDS: &[(&str, &str)] = &[
    ("second", "s"),
    ("sec", "s"),
    ("minute", "m"),
    ("min", "m"),
    ("hour", "h"),
    ("msec", "ms"),
    ("milli", "ms"),
];

/// Reads `250us`, `1.5s`, `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, TextProblem> {
    let quantity = Quantity::read(text, "duration", "`500ms` or `2m`")?;
    if quantity.unit.is_empty() {
        return Err(bare_number(text, &format!("`{text}ms` or `{text}s`")));
    }
    let scale = unit_of(&quantity, text, DURATIONS, "time")?;
    let nanos = quantity.scaled(scale).map(Duration::from_nanos);
    nanos.filter(|duration| *duration <= DURATION_MAX).ok_or_else(|| {
        TextProblem::new(
            codes::BAD_RANGE,
            0..text.len(),
            format!("`{text}` is not a duration tribunal can keep"),
        )
        .label("too long, or finer than a nanosecond")
        .help("durations are whole nanoseconds up to 1000h")
    })
}

/// Reads `200B`, `2KiB`, `10MB` as bytes.
pub(crate) fn size(text: &str) -> Result<u64, TextProblem> {
    let quantity = Quantity::read(text, "size", "`200B` or `2KiB`")?;
    if quantity.unit.is_empty() {
        return Err(bare_number(text, &format!("`{text}B` or `{text}KiB`")));
    }
    let scale = unit_of(&quantity, text, SIZES, "size")?;
    quantity.scaled(scale).filter(|bytes| *bytes <= SIZE_MAX).ok_or_else(|| {
        TextProblem::new(codes::BAD_RANGE, 0..text.len(), format!("`{text}` is not a size tribunal can keep"))
            .label("too large, or not a whole number of bytes")
            .help("sizes are whole bytes up to 1024GiB")
    })
}

/// Reads `50/s`, `0.5/s`, `30/m`.
pub(crate) fn rate(text: &str) -> Result<Rate, TextProblem> {
    let quantity = Quantity::read(text, "rate", "`50/s` or `30/m`")?;
    if quantity.unit.is_empty() {
        return Err(bare_number(text, &format!("`{text}/s` or `{text}/m`")));
    }
    let not_a_rate = || {
        TextProblem::new(codes::BAD_QUANTITY, 0..text.len(), format!("`{text}` is not a rate"))
            .label("records per time")
            .help("write it like `50/s` or `30/m`")
    };
    let (counted, unit) = quantity.unit.split_once('/').ok_or_else(not_a_rate)?;
    if SIZES.iter().any(|(name, _)| *name == counted.trim()) {
        return Err(TextProblem::new(
            codes::NOT_BUILT,
            0..text.len(),
            "rates in bytes are part of the format but not built yet",
        )
        .label("counts bytes")
        .help("give the records per second, like `50/s`"));
    }
    if !counted.trim().is_empty() {
        return Err(not_a_rate());
    }
    let (_, scale) = DURATIONS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(not_a_rate)?;
    let per =
        scale.checked_mul(10_u64.pow(quantity.decimals)).map(Duration::from_nanos).ok_or_else(not_a_rate)?;
    Ok(Rate { records: quantity.digits, per })
}

/// Reads `5%`, `0.1%`, `100%` as a share from 0 to 1; nothing below a billionth of a percent.
pub(crate) fn share(text: &str) -> Result<f64, TextProblem> {
    let quantity = Quantity::read(text, "share", "`5%`")?;
    if quantity.unit.is_empty() {
        return Err(bare_number(text, &format!("`{text}%`")));
    }
    if quantity.unit != "%" {
        let start = text.len() - quantity.unit.len();
        let message = format!("`{}` is not a percent sign", quantity.unit);
        let problem = TextProblem::new(codes::BAD_QUANTITY, start..text.len(), message);
        return Err(problem.label("shares are percentages").help("write it like `5%`"));
    }
    let share = text.trim_end_matches('%').trim_end().parse::<f64>().unwrap_or(f64::NAN) / 100.0;
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    Err(TextProblem::new(codes::BAD_RANGE, 0..text.len(), format!("`{text}` is no share of anything"))
        .label("expected more than 0% and at most 100%"))
}

/// A share in millionths as a percentage: `5%`, `0.1%`.
#[must_use]
pub fn percent(millionths: u32) -> String {
    let (whole, fraction) = (millionths / 10_000, millionths % 10_000);
    if fraction == 0 {
        return format!("{whole}%");
    }
    format!("{whole}.{}%", format!("{fraction:04}").trim_end_matches('0'))
}

fn bare_number(text: &str, readings: &str) -> TextProblem {
    TextProblem::new(codes::BARE_NUMBER, 0..text.len(), format!("`{text}` has no unit"))
        .label("a unit is missing")
        .help(format!("did you mean {readings}?"))
}

/// Reads one quantity or a range `low..high` of them.
pub(crate) fn range<T: PartialOrd + Copy>(
    text: &str,
    one: impl Fn(&str) -> Result<T, TextProblem>,
) -> Result<(T, T), TextProblem> {
    let Some((low, high)) = text.split_once("..") else {
        return one(text).map(|value| (value, value));
    };
    let offset = low.len() + 2 + (high.len() - high.trim_start().len());
    let (min, max) = (one(low.trim_end())?, one(high.trim()).map_err(|problem| problem.shift(offset))?);
    if min > max {
        return Err(TextProblem::new(
            codes::BAD_RANGE,
            0..text.len(),
            format!("the range `{text}` ends before it starts"),
        )
        .label("the smaller value comes first")
        .help(format!("did you mean `{}..{}`?", high.trim(), low.trim())));
    }
    Ok((min, max))
}

/// A duration in the largest unit that shows it exactly: `1500ms`, `2m`.
#[must_use]
pub fn show(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fits = |(name, scale): &&(&str, u64)| name.is_ascii() && nanos.is_multiple_of(u128::from(*scale));
    match DURATIONS.iter().rev().find(fits) {
        Some((_, _)) if nanos == 0 => "0s".to_owned(),
        Some((name, scale)) => format!("{}{name}", nanos / u128::from(*scale)),
        None => format!("{nanos}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_their_decimals() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("0.3ms"), Ok(Duration::from_micros(300)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn a_bare_number_names_the_two_likely_readings() {
        let problem = duration("40").expect_err("no unit");
        assert_eq!(problem.code.id, "T008");
        assert_eq!(problem.help.as_deref(), Some("did you mean `40ms` or `40s`?"));
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_refused() {
        assert_eq!(range("4ms..1ms", duration).expect_err("reversed").code.id, "T010");
    }

    #[test]
    fn the_problem_of_the_upper_end_points_at_it() {
        assert_eq!(range("1ms..4mz", duration).expect_err("unit").at, 6..8);
    }

    #[test]
    fn sizes_know_binary_and_decimal_units() {
        assert_eq!((size("2KiB"), size("10MB")), (Ok(2048), Ok(10_000_000)));
    }

    #[test]
    fn a_rate_has_an_interval() {
        assert_eq!(rate("50/s").map(Rate::interval), Ok(Duration::from_millis(20)));
        assert_eq!(rate("0.5/s").map(Rate::interval), Ok(Duration::from_secs(2)));
        assert_eq!(rate("5MB/s").expect_err("bytes").code.id, "T006");
    }

    #[test]
    fn a_share_is_a_percentage_of_something() {
        assert_eq!((share("5%"), share("100%")), (Ok(0.05), Ok(1.0)));
        for (text, code) in [("0%", "T010"), ("101%", "T010"), ("5", "T008"), ("5ms", "T009"), ("x", "T009")]
        {
            assert_eq!(share(text).expect_err(text).code.id, code);
        }
    }

    #[test]
    fn a_share_in_millionths_shows_as_it_is_written() {
        assert_eq!([50_000, 1_000, 125, 1_000_000, 0].map(percent), ["5%", "0.1%", "0.0125%", "100%", "0%"]);
    }

    #[test]
    fn numbers_beyond_every_bound_are_refused() {
        for text in ["99999999999999999999999s", "18446744073709551615h", "1..2", "..", "1.2.3s", "-1s", ""] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["1500ms", "2m", "40ms", "1h", "7ns", "0s"] {
            assert_eq!(duration(text).map(show).as_deref(), Ok(text));
        }
    }
}
