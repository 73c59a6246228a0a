//! The figures of a variant over all its seeds.
//!
//! Adding is commutative: sums, added histograms, and extremes in which the earlier seed wins a tie.

use std::collections::BTreeMap;
use std::time::Duration;

use super::RunSummary;
use crate::measure::{Counts, GroupFigures, Measured, ProduceLatency, Span};

/// The longest outage, and where it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutageFound {
    /// The seed.
    pub seed: u64,
    /// When.
    pub span: Span,
    /// The partition.
    pub who: String,
    /// Place of the seed in the campaign.
    place: usize,
}

/// The figures of a variant over all its seeds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Totals {
    /// How records ended.
    pub counts: Counts,
    /// Lost records.
    pub lost: u64,
    /// Seed and lost records of the seed that lost most; the first of them.
    pub worst_loss: Option<(u64, u64)>,
    worst_place: usize,
    /// Produce latency, histograms added.
    pub latency: ProduceLatency,
    /// The longest outage of a partition.
    pub longest_outage: Option<OutageFound>,
    /// Recovery times by fault, ascending within a fault; without end where nothing was acknowledged afterwards.
    pub recovery: BTreeMap<String, Vec<Duration>>,
    /// The consumer groups, by the name of their table.
    pub groups: BTreeMap<String, GroupFigures>,
    /// Virtual time under load.
    pub load: Duration,
    /// Virtual time of all runs, in nanoseconds.
    pub simulated_ns: u64,
}

impl Totals {
    /// Adds a run; `place` is the place of its seed in the campaign.
    pub(super) fn add(&mut self, place: usize, measured: &Measured, summary: &RunSummary) {
        let counts = &measured.counts;
        self.counts.sent += counts.sent;
        self.counts.acked += counts.acked;
        self.counts.failed += counts.failed;
        self.counts.unknown += counts.unknown;
        self.counts.consumed += counts.consumed;
        self.latency.add(&measured.latency);
        self.load += measured.load.length();
        self.simulated_ns += summary.simulated_ns;
        for (id, figures) in &measured.groups {
            self.groups.entry(id.clone()).or_default().add(figures);
        }
        self.add_loss(place, summary);
        self.add_outage(place, measured, summary.seed);
        for fault in &summary.faults {
            if let Some(rto) = fault.rto {
                let times = self.recovery.entry(fault.fault.clone()).or_default();
                times.insert(times.partition_point(|known| *known <= rto), rto);
            }
        }
    }

    fn add_loss(&mut self, place: usize, summary: &RunSummary) {
        self.lost += summary.lost;
        let worse = match self.worst_loss {
            None => summary.lost > 0,
            Some((_, most)) => {
                summary.lost > most || (summary.lost == most && summary.lost > 0 && place < self.worst_place)
            }
        };
        if worse {
            self.worst_loss = Some((summary.seed, summary.lost));
            self.worst_place = place;
        }
    }

    fn add_outage(&mut self, place: usize, measured: &Measured, seed: u64) {
        let Some((who, span)) = measured.longest_outage() else { return };
        let longer = self.longest_outage.as_ref().is_none_or(|known| {
            let (length, longest) = (span.length(), known.span.length());
            length > longest || (length == longest && place < known.place)
        });
        if longer {
            self.longest_outage = Some(OutageFound { seed, span, who: who.to_string(), place });
        }
    }
}
