//! What was judged, what was expected, and how every seed ended.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The answer to one guarantee under one variant.
///
/// The order is the order of the page: what a reader must see first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was promised and did not hold.
    Broken,
    /// Nothing was observed that could have broken it.
    NotTested,
    /// It happened, and a setting allows it.
    Allowed,
    /// It was observed and held.
    Held,
}

impl Outcome {
    /// One character that tells the outcomes apart without colour.
    #[must_use]
    pub fn glyph(self) -> &'static str {
        match self {
            Outcome::Broken => "✖",
            Outcome::NotTested => "?",
            Outcome::Allowed => "○",
            Outcome::Held => "✔",
        }
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Broken => "broken",
            Outcome::NotTested => "not tested",
            Outcome::Allowed => "allowed",
            Outcome::Held => "held",
        }
    }

    /// The letter in the compact list of a campaign.
    fn letter(self) -> char {
        match self {
            Outcome::Broken => 'B',
            Outcome::NotTested => 'N',
            Outcome::Allowed => 'A',
            Outcome::Held => 'H',
        }
    }

    /// The outcome of that letter.
    fn of_letter(letter: char) -> Option<Self> {
        [Outcome::Broken, Outcome::NotTested, Outcome::Allowed, Outcome::Held]
            .into_iter()
            .find(|outcome| outcome.letter() == letter)
    }
}

/// A guarantee in words. Stated once; the verdicts of the variants refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarantee {
    /// The name scenarios use: `no-acked-record-lost`.
    pub id: String,
    /// In words, as the table shows it: `No acknowledged record is lost`.
    pub title: String,
    /// What exactly it says, one to three sentences.
    pub definition: String,
    /// What is observed to judge it, one sentence.
    pub how_checked: String,
    /// What others call it, for search: `Jepsen: lost-write, unseen`. Empty if nobody names it.
    pub also_known_as: String,
}

/// The verdict on one guarantee under one variant, over all its seeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuaranteeVerdict {
    /// [`Guarantee::id`].
    pub guarantee: String,
    /// The worst outcome over the seeds.
    pub outcome: Outcome,
    /// Seeds in which it was broken, or in which what is allowed happened.
    pub seeds_affected: u64,
    /// How often it happened, over all seeds: lost records, duplicates.
    pub occurrences: u64,
    /// How much was observed, over all seeds: records, offsets, epochs compared. Zero means not tested.
    pub checked: u64,
    /// What `checked` counts: `acknowledged records`.
    pub checked_what: String,
    /// The first seed it happened in.
    pub first_seed: Option<u64>,
    /// When, in that seed.
    pub first_at_ns: Option<u64>,
    /// Why it came out so, one to three sentences. For `not tested`: why nothing was seen.
    pub explanation: String,
    /// The setting that allows it: `acks=1`. Only with [`Outcome::Allowed`].
    pub allowed_by: Option<String>,
    /// Some occurrences, smallest and most severe first, one sentence each.
    pub examples: Vec<String>,
}

/// What the scenario expected, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// As the file says it: `p99(produce) < 40ms outside faults`.
    pub text: String,
    /// Its line in the scenario, counted from 1.
    pub line: u32,
    /// Variants it speaks of; empty means all.
    pub on: Vec<String>,
    /// Met, or not, or undecided.
    pub status: ExpectationStatus,
    /// What was measured, with its unit: `61.0 ms`.
    pub measured: Option<String>,
    /// The result in one sentence.
    pub sentence: String,
}

/// Whether an expectation was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectationStatus {
    /// It came out as expected.
    Met,
    /// It did not.
    NotMet,
    /// The run cannot say.
    Inconclusive,
}

/// Every seed of every variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// The seeds, in the order they are listed in the rows.
    pub seeds: Vec<u64>,
    /// One row per variant.
    pub rows: Vec<CampaignRow>,
    /// What the affected seeds have in common, most frequent first.
    pub signatures: Vec<LossSignature>,
}

/// The seeds of one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRow {
    /// [`super::Variant::label`].
    pub variant: String,
    /// The worst outcome of each seed; as long as [`Campaign::seeds`]. One letter each in JSON.
    #[serde(serialize_with = "outcomes_to_letters", deserialize_with = "outcomes_of_letters")]
    pub outcomes: Vec<Outcome>,
    /// Acknowledged records lost in each seed; as long as [`Campaign::seeds`], or empty if none was lost.
    pub lost: Vec<u64>,
}

/// One cause that several seeds share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossSignature {
    /// The chain in short: `acked by the leader alone → clean election → truncation`.
    pub signature: String,
    /// Variant it was seen in.
    pub variant: String,
    /// Seeds with this signature.
    pub seeds: u64,
    /// The first of them.
    pub first_seed: u64,
    /// The smallest case, in words; empty if nothing was shrunk.
    pub smallest: String,
    /// The command that runs the first seed again.
    pub reproduce: String,
}

/// One letter per seed keeps a campaign of ten thousand seeds at ten kilobytes.
fn outcomes_to_letters<S: Serializer>(outcomes: &[Outcome], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&outcomes.iter().map(|outcome| outcome.letter()).collect::<String>())
}

fn outcomes_of_letters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Outcome>, D::Error> {
    let letters = String::deserialize(deserializer)?;
    letters
        .chars()
        .map(|letter| {
            Outcome::of_letter(letter)
                .ok_or_else(|| serde::de::Error::custom(format!("unknown outcome letter {letter:?}")))
        })
        .collect()
}
