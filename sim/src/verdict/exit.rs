//! Exit codes: what a script learns from a campaign.

use tribunal_reports::artifact::{Expectation, ExpectationStatus, Outcome};

use super::{outcome_of_run, silent_faults};
use crate::campaign::Campaign;
use crate::scenario::Scenario;

/// Why the command ended, as a number. The numbers never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Exit {
    /// Every expectation was met.
    Met = 0,
    /// An expectation was not met.
    NotMet = 1,
    /// The command line or a scenario was wrong.
    Usage = 2,
    /// An expectation could not be decided.
    Inconclusive = 3,
    /// Nothing was tested, or a fault that is not optional never fired.
    NothingTested = 4,
    /// Two runs of one seed differed.
    NotDeterministic = 5,
    /// Our own bug.
    Internal = 70,
    /// Interrupted; the result is partial.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code with its meaning, for the help.
    pub const MEANINGS: &'static [(Exit, &'static str)] = &[
        (Exit::Met, "every expectation met"),
        (Exit::NotMet, "an expectation not met"),
        (Exit::Usage, "wrong command line or scenario"),
        (Exit::Inconclusive, "an expectation undecided"),
        (Exit::NothingTested, "nothing tested, or a fault never fired"),
        (Exit::NotDeterministic, "two runs of one seed differ"),
        (Exit::Internal, "a bug in tribunal"),
        (Exit::Interrupted, "interrupted, the result is partial"),
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Self::MEANINGS.iter().find(|(exit, _)| *exit == self).map_or("", |(_, meaning)| *meaning)
    }

    /// What several commands in one come to: the gravest. Our own bug outweighs an interruption, both outweigh a
    /// verdict, and a failed expectation outweighs what could not be tested.
    #[must_use]
    pub fn gravest(self, other: Exit) -> Exit {
        let weight = |exit: Exit| match exit {
            Exit::Met => 0,
            Exit::Inconclusive => 1,
            Exit::NothingTested => 2,
            Exit::NotMet => 3,
            Exit::NotDeterministic => 4,
            Exit::Usage => 5,
            Exit::Interrupted => 6,
            Exit::Internal => 7,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

/// The exit code of a campaign. When a fault never fired, that explains expectations nobody could decide, so it is
/// the answer; an expectation that is plainly not met comes before both.
#[must_use]
pub fn exit(scenario: &Scenario, campaign: &Campaign, expectations: &[Expectation]) -> Exit {
    let status = |wanted| expectations.iter().any(|expectation| expectation.status == wanted);
    let tested = campaign
        .variants
        .iter()
        .flat_map(|variant| variant.summaries())
        .any(|summary| summary.acked > 0 && outcome_of_run(summary) != Outcome::NotTested);
    let silent = silent_faults(scenario, campaign).any(|silent| !silent.optional);
    let abandoned = campaign
        .variants
        .iter()
        .flat_map(|variant| variant.summaries())
        .any(|summary| summary.abandoned.is_some());
    if campaign.failures().next().is_some() {
        Exit::Internal
    } else if campaign.partial {
        Exit::Interrupted
    } else if status(ExpectationStatus::NotMet) {
        Exit::NotMet
    } else if !tested || silent {
        Exit::NothingTested
    } else if abandoned || status(ExpectationStatus::Inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Met
    }
}
