//! The glossary at the end of the page.

use maud::{Markup, html};

use crate::glossary::WORDS;

/// The list.
pub(super) fn section() -> Markup {
    html! {
        section aria-labelledby="glossary" {
            h2 id="glossary" { "Glossary" }
            dl.glossary {
                @for word in WORDS {
                    dt { (word.word) }
                    dd {
                        (word.meaning)
                        @if !word.kafka.is_empty() { span.small { " Kafka: " (word.kafka.replace('`', "")) "." } }
                    }
                }
            }
        }
    }
}
