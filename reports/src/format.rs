//! Numbers as people read them: three significant digits, a unit, thin spaces.
//!
//! Page and terminal share these functions, so a figure reads the same in both. All arithmetic is on integers:
//! no figure depends on how a machine rounds floats. Narrow no-break spaces keep a number and its unit on one line.

/// Between a number and its unit, and between groups of three digits: U+202F, narrow and never broken.
pub const THIN_SPACE: char = '\u{202f}';

/// A count with its digits in groups of three: `12 480`. Four digits stay together: `2026`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(THIN_SPACE);
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 record`, `12 480 records`: a count with its noun; the plural adds an `s`.
#[must_use]
pub fn plural(value: u64, noun: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(value))
}

/// A duration with three significant digits: `412 ns`, `1.70 ms`, `61.0 ms`, `3.20 s`, `2 400 s`.
#[must_use]
pub fn duration(nanos: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    if nanos == 0 {
        return format!("0{THIN_SPACE}s");
    }
    for (index, (unit, size)) in UNITS.iter().enumerate() {
        let last = index + 1 == UNITS.len();
        // 999.6 µs rounds to four digits: it belongs to the next unit.
        if last || rounded(nanos, *size, 0) < 1_000 {
            let number = if *size == 1 { count(nanos) } else { three_digits(nanos, *size) };
            return format!("{number}{THIN_SPACE}{unit}");
        }
    }
    unreachable!("the last unit always answers")
}

/// A difference of durations with its sign: `+1.70 ms`, `−3.00 ms`, `±0`.
#[must_use]
pub fn difference(to_nanos: u64, from_nanos: u64) -> String {
    match to_nanos.cmp(&from_nanos) {
        std::cmp::Ordering::Greater => format!("+{}", duration(to_nanos - from_nanos)),
        std::cmp::Ordering::Less => format!("\u{2212}{}", duration(from_nanos - to_nanos)),
        std::cmp::Ordering::Equal => "±0".to_owned(),
    }
}

/// A point in virtual time, in seconds with milliseconds: `10.003 s`.
#[must_use]
pub fn moment(nanos: u64) -> String {
    let millis = nanos / 1_000_000;
    format!("{}.{:03}{THIN_SPACE}s", count(millis / 1_000), millis % 1_000)
}

/// A tick of a time axis: as few digits as its value needs: `10 s`, `2.5 s`, `1 ms`.
#[must_use]
pub fn tick(nanos: u64) -> String {
    let (size, unit) = match nanos {
        0 => return "0".to_owned(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let thousandths = rounded(nanos, size, 3);
    let fraction = format!("{:03}", thousandths % 1_000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}{THIN_SPACE}{unit}", count(thousandths / 1_000))
}

/// A rate of records: `7 940/s`, three significant digits above 999.
#[must_use]
pub fn rate(per_second: u64) -> String {
    let mut size = 1;
    while per_second / size >= 1_000 {
        size *= 10;
    }
    format!("{}/s", count(rounded(per_second, size, 0).saturating_mul(size)))
}

/// A share in percent: `30.5 %`. Nothing of nothing is `0 %`; what is not all is never shown as `100 %`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return format!("0{THIN_SPACE}%");
    }
    if part >= whole {
        return format!("100{THIN_SPACE}%");
    }
    let tenths = rounded(part.saturating_mul(100), whole, 1).clamp(1, 999);
    format!("{}.{}{THIN_SPACE}%", tenths / 10, tenths % 10)
}

/// With no case in `seeds` independent seeds, the rate is below `3 / seeds` at 95 % confidence (rule of three).
#[must_use]
pub fn rule_of_three(seeds: u64) -> String {
    if seeds <= 3 {
        return format!("<{THIN_SPACE}100{THIN_SPACE}%");
    }
    format!("<{THIN_SPACE}{}{THIN_SPACE}%", three_digits(300, seeds))
}

/// A size in bytes: `3.20 kB`, `1.05 MB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    match value {
        0..1_000 => format!("{value}{THIN_SPACE}B"),
        1_000..999_500 => format!("{}{THIN_SPACE}kB", three_digits(value, 1_000)),
        _ => format!("{}{THIN_SPACE}MB", three_digits(value, 1_000_000)),
    }
}

/// The sum of counts; saturates, because counts come from files.
#[must_use]
pub fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// `value / size` with three significant digits.
fn three_digits(value: u64, size: u64) -> String {
    if rounded(value, size, 2) < 1_000 {
        let hundredths = rounded(value, size, 2);
        return format!("{}.{:02}", hundredths / 100, hundredths % 100);
    }
    if rounded(value, size, 1) < 1_000 {
        let tenths = rounded(value, size, 1);
        return format!("{}.{}", tenths / 10, tenths % 10);
    }
    count(rounded(value, size, 0))
}

/// `value / size`, times ten to the power of `decimals`, rounded half up.
fn rounded(value: u64, size: u64, decimals: u32) -> u64 {
    let scaled = u128::from(value) * 10_u128.pow(decimals);
    let size = u128::from(size.max(1));
    u64::try_from((scaled + size / 2) / size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, difference, duration, moment, rate, rule_of_three, share, tick};

    /// The thin space as a plain one: tests read better.
    fn plain(text: &str) -> String {
        text.replace('\u{202f}', " ")
    }

    #[test]
    fn a_duration_has_three_significant_digits_and_the_unit_that_fits() {
        let cases = [
            (0, "0 s"),
            (7, "7 ns"),
            (999, "999 ns"),
            (1_700_000, "1.70 ms"),
            (61_000_000, "61.0 ms"),
            (412_499, "412 µs"),
            (999_600, "1.00 ms"),
            (9_996_000, "10.0 ms"),
            (3_204_999_999, "3.20 s"),
            (2_400_000_000_000, "2400 s"),
            (24_000_000_000_000, "24 000 s"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(plain(&duration(nanos)), expected, "{nanos} ns");
        }
    }

    #[test]
    fn a_count_groups_its_digits_from_five_on() {
        assert_eq!(plain(&count(2026)), "2026");
        assert_eq!(plain(&count(12_480)), "12 480");
        assert_eq!(plain(&count(1_000_000)), "1 000 000");
    }

    #[test]
    fn a_share_that_is_not_all_is_never_a_hundred_percent() {
        assert_eq!(plain(&share(999_999, 1_000_000)), "99.9 %");
        assert_eq!(plain(&share(1, 1_000_000)), "0.1 %");
        assert_eq!(plain(&share(61, 200)), "30.5 %");
        assert_eq!(plain(&share(3, 3)), "100 %");
    }

    #[test]
    fn the_rule_of_three_bounds_what_was_not_seen() {
        assert_eq!(plain(&rule_of_three(200)), "< 1.50 %");
        assert_eq!(plain(&rule_of_three(40)), "< 7.50 %");
        assert_eq!(plain(&rule_of_three(2)), "< 100 %");
    }

    #[test]
    fn moments_ticks_rates_and_sizes_read_as_written() {
        assert_eq!(plain(&moment(10_003_211_000)), "10.003 s");
        assert_eq!(plain(&tick(2_500_000_000)), "2.5 s");
        assert_eq!(plain(&tick(10_000_000)), "10 ms");
        assert_eq!(plain(&rate(7_944)), "7940/s");
        assert_eq!(plain(&rate(412)), "412/s");
        assert_eq!(plain(&bytes(424_100)), "424 kB");
        assert_eq!(plain(&difference(3_000_000, 1_300_000)), "+1.70 ms");
        assert_eq!(plain(&difference(1, 1)), "±0");
    }
}
