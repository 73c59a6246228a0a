//! `no-skipped-records`: a consumer that reads on from its position gets every record in between.
//!
//! Source: Jepsen's `poll-skip` and `int-poll-skip` for consumers that assign themselves their partitions. Two
//! consecutive reads of one reader in one partition jump over an offset that the final read holds.
//!
//! Why not stricter: offsets need not be dense, so a jump counts only if a record is known to lie in between. A
//! position that was set anew (`auto.offset.reset`) may jump. Reading starts where the reader first reads: what
//! lies below was never asked for. Going back is not skipping. Records above the last read are merely late.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{History, Read, Reader};
use crate::scenario::Guarantee;

/// The checker.
#[derive(Debug, Default)]
pub struct NoSkippedRecords;

impl Checker for NoSkippedRecords {
    fn guarantee(&self) -> Guarantee {
        Guarantee::NoSkippedRecords
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let held = held(run.history);
        let mut checked = 0;
        let mut found = Found::default();
        for reader in &run.history.readers {
            let mut last: BTreeMap<u32, Read> = BTreeMap::new();
            for read in &reader.reads {
                let Some(before) = last.insert(read.partition, *read) else { continue };
                checked += 1;
                let Some(partition) = reader.partitions.get(read.partition as usize) else { continue };
                let offsets = held.get(partition).map_or(&[][..], Vec::as_slice);
                let skipped = between(offsets, before.offset, read.offset);
                if !skipped.is_empty() && !was_reset(reader, &before, read) {
                    found.add(|| violation(reader, partition, &before, read, skipped));
                }
            }
        }
        found.finding(self.guarantee(), checked, "steps of readers")
    }
}

/// Offsets of the final read, ascending.
fn held(history: &History) -> BTreeMap<&TopicPartition, Vec<Offset>> {
    let offsets = |records: &Vec<(Offset, _)>| {
        let mut offsets: Vec<Offset> = records.iter().map(|(offset, _)| *offset).collect();
        offsets.sort_unstable();
        offsets
    };
    history.final_reads.iter().map(|(partition, records)| (partition, offsets(records))).collect()
}

/// The offsets that lie strictly between the two.
fn between(offsets: &[Offset], after: Offset, before: Offset) -> &[Offset] {
    let from = offsets.partition_point(|offset| *offset <= after);
    let to = offsets.partition_point(|offset| *offset < before);
    offsets.get(from..to).unwrap_or_default()
}

fn was_reset(reader: &Reader, before: &Read, read: &Read) -> bool {
    let resets = reader.resets.iter().filter(|reset| reset.partition == read.partition);
    resets.into_iter().any(|reset| before.at <= reset.at && reset.at <= read.at)
}

fn violation(
    reader: &Reader,
    partition: &TopicPartition,
    before: &Read,
    read: &Read,
    skipped: &[Offset],
) -> Violation {
    let text = format!(
        "reader {} went from offset {} to {} of {partition} and skipped {} records that are in the log",
        reader.name,
        before.offset,
        read.offset,
        skipped.len()
    );
    Violation {
        at: Some(read.at),
        partition: Some(partition.clone()),
        offset: skipped.first().copied(),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::time::Instant;

    use super::*;
    use crate::checker::sample::Sample;
    use crate::history::Reset;

    const LOG: &[(i64, u32, u64)] = &[(0, 0, 0), (1, 0, 1), (2, 0, 2), (5, 0, 3)];

    fn reading(reads: &[(i64, u32, u64)]) -> Sample {
        let mut sample = Sample::new();
        sample.reader("audit", reads);
        sample.log_is(LOG);
        sample
    }

    #[test]
    fn a_reader_that_gets_everything_is_held() {
        let finding = reading(LOG).finish(NoSkippedRecords);
        assert_eq!((finding.checked, finding.violated), (3, 0));
    }

    #[test]
    fn a_jump_over_a_record_is_found() {
        let finding = reading(&[(0, 0, 0), (2, 0, 2)]).finish(NoSkippedRecords);
        assert_eq!((finding.violated, finding.violations[0].offset), (1, Some(Offset(1))));
    }

    #[test]
    fn a_jump_over_a_gap_is_legal() {
        assert_eq!(reading(&[(2, 0, 2), (5, 0, 3)]).finish(NoSkippedRecords).violated, 0);
    }

    #[test]
    fn what_lies_below_the_first_read_was_never_asked_for() {
        assert_eq!(reading(&[(2, 0, 2)]).finish(NoSkippedRecords).violated, 0);
    }

    #[test]
    fn going_back_and_reading_again_is_no_skip() {
        let reads = [(0, 0, 0), (1, 0, 1), (0, 0, 0), (1, 0, 1), (2, 0, 2)];
        assert_eq!(reading(&reads).finish(NoSkippedRecords).violated, 0);
    }

    #[test]
    fn a_position_that_was_set_anew_may_jump() {
        let mut sample = reading(&[(0, 0, 0), (5, 0, 3)]);
        // The sample's reads are at 1 s, 2 s, ...
        let at = Instant::from_nanos(1_500_000_000);
        sample.history.readers[0].resets.push(Reset { at, partition: 0, from: Offset(1), to: Offset(5) });
        assert_eq!(sample.finish(NoSkippedRecords).violated, 0);
    }

    #[test]
    fn a_reset_of_another_time_does_not_excuse_a_jump() {
        let mut sample = reading(&[(0, 0, 0), (5, 0, 3)]);
        let at = Instant::from_nanos(3_500_000_000);
        sample.history.readers[0].resets.push(Reset { at, partition: 0, from: Offset(1), to: Offset(5) });
        assert_eq!(sample.finish(NoSkippedRecords).violated, 1);
    }
}
