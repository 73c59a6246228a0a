//! What a partition's log costs without a disk: `append` as leader (the batch gets its offsets and is handed on in
//! two parts, nothing is copied), `read` (which bytes answer a fetch: at the end of the log, and a megabyte in its
//! middle), `epoch_lookup` (where does an epoch end). Disk operations are dropped.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tribunal_bench::batch;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::log::{EpochCache, LogIo, LogSettings, PartitionLog};
use tribunal_engine::offset::Offset;
use tribunal_engine::storage::DiskDone;

const SEGMENT_BYTES: usize = 1 << 30;
/// Batches in the log that is read.
const BATCHES: i64 = 100_000;
const EPOCHS: i32 = 100;

fn empty() -> PartitionLog {
    PartitionLog::new(
        TopicPartition::new("orders", 0),
        LogSettings { segment_bytes: SEGMENT_BYTES, ..LogSettings::default() },
    )
}

/// Every operation ends well; nothing is read or written.
fn complete(log: &mut PartitionLog, io: &mut LogIo) {
    let mut next = LogIo::default();
    for (op, completion) in io.drain() {
        black_box(op);
        log.complete(completion, &DiskDone::Done, &mut next);
    }
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log/append");
    for (records, size) in [(1_u32, 100_u32), (100, 1024)] {
        let batch = batch::parsed(records as usize, size as usize);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{records}x{size}B"), |bencher| {
            bencher.iter_custom(|iterations| {
                let (mut log, mut io) = (empty(), LogIo::default());
                let start = Instant::now();
                for _ in 0..iterations {
                    black_box(log.append_as_leader(black_box(&batch).clone(), LeaderEpoch::ZERO, &mut io));
                    complete(&mut log, &mut io);
                }
                let time = start.elapsed();
                let appended = iterations * u64::from(records);
                assert_eq!(u64::try_from(log.progress().submitted().0), Ok(appended), "all is written");
                time
            });
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let (mut log, mut io) = (empty(), LogIo::default());
    let batch = batch::parsed(1, 1024);
    for _ in 0..BATCHES {
        log.append_as_leader(batch.clone(), LeaderEpoch::ZERO, &mut io);
        complete(&mut log, &mut io);
    }
    let end = log.end_offset();
    let mut group = criterion.benchmark_group("log/read_plan");
    for (name, from) in [("last_batch", end.plus(-1)), ("megabyte_in_the_middle", Offset(BATCHES / 2))] {
        let plan = log.read(from, 1 << 20, end).expect("in the log").expect("written");
        assert!(plan.bytes > 1000, "the plan reads something");
        group.bench_function(name, |bencher| bencher.iter(|| log.read(black_box(from), 1 << 20, end)));
    }
    group.finish();
}

fn epoch_lookup(criterion: &mut Criterion) {
    let mut epochs = EpochCache::new();
    for epoch in 0..EPOCHS {
        epochs.assign(LeaderEpoch(epoch), Offset(i64::from(epoch) * 1000));
    }
    let (asked, end) = (LeaderEpoch(EPOCHS / 3), Offset(i64::from(EPOCHS) * 1000));
    assert!(epochs.end_offset_for(asked, end).is_some(), "the epoch is known");
    criterion.bench_function("log/epoch_lookup", |bencher| {
        bencher.iter(|| black_box(&epochs).end_offset_for(black_box(asked), end));
    });
}

criterion_group!(benches, append, read, epoch_lookup);
criterion_main!(benches);
