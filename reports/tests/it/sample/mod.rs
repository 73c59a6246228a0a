//! A realistic artifact: acks=0, 1 and all while the leader crashes, 40 seeds, every outcome in it.
//!
//! The figures are made up and agree with each other. Built from plain arithmetic: the same on every machine.

mod exhibit;
mod group;
mod loss;
mod tables;

use tribunal_reports::artifact::{
    AxisValue, Campaign, CampaignRow, Curve, CurvePoint, Expectation, ExpectationStatus, FORMAT, Figures,
    Latency, LongestOutage, LossSignature, Outcome, Percentiles, RecoveryTime, RunArtifact, RunIdentity,
    Scenario, SourceMark, Variant, WorstSeed,
};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1_000 * MS;
const SEEDS: u64 = 40;

/// How the variants differ.
pub(crate) struct Shape {
    pub(crate) acks: &'static str,
    pub(crate) p50_ns: u64,
    pub(crate) lost: u64,
    pub(crate) seed: u64,
}

const SHAPES: [Shape; 3] = [
    Shape { acks: "0", p50_ns: 410_000, lost: 61, seed: 3 },
    Shape { acks: "1", p50_ns: 1_240_000, lost: 37, seed: 7 },
    Shape { acks: "all", p50_ns: 2_930_000, lost: 0, seed: 12 },
];

/// The artifact.
pub(crate) fn artifact() -> RunArtifact {
    with_windows(200)
}

/// The artifact with that many windows in each chart over time.
pub(crate) fn with_windows(windows: u64) -> RunArtifact {
    let file = "leader-crash.toml";
    RunArtifact {
        format: FORMAT,
        run: RunIdentity {
            id: "7f3a".to_owned(),
            engine_version: "0.1.0+a1b2c3d".to_owned(),
            protocol_variant: "safe".to_owned(),
            reproduce: "tribunal replay report.html --variant acks=all --seed 12".to_owned(),
            event_hash: "9c1185a5c5e9fc54".to_owned(),
            partial: false,
        },
        scenario: Scenario {
            name: "Leader crash: acks=0 vs 1 vs all".to_owned(),
            file: file.to_owned(),
            hypothesis: "Only acks=all with min.insync.replicas=2 keeps every acknowledged record when the leader dies."
                .to_owned(),
            tags: ["durability", "acks", "teaching"].map(str::to_owned).to_vec(),
            source: include_str!("scenario.toml").to_owned(),
            marks: vec![
                SourceMark { line: 39, fired: 120, what: "fault kill-leader".to_owned() },
                SourceMark { line: 45, fired: 0, what: "fault slow-disk".to_owned() },
            ],
        },
        guarantees: tables::guarantees(),
        variants: SHAPES.iter().map(|shape| variant(shape, windows)).collect(),
        expectations: expectations(),
        campaign: campaign(),
        configuration: tables::configuration(file),
        not_tested: tables::not_tested(),
        warnings: tables::warnings(),
        coverage: tables::coverage(),
    }
}

/// A run that tested nothing and recorded nothing.
pub(crate) fn empty() -> RunArtifact {
    let mut artifact = artifact();
    artifact.guarantees.clear();
    artifact.variants.clear();
    artifact.expectations.clear();
    artifact.campaign = Campaign::default();
    artifact.configuration.clear();
    artifact.not_tested.clear();
    artifact.warnings.clear();
    artifact.coverage.clear();
    artifact.scenario.source.clear();
    artifact.scenario.marks.clear();
    artifact
}

fn variant(shape: &Shape, windows: u64) -> Variant {
    Variant {
        label: format!("acks={}", shape.acks),
        axes: vec![AxisValue { axis: "acks".to_owned(), value: shape.acks.to_owned() }],
        seeds: SEEDS,
        simulated_ns: SEEDS * 50 * S,
        verdicts: tables::verdicts(shape, SEEDS),
        figures: figures(shape),
        exhibit: Some(exhibit::exhibit(shape, windows)),
    }
}

fn figures(shape: &Shape) -> Figures {
    let samples = SEEDS * 78_000;
    let all = percentiles(samples, shape.p50_ns, 7_200 * MS);
    let outside = percentiles(samples - SEEDS * 14_000, shape.p50_ns, 21 * shape.p50_ns);
    Figures {
        acked: samples,
        failed: SEEDS * 12,
        unknown: SEEDS * 31,
        lost: shape.lost * 12,
        worst_loss: (shape.lost > 0).then_some(WorstSeed { seed: shape.seed, records: shape.lost }),
        latency: Latency {
            all,
            outside_faults: outside,
            during_faults: percentiles(SEEDS * 14_000, shape.p50_ns * 400, 7_200 * MS),
            client_thread: percentiles(samples, shape.p50_ns, 60 * MS),
            curve: curve(samples, shape.p50_ns, 7_200 * MS),
            client_thread_curve: curve(samples, shape.p50_ns, 60 * MS),
        },
        longest_outage: Some(LongestOutage {
            seed: 22,
            start_ns: 10_003 * MS,
            end_ns: 17_203 * MS + shape.p50_ns,
            who: "orders/0".to_owned(),
        }),
        recovery_times: vec![RecoveryTime {
            fault: "kill-leader".to_owned(),
            recovered: SEEDS,
            never: 0,
            p50_ns: Some(6_420 * MS),
            max_ns: Some(7_200 * MS),
        }],
        acked_per_second: 1_950,
        groups: vec![group::figures(shape)],
    }
}

fn percentiles(samples: u64, p50_ns: u64, max_ns: u64) -> Percentiles {
    Percentiles {
        samples,
        p50_ns,
        p90_ns: p50_ns * 3,
        p99_ns: (p50_ns * 40).min(max_ns),
        p99_9_ns: (p50_ns * 900).min(max_ns),
        max_ns,
    }
}

/// Half the rest with each step, as an HDR histogram walks it; the value grows with each.
fn curve(samples: u64, p50_ns: u64, max_ns: u64) -> Curve {
    let mut points = Vec::new();
    let mut rest = samples;
    let mut value = p50_ns / 2;
    while rest > 0 {
        points.push(CurvePoint { at_or_below: samples - rest, value_ns: value.min(max_ns) });
        value += value / 4;
        rest = rest * 7 / 8;
    }
    points.push(CurvePoint { at_or_below: samples, value_ns: max_ns });
    Curve { samples, points }
}

fn expectations() -> Vec<Expectation> {
    let row = |text: &str, line, on: &[&str], status, measured: Option<&str>, sentence: &str| Expectation {
        text: text.to_owned(),
        line,
        on: on.iter().map(|label| (*label).to_owned()).collect(),
        status,
        measured: measured.map(str::to_owned),
        sentence: sentence.to_owned(),
    };
    use ExpectationStatus::{Inconclusive, Met, NotMet};
    vec![
        row(
            "p99(produce) < 40ms outside faults",
            9,
            &["acks=1", "acks=all"],
            NotMet,
            Some("61.5 ms"),
            "With acks=all, p99(produce) outside faults is 61.5 ms, expected less than 40 ms.",
        ),
        row(
            "holds no-acked-record-lost",
            6,
            &["acks=all"],
            Met,
            Some("0 of 40 seeds"),
            "acks=all lost nothing.",
        ),
        row(
            "breaks no-acked-record-lost in some seed",
            7,
            &["acks=1"],
            Met,
            Some("12 of 40 seeds"),
            "acks=1 lost acknowledged records in 12 of 40 seeds.",
        ),
        row("rto(kill-leader) < 9s", 8, &[], Met, Some("7.20 s"), "The slowest recovery took 7.20 s."),
        row(
            "happens truncated(orders/0) > 0",
            10,
            &["acks=all"],
            Inconclusive,
            None,
            "No replica truncated anything.",
        ),
    ]
}

fn campaign() -> Campaign {
    let hit = |seed: u64, every: u64, outcome: Outcome| {
        if seed.is_multiple_of(every) { outcome } else { Outcome::Held }
    };
    let row = |label: &str, every, outcome, lost: u64| {
        let outcomes: Vec<Outcome> = (1..=SEEDS).map(|seed| hit(seed, every, outcome)).collect();
        let lost_of = |found: &Outcome| if *found == Outcome::Held { 0 } else { lost };
        let lost = if lost == 0 { Vec::new() } else { outcomes.iter().map(lost_of).collect() };
        CampaignRow { variant: label.to_owned(), outcomes, lost }
    };
    let mut rows = vec![
        row("acks=0", 2, Outcome::Allowed, 61),
        row("acks=1", 3, Outcome::Allowed, 37),
        row("acks=all", 20, Outcome::Broken, 0),
    ];
    rows[2].outcomes[4] = Outcome::NotTested;
    Campaign {
        seeds: (1..=SEEDS).collect(),
        rows,
        signatures: vec![
            LossSignature {
                signature: "acknowledged by the leader alone → clean election → truncation".to_owned(),
                variant: "acks=1".to_owned(),
                seeds: 12,
                first_seed: 3,
                smallest: "shrunk from 78 000 records to 3, from 2 faults to 1".to_owned(),
                reproduce: "tribunal replay report.html --variant acks=1 --seed 3".to_owned(),
            },
            LossSignature {
                signature: "never left the client".to_owned(),
                variant: "acks=0".to_owned(),
                seeds: 20,
                first_seed: 2,
                smallest: String::new(),
                reproduce: "tribunal replay report.html --variant acks=0 --seed 2".to_owned(),
            },
        ],
    }
}
