//! Who ran, and how to run it again.

use tribunal_reports::artifact::RunArtifact;

use crate::campaign::Campaign;
use crate::scenario::Scenario;
use crate::verdict::worst;

/// Version of this binary, as it stands in every artifact: a replay is only promised for the same one.
pub const ENGINE_VERSION: &str = match option_env!("TRIBUNAL_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// FNV-1a: short, pinned for ever, and enough to tell runs apart in a folder.
fn fnv(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Eight hexadecimal digits of scenario text, seeds, variants and binary.
#[must_use]
pub fn run_id(scenario: &Scenario, campaign: &Campaign) -> String {
    let seeds: Vec<String> = campaign.seeds.iter().map(u64::to_string).collect();
    let labels = campaign.variants.iter().map(|result| scenario.variants[result.variant].label.as_str());
    let labels: Vec<&str> = labels.collect();
    let hash = fnv(&[&scenario.source, ENGINE_VERSION, &seeds.join(","), &labels.join(";")]);
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// The case a report leads with: of the variants with the worst outcome the first, and the seed it shows.
#[must_use]
pub fn leading_case(artifact: &RunArtifact) -> Option<(String, u64)> {
    let outcome = |variant: &tribunal_reports::artifact::Variant| {
        worst(variant.verdicts.iter().map(|verdict| verdict.outcome))
    };
    let overall = worst(artifact.variants.iter().map(outcome));
    let shown = || artifact.variants.iter().filter_map(|variant| Some((variant, variant.exhibit.as_ref()?)));
    let leading = shown().find(|(variant, _)| outcome(variant) == overall).or_else(|| shown().next())?;
    Some((leading.0.label.clone(), leading.1.seed))
}

/// The command that runs one case again.
#[must_use]
pub fn replay_command(file: &str, label: &str, seed: u64) -> String {
    let variant = if label.is_empty() { String::new() } else { format!(" --variant {}", quoted(label)) };
    format!("tribunal replay {}{variant} --seed {seed}", quoted(file))
}

/// A word for a shell: in quotes if it has to be.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
