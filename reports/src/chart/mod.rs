//! The drawings.
use crate::artifact::{Campaign, RunArtifact, Variant};
use maud::{Markup, html};
pub(crate) fn latency_multiples(_artifact: &RunArtifact) -> Vec<(String, Markup)> {
    Vec::new()
}
pub(crate) fn percentiles(_variants: &[Variant]) -> Option<Markup> {
    None
}
pub(crate) fn percentiles_sentence(_variants: &[Variant]) -> String {
    String::new()
}
pub(crate) fn heat_map(_campaign: &Campaign) -> Markup {
    html! {}
}
