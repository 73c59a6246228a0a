//! What a log knows of idempotent producers: against a plain list of batches, through cuts and restarts.

use proptest::prelude::*;

use super::*;
use crate::id::ProducerId;
use crate::log::producer_state::{BATCHES_KEPT, ProducerSnapshotError};
use crate::time::Duration;

/// A batch of `count` records of producer `id`.
fn of_producer(id: i64, epoch: i16, sequence: i32, count: i64) -> RecordBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    for _ in 0..count {
        builder.push(Timestamp(7), None, Some(b"value"), &[]);
    }
    builder.set_producer(ProducerId(id), epoch, sequence);
    RecordBatch::parse(builder.build()).expect("built")
}

/// A log with one segment of one producer's batches, one record each, from sequence number `first` on.
fn bench_with(first: i32, count: i32) -> Bench {
    let mut bench = Bench::new(1 << 20);
    for place in 0..count {
        append(&mut bench, &of_producer(1, 0, crate::record::sequence_after(first, place), 1));
    }
    bench.perform_all();
    bench
}

fn append(bench: &mut Bench, batch: &RecordBatch) {
    bench.log.append_as_leader(batch.clone(), LeaderEpoch(0), &mut bench.io);
}

fn check(bench: &Bench, epoch: i16, sequence: i32, count: i64) -> Result<Checked, SequenceError> {
    bench.log.check_producer(&of_producer(1, epoch, sequence, count))
}

fn duplicate_at(checked: Result<Checked, SequenceError>) -> Option<Offset> {
    match checked {
        Ok(Checked::Duplicate(old)) => Some(old.base_offset),
        _ => None,
    }
}

#[test]
fn a_producer_nobody_knows_may_begin_anywhere() {
    assert_eq!(check(&Bench::new(100), 4, 17, 1), Ok(Checked::New));
}

#[test]
fn the_next_sequence_number_is_new_and_every_other_is_out_of_order() {
    let bench = bench_with(0, 3);
    assert_eq!(check(&bench, 0, 3, 2), Ok(Checked::New));
    assert_eq!(check(&bench, 0, 4, 1), Err(SequenceError::OutOfOrder { first: 4, expected: 3 }));
    assert_eq!(check(&bench, 0, 1, 2), Err(SequenceError::OutOfOrder { first: 1, expected: 3 }));
}

#[test]
fn the_last_five_batches_are_duplicates_with_their_old_offsets_and_older_ones_are_out_of_order() {
    let bench = bench_with(0, 7);
    for sequence in 2..7 {
        assert_eq!(duplicate_at(check(&bench, 0, sequence, 1)), Some(Offset(sequence.into())));
    }
    assert_eq!(check(&bench, 0, 1, 1), Err(SequenceError::OutOfOrder { first: 1, expected: 7 }));
}

#[test]
fn sequence_numbers_go_on_at_zero_after_the_largest() {
    let bench = bench_with(i32::MAX - 1, 2);
    assert_eq!(check(&bench, 0, 0, 1), Ok(Checked::New));
    assert!(check(&bench, 0, 1, 1).is_err());
    let mut over = Bench::new(1 << 20);
    append(&mut over, &of_producer(1, 0, i32::MAX - 1, 4));
    assert_eq!(check(&over, 0, 2, 1), Ok(Checked::New));
    assert_eq!(duplicate_at(check(&over, 0, i32::MAX - 1, 4)), Some(Offset(0)));
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
    let mut bench = bench_with(0, 1);
    append(&mut bench, &of_producer(1, 3, 0, 1));
    assert_eq!(check(&bench, 2, 0, 1), Err(SequenceError::OldEpoch { epoch: 2, known: 3 }));
    assert_eq!(check(&bench, 4, 0, 1), Ok(Checked::New));
    assert_eq!(check(&bench, 4, 1, 1), Err(SequenceError::OutOfOrder { first: 1, expected: 0 }));
    assert_eq!(duplicate_at(check(&bench, 3, 0, 1)), Some(Offset(1)));
}

#[test]
fn what_is_cut_is_new_again() {
    let mut bench = bench_with(0, 9);
    bench.truncate(4);
    assert_eq!(check(&bench, 0, 4, 1), Ok(Checked::New));
    assert_eq!(duplicate_at(check(&bench, 0, 3, 1)), Some(Offset(3)));
    assert_eq!(duplicate_at(check(&bench, 0, 0, 1)), Some(Offset(0)));
}

#[test]
fn a_producer_of_whom_more_was_cut_than_is_remembered_is_unknown_until_the_log_is_read_back() {
    let mut bench = bench_with(0, 8);
    bench.log.settle_producers(Offset(8));
    append(&mut bench, &of_producer(1, 0, 8, 1));
    bench.truncate(2);
    bench.perform_all();
    assert_eq!(check(&bench, 0, 77, 1), Ok(Checked::New));
    bench.log = bench.recover().0;
    assert!(check(&bench, 0, 77, 1).is_err());
    assert_eq!(check(&bench, 0, 2, 1), Ok(Checked::New));
}

#[test]
fn a_producer_silent_for_the_expiration_is_forgotten() {
    let mut bench = bench_with(0, 1);
    bench.log.expire_producers(Timestamp(1006), Duration::from_millis(1000));
    assert!(check(&bench, 0, 9, 1).is_err());
    bench.log.expire_producers(Timestamp(1007), Duration::from_millis(1000));
    assert_eq!(check(&bench, 0, 9, 1), Ok(Checked::New));
}

#[test]
fn the_snapshot_at_the_oldest_segment_speaks_for_the_segments_that_are_gone() {
    let mut bench = Bench::new(2 * of_producer(1, 0, 0, 1).size());
    for sequence in 0..4 {
        append(&mut bench, &of_producer(1, 0, sequence, 1));
    }
    append(&mut bench, &of_producer(2, 0, 0, 1));
    bench.perform_all();
    for name in ["00000000000000000000.log", "00000000000000000002.log"] {
        let file = crate::storage::FileName::new(&DIRECTORY.into(), name);
        bench.disk.perform(DiskOp::Delete { file }).expect("it is there");
    }
    bench.log = bench.recover().0;
    assert_eq!(bench.log.start_offset(), Offset(4));
    assert_eq!(duplicate_at(check(&bench, 0, 3, 1)), Some(Offset(3)));
    assert_eq!(check(&bench, 0, 4, 1), Ok(Checked::New));
}

#[test]
fn snapshots_beyond_a_cut_are_deleted_and_a_stray_one_is_not_believed() {
    let mut bench = Bench::new(2 * of_producer(1, 0, 0, 1).size());
    for sequence in 0..6 {
        append(&mut bench, &of_producer(1, 0, sequence, 1));
    }
    bench.truncate(3);
    bench.perform_all();
    let snapshots = |bench: &Bench| {
        let files = bench.disk.files(DIRECTORY).into_iter();
        files.filter(|(name, _)| name.ends_with(".snapshot")).count()
    };
    assert_eq!(snapshots(&bench), 1);
    let stray = crate::storage::FileName::new(&DIRECTORY.into(), "00000000000000000099.snapshot");
    bench
        .disk
        .perform(DiskOp::Replace { file: stray, content: ProducerStates::default().encode(LeaderEpoch(0)) })
        .expect("written");
    bench.log = bench.recover().0;
    assert_eq!(snapshots(&bench), 1);
    assert_eq!(check(&bench, 0, 3, 1), Ok(Checked::New));
}

#[test]
fn a_snapshot_of_another_log_is_not_believed() {
    let mut bench = bench_with(0, 3);
    let mut other = bench_with(7, 3);
    other.log.snapshot_producers(&mut other.io);
    let content = other.log.producers().encode(LeaderEpoch(9));
    let file = crate::storage::FileName::new(&DIRECTORY.into(), "00000000000000000003.snapshot");
    bench.disk.perform(DiskOp::Replace { file, content }).expect("written");
    bench.log = bench.recover().0;
    assert_eq!(duplicate_at(check(&bench, 0, 2, 1)), Some(Offset(2)));
    assert_eq!(check(&bench, 0, 3, 1), Ok(Checked::New));
}

#[test]
fn after_a_clean_shutdown_the_snapshot_alone_tells_of_producers() {
    let mut bench = bench_with(0, 7);
    bench.log.close(&mut bench.io);
    bench.perform_all();
    let recovered = PartitionLog::recover(&bench.disk, partition(), bench.settings, Shutdown::Clean);
    let (log, _) = block_on(recovered).expect("nothing fails");
    assert_eq!(log.producers(), bench.log.producers());
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A producer sends a batch; `offer` says how it is numbered.
    Send { id: i64, offer: Offer, count: i64 },
    /// The high watermark moves to this share of the log, in percent.
    Commit(i64),
    /// The log is cut at this share of what is above the high watermark, in percent.
    Truncate(i64),
    /// The process dies and comes back.
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Offer {
    Next,
    NextEpoch,
    /// A batch that was sent before.
    Again(prop::sample::Index),
    Number(i16, i32),
}

fn step() -> impl Strategy<Value = Step> {
    let offer = prop_oneof![
        6 => Just(Offer::Next),
        1 => Just(Offer::NextEpoch),
        3 => any::<prop::sample::Index>().prop_map(Offer::Again),
        1 => (0_i16..3, 0_i32..8).prop_map(|(epoch, sequence)| Offer::Number(epoch, sequence)),
    ];
    prop_oneof![
        8 => (1_i64..4, offer, 1_i64..3).prop_map(|(id, offer, count)| Step::Send { id, offer, count }),
        2 => (0_i64..=100).prop_map(Step::Commit),
        1 => (0_i64..=100).prop_map(Step::Truncate),
        1 => Just(Step::Restart),
    ]
}

/// A log and the list of the batches in it.
struct Model {
    bench: Bench,
    batches: Vec<RecordBatch>,
    sent: Vec<RecordBatch>,
    committed: Offset,
}

impl Model {
    fn of(&self, id: i64) -> Vec<&RecordBatch> {
        self.batches.iter().filter(|batch| batch.producer_id() == ProducerId(id)).collect()
    }

    /// The rules, read off the list.
    fn judge(&self, batch: &RecordBatch) -> Result<Option<Offset>, ()> {
        let known = self.of(batch.producer_id().0);
        let Some(last) = known.last() else { return Ok(None) };
        let (epoch, first) = (batch.producer_epoch(), batch.base_sequence());
        if epoch != last.producer_epoch() {
            return if epoch > last.producer_epoch() && first == 0 { Ok(None) } else { Err(()) };
        }
        let recent = known.iter().rev().take(BATCHES_KEPT).filter(|old| old.producer_epoch() == epoch);
        let mut same =
            recent.filter(|old| (old.base_sequence(), old.last_sequence()) == (first, batch.last_sequence()));
        match same.next() {
            Some(old) => Ok(Some(old.base_offset())),
            None if first == crate::record::sequence_after(last.last_sequence(), 1) => Ok(None),
            None => Err(()),
        }
    }

    fn offer(&self, id: i64, offer: Offer, count: i64) -> RecordBatch {
        let last = self.of(id).last().map(|last| (last.producer_epoch(), last.last_sequence()));
        match (offer, last) {
            (Offer::Again(index), _) if !self.sent.is_empty() => index.get(&self.sent).clone(),
            (Offer::Number(epoch, sequence), _) => of_producer(id, epoch, sequence, count),
            (Offer::NextEpoch, Some((epoch, _))) => of_producer(id, epoch + 1, 0, count),
            (_, Some((epoch, last))) => of_producer(id, epoch, last + 1, count),
            (_, None) => of_producer(id, 0, 0, count),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Send { id, offer, count } => {
                let batch = self.offer(*id, *offer, *count);
                self.sent.push(batch.clone());
                let checked = self.bench.log.check_producer(&batch);
                let found = checked.map(|checked| match checked {
                    Checked::New => None,
                    Checked::Duplicate(old) => Some(old.base_offset),
                });
                assert_eq!(found.map_err(|_| ()), self.judge(&batch));
                if checked == Ok(Checked::New) {
                    let placed = batch.clone().with_position(self.bench.log.end_offset(), LeaderEpoch(0));
                    append(&mut self.bench, &batch);
                    self.batches.push(placed);
                }
            }
            Step::Commit(percent) => {
                let committed = Offset(self.bench.log.end_offset().0 * percent / 100);
                self.committed = self.committed.max(committed);
                self.bench.log.settle_producers(self.committed);
            }
            Step::Truncate(percent) => {
                let above = self.bench.log.end_offset().0 - self.committed.0;
                let end = self.committed.plus(above * percent / 100);
                self.bench.truncate(end.0);
                self.batches.retain(|batch| batch.last_offset() < end);
                self.committed = self.committed.min(self.bench.log.end_offset());
            }
            Step::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        self.bench.perform_all();
        let (log, cut) = self.bench.recover();
        assert_eq!(cut, None);
        assert_eq!(log.producers(), self.bench.log.producers(), "what is read back is what was known");
        self.bench.log = log;
        self.bench.log.settle_producers(self.committed);
    }
}

proptest! {
    #[test]
    fn the_state_is_what_the_list_of_batches_says_through_cuts_and_restarts(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let bench = Bench::new(4 * of_producer(1, 0, 0, 1).size());
        let mut model = Model { bench, batches: Vec::new(), sent: Vec::new(), committed: Offset(0) };
        for step in &steps {
            model.step(step);
            model.bench.log.invariants();
        }
        model.restart();
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was(numbers in prop::collection::vec((1_i64..5, 1_i64..4), 0..40)) {
        let mut bench = Bench::new(1 << 20);
        for (id, count) in numbers {
            append(&mut bench, &of_producer(id, 0, 0, count));
        }
        let file = bench.log.producers().encode(LeaderEpoch(3));
        prop_assert_eq!(&ProducerStates::decode(&file), &Ok((LeaderEpoch(3), bench.log.producers().clone())));
        prop_assert!(ProducerStates::decode(file.get(..file.len() - 1).expect("not empty")).is_err());
    }

    #[test]
    fn no_bytes_make_a_snapshot_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut sound = bench_with(0, 3).log.producers().encode(LeaderEpoch(0)).to_vec();
        let _ = ProducerStates::decode(&bytes);
        let at = at.index(sound.len());
        let changed = sound[at] != byte;
        sound[at] = byte;
        if changed {
            prop_assert!(ProducerStates::decode(&sound).is_err());
        }
        // Past the checksum: the content itself is damaged.
        let crc = crc32c::crc32c(sound.get(6..).expect("longer")).to_be_bytes();
        sound[2..6].copy_from_slice(&crc);
        match ProducerStates::decode(&sound) {
            Ok((epoch, read)) => prop_assert_eq!(ProducerStates::decode(&read.encode(epoch)), Ok((epoch, read))),
            Err(ProducerSnapshotError::Crc) => prop_assert!(false, "the checksum was mended"),
            Err(_) => {}
        }
    }
}
