//! Which seeds and variants the command line asks for.

use std::fmt;

use crate::scenario::Scenario;
use crate::scenario::seeds::{SEEDS_MAX, SeedSet};

/// A selection that does not fit the scenario: a sentence for stderr.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct BadSelection(pub(super) String);

impl fmt::Display for BadSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads `1..200`, or `50` for the seeds 1 to 50.
pub(super) fn seeds(text: &str) -> Result<SeedSet, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<u64>()
            .map_err(|_| format!("`{text}` is not a whole number; write `1..200` or `50`"))
    };
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
        None => (1, number(text)?),
    };
    if last < first {
        return Err(format!("the seeds {first}..{last} are none: the first is above the last"));
    }
    if last - first >= SEEDS_MAX {
        return Err(format!("at most {SEEDS_MAX} seeds"));
    }
    Ok(SeedSet::Range(first, last))
}

/// The variants that `--variant` names: a whole label, or some of its `axis=value` parts. None named: all.
pub(super) fn variants(scenario: &Scenario, wanted: &[String]) -> Result<Vec<usize>, BadSelection> {
    if wanted.is_empty() {
        return Ok((0..scenario.variants.len()).collect());
    }
    let mut found: Vec<usize> = Vec::new();
    for label in wanted {
        let matching = matching(scenario, label);
        if matching.is_empty() {
            return Err(BadSelection(no_such(scenario, label)));
        }
        found.extend(matching);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The one variant that `--variant` names; without a name the only one there is.
pub(super) fn variant(scenario: &Scenario, wanted: Option<&str>) -> Result<usize, BadSelection> {
    let found = match wanted {
        Some(label) => matching(scenario, label),
        None => (0..scenario.variants.len()).collect(),
    };
    match (found.as_slice(), wanted) {
        ([only], _) => Ok(*only),
        ([], Some(label)) => Err(BadSelection(no_such(scenario, label))),
        _ => Err(BadSelection(format!("name one variant: {}", labels(scenario)))),
    }
}

fn matching(scenario: &Scenario, label: &str) -> Vec<usize> {
    let exact = scenario.variants.iter().position(|plan| plan.label == label);
    if let Some(exact) = exact {
        return vec![exact];
    }
    let parts: Vec<(&str, &str)> = label.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let fits = |index: &usize| {
        let values = &scenario.variants[*index].axis_values;
        !parts.is_empty()
            && parts
                .iter()
                .all(|(axis, value)| values.get(axis.trim()).is_some_and(|known| known == value.trim()))
    };
    (0..scenario.variants.len()).filter(fits).collect()
}

fn labels(scenario: &Scenario) -> String {
    let labels: Vec<String> = scenario
        .variants
        .iter()
        .map(|plan| format!("--variant {}", crate::export::quoted(&plan.label)))
        .collect();
    labels.join(", ")
}

fn no_such(scenario: &Scenario, label: &str) -> String {
    if scenario.axes.is_empty() {
        return format!("{} has no matrix, so it has no variant `{label}`", scenario.file_name);
    }
    format!("{} has no variant `{label}`; there is {}", scenario.file_name, labels(scenario))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_number_of_them() {
        assert_eq!(seeds("3..7"), Ok(SeedSet::Range(3, 7)));
        assert_eq!(seeds("50"), Ok(SeedSet::Range(1, 50)));
        assert!(seeds("7..3").is_err());
        assert!(seeds("many").is_err());
    }
}
