//! `tribunal check`: what is wrong with a file, or what it would do.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::Streams;
use super::style::Style;
use super::words;
use crate::scenario::action::Hardware;
use crate::scenario::disk_fault::{DiskFaultKind, DiskFaultPlan, FileKind};
use crate::scenario::plan::{Action, Commit, GroupPlan, Mode, Origin, Plan, Strike};
use crate::scenario::target::TargetExpr;
use crate::scenario::units::show;
use crate::scenario::{Scenario, place};
use crate::verdict::Exit;

/// The arguments of `tribunal check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal check my-scenario.toml
  tribunal check scenarios/*.toml --quiet

Every problem of a file is listed at once, with line, column and what would be right. Nothing is run.")]
pub(super) struct Arguments {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print problems only, not the plan
    #[arg(long, short)]
    quiet: bool,
}

/// Checks every file.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let mut exit = Exit::Met;
    for (index, file) in arguments.files.iter().enumerate() {
        match super::load(file, streams)? {
            None => exit = Exit::Usage,
            Some(_) if arguments.quiet => {}
            Some((scenario, _)) => {
                let gap = if index > 0 { "\n" } else { "" };
                write!(streams.out, "{gap}{}", plan_text(&scenario, streams.style))?;
            }
        }
    }
    Ok(exit)
}

fn plan_text(scenario: &Scenario, style: Style) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut text, scenario, style);
    text
}

fn draw(text: &mut String, scenario: &Scenario, style: Style) -> std::fmt::Result {
    let run = &scenario.run;
    writeln!(text, "{}  {}", style.bold(&scenario.name), style.faint(&scenario.file_name))?;
    if let Some(hypothesis) = &scenario.hypothesis {
        writeln!(text, "  {hypothesis}")?;
    }
    let (variants, seeds) = (scenario.variants.len(), run.seeds.len());
    writeln!(
        text,
        "runs         {} = {variants} × {seeds} (seeds {}), each {} of load and up to {} to settle, virtual time",
        words::counted(variants * seeds, "run"),
        run.seeds,
        show(run.duration),
        show(run.settle)
    )?;
    for axis in &scenario.axes {
        writeln!(text, "matrix       {} = {}", axis.name, axis.values.join(", "))?;
    }
    let Some(plan) = scenario.variants.first() else { return Ok(()) };
    if !plan.label.is_empty() {
        writeln!(text, "             below: the variant {}", plan.label)?;
    }
    draw_cluster(text, plan)?;
    draw_faults(text, plan)?;
    for setting in plan.settings.iter().filter(|setting| setting.origin != Origin::Default) {
        let from = match &setting.origin {
            Origin::Default => continue,
            Origin::File { line } => line_of(scenario, *line),
            Origin::Matrix { axis, line } => format!("matrix {axis}, {}", line_of(scenario, *line)),
            Origin::Cluster { name } => format!("cluster's {name}"),
        };
        writeln!(
            text,
            "setting      {}: {} = {} (default {}, {from})",
            setting.table, setting.name, setting.value, setting.default
        )?;
    }
    for expectation in &scenario.expectations {
        let on: Vec<String> =
            expectation.on.iter().map(|(axis, values)| format!("{axis} = {}", values.join(" or "))).collect();
        let on = if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) };
        writeln!(text, "expect       {}{on} (line {})", expectation.claim, expectation.line)?;
    }
    Ok(())
}

/// `line 7`, or `lib/cluster-3.toml line 7` of another file.
fn line_of(scenario: &Scenario, line: usize) -> String {
    match place(&scenario.source, line) {
        ("", line) => format!("line {line}"),
        (file, line) => format!("{file} line {line}"),
    }
}

fn draw_cluster(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let cluster = &plan.cluster;
    writeln!(
        text,
        "cluster      {}, {}{}, profile {}, protocol {}",
        words::counted(usize::from(cluster.brokers), "broker"),
        words::counted(usize::from(cluster.controllers), "controller"),
        if cluster.mode == Mode::Combined { " among them" } else { "" },
        cluster.profile.name,
        plan.protocol_name
    )?;
    for topic in &plan.topics {
        let partitions = usize::try_from(topic.partitions).unwrap_or(0);
        let partitions = words::counted(partitions, "partition");
        writeln!(text, "topic        {}: {partitions}, replication {}", topic.name, topic.replication)?;
    }
    for producer in &plan.producers {
        let clients = words::counted(usize::try_from(producer.count).unwrap_or(usize::MAX), "client");
        let rate = &producer.rate;
        let per = if rate.per == std::time::Duration::from_secs(1) { "s".to_owned() } else { show(rate.per) };
        writeln!(
            text,
            "producer     {}: {clients} to {}, {}/{per} each",
            producer.name, producer.topic, rate.records
        )?;
    }
    for consumer in &plan.consumers {
        let topics: Vec<&str> = consumer.topics.iter().map(|topic| topic.as_str()).collect();
        let topics = topics.join(", ");
        match &consumer.group {
            None => writeln!(text, "consumer     {}: reads {topics}", consumer.name)?,
            Some(group) => writeln!(text, "consumer     {}: {} {topics}", consumer.name, members(group))?,
        }
    }
    Ok(())
}

/// `group billing of 6 members, 1ms..4ms a record, commit after-processing, reads`.
fn members(group: &GroupPlan) -> String {
    let members = words::counted(usize::try_from(group.members).unwrap_or(usize::MAX), "member");
    let commit =
        Commit::NAMED.iter().find(|(_, commit)| *commit == group.commit).map_or("", |(name, _)| name);
    format!("group {} of {members}, {} a record, commit {commit}, reads", group.id, group.work)
}

fn draw_faults(text: &mut String, plan: &Plan) -> std::fmt::Result {
    for fault in &plan.faults {
        let chance = if fault.chance < 1.0 {
            format!(", with a chance of {} %", fault.chance * 100.0)
        } else {
            String::new()
        };
        let optional = if fault.optional { ", optional" } else { "" };
        let when = format!("{}{chance}", fault.trigger);
        match fault.strikes.as_slice() {
            [only] => writeln!(text, "fault        {}: {}, {when}{optional}", fault.name, strike(only))?,
            several => {
                writeln!(text, "fault        {}: one of these, {when}{optional}", fault.name)?;
                let total: u32 = several.iter().map(|strike| strike.weight).fold(0, u32::saturating_add);
                for one in several {
                    writeln!(text, "               {} in {total}: {}", one.weight, strike(one))?;
                }
            }
        }
    }
    Ok(())
}

/// What a fault does, to whom, how long.
fn strike(strike: &Strike) -> String {
    let action = match &strike.action {
        Action::Partition { side_a, side_b, cut } => {
            format!("partition ({cut:?}) between {side_a} and {side_b}").to_lowercase()
        }
        Action::SlowLink { link: (a, b), .. } => format!("slow-link between {a} and {b}"),
        Action::Disk(disk) => format!("{} of {}", disk_fault(disk), disks(&strike.targets)),
        Action::Reassign { partition, replicas } => {
            let replicas: Vec<String> = replicas.iter().map(ToString::to_string).collect();
            format!("reassign {partition} to {}", replicas.join(", "))
        }
        Action::MoveLeader(partition) => format!("move-leader of {partition}"),
        Action::SlowWork { factor } => format!("slow-work (x{factor}) of {}", strike.targets),
        other => format!("{} of {}", other.name(), strike.targets),
    };
    let duration = strike.duration.map_or_else(String::new, |duration| format!(" for {duration}"));
    let hardware = match strike.action.hardware() {
        Hardware::Legal => String::new(),
        hardware => format!(", {hardware} hardware"),
    };
    format!("{action}{duration}{hardware}")
}

fn disk_fault(fault: &DiskFaultPlan) -> String {
    let figure = match fault.kind {
        DiskFaultKind::Full { free } => format!(" ({free} bytes left)"),
        DiskFaultKind::Corrupt { bits } => {
            format!(" ({})", words::counted(usize::try_from(bits).unwrap_or(usize::MAX), "bit"))
        }
        DiskFaultKind::ReadError { share }
        | DiskFaultKind::FsyncError { share }
        | DiskFaultKind::FsyncLies { share } => format!(" ({} %)", share * 100.0),
        DiskFaultKind::Slow { .. } | DiskFaultKind::Stall => String::new(),
    };
    let files = match fault.files {
        FileKind::All => String::new(),
        files => format!(", files {}", files.name()),
    };
    let partition =
        fault.partition.as_ref().map_or_else(String::new, |partition| format!(", partition {partition}"));
    format!("{}{figure}{files}{partition}", fault.kind.name())
}

fn disks(hosts: &TargetExpr) -> String {
    let disks: Vec<String> = hosts.0.iter().map(|host| format!("disk({host})")).collect();
    disks.join(", ")
}
