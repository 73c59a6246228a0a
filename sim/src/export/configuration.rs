//! Settings with their origins, and the loader's advice.

use tribunal_reports::artifact::{Setting as Shown, Warning};

use super::file_of;
use crate::campaign::Campaign;
use crate::scenario::plan::{Origin, Setting};
use crate::scenario::{Diagnostic, Scenario, place};

/// Every setting in force: once if all variants agree on it, else once a variant.
pub(super) fn settings(scenario: &Scenario, campaign: &Campaign) -> Vec<Shown> {
    let plans: Vec<_> = campaign.variants.iter().map(|result| &scenario.variants[result.variant]).collect();
    let Some(first) = plans.first() else { return Vec::new() };
    let file = file_of(scenario);
    let place = (file.as_str(), scenario.source.as_str());
    let mut shown = Vec::new();
    for setting in &first.settings {
        let same = |other: &&Setting| other.table == setting.table && other.name == setting.name;
        let others = plans.iter().map(|plan| (&plan.label, plan.settings.iter().find(same)));
        let others: Vec<(&String, &Setting)> =
            others.filter_map(|(label, found)| Some((label, found?))).collect();
        if others.iter().all(|(_, other)| other.value == setting.value) {
            shown.push(one(setting, place, None));
        } else {
            shown.extend(others.iter().map(|(label, other)| one(other, place, Some((*label).clone()))));
        }
    }
    shown
}

fn one(setting: &Setting, (file, source): (&str, &str), variant: Option<String>) -> Shown {
    Shown {
        scope: setting.table.replacen('.', " ", 1),
        name: setting.name.to_owned(),
        value: setting.value.clone(),
        default: Some(setting.default.to_owned()),
        origin: match &setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::File { line } => written(source, file, *line),
            Origin::Matrix { axis, line } => format!("matrix {axis}, {}", written(source, file, *line)),
            Origin::Cluster { name } => format!("cluster {name}"),
        },
        changed: !matches!(setting.origin, Origin::Default),
        variant,
    }
}

/// `rebalance-storm.toml:7`, or `lib/cluster-3.toml:7` of a file that it includes.
fn written(source: &str, file: &str, line: usize) -> String {
    match place(source, line) {
        ("", line) => format!("{file}:{line}"),
        (included, line) => format!("{included}:{line}"),
    }
}

/// The loader's warnings.
pub(super) fn warnings(warnings: &[Diagnostic]) -> Vec<Warning> {
    let one = |warning: &Diagnostic| Warning {
        code: warning.code.to_owned(),
        text: match &warning.help {
            Some(help) => format!("{}: {help}", warning.message),
            None => warning.message.clone(),
        },
        setting: None,
        line: u32::try_from(warning.line).ok(),
    };
    warnings.iter().map(one).collect()
}
