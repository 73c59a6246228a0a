//! Results and latency per window of time.

use std::collections::BTreeMap;

use tribunal_reports::artifact::{LatencyWindow, OutcomeWindow};

use crate::history::SendOutcome;
use crate::measure::Latencies;
use crate::run::RunOutcome;

/// Results by the time they came; what never came counts where it was wanted.
pub(super) fn outcomes(run: &RunOutcome, window_ns: u64) -> Vec<OutcomeWindow> {
    let mut windows: BTreeMap<u64, OutcomeWindow> = BTreeMap::new();
    for (_, send) in run.history.load_sends() {
        let at = send.completed.unwrap_or(send.intended);
        let start_ns = at.as_nanos() / window_ns * window_ns;
        let empty = OutcomeWindow { start_ns, acked: 0, failed: 0, unknown: 0 };
        let window = windows.entry(start_ns).or_insert(empty);
        match send.outcome {
            SendOutcome::Acknowledged { .. } => window.acked += 1,
            SendOutcome::Failed(_) => window.failed += 1,
            SendOutcome::Unknown(_) | SendOutcome::Pending => window.unknown += 1,
        }
    }
    windows.into_values().collect()
}

/// Latency of the sends acknowledged in each window, from their intended start.
pub(super) fn latency(run: &RunOutcome, window_ns: u64) -> Vec<LatencyWindow> {
    let mut windows: BTreeMap<u64, Latencies> = BTreeMap::new();
    for (_, send) in run.history.load_sends() {
        if let (Some(_), Some(at)) = (send.acknowledged(), send.completed) {
            let start_ns = at.as_nanos() / window_ns * window_ns;
            windows.entry(start_ns).or_default().record(at.since(send.intended));
        }
    }
    let window = |(start_ns, latencies): (u64, Latencies)| LatencyWindow {
        start_ns,
        samples: latencies.samples(),
        p50_ns: latencies.nanos_at(5_000),
        p99_ns: latencies.nanos_at(9_900),
        max_ns: latencies.nanos_at(10_000),
    };
    windows.into_iter().map(window).collect()
}
