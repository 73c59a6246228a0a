//! A run artifact in, one HTML file out. Knows nothing of engine or simulation.
//!
//! [`artifact`] is the data, [`render`] the page, [`extract`] the way back: the page embeds its artifact, so one
//! file explains and reproduces a run. [`headline`] gives the terminal the same first sentences, [`mod@format`] the
//! same numbers, [`glossary`] the same words. Everything here is a pure function: no clock, no randomness, no file, no network, no font metrics.

pub mod artifact;
pub mod format;
pub mod glossary;

mod chart;
mod embed;
mod headline;
mod page;

pub use embed::extract;
pub use headline::{Headline, headline, price_line};
pub use page::{favicon, render, title};
