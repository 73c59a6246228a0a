//! `tribunal list`: the scenarios of a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::style::pad;
use super::{Streams, files, words};
use crate::scenario;
use crate::verdict::Exit;

/// Folders below the one that is listed are followed so deep.
const DEPTH_MAX: usize = 4;

/// The arguments of `tribunal list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal list
  tribunal list scenarios/regressions

The columns: file, variants × seeds, name, tags. A folder called lib holds parts of scenarios and is left out.")]
pub(super) struct Arguments {
    /// Folder
    #[arg(default_value = "scenarios", value_name = "DIR")]
    folder: PathBuf,
}

/// Lists every scenario, by path.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let mut found = Vec::new();
    collect(&arguments.folder, 0, &mut found)?;
    found.sort();
    if found.is_empty() {
        writeln!(streams.err, "tribunal: no scenario (*.toml) in {}", arguments.folder.display())?;
        return Ok(Exit::NothingTested);
    }
    let mut exit = Exit::Met;
    let mut rows = Vec::new();
    for path in &found {
        rows.push(match scenario::load(path) {
            Ok((scenario, _)) => {
                let runs = format!("{} × {}", scenario.variants.len(), scenario.run.seeds.len());
                let tags = if scenario.tags.is_empty() {
                    String::new()
                } else {
                    format!("  [{}]", scenario.tags.join(", "))
                };
                [path.display().to_string(), runs, format!("{}{tags}", scenario.name)]
            }
            Err(problems) => {
                exit = Exit::Usage;
                let problems = words::counted(problems.errors(), "error");
                [path.display().to_string(), "–".to_owned(), format!("✖ {problems}, see `tribunal check`")]
            }
        });
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 2;
    let (first, second) = (width(0), width(1));
    for [file, runs, name] in &rows {
        writeln!(streams.out, "{}{}{name}", pad(file, first), pad(runs, second))?;
    }
    Ok(exit)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| files::named(folder, &error))? {
        let path = entry?.path();
        if path.is_dir() {
            if depth < DEPTH_MAX && path.file_name().is_none_or(|name| name != "lib") {
                collect(&path, depth + 1, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}
