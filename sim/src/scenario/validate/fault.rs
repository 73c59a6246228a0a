//! `[fault.X]`: its keys, and what faults mean together.

use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{ClusterPlan, FaultPlan, Moment, RunSettings, Strike, Trigger};
use super::super::read::Section;
use super::super::schema;
use super::super::units::{self, show};
use super::load::Load;
use super::refer::Names;
use super::{after, check_name, operate, strike, trigger};

/// Hosts of one group that are kept for members which faults add.
const ADDED_MAX: u32 = 100;

/// Everything a fault is read with.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) run: Option<&'a RunSettings>,
    /// Names of every fault of the file, right or wrong.
    pub(super) faults: &'a [String],
}

pub(super) fn faults(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    cluster: &Option<ClusterPlan>,
    load: &Load,
    run: Option<&RunSettings>,
) -> Vec<FaultPlan> {
    let names = Names::of(cluster.as_ref(), load);
    let entries = top.objects(sink, "fault");
    let all: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let context = Context { names: &names, run, faults: &all };
    let (mut faults, mut heads) = (Vec::new(), Vec::new());
    for entry in entries {
        check_name(sink, entry, "a fault");
        let Some(table) = entry.node.table() else { continue };
        let path = format!("fault.{}", entry.key);
        let section = Section { path: &path, table, head: entry.key_span };
        heads.push((entry.key.clone(), entry.key_span));
        faults.extend(fault(sink, &section, &entry.key, &context));
    }
    operate::enough_brokers_at_first(sink, &faults, &names, &heads);
    after::check(sink, &faults, &heads, run);
    faults
}

fn fault(sink: &mut Sink<'_>, section: &Section<'_>, name: &str, context: &Context<'_>) -> Option<FaultPlan> {
    section.check_keys(sink, schema::FAULT);
    let trigger = trigger::trigger(sink, section, context);
    let chance = match section.entry("chance") {
        Some(_) => section.quantity(sink, "chance", "a share", ["%", "%"], units::share),
        None => Some(1.0),
    };
    let optional = section.boolean(sink, "optional").unwrap_or(false);
    let strikes = strike::strikes(sink, section, context.names);
    if let (Some(strikes), Some(run)) = (&strikes, context.run) {
        too_long(sink, section, trigger.as_ref(), strikes, run);
    }
    let line = sink.lines.line(section.head.start);
    Some(FaultPlan {
        name: name.to_owned(),
        line,
        trigger: trigger?,
        chance: chance?,
        strikes: strikes?,
        optional,
    })
}

fn too_long(
    sink: &mut Sink<'_>,
    section: &Section<'_>,
    trigger: Option<&Trigger>,
    strikes: &[Strike],
    run: &RunSettings,
) {
    let Some(from) = trigger.map(trigger::earliest) else { return };
    let ends = |strike: &Strike| strike.duration.map(|lasts| from + lasts.min);
    let end = strikes.iter().filter_map(ends).max();
    let node = section.node("for").or_else(|| section.node("pick"));
    let (Some(end), Some(node)) = (end, node) else { return };
    if from < run.duration && end > run.duration {
        let message =
            format!("`{}` lasts until {}, load ends after {}", section.path, show(end), show(run.duration));
        let problem = TextProblem::new(codes::TOO_LONG_FAULT, 0..0, message).label("outlasts the run");
        sink.push(node.span, problem.help("everything heals when load ends; leave `for` out to mean that"));
    }
}

/// Notes that the fault at `span` can never fire.
pub(super) fn never_fires(sink: &mut Sink<'_>, path: &str, span: Span, at: Duration, load: Duration) {
    let (at, duration) = (show(at), show(load));
    let message = format!("`{path}` cannot fire: load ends after {duration}");
    let problem = TextProblem::new(codes::NEVER_FIRES, 0..0, message).label(format!("not before {at}"));
    sink.push(span, problem.help("fire earlier, or raise `duration` in [run]"));
}

/// Most members that the faults add to each group.
pub(super) fn added_members(faults: &[FaultPlan], consumer: &str, load: Duration) -> u32 {
    let adds = |fault: &&FaultPlan| fault.strikes.iter().any(|strike| strike.adds_member_of(consumer));
    let firings = faults.iter().filter(adds).map(|fault| firings_max(fault, faults, load, faults.len()));
    firings.fold(0, u32::saturating_add).min(ADDED_MAX)
}

/// Most times a fault can fire in one run; `depth` faults may wait for each other.
fn firings_max(fault: &FaultPlan, faults: &[FaultPlan], load: Duration, depth: usize) -> u32 {
    match &fault.trigger {
        Trigger::At(_) | Trigger::When(_) | Trigger::After { moment: Moment::First, .. } => 1,
        Trigger::After { fault: other, .. } => {
            // In a circle, which is refused elsewhere, the depth ends it.
            let other = faults.iter().find(|known| known.name == *other).zip(depth.checked_sub(1));
            other.map_or(1, |(other, depth)| firings_max(other, faults, load, depth))
        }
        Trigger::Every { gap, from, until, times } => {
            let time = until.unwrap_or(load).min(load).saturating_sub(from.unwrap_or_default());
            let gaps = time.as_nanos() / gap.min.as_nanos().max(1);
            u32::try_from(gaps).unwrap_or(u32::MAX).saturating_add(1).min(times.unwrap_or(u32::MAX))
        }
    }
}
