//! Which key a record gets.
//!
//! A skewed choice is by rejection and inversion (W. Hormann and G. Derflinger, "Rejection-inversion to generate
//! variates from monotone discrete distributions", 1996): no table of the keys, and about one draw a key.

use tribunal_engine::rng::Rng;

use crate::scenario::plan::{Keys, Skew};

/// Draws keys, from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyChoice {
    distinct: u32,
    zipf: Option<Zipf>,
}

impl KeyChoice {
    pub(super) fn new(keys: Keys) -> KeyChoice {
        let zipf = match keys.skew {
            Skew::Even => None,
            Skew::Zipf { exponent } => Some(Zipf::new(keys.distinct, exponent)),
        };
        KeyChoice { distinct: keys.distinct, zipf }
    }

    /// The next key; `None` for records without key.
    pub(super) fn draw(&self, rng: &mut Rng) -> Option<u64> {
        match self.zipf {
            _ if self.distinct == 0 => None,
            None => Some(rng.below(u64::from(self.distinct))),
            Some(zipf) => Some(u64::from(zipf.draw(rng)) - 1),
        }
    }
}

/// Ranks from 1, the k-th in proportion to `1 / k^exponent`.
#[derive(Clone, Copy, Debug)]
struct Zipf {
    count: f64,
    exponent: f64,
    /// The integral of the hat at its two ends.
    first: f64,
    last: f64,
    /// So close to a rank no draw has to be rejected.
    near: f64,
}

impl Zipf {
    fn new(count: u32, exponent: f64) -> Zipf {
        let count = f64::from(count);
        let first = integral(1.5, exponent) - 1.0;
        let last = integral(count + 0.5, exponent);
        let near = 2.0 - inverse(integral(2.5, exponent) - hat(2.0, exponent), exponent);
        Zipf { count, exponent, first, last, near }
    }

    fn draw(&self, rng: &mut Rng) -> u32 {
        loop {
            let under = self.last + rng.unit() * (self.first - self.last);
            let place = inverse(under, self.exponent);
            let rank = (place + 0.5).floor().clamp(1.0, self.count);
            if rank - place <= self.near
                || under >= integral(rank + 0.5, self.exponent) - hat(rank, self.exponent)
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rank is a whole number from 1 to a u32"
                )]
                return rank as u32;
            }
        }
    }
}

fn hat(rank: f64, exponent: f64) -> f64 {
    rank.powf(-exponent)
}

/// `(x^(1 - exponent) - 1) / (1 - exponent)`, and `ln x` where the exponent is 1.
fn integral(x: f64, exponent: f64) -> f64 {
    let logarithm = x.ln();
    let power = (1.0 - exponent) * logarithm;
    let slope = if power.abs() > 1e-8 { power.exp_m1() / power } else { 1.0 + power / 2.0 };
    slope * logarithm
}

/// The inverse of [`integral`].
fn inverse(y: f64, exponent: f64) -> f64 {
    let power = (y * (1.0 - exponent)).max(-1.0);
    let slope = if power.abs() > 1e-8 { power.ln_1p() / power } else { 1.0 - power / 2.0 };
    (slope * y).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tribunal_engine::rng::Rng;

    use super::*;

    fn shares(distinct: u32, skew: Skew) -> Vec<f64> {
        let choice = KeyChoice::new(Keys { distinct, skew });
        let mut rng = Rng::from_seed(7);
        let mut counts = vec![0_u32; distinct as usize];
        for _ in 0..100_000 {
            let key = choice.draw(&mut rng).expect("records with keys");
            counts[usize::try_from(key).expect("small")] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / 100_000.0).collect()
    }

    #[test]
    fn the_kth_key_has_its_share_of_a_zipf_distribution() {
        for exponent in [0.5, 1.0, 1.1, 2.0] {
            let found = shares(50, Skew::Zipf { exponent });
            let total: f64 = (1..=50).map(|rank| hat(f64::from(rank), exponent)).sum();
            for (rank, share) in (1..).zip(&found) {
                let expected = hat(f64::from(rank), exponent) / total;
                assert!(
                    (share - expected).abs() < 0.006,
                    "zipf {exponent}, key {rank}: {share}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn an_even_choice_prefers_nobody_and_no_keys_are_no_keys() {
        assert!(shares(10, Skew::Even).iter().all(|share| (share - 0.1).abs() < 0.005));
        assert_eq!(KeyChoice::new(Keys { distinct: 0, skew: Skew::Even }).draw(&mut Rng::from_seed(1)), None);
    }

    proptest! {
        #[test]
        fn every_key_is_one_of_them(distinct in 1_u32..10_000_000, exponent in 0.01_f64..10.0, seed: u64) {
            let choice = KeyChoice::new(Keys { distinct, skew: Skew::Zipf { exponent } });
            let mut rng = Rng::from_seed(seed);
            for _ in 0..50 {
                prop_assert!(choice.draw(&mut rng).is_some_and(|key| key < u64::from(distinct)));
            }
        }
    }
}
