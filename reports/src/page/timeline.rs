//! The block of panels over time.
use crate::artifact::{Exhibit, Variant};
use maud::{Markup, html};
pub(super) fn section(index: usize, _variant: &Variant, exhibit: &Exhibit) -> Markup {
    html! { section aria-labelledby="timeline" { h2 id="timeline" { "Timeline" } (body(index, exhibit)) } }
}
pub(super) fn body(index: usize, _exhibit: &Exhibit) -> Markup {
    html! { div id=(format!("timeline-{index}")) {} }
}
