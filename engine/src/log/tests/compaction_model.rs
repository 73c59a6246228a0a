//! Compaction against a plain list of everything that was ever written, and at every point where a process can end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::compaction::{ALL, BUFFERS, HOUR, batches_on, records_on, settings};
use super::*;
use crate::id::ProducerId;
use crate::record::Record;

/// Keys, values (none is a tombstone), the producer and how much time goes by.
type Step = (Vec<(u8, Option<u8>)>, u8, bool);

/// What was written, and when a tombstone can have been compacted first.
#[derive(Default)]
struct Model {
    written: Vec<Record>,
    /// Next sequence number by producer.
    sequences: BTreeMap<u8, i32>,
    /// When a compaction that could see a tombstone began first.
    first_seen: BTreeMap<Offset, i64>,
}

impl Model {
    fn append(&mut self, bench: &mut Bench, (records, producer, _): &Step, epoch: i32) {
        let codec = if producer % 2 == 0 { Compression::Lz4 } else { Compression::None };
        let mut builder = BatchBuilder::new(codec);
        if *producer > 0 {
            let next = self.sequences.entry(*producer).or_default();
            builder.set_producer(ProducerId(i64::from(*producer)), 0, *next);
            *next += i32::try_from(records.len()).expect("few");
        }
        for (key, value) in records {
            let value = value.map(|value| [value; 9]);
            builder.push(Timestamp(1), Some(&[*key]), value.as_ref().map(|value| &value[..]), &[]);
        }
        let batch = RecordBatch::parse(builder.build()).expect("built");
        let id = bench.log.append_as_leader(batch.clone(), LeaderEpoch(epoch), &mut bench.io);
        let placed = batch.with_position(id.base, LeaderEpoch(epoch));
        self.written.extend(placed.records().expect("sound").map(|record| record.expect("readable")));
    }

    fn compacts(&mut self, to: Offset, now: i64) {
        for record in self.written.iter().filter(|record| record.value.is_none() && record.offset < to) {
            self.first_seen.entry(record.offset).or_insert(now);
        }
    }

    /// What may be on the disk: only what was written, and of each key the last record, unless that is a tombstone
    /// whose time has passed.
    fn check(&self, disk: &MemoryDisk, now: i64) {
        let kept = records_on(disk);
        assert!(kept.is_sorted_by_key(|record| record.offset));
        for record in &kept {
            let index = usize::try_from(record.offset.0).expect("positive");
            assert_eq!(Some(record), self.written.get(index), "offsets mean what they meant");
        }
        let mut last: BTreeMap<_, &Record> = BTreeMap::new();
        for record in &self.written {
            last.insert(&record.key, record);
        }
        for record in last.into_values() {
            let seen = self.first_seen.get(&record.offset);
            let may_be_gone = seen.is_some_and(|seen| now >= seen + HOUR);
            assert!(may_be_gone || kept.contains(record), "the last of its key is lost: {record:?}");
        }
        for (producer, next) in &self.sequences {
            let of_producer = |batch: &&RecordBatch| batch.producer_id() == ProducerId(i64::from(*producer));
            let last = batches_on(disk).iter().rev().find(of_producer).map(RecordBatch::last_sequence);
            assert_eq!(last, Some(next - 1), "the last batch of a producer is kept");
        }
    }

    /// Below `done` nothing is left that a record below `done` overwrites.
    fn check_compacted(&self, disk: &MemoryDisk, done: Offset) {
        let mut last = BTreeMap::new();
        for record in records_on(disk).iter().filter(|record| record.offset < done) {
            assert_eq!(last.insert(record.key.clone(), record.offset), None, "{record:?} overwrites");
        }
    }
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let record = (0_u8..6, prop::option::weighted(0.8, any::<u8>()));
    prop::collection::vec((prop::collection::vec(record, 1..5), 0_u8..4, any::<bool>()), 1..count)
}

/// A log of these batches, all of it on disk; epochs change here and there.
fn written(steps: &[Step], segment_bytes: usize) -> (Bench, Model) {
    let (mut bench, mut model) = (Bench::with(settings(segment_bytes)), Model::default());
    for (index, step) in steps.iter().enumerate() {
        model.append(&mut bench, step, i32::try_from(index / 5).expect("few"));
    }
    bench.log.sync(&mut bench.io);
    bench.perform_all();
    (bench, model)
}

/// What is on a disk after a power loss: nothing, a part, or all of what was not synced.
fn after_power_loss(disk: &MemoryDisk, unsynced: &BTreeMap<String, usize>, kept: usize) -> MemoryDisk {
    let struck = disk.fork();
    for (name, synced) in unsynced {
        let Some(content) = struck.content(DIRECTORY, name) else { continue };
        let left = synced + (content.len() - synced) * kept / 2;
        struck.write(DIRECTORY, name, &content[..left]);
        if left == 0 {
            struck.remove(DIRECTORY, name);
        }
    }
    struck
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn compacted_again_and_again_a_log_keeps_what_it_must(
        steps in steps(60),
        segment_bytes in 150_usize..900,
        high_watermark in 0_i64..200,
    ) {
        let (mut bench, mut model) = (Bench::with(settings(segment_bytes)), Model::default());
        let mut now = 10;
        for (index, step) in steps.iter().enumerate() {
            model.append(&mut bench, step, i32::try_from(index / 5).expect("few"));
            now += if step.1 == 3 { HOUR / 2 } else { 1 };
            bench.perform_all();
            if step.2 {
                let high_watermark = if index % 2 == 0 { Offset(high_watermark) } else { ALL };
                bench.log.compact(Timestamp(now), high_watermark, BUFFERS, &mut bench.io);
                bench.perform_all();
                let done = bench.log.compaction.done_before;
                model.compacts(done, now);
                model.check(&bench.disk, now);
                model.check_compacted(&bench.disk, done);
            }
        }
        let (recovered, cut) = bench.recover();
        prop_assert_eq!((recovered.end_offset(), cut), (bench.log.end_offset(), None));
        prop_assert_eq!(recovered.epochs(), bench.log.epochs());
        prop_assert_eq!(recovered.compaction.done_before, bench.log.compaction.done_before);
        model.check(&bench.disk, now);
    }

    #[test]
    fn whenever_the_power_goes_a_compaction_is_finished_or_undone(
        steps in steps(16),
        segment_bytes in 150_usize..900,
    ) {
        let buffers = CompactionBuffers { read_bytes: 700, ..BUFFERS };
        let (mut bench, mut model) = written(&steps, segment_bytes);
        bench.log.compact(Timestamp(10), ALL, buffers, &mut bench.io);
        model.compacts(ALL, 10);
        let mut unsynced: BTreeMap<String, usize> = BTreeMap::new();
        let end = bench.log.end_offset();
        loop {
            for kept in 0..3 {
                let disk = after_power_loss(&bench.disk, &unsynced, kept);
                let (mut recovered, cut) = recover(&disk, bench.settings);
                prop_assert_eq!((recovered.end_offset(), cut), (end, None));
                prop_assert_eq!(recovered.epochs(), bench.log.epochs());
                model.check(&disk, 10);
                let left = disk.files(DIRECTORY);
                prop_assert!(left.iter().all(|(name, _)| !name.ends_with("cleaned") && !name.ends_with("swap")));
                // And it is no obstacle to the next one.
                let mut io = LogIo::default();
                recovered.compact(Timestamp(10), ALL, buffers, &mut io);
                let mut next = Bench { disk, log: recovered, io, queue: VecDeque::new(), settings: bench.settings };
                next.perform_all();
                model.check(&next.disk, 10);
                model.check_compacted(&next.disk, next.log.compaction.done_before);
            }
            let before: BTreeMap<String, u64> = bench.disk.files(DIRECTORY).into_iter().collect();
            let Some((op, _)) = bench.perform_one() else { break };
            match op {
                DiskOp::Append { file, .. } => {
                    let synced = before.get(&*file.name).copied().unwrap_or(0);
                    unsynced.entry(file.name.to_string()).or_insert(usize::try_from(synced).expect("small"));
                }
                DiskOp::Sync { file } | DiskOp::Delete { file } => drop(unsynced.remove(&*file.name)),
                DiskOp::Rename { file, .. } => {
                    prop_assert!(!unsynced.contains_key(&*file.name), "what is renamed was synced");
                }
                _ => {}
            }
        }
        model.check_compacted(&bench.disk, bench.log.compaction.done_before);
    }
}
