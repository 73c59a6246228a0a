//! Stand-ins until the runner, the promise and the loss chains are here.

use tribunal_reports::artifact::Losses;

use crate::checker::Finding;
use crate::run::RunOutcome;
use crate::scenario::Plan;

/// Verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "stand-in")]
pub enum Verdict {
    Held,
    Broken,
    Allowed { setting: String, sentence: String },
    NotTested { reason: String },
}

/// Judge.
#[must_use]
pub fn judge(_plan: &Plan, _run: &RunOutcome, finding: &Finding) -> Verdict {
    match (finding.checked, finding.violated) {
        (0, _) => Verdict::NotTested { reason: "nothing was seen".to_owned() },
        (_, 0) => Verdict::Held,
        _ => Verdict::Broken,
    }
}

/// Chains.
#[must_use]
pub fn loss_chains(_plan: &Plan, _run: &RunOutcome, _kept_max: usize) -> Losses {
    Losses::default()
}
