//! Which seeds a scenario is run with: `"1..200"`, `50` (the seeds 1 to 50), or `[1, 2, 3]`.

use std::fmt;

/// Most seeds of one scenario.
pub const SEEDS_MAX: u64 = 1_000_000;

/// A set of seeds, in the order they are run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeedSet {
    /// From the first to the last, both included.
    Range(u64, u64),
    /// These, in this order, each once.
    List(Vec<u64>),
}

impl SeedSet {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            SeedSet::Range(first, last) => usize::try_from(last - first + 1).unwrap_or(usize::MAX),
            SeedSet::List(seeds) => seeds.len(),
        }
    }

    /// Whether there is none. The loader refuses such a set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The seeds, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let (range, list) = match self {
            SeedSet::Range(first, last) => (Some(*first..=*last), [].as_slice()),
            SeedSet::List(seeds) => (None, seeds.as_slice()),
        };
        range.into_iter().flatten().chain(list.iter().copied())
    }
}

impl fmt::Display for SeedSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeedSet::Range(first, last) if first == last => first.fmt(formatter),
            SeedSet::Range(first, last) => write!(formatter, "{first}..{last}"),
            SeedSet::List(seeds) => {
                let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
                formatter.write_str(&seeds.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_both_ends() {
        let seeds = SeedSet::Range(3, 5);
        assert_eq!((seeds.len(), seeds.iter().collect::<Vec<_>>()), (3, vec![3, 4, 5]));
    }
}
