//! One variant: verdicts and figures over all its seeds.

use std::time::Duration;

use tribunal_reports::artifact::{
    AxisValue, Curve, CurvePoint, Figures, Latency, LongestOutage, Percentiles, RecoveryTime, Variant,
    WorstSeed,
};

use crate::campaign::{Totals, VariantResult};
use crate::measure::{Latencies, ProduceLatency};
use crate::scenario::Scenario;
use crate::verdict;

pub(super) fn variant(scenario: &Scenario, result: &VariantResult) -> Variant {
    let plan = &scenario.variants[result.variant];
    let axes = scenario.axes.iter().filter_map(|axis| {
        let value = plan.axis_values.get(&axis.name)?;
        Some(AxisValue { axis: axis.name.clone(), value: value.clone() })
    });
    let faults: Vec<&str> = plan.faults.iter().map(|fault| fault.name.as_str()).collect();
    Variant {
        label: plan.label.clone(),
        axes: axes.collect(),
        seeds: result.summaries().count() as u64,
        simulated_ns: result.totals.simulated_ns,
        verdicts: verdict::guarantees(result),
        figures: figures(&result.totals, &faults),
        exhibit: result.exhibit.clone(),
    }
}

fn figures(totals: &Totals, faults: &[&str]) -> Figures {
    let load_ms = u64::try_from(totals.load.as_millis()).unwrap_or(u64::MAX);
    Figures {
        acked: totals.counts.acked,
        failed: totals.counts.failed,
        unknown: totals.counts.unknown,
        lost: totals.lost,
        worst_loss: totals.worst_loss.map(|(seed, records)| WorstSeed { seed, records }),
        latency: latency(&totals.latency),
        longest_outage: totals.longest_outage.as_ref().map(|found| LongestOutage {
            seed: found.seed,
            start_ns: found.span.start.as_nanos(),
            end_ns: found.span.end.as_nanos(),
            who: found.who.clone(),
        }),
        recovery_times: faults.iter().filter_map(|fault| recovery(fault, totals)).collect(),
        groups: super::groups::figures(&totals.groups),
        acked_per_second: totals.counts.acked.saturating_mul(1_000).checked_div(load_ms).unwrap_or(0),
    }
}

fn recovery(fault: &str, totals: &Totals) -> Option<RecoveryTime> {
    let times = totals.recovery.get(fault)?;
    let never = times.partition_point(|time| *time < Duration::MAX);
    let recovered = times.get(..never).unwrap_or_default();
    let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Some(RecoveryTime {
        fault: fault.to_owned(),
        recovered: recovered.len() as u64,
        never: (times.len() - never) as u64,
        // The lower median: a recovery time that was measured, not one between two.
        p50_ns: recovered.get(recovered.len().saturating_sub(1) / 2).map(nanos),
        max_ns: recovered.last().map(nanos),
    })
}

fn latency(latency: &ProduceLatency) -> Latency {
    Latency {
        all: percentiles(&latency.all),
        outside_faults: percentiles(&latency.outside_faults),
        during_faults: percentiles(&latency.during_faults),
        client_thread: percentiles(&latency.client_thread),
        curve: curve(&latency.all),
        client_thread_curve: curve(&latency.client_thread),
    }
}

pub(super) fn percentiles(latencies: &Latencies) -> Percentiles {
    Percentiles {
        samples: latencies.samples(),
        p50_ns: latencies.nanos_at(5_000),
        p90_ns: latencies.nanos_at(9_000),
        p99_ns: latencies.nanos_at(9_900),
        p99_9_ns: latencies.nanos_at(9_990),
        max_ns: latencies.nanos_at(10_000),
    }
}

fn curve(latencies: &Latencies) -> Curve {
    let points = latencies.curve().into_iter();
    let points = points.map(|(at_or_below, value_ns)| CurvePoint { at_or_below, value_ns });
    Curve { samples: latencies.samples(), points: points.collect() }
}
