//! `tribunal replay`: one case again, from a report, an artifact or a scenario.
//!
//! A report holds the text of its scenario, so it needs no other file. The run is the same if the hash over every
//! event is the same; that is only promised for the binary that made the report, so another version is refused.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use tribunal_engine::event::Event;
use tribunal_reports::artifact::{Exhibit, RunArtifact};
use tribunal_reports::format;

use super::{Streams, files, select, text};
use crate::campaign::{self, CampaignOptions};
use crate::export;
use crate::run::RunOptions;
use crate::scenario::seeds::SeedSet;
use crate::scenario::{self, Diagnostic, Scenario};
use crate::verdict::{self, Exit};
use crate::view::{Happening, What};

/// The arguments of `tribunal replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal replay tribunal-out/leader-crash-1a2b3c4d/report.html
  tribunal replay report.html --variant acks=1 --seed 7
  tribunal replay scenarios/leader-crash.toml --variant acks=1 --seed 7 --log short
  tribunal replay report.html --log full > trace.txt

From a report, without --variant and --seed: the case it leads with. The answer says whether the run was identical.")]
pub(super) struct Arguments {
    /// A report (html), an artifact (json) or a scenario (toml)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The variant
    #[arg(long, value_name = "LABEL")]
    variant: Option<String>,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print what happens: state changes (short) or every event (full)
    #[arg(long, value_enum, default_value = "off", value_name = "HOW MUCH")]
    log: Log,
}

/// How much of a run to print.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Log {
    /// The verdict only.
    Off,
    /// State changes: elections, ISR changes, truncations, faults.
    Short,
    /// Every event, as it enters the hash.
    Full,
}

/// A case, and what is known of the run it repeats.
struct Case {
    scenario: Scenario,
    warnings: Vec<Diagnostic>,
    variant: usize,
    seed: u64,
    /// Hash over every event of the run in the report.
    hash: Option<String>,
    from_report: bool,
}

/// Runs the case.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let case = match find(arguments, streams)? {
        Ok(case) => case,
        Err(problem) => {
            if !problem.is_empty() {
                writeln!(streams.err, "tribunal: {problem}")?;
            }
            return Ok(Exit::Usage);
        }
    };
    let plan = &case.scenario.variants[case.variant];
    let options = CampaignOptions {
        seeds: SeedSet::Range(case.seed, case.seed),
        variants: vec![case.variant],
        jobs: 1,
    };
    let log = arguments.log;
    let runner = move |plan: &_, seed| {
        let trace: Option<crate::runtime::LineSink> = (log == Log::Full).then(|| {
            let sink: crate::runtime::LineSink = Box::new(|line: &str| {
                // Whoever closed the pipe has seen enough; the run goes on to its verdict.
                let _ = writeln!(io::stdout(), "{line}");
            });
            sink
        });
        let outcome = crate::run::run(plan, seed, RunOptions { trace });
        if log == Log::Short {
            for happening in outcome.view.happenings.iter().filter(|happening| says_something(happening)) {
                let _ = writeln!(io::stdout(), "{}", line(happening));
            }
        }
        outcome
    };
    let campaign = campaign::run(&case.scenario, &options, &runner, &|_| {}, &AtomicBool::new(false));
    if let Some((_, seed, text)) = campaign.failures().next() {
        writeln!(
            streams.err,
            "tribunal: a bug in tribunal, seed {seed}{}: {text}",
            verdict::with(&plan.label)
        )?;
        return Ok(Exit::Internal);
    }
    let artifact = export::artifact(&case.scenario, &case.warnings, &campaign);
    let exit = verdict::exit(&case.scenario, &campaign, &artifact.expectations);
    finish(&case, &artifact, exit, streams)
}

/// Brokers load the fifty partitions of `__consumer_offsets` when they begin to lead them, groups or not.
fn says_something(happening: &Happening) -> bool {
    !matches!(
        happening.what,
        What::Event(Event::GroupsLoaded { groups: 0, .. } | Event::GroupsResigned { groups: 0, .. })
    )
}

fn finish(case: &Case, artifact: &RunArtifact, exit: Exit, streams: &mut Streams<'_>) -> io::Result<Exit> {
    if let Some(exhibit) = artifact.variants.first().and_then(|variant| variant.exhibit.as_ref()) {
        for step in &exhibit.story {
            writeln!(streams.out, "{}  {}", format::moment(step.at_ns), step.text)?;
        }
        writeln!(streams.out)?;
    }
    let (answer, exit) = match &case.hash {
        Some(hash) if *hash == artifact.run.event_hash => {
            (format!("identical: every event is the same (hash {hash})"), Exit::Met)
        }
        Some(hash) => (
            format!(
                "DIFFERENT: the report has event hash {hash}, this run {}; `tribunal doctor` finds the first difference",
                artifact.run.event_hash
            ),
            Exit::NotDeterministic,
        ),
        None if case.from_report => (
            format!("not compared: the report keeps no hash of this case (hash {})", artifact.run.event_hash),
            exit,
        ),
        None => (format!("event hash {}", artifact.run.event_hash), exit),
    };
    let page = text::Page {
        artifact,
        file: &case.scenario.file_name,
        report: None,
        exit,
        warnings: case.warnings.len(),
    };
    write!(streams.out, "{}", page.draw(streams.style))?;
    writeln!(streams.out, "replay   {answer}")?;
    Ok(exit)
}

/// The case, or a sentence why there is none (empty if it was said already).
fn find(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Result<Case, String>> {
    let path = &arguments.file;
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let artifact = match extension.as_deref() {
        Some("html" | "htm") => Some(tribunal_reports::extract(&read(path)?)),
        Some("json") => Some(RunArtifact::from_json(&read(path)?)),
        _ => None,
    };
    match artifact {
        None => {
            let Some((scenario, warnings)) = super::load(path, streams)? else {
                return Ok(Err(String::new()));
            };
            Ok(of_scenario(arguments, scenario, warnings))
        }
        Some(Err(error)) => Ok(Err(format!("{}: {error}", path.display()))),
        Some(Ok(artifact)) => Ok(of_artifact(arguments, &artifact)),
    }
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| files::named(path, &error))
}

fn of_scenario(arguments: &Arguments, scenario: Scenario, warnings: Vec<Diagnostic>) -> Result<Case, String> {
    let variant =
        select::variant(&scenario, arguments.variant.as_deref()).map_err(|problem| problem.to_string())?;
    let seed = arguments.seed.or_else(|| scenario.run.seeds.iter().next()).unwrap_or(1);
    Ok(Case { scenario, warnings, variant, seed, hash: None, from_report: false })
}

fn of_artifact(arguments: &Arguments, artifact: &RunArtifact) -> Result<Case, String> {
    let file = arguments.file.display();
    let (made, this) = (&artifact.run.engine_version, export::ENGINE_VERSION);
    if made != this {
        return Err(format!(
            "{file} was made by tribunal {made}, this is {this}: another version may run differently. Use version {made}, \
             or run the scenario anew: its text is in the report"
        ));
    }
    let (scenario, warnings) = scenario::parse(&artifact.scenario.file, &artifact.scenario.source)
        .map_err(|problems| format!("the scenario in {file} does not load:\n{problems}"))?;
    let leading = export::leading_case(artifact);
    let wanted = arguments.variant.clone().or_else(|| leading.map(|(label, _)| label));
    let wanted = wanted.filter(|label| !label.is_empty());
    let variant = select::variant(&scenario, wanted.as_deref()).map_err(|problem| problem.to_string())?;
    let label = scenario.variants[variant].label.clone();
    let shown = exhibit(artifact, &label);
    let seed = arguments.seed.or_else(|| shown.map(|exhibit| exhibit.seed)).unwrap_or(1);
    let hash = shown.filter(|exhibit| exhibit.seed == seed).map(|exhibit| exhibit.event_hash.clone());
    Ok(Case { scenario, warnings, variant, seed, hash, from_report: true })
}

fn exhibit<'a>(artifact: &'a RunArtifact, label: &str) -> Option<&'a Exhibit> {
    artifact.variants.iter().find(|variant| variant.label == label)?.exhibit.as_ref()
}

/// A state change as one line: time, who, what.
fn line(happening: &Happening) -> String {
    let who = happening.node.map_or_else(|| "-".to_owned(), |node| format!("node {node}"));
    let what = match &happening.what {
        What::Event(event) => event.to_string(),
        What::Started => "! started".to_owned(),
        What::Crashed => "! crashed".to_owned(),
        What::Stopped => "! stopped in good order".to_owned(),
        What::PowerLost => "! lost power".to_owned(),
        What::Paused => "! paused".to_owned(),
        What::Resumed => "! resumed".to_owned(),
        What::FaultBegan { fault, action, targets } => format!("! fault {fault} ({action}) hits {targets}"),
        What::FaultEnded { fault } => format!("! fault {fault} ends"),
        What::Phase(phase) => format!("== {phase} =="),
    };
    format!("{} {who:<8} {what}", happening.at)
}

#[cfg(test)]
mod tests {
    use tribunal_engine::id::TopicPartition;
    use tribunal_engine::time::Instant;

    use super::*;

    #[test]
    fn only_partitions_with_groups_are_worth_a_line() {
        let happening = |groups| {
            let partition = TopicPartition::new("__consumer_offsets", 3);
            let what = What::Event(Event::GroupsLoaded { partition, groups });
            Happening { at: Instant::START, node: None, what }
        };
        assert!(says_something(&happening(1)));
        assert!(!says_something(&happening(0)));
    }
}
