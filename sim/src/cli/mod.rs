//! The command line.
//!
//! stdout carries the result and nothing else: text, or with `--json` one document. Progress, warnings and errors go
//! to stderr. Files are only written under `--out`. The exit codes are those of [`Exit`]. Commands write to the
//! streams they are given, so that they can be tested; this file opens the real ones.

mod check;
mod doctor;
mod explain;
mod files;
mod junit;
mod list;
mod progress;
mod replay;
mod run;
mod select;
mod serve;
mod style;
mod text;
mod words;

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::scenario::{self, Diagnostic, Diagnostics, Scenario};
use crate::verdict::Exit;
use style::Style;

/// Puts a Kafka configuration on trial.
#[derive(Parser, Debug)]
#[command(
    name = "tribunal",
    version = crate::export::ENGINE_VERSION,
    about = "Puts a Kafka configuration on trial",
    long_about = "Runs a whole Kafka-protocol cluster in a deterministic simulation, breaks it as a scenario file says, \
                  and judges what the settings promise. The same binary, scenario and seed give the same run.",
    after_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Start here:
  tribunal list                                    what there is to run
  tribunal run scenarios/leader-crash.toml         all variants, all seeds, a verdict and a report
  tribunal check my-scenario.toml                  what is wrong with a file, and what it would do
  tribunal replay tribunal-out/*/report.html       run the case of a report again
  tribunal serve                                   a cluster for real Kafka clients on 127.0.0.1:9092
  tribunal explain acks                            what a word, a code or a setting means

Exit codes: 0 expectations met, 1 not met, 2 usage or bad scenario, 3 undecided, 4 nothing tested,
            5 not deterministic, 70 a bug in tribunal, 130 interrupted";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run scenarios and judge them
    Run(run::Arguments),
    /// Say what is wrong with scenario files, or what they would do
    Check(check::Arguments),
    /// Run one case again, from a report or a scenario
    Replay(replay::Arguments),
    /// Prove that runs are deterministic, or name the first event that differs
    Doctor(doctor::Arguments),
    /// Serve a cluster to real Kafka clients
    Serve(serve::Arguments),
    /// List scenarios
    List(list::Arguments),
    /// Explain a code, a guarantee, a Kafka setting or a word
    Explain(explain::Arguments),
    /// Print every event of one run
    #[command(hide = true)]
    Trace(doctor::TraceArguments),
}

/// The streams of a command and how to draw on them.
struct Streams<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Style of stdout.
    style: Style,
    /// Style of stderr.
    err_style: Style,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let style = Style::of(&io::stdout());
    let err_style = Style::of(&io::stderr());
    let mut streams = Streams { out: &mut out, err: &mut err, style, err_style };
    let exit = catch_unwind(AssertUnwindSafe(|| execute(cli.command, &mut streams)));
    let exit = match exit {
        Ok(Ok(exit)) => exit,
        // Whoever closed the pipe has seen enough.
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Met,
        Ok(Err(error)) => {
            // If stderr is gone, too, there is nobody to tell.
            let _ = writeln!(io::stderr(), "tribunal: {error}");
            Exit::Usage
        }
        Err(_) => {
            let _ = writeln!(io::stderr(), "tribunal: this is a bug in tribunal; the lines above say where.");
            Exit::Internal
        }
    };
    ExitCode::from(exit.code())
}

fn execute(command: Command, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let exit = match command {
        Command::Run(arguments) => run::execute(&arguments, streams),
        Command::Check(arguments) => check::execute(&arguments, streams),
        Command::Replay(arguments) => replay::execute(&arguments, streams),
        Command::Doctor(arguments) => doctor::execute(&arguments, streams),
        Command::Serve(arguments) => serve::execute(&arguments, streams),
        Command::List(arguments) => list::execute(&arguments, streams),
        Command::Explain(arguments) => explain::execute(&arguments, streams),
        Command::Trace(arguments) => doctor::trace(&arguments, streams),
    }?;
    streams.out.flush()?;
    Ok(exit)
}

/// Loads a scenario; problems and warnings go to stderr. `None` if it cannot be run.
fn load(path: &Path, streams: &mut Streams<'_>) -> io::Result<Option<(Scenario, Vec<Diagnostic>)>> {
    let style = streams.err_style;
    match scenario::load(path) {
        Ok((scenario, warnings)) => {
            if !warnings.is_empty() {
                let drawn = Diagnostics {
                    file_name: scenario.file_name.clone(),
                    source: scenario.source.clone(),
                    problems: warnings.clone(),
                };
                write!(streams.err, "{}", drawn.render(style.colour, style.width))?;
            }
            Ok(Some((scenario, warnings)))
        }
        Err(problems) => {
            write!(streams.err, "{}", problems.render(style.colour, style.width))?;
            Ok(None)
        }
    }
}
