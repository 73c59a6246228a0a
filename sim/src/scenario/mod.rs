//! Scenario files: from TOML to a validated plan.
//!
//! ```text
//! text -> bundle (every file it names) -> tree (every syntax error at once, includes merged)
//!      -> variants of the matrix -> Plan (every problem at once)
//! ```
//!
//! [`load`] and [`parse`] answer with a [`Scenario`] and its warnings, or with every problem of the file: code,
//! line, column, the offending text and what would be right. What the format defines and this version cannot do is
//! refused by name, never ignored. A plan is data: nothing here runs anything, draws random numbers or knows the
//! simulation. `scenarios/README.md` describes the format for people who write files.

pub mod action;
mod bundle;
pub mod codes;
pub mod diagnostic;
pub mod disk_fault;
pub mod distribution;
pub mod expect;
pub mod expr;
pub mod guarantee;
mod include;
mod lexer;
mod matrix;
mod overlay;
pub mod plan;
pub mod profile;
mod read;
mod render;
mod schema;
pub mod seeds;
mod settings;
mod syntax;
pub mod target;
mod tree;
pub mod units;
mod validate;

use std::path::Path;

use bundle::Bundle;
pub use bundle::place;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use guarantee::Guarantee;
pub use plan::{Plan, Scenario};

use diagnostic::{Sink, Span, TextProblem};

/// Largest scenario, in bytes.
pub const FILE_MAX: usize = 256 << 10;

/// Reads the scenario in the file at `path`. The answer carries the warnings.
///
/// # Errors
/// Every problem of the file; one problem if it cannot be read.
pub fn load(path: &Path) -> Result<(Scenario, Vec<Diagnostic>), Diagnostics> {
    let name = path.display().to_string();
    let too_large = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > FILE_MAX as u64);
    if too_large {
        return Err(unreadable(&name, "", 0, "it is larger than 256 KiB"));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&name, "", 0, &error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        unreadable(&name, &String::from_utf8_lossy(error.as_bytes()), good, "this byte is not UTF-8")
    })?;
    if text.len() > FILE_MAX {
        return parse(&name, &text);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = |file: &str| {
        std::fs::read(folder.join(file))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => error.to_string(),
            })
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()))
    };
    parse_bundle(&name, &Bundle::read(&text, &read))
}

/// Reads a scenario from `text`; `file_name` is what problems call it. Files that it names must be in the text, as in
/// [`Scenario::source`]; nothing is read from a disk.
///
/// # Errors
/// Every problem of the text.
pub fn parse(file_name: &str, text: &str) -> Result<(Scenario, Vec<Diagnostic>), Diagnostics> {
    if text.len() > FILE_MAX {
        return Err(unreadable(file_name, "", 0, "it is larger than 256 KiB"));
    }
    let read = |_: &str| Err("it is not part of this text".to_owned());
    parse_bundle(file_name, &Bundle::read(text, &read))
}

fn parse_bundle(file_name: &str, bundle: &Bundle) -> Result<(Scenario, Vec<Diagnostic>), Diagnostics> {
    let mut sink = Sink::of(bundle);
    let root = include::merged(bundle, &mut sink);
    let scenario = validate::scenario(&mut sink, &root, file_name, &bundle.text);
    let failed = sink.has_errors();
    let diagnostics = sink.finish(file_name);
    match scenario {
        Some(scenario) if !failed => Ok((scenario, diagnostics.problems)),
        _ => {
            assert!(failed, "a scenario was refused without a reason");
            Err(diagnostics)
        }
    }
}

/// The scenario of a text that is right, consumer groups among what may be in it.
#[cfg(test)]
pub(crate) fn planned(text: &str) -> Scenario {
    let bundle = Bundle::read(text, &|_| Err("it is not part of this text".to_owned()));
    let mut sink = Sink::of(&bundle);
    let root = include::merged(&bundle, &mut sink);
    let scenario = validate::scenario(&mut sink, &root, "planned.toml", &bundle.text);
    assert!(!sink.has_errors(), "{}", sink.finish("planned.toml"));
    scenario.expect("a scenario without errors")
}

fn unreadable(name: &str, text: &str, at: usize, why: &str) -> Diagnostics {
    let mut sink = Sink::new(text);
    let problem =
        TextProblem::new(codes::FILE, 0..0, format!("cannot read the scenario: {why}")).label("here");
    let problem = if text.is_empty() { problem } else { problem.help("save the file as UTF-8") };
    sink.push(Span { start: at, end: at + 1 }, problem);
    sink.finish(name)
}
