//! The report as a whole: what a page must have, and that it gives back what it was made of.

mod artifact;
mod extremes;
mod html;
mod page;
mod sample;
