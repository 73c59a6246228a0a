//! `high-watermark-never-back`: what counts as committed stays committed.
//!
//! Source: D3, W5 LeaderCompleteness, MonotonicHighWatermark of Kafka's KRaft simulation. The ghost is the true high
//! watermark: the furthest a legitimate leader (the controller's, in its epoch, with at least `min.insync.replicas`
//! in sync) has ever committed. Three ways to break it:
//! - a legitimate leader begins its epoch without the last committed batch: committed records are gone;
//! - a legitimate leader whose high watermark has reached the start of its epoch shows one below the true one;
//! - a consumer was given a record that never became committed.
//!
//! After a violation the lower mark counts, so that one loss is one violation.
//!
//! Why not stricter: a follower's high watermark may lag and go back (it follows its leader's, and it is not kept on
//! disk). A new leader's may be stale until it reaches the start of its epoch (KIP-207 hides it from clients). A
//! leader that does not know yet that it was deposed may commit what its old ISR fetched; if that becomes committed
//! under the new leader, consumers saw nothing wrong, so reads are judged by the mark at the end of the run, and
//! only where enough replicas are in sync to tell.

use std::collections::BTreeMap;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::scenario::Guarantee;
use crate::view::{ClusterView, Happening, PartitionView, What, partition_of};

/// What is remembered of a partition.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// The true high watermark, lowered to what is left after a violation.
    mark: Offset,
    /// The last batch below it, as the leader had it.
    last: Option<BatchId>,
    /// The epoch of the leader seen last, and its log end offset when it began.
    epoch: LeaderEpoch,
    start: Offset,
}

impl Watch {
    const NEW: Watch =
        Watch { mark: Offset::ZERO, last: None, epoch: LeaderEpoch::NONE, start: Offset::ZERO };
}

/// The checker.
#[derive(Debug, Default)]
pub struct HighWatermarkNeverBack {
    watches: BTreeMap<TopicPartition, Watch>,
    checked: u64,
    found: Found,
}

impl Checker for HighWatermarkNeverBack {
    fn guarantee(&self) -> Guarantee {
        Guarantee::HighWatermarkNeverBack
    }

    fn on_happening(&mut self, view: &ClusterView, happening: &Happening) {
        let What::Event(event) = &happening.what else { return };
        let relevant = matches!(
            event,
            Event::BecameLeader { .. }
                | Event::HighWatermark { .. }
                | Event::LeaderElected { .. }
                | Event::IsrChanged { .. }
                | Event::Truncated { .. }
        );
        let Some(partition) = partition_of(event).filter(|_| relevant) else { return };
        let Some(state) = view.partitions.get(partition) else { return };
        if !self.watches.contains_key(partition) {
            self.watches.insert(partition.clone(), Watch::NEW);
        }
        self.look(happening, event, partition, state);
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        self.judge_reads(run);
        self.found.finding(self.guarantee(), self.checked, "high watermarks of leaders and reads")
    }
}

impl HighWatermarkNeverBack {
    fn look(
        &mut self,
        happening: &Happening,
        event: &Event,
        partition: &TopicPartition,
        state: &PartitionView,
    ) {
        let Some((leader, replica)) = state.legitimate_leader() else { return };
        let Some(epoch) = replica.leads else { return };
        let Some(watch) = self.watches.get_mut(partition) else { return };
        self.checked += 1;
        // Its own word for where it begins: after a power failure its log may be longer than what is known of it.
        let begins = match event {
            Event::BecameLeader { start, .. } if happening.node == Some(leader) => Some(*start),
            _ => (watch.epoch != epoch).then(|| replica.end()),
        };
        if let Some(start) = begins {
            (watch.epoch, watch.start) = (epoch, start);
            let batch_at = |offset| replica.batch_at(offset).copied();
            let are_one = |one: &BatchId, other: &BatchId| state.are_one(one, other);
            if let Some((offset, text)) = gone(watch, partition, (leader, epoch, start), batch_at, are_one) {
                self.found.add(|| violation(happening.at, partition, leader, offset, text));
                watch.mark = watch.mark.min(start);
                watch.last = replica.batch_at(watch.mark.plus(-1)).copied();
            }
        }
        if !enough_in_sync(state) {
            return;
        }
        let high_watermark = replica.high_watermark;
        if high_watermark >= watch.start && high_watermark < watch.mark {
            let text = format!(
                "{partition}: broker {leader}, leader of epoch {epoch}, shows the high watermark {high_watermark} although {} was committed",
                watch.mark
            );
            self.found.add(|| violation(happening.at, partition, leader, high_watermark, text));
            watch.mark = high_watermark;
            watch.last = replica.batch_at(high_watermark.plus(-1)).copied();
        } else if high_watermark > watch.mark {
            watch.mark = high_watermark;
            watch.last = replica.batch_at(high_watermark.plus(-1)).copied();
        }
    }

    fn judge_reads(&mut self, run: &FinishedRun<'_>) {
        for reader in &run.history.readers {
            for read in &reader.reads {
                let Some(partition) = reader.partitions.get(read.partition as usize) else { continue };
                let Some(state) = run.view.partitions.get(partition) else { continue };
                if state.legitimate_leader().is_none() || !enough_in_sync(state) {
                    continue;
                }
                self.checked += 1;
                let mark = state.true_high_watermark;
                if read.offset >= mark {
                    self.found.add(|| Violation {
                        at: Some(read.at),
                        partition: Some(partition.clone()),
                        offset: Some(read.offset),
                        record: read.record,
                        ..Violation::saying(format!(
                            "reader {} was given offset {} of {partition}, and only what lies below {mark} was ever committed",
                            reader.name, read.offset
                        ))
                    });
                }
            }
        }
    }
}

fn enough_in_sync(state: &PartitionView) -> bool {
    let min = state.min_insync_replicas.min(state.replicas.len().max(1));
    state.committed.as_ref().is_some_and(|committed| committed.isr.len() >= min)
}

/// What a new leader lacks of what was committed, and from which offset on. A gap in what is known of its log proves nothing.
fn gone(
    watch: &Watch,
    partition: &TopicPartition,
    (leader, epoch, end): (NodeId, LeaderEpoch, Offset),
    batch_at: impl Fn(Offset) -> Option<BatchId>,
    are_one: impl Fn(&BatchId, &BatchId) -> bool,
) -> Option<(Offset, String)> {
    let mark = watch.mark;
    if end < mark {
        let text = format!(
            "{partition}: broker {leader} leads epoch {epoch} with a log that ends at {end}; the {} committed records from there to {mark} are gone",
            mark.since(end)
        );
        return Some((end, text));
    }
    let (ours, committed) = (batch_at(mark.plus(-1))?, watch.last?);
    (!are_one(&ours, &committed)).then(|| {
        let text = format!(
            "{partition}: broker {leader} leads epoch {epoch} and holds other records (epoch {}) at {} than were committed there (epoch {})",
            ours.epoch, ours.base, committed.epoch
        );
        (committed.base, text)
    })
}

fn violation(
    at: Instant,
    partition: &TopicPartition,
    leader: NodeId,
    offset: Offset,
    text: String,
) -> Violation {
    Violation {
        at: Some(at),
        partition: Some(partition.clone()),
        offset: Some(offset),
        broker: Some(leader),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::sample::Sample;

    /// Broker 1 leads epoch 0 and has committed offsets 0 and 1, which broker 2 holds too; 3 holds offset 0.
    fn committed_two() -> Sample {
        let mut sample = Sample::watching(HighWatermarkNeverBack::default());
        sample.elect(1, 0, &[1, 2]);
        for broker in [1, 2, 3] {
            sample.append(broker, 0, 0, 0, broker == 1);
        }
        for broker in [1, 2] {
            sample.append(broker, 1, 1, 0, broker == 1);
        }
        sample.high_watermark(1, 2);
        sample
    }

    #[test]
    fn a_high_watermark_that_rises_is_held() {
        let mut sample = committed_two();
        let finding = sample.finding();
        assert!(finding.checked > 0);
        assert_eq!(finding.violated, 0);
    }

    #[test]
    fn a_new_leader_with_a_stale_high_watermark_is_legal_until_it_reaches_the_start_of_its_epoch() {
        let mut sample = committed_two();
        sample.high_watermark(2, 1);
        sample.elect(2, 1, &[1, 2]);
        sample.high_watermark(2, 2);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_leader_that_shows_less_than_was_committed_is_found() {
        let mut sample = committed_two();
        sample.append(1, 2, 2, 0, true);
        sample.high_watermark(1, 1);
        let finding = sample.finding();
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(1))));
    }

    #[test]
    fn a_new_leader_that_lacks_committed_records_is_found_once() {
        let mut sample = committed_two();
        sample.elect(3, 1, &[3, 2]);
        sample.high_watermark(3, 1);
        sample.elect(3, 2, &[3, 2]);
        let finding = sample.finding();
        assert_eq!(finding.violated, 1);
        assert_eq!(
            (finding.violations[0].offset, finding.violations[0].broker),
            (Some(Offset(1)), Some(NodeId(3)))
        );
    }

    #[test]
    fn a_new_leader_that_holds_other_records_where_some_were_committed_is_found() {
        let mut sample = committed_two();
        sample.append(3, 1, 1, 7, true);
        sample.elect(3, 8, &[3, 2]);
        assert_eq!(sample.finding().violated, 1);
    }

    #[test]
    fn a_new_leader_without_records_that_were_never_committed_is_legal() {
        let mut sample = committed_two();
        sample.append(1, 2, 2, 0, true);
        sample.elect(2, 1, &[2, 1]);
        sample.truncate(1, 2);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_log_that_came_back_longer_after_a_power_failure_is_believed() {
        let mut sample = committed_two();
        sample.truncate(3, 0);
        sample.power_cycle(3, 2);
        let (partition, epoch) = (sample.partition.clone(), LeaderEpoch(1));
        let (leader, isr) = (Some(NodeId(3)), vec![NodeId(3), NodeId(2)]);
        let reason = tribunal_engine::event::ElectionReason::LeaderLost;
        sample.event(
            100,
            Event::LeaderElected { partition: partition.clone(), leader, epoch, isr: isr.clone(), reason },
        );
        sample.event(3, Event::BecameLeader { partition, epoch, start: Offset(2), isr });
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_follower_may_go_back() {
        let mut sample = committed_two();
        sample.high_watermark(2, 2);
        sample.high_watermark(2, 0);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_leader_with_too_few_in_sync_is_not_judged_by_its_high_watermark() {
        let mut sample = committed_two();
        let partition = sample.partition.clone();
        let (isr, partition_epoch) = (vec![NodeId(1)], tribunal_engine::epoch::PartitionEpoch(9));
        sample.event(100, Event::IsrChanged { partition, isr, partition_epoch });
        sample.append(1, 2, 2, 0, true);
        sample.high_watermark(1, 3);
        sample.elect(2, 1, &[2, 1]);
        assert_eq!(sample.finding().violated, 0);
    }

    #[test]
    fn a_consumer_that_was_given_what_never_became_committed_is_found() {
        let mut sample = committed_two();
        sample.reader("audit", &[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
        let finding = sample.finding();
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(2))));
    }

    #[test]
    fn a_record_read_before_its_commit_was_known_is_legal() {
        let mut sample = committed_two();
        sample.reader("audit", &[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
        for broker in [1, 2] {
            sample.append(broker, 2, 2, 0, broker == 1);
        }
        sample.high_watermark(1, 3);
        assert_eq!(sample.finding().violated, 0);
    }
}
