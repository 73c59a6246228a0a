//! `tribunal doctor`: proves that runs are deterministic, or names the first event that differs.
//!
//! Each case runs in two processes of this binary at the same time: what differs between two processes (addresses,
//! hash seeds, threads, the clock) would show. Their traces are compared line by line as they come, so that the
//! longest run needs no memory.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use clap::Args;

use super::{Streams, select};
use crate::run::RunOptions;
use crate::scenario::seeds::SeedSet;
use crate::scenario::{self, Scenario};
use crate::verdict::{Exit, with};

/// Lines shown before the first difference.
const CONTEXT: usize = 4;
/// Event at which the planted mistake strikes.
const PLANTED_AT: u64 = 1_000;

/// The arguments of `tribunal doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal doctor scenarios/leader-crash.toml
  tribunal doctor scenarios/leader-crash.toml --seeds 1..5 --variant acks=1

Without --seeds: the first seed of the file. Exit code 5 if two runs of a seed differ.")]
pub(super) struct Arguments {
    /// Scenario file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Seeds: 1..5, or 5 for the first five
    #[arg(long, value_name = "A..B", value_parser = select::seeds)]
    seeds: Option<SeedSet>,
    /// Only these variants
    #[arg(long, value_name = "LABEL")]
    variant: Vec<String>,
    /// Let one event depend on the process, to see that the doctor finds it
    #[arg(long, hide = true)]
    plant_nondeterminism: bool,
}

/// The arguments of the hidden `tribunal trace`.
#[derive(Args, Debug)]
pub(super) struct TraceArguments {
    /// Scenario file
    file: PathBuf,
    /// The variant's place in the matrix, from 0
    #[arg(long, default_value_t = 0)]
    variant: usize,
    /// The seed
    #[arg(long)]
    seed: u64,
    /// Let one event depend on the process
    #[arg(long)]
    plant_nondeterminism: bool,
}

/// Prints every event of one run, a line each.
pub(super) fn trace(arguments: &TraceArguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    // Problems are the parent's to report; a warning does not belong into the middle of a trace.
    let Ok((scenario, _)) = scenario::load(&arguments.file) else { return Ok(Exit::Usage) };
    let Some(plan) = scenario.variants.get(arguments.variant) else { return Ok(Exit::Usage) };
    streams.out.flush()?;
    let planted = arguments.plant_nondeterminism.then(std::process::id);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let mut number = 0_u64;
    let sink: crate::runtime::LineSink = Box::new(move |line: &str| {
        number += 1;
        // A parent that is gone wants no more lines.
        let _ = match planted.filter(|_| number == PLANTED_AT) {
            Some(process) => writeln!(out, "{line} process={process}"),
            None => writeln!(out, "{line}"),
        };
    });
    let outcome = crate::run::run(plan, arguments.seed, RunOptions { trace: Some(sink) });
    writeln!(streams.out, "end of {} events, hash {:016x}", outcome.event_count, outcome.trace_hash)?;
    Ok(Exit::Met)
}

/// Compares two runs of every case.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Some((scenario, _)) = super::load(&arguments.file, streams)? else { return Ok(Exit::Usage) };
    let variants = match select::variants(&scenario, &arguments.variant) {
        Ok(variants) => variants,
        Err(problem) => {
            writeln!(streams.err, "tribunal: {problem}")?;
            return Ok(Exit::Usage);
        }
    };
    let first = scenario.run.seeds.iter().next().unwrap_or(1);
    let seeds = arguments.seeds.clone().unwrap_or(SeedSet::Range(first, first));
    let mut exit = Exit::Met;
    for seed in seeds.iter() {
        for variant in &variants {
            exit = exit.gravest(case(arguments, &scenario, *variant, seed, streams)?);
        }
    }
    let cases = seeds.len() * variants.len();
    let answer = match exit {
        Exit::Met => format!("deterministic: {}", super::words::counted(cases, "case")),
        _ => "not deterministic, see above".to_owned(),
    };
    writeln!(streams.out, "{answer}\nexit {}: {}", exit.code(), exit.meaning())?;
    Ok(exit)
}

/// A child that prints its trace.
struct Twin {
    process: Child,
    lines: BufReader<ChildStdout>,
    line: String,
}

impl Twin {
    fn start(arguments: &Arguments, variant: usize, seed: u64) -> io::Result<Twin> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("trace").arg(&arguments.file);
        command.args(["--variant", &variant.to_string(), "--seed", &seed.to_string()]);
        if arguments.plant_nondeterminism {
            command.arg("--plant-nondeterminism");
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| io::Error::other("a child without stdout"))?;
        Ok(Twin { process, lines: BufReader::with_capacity(1 << 16, stdout), line: String::new() })
    }

    /// Reads the next line; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.line.clear();
        Ok(self.lines.read_line(&mut self.line)? > 0)
    }

    fn shown(&self) -> &str {
        if self.line.is_empty() { "(the trace ends here)" } else { self.line.trim_end() }
    }

    /// Ends the child and says whether it had come to its end by itself.
    fn finish(mut self, killed: bool) -> io::Result<bool> {
        if killed {
            // It may be over already.
            let _ = self.process.kill();
        }
        Ok(self.process.wait()?.success())
    }
}

fn case(
    arguments: &Arguments,
    scenario: &Scenario,
    variant: usize,
    seed: u64,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let name = format!("seed {seed}{}", with(&scenario.variants[variant].label));
    let mut twins = [Twin::start(arguments, variant, seed)?, Twin::start(arguments, variant, seed)?];
    let mut before: VecDeque<String> = VecDeque::with_capacity(CONTEXT);
    let mut events = 0_u64;
    let [left, right] = &mut twins;
    let same = loop {
        let (more_left, more_right) = (left.advance()?, right.advance()?);
        if left.line != right.line {
            break false;
        }
        if !more_left && !more_right {
            break true;
        }
        events += 1;
        if before.len() == CONTEXT {
            before.pop_front();
        }
        before.push_back(left.line.clone());
    };
    if same {
        let whole = before.back().is_some_and(|line| line.starts_with("end of "));
        let [left, right] = twins;
        let ended = left.finish(false)? & right.finish(false)?;
        if !whole || !ended {
            writeln!(
                streams.err,
                "tribunal: {name}: the run did not come to its end; this is a bug in tribunal"
            )?;
            return Ok(Exit::Internal);
        }
        writeln!(streams.out, "✔ identical: {name}, {} events", events - 1)?;
        return Ok(Exit::Met);
    }
    writeln!(streams.out, "✖ {name} differs first at event {}:", events + 1)?;
    for line in &before {
        writeln!(streams.out, "    {}", line.trim_end())?;
    }
    writeln!(streams.out, "  A {}\n  B {}", left.shown(), right.shown())?;
    let [left, right] = twins;
    left.finish(true)?;
    right.finish(true)?;
    Ok(Exit::NotDeterministic)
}
