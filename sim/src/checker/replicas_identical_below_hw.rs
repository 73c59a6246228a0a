//! `replicas-identical-below-hw`: any two replicas agree below the lower of their high watermarks.
//!
//! Source: W8 LogMatching of the KIP-966 specification, StrongIsr of the replication specification; D4. Batches are
//! compared by identity (offsets, leader epoch, CRC of the content) whenever a high watermark rises, and the logs
//! as the disks hold them byte by byte at the end. A violation of the first kind has its moment in `at`; one found
//! on the disks at the end has none.
//!
//! What two replicas have been found to agree on is remembered, so that each batch is compared once for each pair
//! and each time it is written: a rise costs a search (logarithmic) and the batches it adds.
//!
//! Replicas of a compacted topic are compacted each on its own. There batches are compared by their place and epoch, and
//! the disks record by record, where both still hold one.
//!
//! Why not stricter: above the high watermark replicas may differ, and records there may be truncated: nobody was
//! promised them. Each replica's own high watermark counts, not the true one: a replica that lags or has just
//! returned may hold a tail it has yet to cut. A replica that is down has no high watermark (it is not kept on
//! disk; on return it starts at 0). If a machine's power failure brought back bytes whose truncation was never
//! synced, what lies there is unknown until the end and is left to the comparison of the disks.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_engine::event::{BatchId, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::{Record, RecordBatch, batches};
use tribunal_engine::time::Instant;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::scenario::Guarantee;
use crate::view::{ClusterView, Happening, PartitionView, ReplicaView, What};

/// Up to where each pair (lower id first) is known to agree.
type Agreed = BTreeMap<(NodeId, NodeId), Offset>;

/// The checker.
#[derive(Debug, Default)]
pub struct ReplicasIdentical {
    agreed: BTreeMap<TopicPartition, Agreed>,
    checked: u64,
    found: Found,
}

impl Checker for ReplicasIdentical {
    fn guarantee(&self) -> Guarantee {
        Guarantee::ReplicasIdenticalBelowHighWatermark
    }

    fn on_happening(&mut self, view: &ClusterView, happening: &Happening) {
        let (What::Event(event), Some(broker)) = (&happening.what, happening.node) else { return };
        match event {
            Event::Truncated { partition, .. } | Event::Recovered { partition, .. } => {
                let Some(replica) = view.partitions.get(partition).and_then(|p| p.replicas.get(&broker))
                else {
                    return;
                };
                let Some(agreed) = self.agreed.get_mut(partition) else { return };
                for (pair, end) in agreed.iter_mut() {
                    if pair.0 == broker || pair.1 == broker {
                        *end = (*end).min(replica.end());
                    }
                }
            }
            Event::HighWatermark { partition, .. } => {
                if let Some(state) = view.partitions.get(partition) {
                    self.compare_with_others(happening.at, partition, state, broker);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        for (partition, state) in &run.view.partitions {
            self.compare_disks(run, partition, state);
        }
        self.found.finding(self.guarantee(), self.checked, "batches compared between two replicas")
    }
}

/// Where a replica's committed part ends, as it knows it itself; nothing for one that is down.
fn committed_end(replica: &ReplicaView) -> Option<Offset> {
    replica.up.then(|| replica.high_watermark.min(replica.end()))
}

impl ReplicasIdentical {
    fn compare_with_others(
        &mut self,
        at: Instant,
        partition: &TopicPartition,
        state: &PartitionView,
        broker: NodeId,
    ) {
        let Some(replica) = state.replicas.get(&broker) else { return };
        let Some(end) = committed_end(replica) else { return };
        if !self.agreed.contains_key(partition) {
            self.agreed.insert(partition.clone(), Agreed::new());
        }
        let Some(agreed) = self.agreed.get_mut(partition) else { return };
        for (other, other_replica) in &state.replicas {
            let Some(other_end) = committed_end(other_replica).filter(|_| *other != broker) else { continue };
            let known = agreed.entry((broker.min(*other), broker.max(*other))).or_insert(Offset::ZERO);
            let end = end.min(other_end);
            if end <= *known {
                continue;
            }
            let (compared, difference) = first_difference(state, replica, other_replica, (*known, end));
            *known = end;
            self.checked += compared;
            if let Some((ours, theirs)) = difference {
                self.found.add(|| {
                    let text = format!(
                        "{partition}: below offset {end}, which both count as committed, broker {broker} holds {} and broker {other} holds {}",
                        describe(&ours),
                        describe(&theirs)
                    );
                    Violation {
                        at: Some(at),
                        partition: Some(partition.clone()),
                        offset: Some(ours.base.max(theirs.base)),
                        broker: Some(broker),
                        ..Violation::saying(text)
                    }
                });
            }
        }
    }

    fn compare_disks(&mut self, run: &FinishedRun<'_>, partition: &TopicPartition, state: &PartitionView) {
        let disk = |broker: NodeId| run.replica_logs.get(&(partition.clone(), broker));
        let present = |broker: &NodeId| {
            let replica = state.replicas.get(broker)?;
            Some((*broker, replica, committed_end(replica)?, disk(*broker)?))
        };
        let leader = state.legitimate_leader().map(|(leader, _)| leader);
        let reference = leader.iter().chain(state.replicas.keys()).find_map(present);
        let Some((first, first_replica, first_end, first_disk)) = reference else { return };
        for (other, _, other_end, other_disk) in state.replicas.keys().filter_map(present) {
            if other == first {
                continue;
            }
            let end = first_end.min(other_end);
            self.checked += first_replica.log.partition_point(|batch| batch.last < end) as u64;
            let difference = if state.is_compacted() {
                first_different_record(first_disk, other_disk, end)
            } else {
                first_difference_on_disk(first_disk, other_disk, end)
            };
            if let Some((offset, difference)) = difference {
                self.found.add(|| {
                    let text = format!(
                        "{partition}: at the end the disks of brokers {first} and {other} differ at offset {offset}, below {end}, which both count as committed: {difference}"
                    );
                    Violation {
                        partition: Some(partition.clone()),
                        offset: Some(offset),
                        broker: Some(other),
                        ..Violation::saying(text)
                    }
                });
            }
        }
    }
}

/// Compares the batches of `one` in `from..end` with what `other` holds there. Gives how many, and the first pair
/// that differs.
fn first_difference(
    state: &PartitionView,
    one: &ReplicaView,
    other: &ReplicaView,
    (from, end): (Offset, Offset),
) -> (u64, Option<(BatchId, BatchId)>) {
    let start = one.log.partition_point(|batch| batch.last < from);
    let mut theirs = other.log.partition_point(|batch| batch.last < from);
    let mut compared = 0;
    for batch in one.log.iter().skip(start).take_while(|batch| batch.last < end) {
        while other.log.get(theirs).is_some_and(|candidate| candidate.last < batch.base) {
            theirs += 1;
        }
        // A gap is what the trace does not know, not what the replica does not hold.
        let Some(counterpart) = other.log.get(theirs).filter(|found| found.base <= batch.last) else {
            continue;
        };
        compared += 1;
        if !state.are_one(counterpart, batch) {
            return (compared, Some((*batch, *counterpart)));
        }
    }
    (compared, None)
}

/// The first offset below `end` at which the two logs differ.
fn first_difference_on_disk(one: &Bytes, other: &Bytes, end: Offset) -> Option<(Offset, String)> {
    let common = one.len().min(other.len());
    if one[..common] == other[..common] && one.len() == other.len() {
        return None;
    }
    let mut ours = batches(one.clone());
    let mut theirs = batches(other.clone());
    let mut position = Offset::ZERO;
    while position < end {
        match (ours.next().and_then(Result::ok), theirs.next().and_then(Result::ok)) {
            (Some(a), Some(b)) if a == b => position = a.next_offset(),
            (Some(a), Some(b)) => {
                let at = position.max(a.base_offset().min(b.base_offset()));
                let same = "the same header and other bytes".to_owned();
                let text = if a.id() == b.id() { same } else { both(&a, &b) };
                return (at < end).then_some((at, text));
            }
            (Some(a), None) => return Some((position, format!("the second lacks {}", describe(&a.id())))),
            (None, Some(b)) => return Some((position, format!("the first lacks {}", describe(&b.id())))),
            (None, None) => return Some((position, "neither holds a whole batch there".to_owned())),
        }
    }
    None
}

/// The first offset below `end` at which both logs hold a record, and not the same. Each replica is compacted on its own:
/// what one of them lacks has made way for a later record.
fn first_different_record(one: &Bytes, other: &Bytes, end: Offset) -> Option<(Offset, String)> {
    let ours: BTreeMap<Offset, Record> = records(one).map(|record| (record.offset, record)).collect();
    let mut theirs = records(other).take_while(|record| record.offset < end);
    let different = theirs.find(|record| ours.get(&record.offset).is_some_and(|held| held != record))?;
    Some((different.offset, "they hold different records there".to_owned()))
}

fn records(log: &Bytes) -> impl Iterator<Item = Record> {
    let batches = batches(log.clone()).filter_map(Result::ok);
    batches.filter_map(|batch| batch.records().ok()).flatten().filter_map(Result::ok)
}

fn both(a: &RecordBatch, b: &RecordBatch) -> String {
    format!("{} and {}", describe(&a.id()), describe(&b.id()))
}

fn describe(batch: &BatchId) -> String {
    format!("{}..={} of epoch {} (crc {:08x})", batch.base, batch.last, batch.epoch, batch.crc)
}

#[cfg(test)]
mod tests {
    use tribunal_engine::epoch::LeaderEpoch;
    use tribunal_engine::record::{BatchBuilder, Compression};
    use tribunal_engine::time::Timestamp;

    use super::*;
    use crate::checker::sample::Sample;

    /// Brokers 1 and 2 hold offsets 0 and 1 alike and count both as committed.
    fn two_alike() -> Sample {
        let mut sample = Sample::watching(ReplicasIdentical::default());
        sample.elect(1, 0, &[1, 2]);
        for broker in [1, 2] {
            sample.append(broker, 0, 0, 0, broker == 1);
            sample.append(broker, 1, 1, 0, broker == 1);
            sample.high_watermark(broker, 2);
        }
        sample
    }

    fn disk(values: &[&str]) -> Bytes {
        let batch = |(base, value): (i64, &&str)| {
            let mut builder = BatchBuilder::new(Compression::None);
            builder.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
            let batch = RecordBatch::parse(builder.build()).expect("a sound batch");
            batch.with_position(Offset(base), LeaderEpoch(0)).to_bytes()
        };
        (0..).zip(values).map(batch).collect::<Vec<Bytes>>().concat().into()
    }

    fn with_disks(disks: [&[&str]; 2]) -> Finding {
        let mut sample = two_alike();
        for (broker, values) in (1..).zip(disks) {
            sample.replica_logs.insert((sample.partition.clone(), NodeId(broker)), disk(values));
        }
        sample.finding()
    }

    #[test]
    fn equal_replicas_are_held_and_each_batch_is_compared_once() {
        let mut sample = two_alike();
        let finding = sample.finding();
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }

    #[test]
    fn replicas_that_differ_below_both_high_watermarks_are_found() {
        let mut sample = two_alike();
        sample.append(3, 0, 0, 0, false);
        sample.append(3, 1, 1, 5, false);
        sample.high_watermark(3, 2);
        let finding = sample.finding();
        assert_eq!(finding.violated, 2, "broker 3 differs from 1 and from 2");
        assert_eq!(
            (finding.violations[0].offset, finding.violations[0].broker),
            (Some(Offset(1)), Some(NodeId(3)))
        );
        assert!(finding.violations[0].at.is_some());
    }

    #[test]
    fn replicas_may_differ_above_the_lower_high_watermark() {
        let mut sample = two_alike();
        sample.append(3, 0, 0, 0, false);
        sample.append(3, 1, 1, 5, false);
        sample.high_watermark(3, 1);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_tail_that_was_never_committed_may_be_truncated_and_written_anew() {
        let mut sample = two_alike();
        sample.append(1, 2, 3, 0, true);
        sample.elect(2, 1, &[2]);
        sample.append(2, 2, 2, 1, true);
        sample.truncate(1, 2);
        sample.append(1, 2, 2, 1, false);
        sample.high_watermark(2, 3);
        sample.high_watermark(1, 3);
        assert_eq!((sample.finding().violated), 0);
    }

    #[test]
    fn what_is_written_anew_after_a_truncation_is_compared_again() {
        let mut sample = two_alike();
        sample.truncate(1, 1);
        sample.high_watermark(1, 1);
        sample.append(1, 1, 1, 4, false);
        sample.high_watermark(1, 2);
        assert_eq!(sample.finding().violated, 1);
    }

    #[test]
    fn a_replica_that_is_down_has_no_high_watermark() {
        let mut sample = two_alike();
        sample.process(1, What::PowerLost);
        sample.append(3, 0, 0, 6, true);
        sample.process(2, What::Crashed);
        sample.high_watermark(3, 1);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_replica_that_returned_counts_only_what_it_commits_again() {
        let mut sample = two_alike();
        sample.power_cycle(2, 1);
        sample.append(2, 1, 1, 0, false);
        sample.high_watermark(2, 2);
        let finding = sample.finding();
        assert_eq!((finding.checked, finding.violated), (3, 0));
    }

    #[test]
    fn equal_disks_are_held() {
        let finding = with_disks([&["a", "b"], &["a", "b"]]);
        assert_eq!((finding.checked, finding.violated), (4, 0));
    }

    #[test]
    fn disks_that_differ_below_the_high_watermark_are_found_and_have_no_moment() {
        let finding = with_disks([&["a", "b"], &["a", "c"]]);
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(1))));
        assert_eq!(finding.violations[0].at, None);
    }

    #[test]
    fn a_disk_that_ends_before_the_high_watermark_is_found() {
        assert_eq!(with_disks([&["a", "b"], &["a"]]).violated, 1);
    }

    #[test]
    fn disks_may_differ_above_the_high_watermark() {
        assert_eq!(with_disks([&["a", "b", "c"], &["a", "b", "d"]]).violated, 0);
    }

    fn compacted(disks: [&[&str]; 2]) -> Finding {
        let mut sample = two_alike();
        let partition = sample.partition.clone();
        let (from, to) = (Offset(0), Offset(2));
        sample.event(1, Event::Compacted { partition, from, to, bytes_before: 2, bytes_after: 1 });
        for (broker, values) in (1..).zip(disks) {
            let all = disk(values);
            // What is called "" was compacted away.
            let kept = batches(all).map(|batch| batch.expect("sound"));
            let kept =
                kept.zip(values).filter(|(_, value)| !value.is_empty()).map(|(batch, _)| batch.to_bytes());
            let log: Bytes = kept.collect::<Vec<Bytes>>().concat().into();
            sample.replica_logs.insert((sample.partition.clone(), NodeId(broker)), log);
        }
        sample.finding()
    }

    #[test]
    fn replicas_that_were_compacted_each_on_its_own_are_held() {
        assert_eq!(compacted([&["", "b"], &["a", "b"]]).violated, 0);
    }

    #[test]
    fn compacted_replicas_that_hold_different_records_at_one_offset_are_found() {
        let finding = compacted([&["", "b"], &["a", "c"]]);
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(1))));
    }
}
