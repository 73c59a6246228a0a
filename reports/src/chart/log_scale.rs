//! Logarithms that give the same digits on every machine, and axes of them.

/// Millionths of a decade: the unit of a logarithmic axis.
pub(super) const DECADE: u64 = 1_000_000;

/// The decimal logarithm in millionths. Zero counts as one.
///
/// Written with the four basic operations only: they are exact by IEEE 754, a library's logarithm is not.
pub(super) fn log10_micro(value: u64) -> u64 {
    ratio_log10_micro(value.max(1), 1)
}

/// The decimal logarithm of `of / to`, in millionths; zero if the quotient is below one.
pub(super) fn ratio_log10_micro(of: u64, to: u64) -> u64 {
    let difference = log2(of.max(1)) - log2(to.max(1));
    let micro = difference * std::f64::consts::LOG10_2 * DECADE as f64;
    if micro > 0.0 { (micro + 0.5) as u64 } else { 0 }
}

/// The binary logarithm: the exponent from the bits, the rest from the series of the inverse hyperbolic tangent.
fn log2(value: u64) -> f64 {
    let exponent = 63 - value.leading_zeros();
    let mantissa = value as f64 / (1_u64 << exponent) as f64;
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut power = s;
    let mut sum = 0.0;
    for index in 0..24_u32 {
        sum += power / f64::from(2 * index + 1);
        power *= square;
    }
    f64::from(exponent) + 2.0 * sum * std::f64::consts::LOG2_E
}

/// Round values (1, 2, 5 or whole decades, as fits) in `low..=high`: positions in millionths, and the values.
pub(super) fn ticks(low: u64, high: u64) -> Vec<(u64, u64)> {
    let decades = log10_micro(high).saturating_sub(log10_micro(low)) / DECADE;
    let factors: &[u64] = match decades {
        0..2 => &[1, 2, 5],
        _ => &[1],
    };
    let mut ticks = Vec::new();
    let mut size: u64 = 1;
    while size <= high {
        for factor in factors {
            let value = size.saturating_mul(*factor);
            if (low..=high).contains(&value) {
                ticks.push((log10_micro(value), value));
            }
        }
        let Some(next) = size.checked_mul(10) else { break };
        size = next;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::{DECADE, log10_micro, ratio_log10_micro, ticks};

    #[test]
    fn powers_of_ten_are_whole_decades() {
        for decade in 0..19_u32 {
            assert_eq!(log10_micro(10_u64.pow(decade)), u64::from(decade) * DECADE);
        }
    }

    #[test]
    fn the_logarithm_never_falls() {
        let mut last = 0;
        for value in (1..5_000_000_000_u64).step_by(7_654_321) {
            let now = log10_micro(value);
            assert!(now >= last, "{value}");
            last = now;
        }
    }

    #[test]
    fn a_ratio_is_the_difference_of_logarithms() {
        assert_eq!(ratio_log10_micro(1_000, 10), 2 * DECADE);
        assert_eq!(ratio_log10_micro(1, 10), 0);
    }

    #[test]
    fn wide_axes_show_decades_and_narrow_ones_more() {
        assert_eq!(ticks(1_000, 1_000_000_000).len(), 7);
        assert_eq!(ticks(1_000_000, 10_000_000).len(), 4);
    }
}
