//! Faults that wait for other faults: no fault waits for itself, and what it waits for can come in time.

use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{FaultPlan, Moment, RunSettings, Trigger};
use super::fault::never_fires;
use super::trigger;

/// Notes circles, and faults that wait for what never comes. `heads` has the place of each fault's name.
pub(super) fn check(
    sink: &mut Sink<'_>,
    faults: &[FaultPlan],
    heads: &[(String, Span)],
    run: Option<&RunSettings>,
) {
    for fault in faults {
        let Trigger::After { fault: other, moment, .. } = &fault.trigger else { continue };
        let Some((_, span)) = heads.iter().find(|(name, _)| *name == fault.name) else { continue };
        let chain = chain(faults, fault);
        if chain.last().is_some_and(|last| last.name == fault.name) && chain.len() > 1 {
            let names: Vec<&str> = chain.iter().map(|fault| fault.name.as_str()).collect();
            let message = format!("`fault.{}` waits for itself", fault.name);
            let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("never fires");
            sink.push(*span, problem.help(format!("{} is a circle", names.join(" after "))));
            continue;
        }
        let awaited = faults.iter().find(|known| known.name == *other);
        let endless = |awaited: &FaultPlan| awaited.strikes.iter().all(|strike| !strike.ends_before_load());
        if *moment == Moment::End && awaited.is_some_and(endless) {
            let message = format!("`fault.{}` cannot fire: `{other}` ends with the load", fault.name);
            let problem = TextProblem::new(codes::NEVER_FIRES, 0..0, message).label("never fires");
            sink.push(*span, problem.help(format!("give `for` to [fault.{other}]")));
            continue;
        }
        let at = chain.iter().map(|fault| trigger::earliest(&fault.trigger)).sum::<Duration>();
        if let Some(run) = run.filter(|run| at >= run.duration) {
            never_fires(sink, &format!("fault.{}", fault.name), *span, at, run.duration);
        }
    }
}

/// The fault, the one it waits for, the one that waits for, up to one that waits for none or that was there before.
fn chain<'f>(faults: &'f [FaultPlan], fault: &'f FaultPlan) -> Vec<&'f FaultPlan> {
    let mut chain = vec![fault];
    while let Some(Trigger::After { fault: other, .. }) = chain.last().map(|last| &last.trigger) {
        let Some(next) = faults.iter().find(|known| known.name == *other) else { break };
        let seen = chain.iter().any(|known| known.name == next.name);
        chain.push(next);
        if seen {
            break;
        }
    }
    chain
}
