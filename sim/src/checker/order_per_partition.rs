//! `order-per-partition`: the records of one producer stand in a partition in the order in which they were sent.
//!
//! Source: Jepsen's `nonmonotonic-send`: two successive sends of one process to one key land in reverse order; O1.
//! The order of the sends is the order of the calls of one client; the order of the log is that of the final read.
//!
//! Why not stricter: a record that is there twice counts where it stands first (the second copy is `no-duplicates`).
//! Records that are missing are skipped (`no-acked-record-lost`). Nothing is said about records of different
//! producers or of different partitions: Kafka promises no order between them. Neighbours are compared, so that
//! one displaced record counts once or twice and not once for each record it passed.

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{History, RecordId};
use crate::scenario::Guarantee;

/// Two records of one producer in one partition that stand the wrong way round.
#[derive(Clone, Debug)]
pub(crate) struct Inversion<'a> {
    /// Where.
    pub(crate) partition: &'a TopicPartition,
    /// The one that was sent first, and where it stands.
    pub(crate) first: (RecordId, Offset),
    /// The next that was sent and is there, and where it stands.
    pub(crate) second: (RecordId, Offset),
}

/// How many pairs of neighbours were compared, and those that stand the wrong way round.
pub(crate) fn inversions(history: &History) -> (u64, Vec<Inversion<'_>>) {
    let mut checked = 0;
    let mut inversions = Vec::new();
    for (partition, records) in &history.final_reads {
        let mut placed: Vec<(RecordId, Offset)> = records
            .iter()
            .filter_map(|(offset, record)| Some(((*record)?, *offset)))
            .filter(|(record, _)| history.is_load(*record))
            .collect();
        placed.sort_unstable();
        placed.dedup_by_key(|(record, _)| *record);
        for pair in placed.windows(2) {
            let [first, second] = pair else { continue };
            if first.0.producer != second.0.producer {
                continue;
            }
            checked += 1;
            if second.1 < first.1 {
                inversions.push(Inversion { partition, first: *first, second: *second });
            }
        }
    }
    (checked, inversions)
}

/// The checker.
#[derive(Debug, Default)]
pub struct OrderPerPartition;

impl Checker for OrderPerPartition {
    fn guarantee(&self) -> Guarantee {
        Guarantee::OrderPerPartition
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, inversions) = inversions(run.history);
        let mut found = Found::default();
        for inversion in inversions {
            found.add(|| {
                let Inversion { partition, first, second } = inversion;
                let text = format!(
                    "{} was sent before {} and stands after it in {partition}: at offset {}, the other at {}",
                    first.0, second.0, first.1, second.1
                );
                Violation {
                    at: run.history.send(first.0).and_then(|send| send.completed),
                    partition: Some(partition.clone()),
                    offset: Some(first.1),
                    record: Some(first.0),
                    ..Violation::saying(text)
                }
            });
        }
        found.finding(self.guarantee(), checked, "pairs of records of one producer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::sample::Sample;

    fn of_log(log: &[(i64, u32, u64)]) -> Finding {
        Sample::of_two_producers(log).finish(OrderPerPartition)
    }

    #[test]
    fn records_in_the_order_of_their_sends_are_held() {
        let finding = of_log(&[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
        assert_eq!((finding.checked, finding.violated), (2, 0));
    }

    #[test]
    fn two_records_the_wrong_way_round_are_found() {
        let finding = of_log(&[(0, 0, 0), (1, 0, 2), (2, 0, 1)]);
        assert_eq!(finding.violated, 1);
        assert_eq!(finding.violations[0].record, Some(RecordId { producer: 0, sequence: 1 }));
        assert_eq!(finding.violations[0].offset, Some(Offset(2)));
    }

    #[test]
    fn records_of_different_producers_have_no_order() {
        assert_eq!(of_log(&[(0, 1, 3), (1, 0, 0), (2, 1, 4), (3, 0, 1)]).violated, 0);
    }

    #[test]
    fn a_missing_record_does_not_disturb_the_order() {
        assert_eq!(of_log(&[(0, 0, 0), (1, 0, 4)]).violated, 0);
    }

    #[test]
    fn a_second_copy_that_comes_later_is_no_inversion() {
        assert_eq!(of_log(&[(0, 0, 0), (1, 0, 1), (2, 0, 0)]).violated, 0);
    }

    #[test]
    fn a_single_record_tests_nothing() {
        assert_eq!(of_log(&[(0, 0, 0), (1, 1, 0)]).checked, 0);
    }
}
