//! How far a group is behind: records between its committed offsets and the high watermarks, and the age of the oldest.
//!
//! The high watermark of a partition is the furthest any replica has told of. Where nothing is committed yet, a group
//! stands at the first record it was given, or at the log's start with `auto.offset.reset=earliest`.

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::config::OffsetReset;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use crate::checker::group::Group;
use crate::view::ClusterView;

/// The lag of a group over time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lag {
    /// Each change, by time.
    pub steps: Vec<LagStep>,
}

/// The lag from a moment on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LagStep {
    /// From when.
    pub at: Instant,
    /// Records committed in the logs and not by the group, over all partitions.
    pub records: u64,
    /// Since when the oldest of them has been there.
    pub oldest: Option<Instant>,
}

/// One partition, walked through time.
struct Track {
    high_watermark: Offset,
    committed: Offset,
    /// When the high watermark passed which offset, from the committed offset on.
    rises: std::collections::VecDeque<(Instant, Offset)>,
}

enum Change {
    HighWatermark(Offset),
    Committed(Offset),
}

impl Track {
    fn take(&mut self, at: Instant, change: &Change) {
        match change {
            Change::HighWatermark(to) if *to > self.high_watermark => {
                self.high_watermark = *to;
                self.rises.push_back((at, *to));
            }
            Change::HighWatermark(_) => {}
            Change::Committed(to) => {
                self.committed = *to;
                while self.rises.front().is_some_and(|(_, until)| until <= to) {
                    self.rises.pop_front();
                }
            }
        }
    }

    fn records(&self) -> u64 {
        u64::try_from(self.high_watermark.since(self.committed)).unwrap_or(0)
    }

    fn oldest(&self) -> Option<Instant> {
        self.rises.front().filter(|_| self.records() > 0).map(|(at, _)| *at)
    }
}

impl Lag {
    /// The lag of a group.
    pub(super) fn of(group: &Group<'_>, view: &ClusterView) -> Lag {
        let mut tracks: BTreeMap<&TopicPartition, Track> = BTreeMap::new();
        let mut changes: Vec<(Instant, &TopicPartition, Change)> = Vec::new();
        for partition in &group.partitions {
            let committed = start(group, partition);
            let track =
                Track { high_watermark: Offset::ZERO, committed, rises: std::collections::VecDeque::new() };
            tracks.insert(partition, track);
            let moves = view.partitions.get(partition).map_or(&[][..], |state| &state.high_watermarks);
            changes.extend(moves.iter().map(|one| (one.at, partition, Change::HighWatermark(one.to))));
        }
        for commit in group.view.into_iter().flat_map(|view| &view.commits) {
            changes.push((commit.at, &commit.partition, Change::Committed(commit.offset)));
        }
        changes.sort_by_key(|(at, ..)| *at);
        let mut steps: Vec<LagStep> = Vec::new();
        let mut records = 0;
        for (at, partition, change) in changes {
            let Some(track) = tracks.get_mut(partition) else { continue };
            let before = track.records();
            track.take(at, &change);
            records = records + track.records() - before;
            let oldest = tracks.values().filter_map(Track::oldest).min();
            let step = LagStep { at, records, oldest };
            match steps.last_mut().filter(|last| last.at == at) {
                Some(last) => *last = step,
                None => steps.push(step),
            }
        }
        Lag { steps }
    }

    /// The most records, and the oldest record, that ever waited; `None` if nothing was ever there to read.
    #[must_use]
    pub fn max(&self, end: Instant) -> Option<(u64, Duration)> {
        let records = self.steps.iter().map(|step| step.records).max()?;
        let ends = self.steps.iter().skip(1).map(|step| step.at).chain([end]);
        let ages = self.steps.iter().zip(ends).filter_map(|(step, end)| Some(end.since(step.oldest?)));
        Some((records, ages.max().unwrap_or(Duration::ZERO)))
    }
}

/// Where a group stands in a partition before it commits.
fn start(group: &Group<'_>, partition: &TopicPartition) -> Offset {
    if group.table.config.auto_offset_reset == OffsetReset::Earliest {
        return Offset::ZERO;
    }
    let deliveries = group.lives.iter().flat_map(|life| {
        life.deliveries.iter().filter(move |delivery| life.partition(delivery.partition) == Some(partition))
    });
    deliveries.map(|delivery| delivery.offset).min().unwrap_or(Offset(i64::MAX))
}
