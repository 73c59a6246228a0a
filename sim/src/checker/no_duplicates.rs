//! `no-duplicates`: a record that was sent once stands once in the logs.
//!
//! Source: Jepsen's `duplicate` (a value at two offsets of one key); O2, O4. "Sent once" means one call of the
//! client: what the client itself repeats is what this is about.
//!
//! Why not stricter: only what is there at the end counts. A copy that was truncated harmed nobody for good, and a
//! consumer that reads the same offset twice (after a reset) has not met a duplicate in the log. Records with
//! equal content from two calls are two records: values are unique here.

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{History, RecordId};
use crate::scenario::Guarantee;

/// A further copy of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy<'a> {
    /// The record.
    pub(crate) record: RecordId,
    /// Where it stands first.
    pub(crate) first: (&'a TopicPartition, Offset),
    /// Where it stands again.
    pub(crate) again: (&'a TopicPartition, Offset),
}

/// How many records are there at the end, and every further copy of one.
pub(crate) fn copies(history: &History) -> (u64, Vec<Copy<'_>>) {
    let mut placed: Vec<(RecordId, &TopicPartition, Offset)> = Vec::new();
    for (partition, records) in &history.final_reads {
        let known = records.iter().filter_map(|(offset, record)| Some(((*record)?, partition, *offset)));
        placed.extend(known.filter(|(record, ..)| history.is_load(*record)));
    }
    placed.sort_unstable();
    let copies = placed.windows(2).filter_map(|pair| match pair {
        [first, again] if first.0 == again.0 => {
            Some(Copy { record: first.0, first: (first.1, first.2), again: (again.1, again.2) })
        }
        _ => None,
    });
    let copies: Vec<Copy<'_>> = copies.collect();
    ((placed.len() - copies.len()) as u64, copies)
}

/// The checker.
#[derive(Debug, Default)]
pub struct NoDuplicates;

impl Checker for NoDuplicates {
    fn guarantee(&self) -> Guarantee {
        Guarantee::NoDuplicates
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, copies) = copies(run.history);
        let mut found = Found::default();
        for Copy { record, first, again } in copies {
            found.add(|| {
                let text = format!(
                    "{record} was sent once and stands at offset {} of {} and again at offset {} of {}",
                    first.1, first.0, again.1, again.0
                );
                Violation {
                    partition: Some(again.0.clone()),
                    offset: Some(again.1),
                    record: Some(record),
                    ..Violation::saying(text)
                }
            });
        }
        found.finding(self.guarantee(), checked, "records")
    }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::message::Acks;

    use super::*;
    use crate::checker::sample::Sample;

    fn of_log(log: &[(i64, u32, u64)]) -> Finding {
        Sample::of_two_producers(log).finish(NoDuplicates)
    }

    #[test]
    fn records_that_stand_once_are_held() {
        let finding = of_log(&[(0, 0, 0), (1, 1, 0), (2, 0, 1)]);
        assert_eq!((finding.checked, finding.violated), (3, 0));
    }

    #[test]
    fn a_record_at_two_offsets_is_found() {
        let finding = of_log(&[(0, 0, 0), (1, 0, 1), (2, 0, 0)]);
        assert_eq!((finding.checked, finding.violated), (2, 1));
        assert_eq!(finding.violations[0].offset, Some(Offset(2)));
    }

    #[test]
    fn each_further_copy_counts() {
        assert_eq!(of_log(&[(0, 0, 0), (1, 0, 0), (2, 0, 0)]).violated, 2);
    }

    #[test]
    fn a_record_in_two_partitions_is_found() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        let record = sample.unknown(producer);
        sample.log_is(&[(0, 0, 0)]);
        let other = TopicPartition::new("orders", 1);
        sample.history.final_reads.insert(other, vec![(Offset(4), Some(record))]);
        assert_eq!(sample.finish(NoDuplicates).violated, 1);
    }

    #[test]
    fn reading_an_offset_twice_is_no_duplicate() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        sample.reader("audit", &[(0, 0, 0), (0, 0, 0)]);
        sample.log_is(&[(0, 0, 0)]);
        assert_eq!(sample.finish(NoDuplicates).violated, 0);
    }

    #[test]
    fn records_of_others_are_not_judged() {
        let mut sample = Sample::new();
        sample.log_is(&[]);
        let foreign = vec![(Offset(0), None), (Offset(1), None)];
        sample.history.final_reads.insert(sample.partition.clone(), foreign);
        assert_eq!((sample.finish(NoDuplicates).checked, sample.finish(NoDuplicates).violated), (0, 0));
    }
}
