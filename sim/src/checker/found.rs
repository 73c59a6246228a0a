//! Collects violations: counts all of them, keeps the first.

use super::{Finding, VIOLATIONS_KEPT_MAX, Violation};
use crate::scenario::Guarantee;

/// The violations of one property so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    violated: u64,
    kept: Vec<Violation>,
}

impl Found {
    /// Counts a violation; describes it only if it is kept.
    pub(super) fn add(&mut self, describe: impl FnOnce() -> Violation) {
        self.violated += 1;
        if self.kept.len() < VIOLATIONS_KEPT_MAX {
            self.kept.push(describe());
        }
    }

    /// The finding; leaves nothing behind.
    pub(super) fn finding(&mut self, guarantee: Guarantee, checked: u64, unit: &'static str) -> Finding {
        let Found { violated, kept: violations } = std::mem::take(self);
        Finding { guarantee, checked, unit, violated, violations }
    }
}

impl Violation {
    /// A violation of which only the sentence is known.
    pub(crate) fn saying(text: String) -> Violation {
        Violation { at: None, partition: None, offset: None, record: None, broker: None, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_goes_on_when_no_more_are_kept() {
        let mut found = Found::default();
        for number in 0..VIOLATIONS_KEPT_MAX + 5 {
            found.add(|| Violation::saying(number.to_string()));
        }
        let finding = found.finding(Guarantee::NoDuplicates, 1, "records");
        assert_eq!((finding.violated, finding.violations.len()), (105, VIOLATIONS_KEPT_MAX));
    }
}
