//! `no-skipped-records`: a consumer that reads on from its position gets every record in between.
//!
//! Source: Jepsen's `poll-skip` and `int-poll-skip`. Two consecutive reads of one reader in one partition jump over an
//! offset that the final read holds. A member of a group is a reader of its own for as long as it owns a partition
//! without a break (`kafka.md` 1.7): where it begins is another guarantee's business.
//!
//! Why not stricter: offsets need not be dense, so a jump counts only if a record is known to lie in between. A
//! position that was set anew (`auto.offset.reset`) may jump. Reading starts where the reader first reads: what
//! lies below was never asked for. Going back is not skipping. Records above the last read are merely late.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{Delivery, History, MemberLife, Read, Reader};
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
        for walk in run.history.readers.iter().map(of_reader).chain(run.history.members.iter().map(of_member))
        {
            let mut last: BTreeMap<(u32, u32), &Step> = BTreeMap::new();
            for step in &walk.steps {
                let Some(before) = last.insert((step.stretch, step.partition), step) else { continue };
                checked += 1;
                let Some(partition) = walk.partitions.get(step.partition as usize) else { continue };
                let offsets = held.get(partition).map_or(&[][..], Vec::as_slice);
                let skipped = between(offsets, before.offset, step.offset);
                if !skipped.is_empty() && !walk.was_reset(before, step) {
                    found.add(|| violation(walk.name, partition, before, step, skipped));
                }
            }
        }
        found.finding(self.guarantee(), checked, "steps of readers")
    }
}

/// One record given to somebody who reads on.
struct Step {
    at: Instant,
    partition: u32,
    /// Which uninterrupted stretch of reading it belongs to.
    stretch: u32,
    offset: Offset,
}

/// Everything one client was given.
struct Walk<'a> {
    name: &'a str,
    partitions: &'a [TopicPartition],
    steps: Vec<Step>,
    /// Positions that were set anew, with the partition.
    resets: Vec<(Instant, u32)>,
}

impl Walk<'_> {
    fn was_reset(&self, before: &Step, step: &Step) -> bool {
        let between = |at: Instant| before.at <= at && at <= step.at;
        self.resets.iter().any(|(at, partition)| *partition == step.partition && between(*at))
    }
}

fn of_reader(reader: &Reader) -> Walk<'_> {
    let step = |read: &Read| Step { at: read.at, partition: read.partition, stretch: 0, offset: read.offset };
    Walk {
        name: &reader.name,
        partitions: &reader.partitions,
        steps: reader.reads.iter().map(step).collect(),
        resets: reader.resets.iter().map(|reset| (reset.at, reset.partition)).collect(),
    }
}

fn of_member(life: &MemberLife) -> Walk<'_> {
    let step = |delivery: &Delivery| Step {
        at: delivery.at,
        partition: delivery.partition,
        stretch: delivery.ownership,
        offset: delivery.offset,
    };
    Walk {
        name: &life.name,
        partitions: &life.partitions,
        steps: life.deliveries.iter().map(step).collect(),
        resets: life.resets.iter().map(|reset| (reset.at, reset.partition)).collect(),
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

fn violation(
    reader: &str,
    partition: &TopicPartition,
    before: &Step,
    step: &Step,
    skipped: &[Offset],
) -> Violation {
    let text = format!(
        "reader {reader} went from offset {} to {} of {partition} and skipped {} records that are in the log",
        before.offset,
        step.offset,
        skipped.len()
    );
    Violation {
        at: Some(step.at),
        partition: Some(partition.clone()),
        offset: skipped.first().copied(),
        ..Violation::saying(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::group::sample::GroupSample;
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

    #[test]
    fn a_member_that_jumps_while_it_owns_a_partition_skips() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.owns(life, 0, 1, (10, None));
        sample.is_given(life, 0, 0..1);
        sample.is_given(life, 0, 2..3);
        assert_eq!(sample.finish(NoSkippedRecords).violated, 1);
    }

    #[test]
    fn a_member_that_gets_a_partition_back_starts_anew() {
        let mut sample = GroupSample::new();
        sample.log_of(0, 4);
        let life = sample.life("billing-0", "a");
        sample.owns(life, 0, 1, (10, Some(20)));
        sample.is_given(life, 0, 0..1);
        sample.owns(life, 0, 3, (30, None));
        sample.is_given(life, 0, 2..3);
        assert_eq!(sample.finish(NoSkippedRecords).violated, 0);
    }
}
