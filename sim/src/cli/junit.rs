//! JUnit: a suite for each variant, a case for each guarantee and for each expectation of the scenario.
//!
//! Cases of guarantees never fail by themselves: whether a broken one is a failure is what expectations say, and a
//! promise nobody spoke of has an expectation of its own. No times: they would be virtual.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use tribunal_reports::artifact::{Expectation, ExpectationStatus, GuaranteeVerdict, Outcome, RunArtifact};

use crate::export;

/// The suites of one campaign.
pub(super) fn suites(artifact: &RunArtifact) -> Vec<TestSuite> {
    let file = &artifact.scenario.file;
    let mut suites = Vec::new();
    let mut expectations = TestSuite::new(format!("{file}: expectations"));
    for expectation in &artifact.expectations {
        expectations.add_test_case(of_expectation(artifact, expectation));
    }
    suites.push(expectations);
    for variant in &artifact.variants {
        let label = if variant.label.is_empty() { String::new() } else { format!(" [{}]", variant.label) };
        let mut suite = TestSuite::new(format!("{file}{label}"));
        for verdict in &variant.verdicts {
            suite.add_test_case(of_verdict(verdict));
        }
        suites.push(suite);
    }
    suites
}

/// The document of all suites.
pub(super) fn document(suites: Vec<TestSuite>) -> String {
    let mut report = Report::new("tribunal");
    report.add_test_suites(suites);
    report.to_string().unwrap_or_else(|error| format!("<!-- {error} -->\n"))
}

fn of_expectation(artifact: &RunArtifact, expectation: &Expectation) -> TestCase {
    let failed = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(&expectation.sentence);
        let place = format!("{}:{}", artifact.scenario.file, expectation.line);
        let again = export::leading_case(artifact)
            .map(|(label, seed)| export::replay_command("report.html", &label, seed))
            .unwrap_or_default();
        status.set_description(format!("{}\nexpected at {place}\nreplay: {again}", expectation.sentence));
        status
    };
    let status = match expectation.status {
        ExpectationStatus::Met => TestCaseStatus::success(),
        ExpectationStatus::NotMet => failed(NonSuccessKind::Failure),
        ExpectationStatus::Inconclusive => failed(NonSuccessKind::Error),
    };
    let on =
        if expectation.on.is_empty() { String::new() } else { format!(" on {}", expectation.on.join("; ")) };
    TestCase::new(format!("{}{on}", expectation.text), status)
}

fn of_verdict(verdict: &GuaranteeVerdict) -> TestCase {
    let mut status = TestCaseStatus::success();
    if verdict.outcome == Outcome::NotTested {
        status = TestCaseStatus::skipped();
        status.set_message(&verdict.explanation);
    }
    let mut case = TestCase::new(&verdict.guarantee, status);
    case.set_system_out(format!("{}: {}", verdict.outcome.word(), verdict.explanation));
    case
}
