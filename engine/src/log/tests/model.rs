//! Random histories of one log against a plain list of batches.
//!
//! The log knows few batches exactly and has an index entry for every few, so that reads, searches and cuts go both
//! ways: by exact places and by the index.

use proptest::prelude::*;

use super::*;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A leader appends this many records, in the current epoch.
    Append(i64),
    /// A new leader begins its epoch.
    StartEpoch,
    /// The log is cut at this share of its length, in percent (above 100: beyond the end).
    Truncate(i64),
    /// Everything is to be synced.
    Sync,
    /// So many operations end.
    Perform(usize),
    /// The process dies: what was not performed is lost.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_i64..4).prop_map(Step::Append),
        1 => Just(Step::StartEpoch),
        2 => (0_i64..120).prop_map(Step::Truncate),
        2 => Just(Step::Sync),
        4 => (1_usize..6).prop_map(Step::Perform),
        1 => Just(Step::Crash),
    ]
}

/// What the log should be.
struct Model {
    bench: Bench,
    /// A cut had to look for its place, and is not done on disk.
    unfinished_cut: bool,
    tail: usize,
    epoch: i32,
    salt: i64,
    /// Batches accepted.
    accepted: Vec<BatchId>,
    /// Batches in the operations emitted and not performed.
    emitted: VecDeque<BatchId>,
    /// Batches whose append was performed.
    written: Vec<BatchId>,
    /// Most that any sync may have made durable since the last cut.
    synced: Offset,
}

fn end_of(batches: &[BatchId]) -> Offset {
    batches.last().map_or(Offset(0), |batch| batch.last.next())
}

impl Model {
    /// A log that knows `tail` batches exactly.
    fn new(tail: usize) -> Self {
        let size = batch(2, 0).size();
        let settings = LogSettings {
            segment_bytes: 12 * size,
            index_interval_bytes: 2 * size as u64,
            ..LogSettings::default()
        };
        let mut bench = Bench::with(settings);
        bench.log.tail.limit(tail);
        let (emitted, synced) = (VecDeque::new(), Offset(0));
        Model {
            bench,
            unfinished_cut: false,
            tail,
            epoch: 0,
            salt: 0,
            accepted: vec![],
            emitted,
            written: vec![],
            synced,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(_) if self.bench.log.is_cutting() => {}
            Step::Append(count) => {
                self.salt += 1;
                let id = self.bench.append(*count, self.salt * 7 % 23, self.epoch);
                assert_eq!(id.base, end_of(&self.accepted));
                self.accepted.push(id);
                self.emitted.push_back(id);
            }
            Step::StartEpoch => {
                self.epoch += 1;
                self.bench.start_epoch(self.epoch);
            }
            Step::Truncate(percent) => {
                // Replicas agree on whole batches, so a cut is at the end of one.
                let target = Offset(end_of(&self.accepted).0 * percent / 100);
                self.accepted.retain(|batch| batch.last < target);
                let target = end_of(&self.accepted);
                self.bench.log.truncate_to(target, &mut self.bench.io);
                // A cut that has to find its place is done behind the epoch that is written after it.
                self.unfinished_cut |= self.bench.log.is_cutting();
            }
            Step::Sync => self.bench.log.sync(&mut self.bench.io),
            Step::Perform(count) => (0..*count).for_each(|_| self.perform()),
            Step::Crash => self.crash(),
        }
    }

    fn perform(&mut self) {
        let Some((op, completion)) = self.bench.perform_one() else { return };
        match (op, completion) {
            (DiskOp::Append { .. }, LogCompletion::Appended { .. }) => {
                self.written.extend(self.emitted.pop_front());
            }
            (DiskOp::Delete { file }, _) => {
                if let Some(base) = segment::Segment::base_of_name(&file.name) {
                    self.written.retain(|batch| batch.base < base);
                }
            }
            (DiskOp::Truncate { .. }, LogCompletion::Truncated { end, .. }) => {
                self.written.retain(|batch| batch.last < end);
                self.unfinished_cut &= self.bench.log.is_cutting() || self.bench.has_cuts_queued();
            }
            (_, LogCompletion::Synced { .. }) => self.synced = end_of(&self.written),
            _ => {}
        }
        self.synced = self.synced.min(end_of(&self.written));
    }

    /// Recovery finds exactly the batches that were written, and takes them for durable. If a cut was under way, a
    /// later epoch may be the proof that some of them were to go.
    fn crash(&mut self) {
        let cutting = std::mem::take(&mut self.unfinished_cut);
        self.bench.queue.clear();
        self.bench.io.drain().for_each(drop);
        self.emitted.clear();
        let (log, cut) = self.bench.recover();
        assert!(cut.is_none() || cutting, "{cut:?}");
        self.written.retain(|batch| batch.last < log.end_offset());
        assert_eq!(log.end_offset(), end_of(&self.written));
        self.accepted = self.written.clone();
        self.bench.log = log;
        self.bench.log.tail.limit(self.tail);
        self.synced = end_of(&self.written);
        self.epoch = self.epoch.max(0) + 1;
        self.bench.start_epoch(self.epoch);
    }

    fn check(&self) {
        let log = &self.bench.log;
        log.invariants();
        let expected: Vec<_> = self.accepted.iter().map(|id| (id.base, id.last.next(), id.epoch)).collect();
        assert!(expected.ends_with(&index_of(log)), "{expected:?} ends with {:?}", index_of(log));
        assert_eq!(log.end_offset(), end_of(&self.accepted));
        let progress = log.progress();
        assert!(progress.submitted() <= end_of(&self.written), "nothing is submitted that was not written");
        assert!(progress.durable() <= self.synced, "nothing is durable that was not synced");
        for batch in &self.accepted {
            assert_eq!(log.epochs().epoch_at(batch.base), Some(batch.epoch));
        }
        self.check_reads();
    }

    /// Reading from the start yields the submitted batches, whatever else is going on.
    fn check_reads(&self) {
        let mut from = Offset(0);
        let mut read = Vec::new();
        while let Ok(Some(plan)) = self.bench.log.read(from, 200, self.bench.log.end_offset()) {
            let yielded = self.bench.read(&plan);
            assert!(!yielded.is_empty(), "a plan yields at least one batch");
            read.extend(yielded);
            from = end_of(&read);
        }
        let submitted = self.bench.log.progress().submitted();
        let expected: Vec<_> = self.accepted.iter().filter(|batch| batch.last < submitted).copied().collect();
        assert_eq!(read, expected);
    }

    /// A search finds the first record at that time or later, if everything is written.
    fn check_searches(&self) {
        let all: Vec<Found> = self.accepted.iter().flat_map(|id| self.records_of(id)).collect();
        let newest = all.iter().map(|(_, timestamp, _)| *timestamp).max();
        for target in 0..40 {
            let expected = all.iter().find(|(_, timestamp, _)| timestamp.0 >= target).copied();
            assert_eq!(self.bench.search(self.bench.log.search_timestamp(Timestamp(target))), expected);
        }
        let expected = all.iter().find(|(_, timestamp, _)| Some(*timestamp) == newest).copied();
        assert_eq!(
            self.bench.search(self.bench.log.search_max_timestamp(self.bench.log.end_offset())),
            expected
        );
    }

    fn records_of(&self, id: &BatchId) -> Vec<Found> {
        let plan = self.bench.log.read(id.base, 1, id.last.next()).expect("in range").expect("written");
        let Ok(DiskDone::Read(bytes)) = self.bench.disk.perform(plan.op) else { panic!("a plan reads") };
        let batch = RecordBatch::parse(plan.trim.apply(bytes).expect("a batch")).expect("sound");
        let records = batch.records().expect("not compressed").map(|record| record.expect("sound"));
        records.map(|record| (record.offset, record.timestamp, batch.leader_epoch())).collect()
    }
}

type Found = (Offset, Timestamp, LeaderEpoch);

proptest! {
    #[test]
    fn a_log_is_the_list_of_its_batches_through_cuts_and_crashes(
        steps in prop::collection::vec(step(), 1..60),
        tail in 1_usize..20,
    ) {
        let mut model = Model::new(tail);
        for step in &steps {
            model.step(step);
            model.check();
        }
        model.bench.log.sync(&mut model.bench.io);
        (0..1000).for_each(|_| model.perform());
        model.check();
        let progress = model.bench.log.progress();
        prop_assert_eq!(progress.durable(), progress.accepted());
        model.check_searches();
        model.crash();
        model.check();
    }
}
