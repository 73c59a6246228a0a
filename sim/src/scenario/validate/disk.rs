//! The actions on disks: their targets, and the keys of each.

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem};
use super::super::disk_fault::{DiskFaultKind, DiskFaultPlan, FileKind};
use super::super::plan::Action;
use super::super::read::Section;
use super::super::target::{Target, TargetExpr};
use super::super::units;
use super::action::targets;
use super::refer::Names;
use tribunal_engine::id::TopicPartition;

/// Most bits that rot at once.
const BITS_MAX: i64 = 1_000_000;

/// The fault with the hosts whose disks it strikes.
pub(super) fn action(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
    action: &str,
) -> Option<(Action, TargetExpr)> {
    let kind = kind(sink, section, action);
    let words: Vec<&'static str> = FileKind::NAMED.iter().map(|(_, name, _)| *name).collect();
    let files = match section.entry("files") {
        Some(_) => section.word(sink, "files", &words),
        None => Some(FileKind::All.name()),
    };
    let partition = partition(sink, section, names);
    if action == "disk-corrupt"
        && let Some(entry) = section.entry("for")
    {
        let message = "`for` means nothing for the action `disk-corrupt`";
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("it strikes once");
        sink.push(entry.key_span, problem.help("bits rot at one moment and stay rotten"));
    }
    let hosts = disks(sink, section, names, action)?;
    let files = FileKind::NAMED.iter().find(|(_, name, _)| Some(*name) == files).map(|(files, ..)| *files)?;
    Some((Action::Disk(DiskFaultPlan { kind: kind?, files, partition: partition? }), hosts))
}

fn kind(sink: &mut Sink<'_>, section: &Section<'_>, action: &str) -> Option<DiskFaultKind> {
    let share = |sink: &mut Sink<'_>| match section.entry("share") {
        Some(_) => section.quantity(sink, "share", "a share", ["%", "%"], units::share),
        None => Some(1.0),
    };
    match action {
        "disk-full" => {
            let free = match section.entry("free") {
                Some(_) => section.quantity(sink, "free", "a size", ["KiB", "MiB"], units::size),
                None => Some(0),
            };
            free.map(|free| DiskFaultKind::Full { free })
        }
        "disk-slow" => {
            if section.entry("latency").is_none() {
                section.missing(sink, "latency", "latency = \"5ms..50ms\"");
            }
            section.distribution(sink, "latency").map(|latency| DiskFaultKind::Slow { latency })
        }
        "disk-stall" => Some(DiskFaultKind::Stall),
        "disk-corrupt" => {
            let bits = match section.entry("bits") {
                Some(_) => section.integer(sink, "bits", 1, BITS_MAX),
                None => Some(1),
            };
            bits.map(|bits| DiskFaultKind::Corrupt { bits: u32::try_from(bits).unwrap_or(1) })
        }
        "disk-read-error" => share(sink).map(|share| DiskFaultKind::ReadError { share }),
        "fsync-error" => share(sink).map(|share| DiskFaultKind::FsyncError { share }),
        _ => share(sink).map(|share| DiskFaultKind::FsyncLies { share }),
    }
}

/// The partition whose files alone are struck: `Some(None)` if the file names none, `None` if it is wrong.
fn partition(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    names: &Names<'_>,
) -> Option<Option<TopicPartition>> {
    match section.entry("partition") {
        None => Some(None),
        Some(_) => names.partition(sink, section).map(Some),
    }
}

/// `disk(...)` of brokers, or a list of them: the brokers.
fn disks(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>, action: &str) -> Option<TargetExpr> {
    let found = targets(sink, section, names, "target")?;
    let mut hosts = Some(Vec::new());
    for (target, node) in found {
        let problem = match target {
            Target::Disk(host) if *host == Target::Controller => TextProblem::new(
                codes::NOT_BUILT,
                0..0,
                format!("the action `{action}` on the controller is part of the format but not built yet"),
            )
            .label("the controller")
            .help("disks of brokers work: `disk(broker 1)`"),
            Target::Disk(host) => {
                hosts = hosts.map(|hosts: Vec<Target>| [hosts, vec![*host]].concat());
                continue;
            }
            target => {
                let message = format!("`{target}` is not a disk, which `{action}` strikes");
                let help = format!("write: target = \"disk({target})\"");
                let problem = TextProblem::new(codes::BAD_TARGET, 0..0, message).label("not a disk");
                if target.is_client() || matches!(target, Target::Link(..) | Target::Rest) {
                    problem.help("name disks of brokers: `disk(broker 1)`, `disk(leader(orders/0))`")
                } else {
                    problem.help(help)
                }
            }
        };
        sink.push(node.span, problem);
        hosts = None;
    }
    hosts.map(TargetExpr)
}
