//! How records were lost.
use crate::artifact::{Exhibit, Variant};
use maud::{Markup, html};
pub(super) fn section(index: usize, _variant: &Variant, exhibit: &Exhibit) -> Markup {
    html! { section aria-labelledby="loss" { h2 id="loss" { "Loss" } (body(index, exhibit)) } }
}
pub(super) fn body(_index: usize, _exhibit: &Exhibit) -> Markup {
    html! {}
}
