//! `no-acked-record-lost`: an acknowledged record is among what a fresh reader finds at the end.
//!
//! Source: Jepsen's `lost-write` and `unseen`; W5 LeaderCompleteness of the KIP-966 specification seen from the
//! client. The final read goes to the end of every partition after the faults are over, so "not yet read" and
//! "lost" are told apart, which Jepsen's `unseen` cannot do.
//!
//! Why not stricter: only acknowledged sends count. A send that ended in an error or a timeout is indefinite: the
//! record may be there or not. The record may lie at any offset of its partition (that it lies where the
//! acknowledgement says is `offset-means-one-record`). Records of a partition that could not be read to its end
//! are neither found nor lost and do not count as checked. A record of a compacted topic whose key was written again
//! later has made way for that one (`cleanup.policy=compact`). Whether acks allowed the loss is for `promise`.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{History, ProducerInfo, RecordId, Send};
use crate::scenario::Guarantee;

/// An acknowledged record that is not there at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost<'a> {
    /// Who sent it.
    pub(crate) producer: &'a ProducerInfo,
    /// The send.
    pub(crate) send: &'a Send,
    /// Where it was acknowledged.
    pub(crate) partition: &'a TopicPartition,
    /// The offset of the acknowledgement; none for acks=0.
    pub(crate) offset: Option<Offset>,
}

/// How many acknowledged records could be looked for, and those that were not found, by the time of their
/// acknowledgement.
pub(crate) fn lost(history: &History) -> (u64, Vec<Lost<'_>>) {
    let mut checked = 0;
    let mut lost = Vec::new();
    if history.final_reads.is_empty() {
        return (checked, lost);
    }
    let mut present: BTreeMap<&TopicPartition, Vec<RecordId>> = BTreeMap::new();
    for (partition, records) in &history.final_reads {
        let mut ids: Vec<RecordId> = records.iter().filter_map(|(_, record)| *record).collect();
        ids.sort_unstable();
        present.insert(partition, ids);
    }
    for (producer, send) in history.load_sends() {
        let Some((partition, offset)) = send.acknowledged() else { continue };
        if history.unread.contains(partition) {
            continue;
        }
        checked += 1;
        if present.get(partition).is_none_or(|ids| ids.binary_search(&send.record).is_err()) {
            lost.push(Lost { producer, send, partition, offset });
        }
    }
    let latest = latest_of_keys(history);
    lost.retain(|lost| !is_overwritten(&latest, lost));
    lost.sort_by_key(|lost| (lost.send.completed, lost.send.record));
    (checked, lost)
}

/// The last offset of each key in what was read at the end of compacted partitions.
fn latest_of_keys(history: &History) -> BTreeMap<(&TopicPartition, u64), Offset> {
    let mut latest: BTreeMap<(&TopicPartition, u64), Offset> = BTreeMap::new();
    let compacted = history.final_reads.iter().filter(|(partition, _)| history.compacted.contains(partition));
    for (partition, records) in compacted {
        for (offset, record) in records {
            if let Some(key) = record.and_then(|record| history.send(record)?.key) {
                let last = latest.entry((partition, key)).or_insert(*offset);
                *last = (*last).max(*offset);
            }
        }
    }
    latest
}

/// A record of a compacted partition that made way for a later one of its key is not lost: it is what
/// `cleanup.policy=compact` asks for. Without the offset of its acknowledgement any record of the key may be later.
fn is_overwritten(latest: &BTreeMap<(&TopicPartition, u64), Offset>, lost: &Lost<'_>) -> bool {
    let last = lost.send.key.and_then(|key| latest.get(&(lost.partition, key)));
    last.is_some_and(|last| lost.offset.is_none_or(|offset| offset < *last))
}

/// The checker.
#[derive(Debug, Default)]
pub struct NoAckedRecordLost;

impl Checker for NoAckedRecordLost {
    fn guarantee(&self) -> Guarantee {
        Guarantee::NoAckedRecordLost
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, lost) = lost(run.history);
        let mut found = Found::default();
        for lost in lost {
            found.add(|| violation(&lost));
        }
        found.finding(self.guarantee(), checked, "acknowledged records")
    }
}

fn violation(lost: &Lost<'_>) -> Violation {
    let Lost { producer, send, partition, offset } = lost;
    let place = match offset {
        Some(offset) => format!("at offset {offset} of {partition}"),
        None => format!("for {partition}, without an offset"),
    };
    let text = format!(
        "{} of {} (acks={}) was acknowledged {place} and is not in the log at the end",
        send.record, producer.name, producer.acks
    );
    Violation {
        at: send.completed,
        partition: Some((*partition).clone()),
        offset: *offset,
        record: Some(send.record),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::message::Acks;

    use super::*;
    use crate::checker::sample::Sample;

    fn finding(sample: &Sample) -> Finding {
        sample.finish(NoAckedRecordLost)
    }

    #[test]
    fn acknowledged_records_that_are_read_at_the_end_are_held() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        for offset in 0..3 {
            sample.acked(producer, offset);
        }
        sample.log_is(&[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
        let finding = finding(&sample);
        assert_eq!((finding.checked, finding.violated), (3, 0));
    }

    #[test]
    fn an_acknowledged_record_that_is_not_there_is_found() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::Leader);
        sample.acked(producer, 0);
        let lost = sample.acked(producer, 1);
        sample.log_is(&[(0, 0, 0)]);
        let finding = finding(&sample);
        assert_eq!((finding.checked, finding.violated), (2, 1));
        assert_eq!(finding.violations[0].record, Some(lost));
        assert_eq!(finding.violations[0].offset, Some(Offset(1)));
    }

    #[test]
    fn a_loss_of_everything_is_found_in_an_empty_partition() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::Leader);
        sample.acked(producer, 0);
        sample.log_is(&[]);
        assert_eq!(finding(&sample).violated, 1);
    }

    #[test]
    fn a_send_without_an_answer_may_be_absent_or_appear_later() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.unknown(producer);
        sample.unknown(producer);
        sample.acked(producer, 0);
        sample.log_is(&[(0, 0, 2), (1, 0, 1)]);
        let finding = finding(&sample);
        assert_eq!((finding.checked, finding.violated), (1, 0));
    }

    #[test]
    fn a_record_acknowledged_without_offset_is_found_wherever_it_lies() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::None);
        sample.acked_without_offset(producer);
        sample.acked_without_offset(producer);
        sample.log_is(&[(7, 0, 0)]);
        assert_eq!((finding(&sample).checked, finding(&sample).violated), (2, 1));
    }

    #[test]
    fn a_partition_that_could_not_be_read_to_its_end_proves_nothing() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        sample.log_is(&[]);
        sample.history.unread.push(sample.partition.clone());
        assert_eq!((finding(&sample).checked, finding(&sample).violated), (0, 0));
    }

    #[test]
    fn without_a_final_read_nothing_was_checked() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        assert_eq!((finding(&sample).checked, finding(&sample).violated), (0, 0));
    }

    #[test]
    fn gaps_between_acknowledged_offsets_are_legal() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        sample.acked(producer, 9);
        sample.log_is(&[(0, 0, 0), (9, 0, 1)]);
        assert_eq!(finding(&sample).violated, 0);
    }

    /// Producer's records 0 and 1 have one key, 2 has another; only 1 is left.
    fn overwritten(compacted: bool) -> Finding {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        for offset in 0..3 {
            sample.acked(producer, offset);
        }
        for (sequence, key) in [1, 1, 2].into_iter().enumerate() {
            sample.history.sends[0][sequence].key = Some(key);
        }
        sample.log_is(&[(1, 0, 1)]);
        if compacted {
            sample.history.compacted.insert(sample.partition.clone());
        }
        finding(&sample)
    }

    #[test]
    fn a_record_that_made_way_for_a_later_one_of_its_key_is_not_lost() {
        let finding = overwritten(true);
        assert_eq!((finding.checked, finding.violated), (3, 1));
        assert_eq!(finding.violations[0].offset, Some(Offset(2)), "nothing came after this one");
    }

    #[test]
    fn without_compaction_a_later_record_of_the_key_excuses_nothing() {
        assert_eq!(overwritten(false).violated, 2);
    }
}
