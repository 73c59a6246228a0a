//! `recovers`: after the faults every partition has a leader, takes writes, and every replica catches up.
//!
//! Source: the liveness clauses L1, L2, L9 (virtual-time bounds from the moment of healing) and Kafka's own system
//! tests, which wait for a full ISR after each bounce. What is still pending when the settle phase ends is listed
//! by the runner; here each entry is one violation.
//!
//! Why not stricter: the bound is the scenario's settle time and no shorter one; how long it took is measured, not
//! judged (a scenario can demand it with `rto`). Nothing is demanded while faults last.

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Recovery, Violation};
use crate::scenario::Guarantee;

/// The checker.
#[derive(Debug, Default)]
pub struct Recovers;

impl Checker for Recovers {
    fn guarantee(&self) -> Guarantee {
        Guarantee::Recovers
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let mut found = Found::default();
        let partitions = run.view.partitions.len() as u64;
        let pending = match run.recovery {
            Recovery::After(_) => &[][..],
            Recovery::Pending(pending) => pending.as_slice(),
        };
        for what in pending {
            found.add(|| {
                let partition = run.view.partitions.keys().find(|partition| {
                    what.strip_prefix(&partition.to_string()).is_some_and(|rest| rest.starts_with(':'))
                });
                let text = format!("still pending when the run ended: {what}");
                Violation { at: Some(run.end), partition: partition.cloned(), ..Violation::saying(text) }
            });
        }
        found.finding(self.guarantee(), partitions, "partitions")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::checker::sample::Sample;

    #[test]
    fn a_cluster_that_came_back_is_held() {
        let mut sample = Sample::new();
        sample.recovery = Recovery::After(Duration::from_secs(2));
        let finding = sample.finish(Recovers);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn each_thing_that_is_pending_is_found() {
        let mut sample = Sample::new();
        let pending = ["orders/0: replica 2 ends at 40, leader at 57", "no write was accepted"];
        sample.recovery = Recovery::Pending(pending.map(str::to_owned).into());
        let finding = sample.finish(Recovers);
        assert_eq!(finding.violated, 2);
        assert_eq!(finding.violations[0].partition, Some(sample.partition));
        assert_eq!(finding.violations[1].partition, None);
    }
}
