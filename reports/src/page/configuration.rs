//! Effective configuration: value, default, origin; what somebody set comes first.

use super::parts;
use crate::artifact::{RunArtifact, Setting, Warning};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Both tables, and the settings as a properties text.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let (changed, defaults): (Vec<&Setting>, Vec<&Setting>) =
        artifact.configuration.iter().partition(|setting| setting.changed);
    html! {
        section aria-labelledby="configuration" {
            h2 id="configuration" { "Configuration" }
            @if artifact.configuration.is_empty() { p { "The run recorded no setting." } } @else {
                @if changed.is_empty() { p { "Every setting has Kafka's default." } } @else {
                    (parts::scroll("Settings that were set", &table("Settings that were set", &changed, artifact)))
                }
                details {
                    summary { (defaults.len()) " settings at their default" }
                    (parts::scroll("Settings at their default", &table("Settings at their default", &defaults, artifact)))
                }
                details {
                    summary { "As properties" }
                    (properties(&changed))
                }
            }
        }
    }
}

fn table(caption: &str, settings: &[&Setting], artifact: &RunArtifact) -> Markup {
    html! {
        table {
            caption { (caption) }
            thead { tr {
                th scope="col" { "Scope" } th scope="col" { "Setting" } th scope="col" { "Value" }
                th scope="col" { "Default" } th scope="col" { "From" }
            } }
            tbody {
                @for (index, setting) in settings.iter().enumerate() {
                    // Advice stands beside the first row of its setting, not beside each variant.
                    @let first = settings[..index].iter().all(|earlier| earlier.name != setting.name);
                    (row(setting, if first { &artifact.warnings } else { &[] }))
                }
            }
        }
    }
}

fn row(setting: &Setting, warnings: &[Warning]) -> Markup {
    let advice: Vec<&Warning> =
        warnings.iter().filter(|warning| warning.setting.as_deref() == Some(setting.name.as_str())).collect();
    html! {
        tr {
            td {
                (setting.scope)
                @if let Some(variant) = &setting.variant { br; span.small { "only " (variant) } }
            }
            th scope="row" {
                code { (setting.name) }
                @for warning in &advice { p.small.warning { "! " (warning.text) } }
            }
            td { @if setting.changed { strong { code { (setting.value) } } } @else { code { (setting.value) } } }
            td { @match &setting.default { Some(default) => { code { (default) } } None => { "–" } } }
            td.small.nowrap { (setting.origin) }
        }
    }
}

/// What somebody set, one section per scope, as Kafka's tools read it.
fn properties(settings: &[&Setting]) -> Markup {
    let mut text = String::new();
    let mut scope = String::new();
    for setting in settings {
        let here = match &setting.variant {
            Some(variant) => format!("{} ({variant})", setting.scope),
            None => setting.scope.clone(),
        };
        if here != scope {
            let _ = writeln!(text, "# {here}");
            scope = here;
        }
        let _ = writeln!(text, "{}={}", setting.name, setting.value);
    }
    html! {
        div.copybox {
            button.copy type="button" hidden data-copy=(text) { "Copy" }
            (parts::scroll("Settings as properties", &html! { pre { (text) } }))
        }
    }
}
