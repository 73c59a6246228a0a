//! `tribunal run`: campaigns over scenario files, their verdict and their report.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use tribunal_reports::artifact::RunArtifact;

use super::progress::Shown;
use super::{Streams, files, junit, select, text};
use crate::campaign::{self, Campaign, CampaignOptions};
use crate::export;
use crate::run::RunOptions;
use crate::scenario::seeds::SeedSet;
use crate::scenario::{Diagnostic, Scenario};
use crate::verdict::{self, Exit};

/// The arguments of `tribunal run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal run scenarios/leader-crash.toml
  tribunal run scenarios/leader-crash.toml --seeds 1..20 --variant acks=1
  tribunal run scenarios/*.toml --no-report --junit junit.xml
  tribunal run scenarios/steady.toml --json > run.json

Every variant runs with the same seeds, so that variants differ by their settings only. The files of a run go to
tribunal-out/<scenario>-<run id>/: report.html, run.json, junit.xml. Ctrl-C ends with a partial result.")]
pub(super) struct Arguments {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Seeds instead of the file's: 1..200, or 50 for the first fifty
    #[arg(long, value_name = "A..B", value_parser = select::seeds)]
    seeds: Option<SeedSet>,
    /// One seed only
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Only these variants: a label, or parts of it like acks=1. Can be given again
    #[arg(long, value_name = "LABEL")]
    variant: Vec<String>,
    /// Runs at the same time; all cores unless given
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Folder for the files, instead of tribunal-out/<scenario>-<run id>
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the run artifact as one JSON document instead of text
    #[arg(long)]
    json: bool,
    /// Write a JUnit file here, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write no report and no folder
    #[arg(long)]
    no_report: bool,
    /// Open the report in a browser afterwards
    #[arg(long, value_enum, default_value = "no", value_name = "WHEN")]
    open: Open,
}

/// Whether to open the report.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    /// Never.
    No,
    /// When the run is over.
    Yes,
}

/// Runs every file and prints what came of it.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    if arguments.json && arguments.files.len() > 1 {
        writeln!(streams.err, "tribunal: --json prints one document, so it takes one file")?;
        return Ok(Exit::Usage);
    }
    let stop = stop_on_interrupt();
    let mut exit = Exit::Met;
    let mut suites = Vec::new();
    for (index, file) in arguments.files.iter().enumerate() {
        if index > 0 && !arguments.json {
            writeln!(streams.out)?;
        }
        exit = exit.gravest(one(arguments, file, &stop, &mut suites, streams)?);
        if stop.load(Ordering::Relaxed) {
            exit = exit.gravest(Exit::Interrupted);
            break;
        }
    }
    if let Some(path) = &arguments.junit {
        files::put(path, &junit::document(suites))?;
    }
    Ok(exit)
}

/// The first Ctrl-C raises the flag, the second ends the process.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let handler = move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    // Without a handler Ctrl-C ends the process at once: less, and still right.
    let _ = ctrlc::set_handler(handler);
    stop
}

fn one(
    arguments: &Arguments,
    file: &Path,
    stop: &AtomicBool,
    suites: &mut Vec<quick_junit::TestSuite>,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let Some((scenario, warnings)) = super::load(file, streams)? else { return Ok(Exit::Usage) };
    let options = match options(arguments, &scenario) {
        Ok(options) => options,
        Err(problem) => {
            writeln!(streams.err, "tribunal: {problem}")?;
            return Ok(Exit::Usage);
        }
    };
    let campaign = run_campaign(&scenario, &options, stop, streams.err_style.terminal);
    let artifact = export::artifact(&scenario, &warnings, &campaign);
    let exit = verdict::exit(&scenario, &campaign, &artifact.expectations);
    report_failures(&scenario, &campaign, streams)?;
    let junit = junit::suites(&artifact);
    let mut report = None;
    if !arguments.no_report {
        let folder = arguments.out.clone().unwrap_or_else(|| files::folder_of(&artifact));
        let written = files::write(&folder, &artifact, &junit::document(junit.clone()))?;
        report = Some(written.report);
    }
    suites.extend(junit);
    if arguments.json {
        streams.out.write_all(artifact.to_json().as_bytes())?;
    } else {
        print(&scenario, &warnings, &artifact, report.as_deref(), exit, streams)?;
    }
    if let Some(report) = report.filter(|_| arguments.open == Open::Yes) {
        open(&report, streams)?;
    }
    Ok(exit)
}

fn options(arguments: &Arguments, scenario: &Scenario) -> Result<CampaignOptions, select::BadSelection> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = arguments.jobs.map_or(cores, NonZeroUsize::get);
    let seed = arguments.seed.map(|seed| SeedSet::Range(seed, seed));
    let seeds = seed.or_else(|| arguments.seeds.clone()).unwrap_or_else(|| scenario.run.seeds.clone());
    let variants = select::variants(scenario, &arguments.variant)?;
    Ok(CampaignOptions { seeds, variants, jobs })
}

/// Runs a campaign on the real runner, showing progress on stderr.
pub(super) fn run_campaign(
    scenario: &Scenario,
    options: &CampaignOptions,
    stop: &AtomicBool,
    terminal: bool,
) -> Campaign {
    let total = options.seeds.len() * options.variants.len();
    let shown = Shown::new(&scenario.file_name, total, terminal);
    let runner = |plan: &_, seed| crate::run::run(plan, seed, RunOptions::default());
    let campaign = campaign::run(scenario, options, &runner, &|progress| shown.show(progress), stop);
    shown.finish();
    campaign
}

fn report_failures(scenario: &Scenario, campaign: &Campaign, streams: &mut Streams<'_>) -> io::Result<()> {
    for (variant, seed, text) in campaign.failures() {
        let label = &scenario.variants[variant].label;
        writeln!(streams.err, "tribunal: a bug in tribunal, seed {seed}{}: {text}", verdict::with(label))?;
        let command = export::replay_command(&scenario.file_name, label, seed);
        writeln!(streams.err, "          to see it again: {command}")?;
    }
    Ok(())
}

fn print(
    scenario: &Scenario,
    warnings: &[Diagnostic],
    artifact: &RunArtifact,
    report: Option<&Path>,
    exit: Exit,
    streams: &mut Streams<'_>,
) -> io::Result<()> {
    let page = text::Page { artifact, file: &scenario.file_name, report, exit, warnings: warnings.len() };
    write!(streams.out, "{}", page.draw(streams.style))
}

fn open(report: &Path, streams: &mut Streams<'_>) -> io::Result<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    if let Err(error) = std::process::Command::new(program).arg(report).spawn() {
        writeln!(streams.err, "tribunal: cannot open {} with {program}: {error}", report.display())?;
    }
    Ok(())
}
