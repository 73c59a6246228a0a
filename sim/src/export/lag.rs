//! How far consumers are behind what was acknowledged.
//!
//! The end of a partition is the furthest offset acknowledged so far; a consumer's position the furthest offset it
//! was given. Records sent with acks=0 are acknowledged without offset and cannot be counted.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;
use tribunal_reports::artifact::{LagTrack, LagWindow};

use crate::history::Reader;
use crate::measure::FaultRecovery;
use crate::run::RunOutcome;

/// Acknowledged offsets of each partition with their times, by time.
fn acknowledged(run: &RunOutcome) -> BTreeMap<&TopicPartition, Vec<(Instant, i64)>> {
    let mut acknowledged: BTreeMap<&TopicPartition, Vec<(Instant, i64)>> = BTreeMap::new();
    for (_, send) in run.history.load_sends() {
        if let (Some((partition, Some(offset))), Some(at)) = (send.acknowledged(), send.completed) {
            acknowledged.entry(partition).or_default().push((at, offset.0));
        }
    }
    for acks in acknowledged.values_mut() {
        acks.sort_unstable();
    }
    acknowledged
}

/// One partition of one consumer, walked through time.
struct Follower<'a> {
    acks: &'a [(Instant, i64)],
    /// The same by offset, to find how old the oldest unread record is.
    by_offset: Vec<(i64, Instant)>,
    reads: Vec<(Instant, i64)>,
    next_ack: usize,
    next_read: usize,
    end: i64,
    position: i64,
}

impl<'a> Follower<'a> {
    fn new(acks: &'a [(Instant, i64)], reader: &Reader, index: usize) -> Follower<'a> {
        let reads = reader.reads.iter().filter(|read| read.partition as usize == index);
        let mut by_offset: Vec<(i64, Instant)> = acks.iter().map(|(at, offset)| (*offset, *at)).collect();
        by_offset.sort_unstable();
        Follower {
            acks,
            by_offset,
            reads: reads.map(|read| (read.at, read.offset.0)).collect(),
            next_ack: 0,
            next_read: 0,
            end: 0,
            position: 0,
        }
    }

    /// Unread records at `at`, and when the oldest of them was acknowledged.
    fn at(&mut self, at: Instant) -> (u64, Option<Instant>) {
        while let Some((_, offset)) = self.acks.get(self.next_ack).filter(|(acked, _)| *acked < at) {
            self.end = self.end.max(offset + 1);
            self.next_ack += 1;
        }
        while let Some((_, offset)) = self.reads.get(self.next_read).filter(|(read, _)| *read < at) {
            self.position = self.position.max(offset + 1);
            self.next_read += 1;
        }
        let records = u64::try_from(self.end - self.position).unwrap_or(0);
        if records == 0 {
            return (0, None);
        }
        let oldest = self.by_offset.partition_point(|(offset, _)| *offset < self.position);
        (records, self.by_offset.get(oldest).map(|(_, acked)| *acked).filter(|acked| *acked < at))
    }
}

/// One track for each consumer that ran during the load; none if no offset is known.
pub(super) fn tracks(run: &RunOutcome, window_ns: u64, duration_ns: u64) -> Vec<LagTrack> {
    let acknowledged = acknowledged(run);
    if acknowledged.is_empty() {
        return Vec::new();
    }
    let track = |reader: &Reader| {
        let partitions = reader.partitions.iter().enumerate();
        let mut followers: Vec<Follower<'_>> = partitions
            .filter_map(|(index, name)| Some(Follower::new(acknowledged.get(name)?, reader, index)))
            .collect();
        let windows = (0..duration_ns.div_ceil(window_ns)).map(|index| {
            let start_ns = index * window_ns;
            let end = Instant::from_nanos((start_ns + window_ns).min(duration_ns));
            let (records, oldest) =
                followers.iter_mut().map(|follower| follower.at(end)).fold((0, None), |sum, one| {
                    let oldest: Option<Instant> = [sum.1, one.1].into_iter().flatten().min();
                    (sum.0 + one.0, oldest)
                });
            let age = oldest.map_or(0, |oldest| end.as_nanos() - oldest.as_nanos());
            LagWindow { start_ns, records, age_ns: age }
        });
        LagTrack { group: reader.name.clone(), windows: windows.collect() }
    };
    run.history.readers.iter().filter(|reader| reader.name != "final").map(track).collect()
}

/// When every consumer had read, on the partitions a fault hit, what was acknowledged when writes went on.
pub(super) fn caught_up(run: &RunOutcome, recovery: &FaultRecovery) -> Option<Instant> {
    let until = recovery.first_ack?;
    let acknowledged = acknowledged(run);
    let mut last = None;
    for reader in run.history.readers.iter().filter(|reader| reader.name != "final") {
        for (index, name) in reader.partitions.iter().enumerate() {
            let Some(acks) = acknowledged.get(name).filter(|_| recovery.partitions.contains(name)) else {
                continue;
            };
            let before = acks.iter().filter(|(at, _)| (recovery.began..=until).contains(at));
            let Some(target) = before.map(|(_, offset)| *offset).max() else { continue };
            let mut reads = reader.reads.iter().filter(|read| read.partition as usize == index);
            let reached = reads.find(|read| read.at >= recovery.began && read.offset.0 >= target)?.at;
            last = last.max(Some(reached));
        }
    }
    last
}
