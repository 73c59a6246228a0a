//! `offset-means-one-record`: an offset of a partition stands for one record, whoever looks and whenever.
//!
//! Source: Jepsen's `inconsistent-offsets` (J1), W10 ConsistentRead, D10. Every read of every reader counts, also
//! of one that failed later ("pollers are always supposed to emit safe data"), the final read, and the offset of
//! every acknowledgement.
//!
//! Two kinds are told apart, because they weigh differently: two readers who found different records (J1p), and an
//! acknowledgement whose offset holds another record (J1s), which is what a lost record leaves when its offset is
//! used again. In a violation of the second kind `record` is the acknowledged record; in the first it is none.
//!
//! Why not stricter: an acknowledged offset that nobody could read is no disagreement (it may be a gap or a loss),
//! and acknowledgements without an offset (acks=0) say nothing. Offsets seen once are not counted as checked.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::history::{History, RecordId};
use crate::scenario::Guarantee;

/// Who said that a record is at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Witness<'a> {
    Acknowledgement,
    Reader(&'a str),
    FinalReader,
}

impl Witness<'_> {
    fn name(self) -> String {
        match self {
            Witness::Acknowledgement => "the acknowledgement".to_owned(),
            Witness::Reader(name) => format!("reader {name}"),
            Witness::FinalReader => "the final read".to_owned(),
        }
    }
}

/// A record seen at an offset.
#[derive(Clone, Copy, Debug)]
struct Sighting<'a> {
    offset: Offset,
    record: Option<RecordId>,
    at: Option<Instant>,
    witness: Witness<'a>,
}

/// An offset that stood for two records.
#[derive(Clone, Debug)]
pub(crate) struct Disagreement {
    /// Where.
    pub(crate) partition: TopicPartition,
    /// The offset.
    pub(crate) offset: Offset,
    /// When the second record was seen, or the acknowledgement came.
    pub(crate) at: Option<Instant>,
    /// The acknowledged record whose place holds another; none if two readers disagree.
    pub(crate) acknowledged: Option<RecordId>,
    /// The sentence.
    pub(crate) text: String,
}

/// How many offsets were seen more than once, and every disagreement about one.
pub(crate) fn disagreements(history: &History) -> (u64, Vec<Disagreement>) {
    let mut checked = 0;
    let mut disagreements = Vec::new();
    for (partition, mut sightings) in sightings(history) {
        sightings.sort_by_key(|sighting| sighting.offset);
        for group in sightings.chunk_by(|a, b| a.offset == b.offset) {
            if group.len() > 1 {
                checked += 1;
                compare(partition, group, &mut disagreements);
            }
        }
    }
    (checked, disagreements)
}

fn sightings(history: &History) -> BTreeMap<&TopicPartition, Vec<Sighting<'_>>> {
    let mut all: BTreeMap<&TopicPartition, Vec<Sighting<'_>>> = BTreeMap::new();
    for send in history.sends.iter().flatten() {
        if let Some((partition, Some(offset))) = send.acknowledged() {
            let (record, at, witness) = (Some(send.record), send.completed, Witness::Acknowledgement);
            all.entry(partition).or_default().push(Sighting { offset, record, at, witness });
        }
    }
    for reader in &history.readers {
        for read in &reader.reads {
            let Some(partition) = reader.partitions.get(read.partition as usize) else { continue };
            let (offset, record, at) = (read.offset, read.record, Some(read.at));
            let witness = Witness::Reader(&reader.name);
            all.entry(partition).or_default().push(Sighting { offset, record, at, witness });
        }
    }
    for (partition, records) in &history.final_reads {
        let witness = Witness::FinalReader;
        let seen = records.iter().map(|(offset, record)| Sighting {
            offset: *offset,
            record: *record,
            at: None,
            witness,
        });
        all.entry(partition).or_default().extend(seen);
    }
    all
}

fn compare(partition: &TopicPartition, group: &[Sighting<'_>], disagreements: &mut Vec<Disagreement>) {
    let (acks, reads): (Vec<Sighting<'_>>, Vec<Sighting<'_>>) =
        group.iter().partition(|sighting| sighting.witness == Witness::Acknowledgement);
    let mut distinct: Vec<Sighting<'_>> = Vec::new();
    for read in &reads {
        if distinct.iter().all(|known| known.record != read.record) {
            distinct.push(*read);
        }
    }
    let mut report = |acknowledged, one: &Sighting<'_>, other: &Sighting<'_>| {
        let text = format!(
            "offset {} of {partition}: {} says {}, {} says {}",
            one.offset,
            one.witness.name(),
            name_of(one.record),
            other.witness.name(),
            name_of(other.record)
        );
        let at = if acknowledged { one.at } else { other.at };
        let acknowledged = one.record.filter(|_| acknowledged);
        disagreements.push(Disagreement {
            partition: partition.clone(),
            offset: one.offset,
            at,
            acknowledged,
            text,
        });
    };
    for pair in distinct.windows(2) {
        if let [one, other] = pair {
            report(false, one, other);
        }
    }
    // What the last of the readers found is the measure; without readers, the last acknowledgement.
    let Some(measure) = reads.last().or(acks.last()) else { return };
    for ack in &acks {
        if ack.record != measure.record && distinct.iter().all(|read| read.record != ack.record) {
            report(true, ack, measure);
        }
    }
}

fn name_of(record: Option<RecordId>) -> String {
    record.map_or_else(|| "a record that is none of ours".to_owned(), |record| record.to_string())
}

/// The checker.
#[derive(Debug, Default)]
pub struct OffsetMeansOneRecord;

impl Checker for OffsetMeansOneRecord {
    fn guarantee(&self) -> Guarantee {
        Guarantee::OffsetMeansOneRecord
    }

    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding {
        let (checked, disagreements) = disagreements(run.history);
        let mut found = Found::default();
        for Disagreement { partition, offset, at, acknowledged, text } in disagreements {
            found.add(|| Violation {
                at,
                partition: Some(partition),
                offset: Some(offset),
                record: acknowledged,
                ..Violation::saying(text)
            });
        }
        found.finding(self.guarantee(), checked, "offsets seen more than once")
    }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::message::Acks;

    use super::*;
    use crate::checker::sample::Sample;

    fn finding(sample: &Sample) -> Finding {
        sample.finish(OffsetMeansOneRecord)
    }

    #[test]
    fn acknowledgement_reader_and_final_read_that_agree_are_held() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        sample.reader("audit", &[(0, 0, 0)]);
        sample.log_is(&[(0, 0, 0)]);
        assert_eq!((finding(&sample).checked, finding(&sample).violated), (1, 0));
    }

    #[test]
    fn two_readers_who_disagree_are_found_and_name_no_acknowledged_record() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::All);
        sample.unknown(producer);
        sample.unknown(producer);
        sample.reader("audit", &[(0, 0, 0)]);
        sample.log_is(&[(0, 0, 1)]);
        let finding = finding(&sample);
        assert_eq!((finding.violated, finding.violations[0].record), (1, None));
        assert!(finding.violations[0].text.contains("reader audit says p0#0, the final read says p0#1"));
    }

    #[test]
    fn an_acknowledged_offset_that_holds_another_record_is_found() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::Leader);
        let lost = sample.acked(producer, 0);
        sample.acked(producer, 0);
        sample.log_is(&[(0, 0, 1)]);
        let finding = finding(&sample);
        assert_eq!((finding.violated, finding.violations[0].record), (1, Some(lost)));
    }

    #[test]
    fn two_acknowledgements_of_one_offset_are_found_without_any_reader() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::Leader);
        sample.acked(producer, 5);
        sample.acked(producer, 5);
        assert_eq!(finding(&sample).violated, 1);
    }

    #[test]
    fn an_acknowledged_offset_that_nobody_reads_is_no_disagreement() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::Leader);
        sample.acked(producer, 5);
        sample.log_is(&[(0, 0, 0)]);
        assert_eq!((finding(&sample).checked, finding(&sample).violated), (0, 0));
    }

    #[test]
    fn an_acknowledgement_without_offset_says_nothing() {
        let mut sample = Sample::new();
        let producer = sample.producer(Acks::None);
        sample.acked_without_offset(producer);
        sample.reader("audit", &[(0, 0, 0)]);
        sample.log_is(&[(0, 0, 0)]);
        assert_eq!(finding(&sample).violated, 0);
    }
}
