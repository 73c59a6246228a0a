//! What a leader's protocol costs: `Broker::step` for one produce request with `acks=all`, its append, the reads of
//! both followers and the fetches that move the high watermark. No codec, no socket, no disk. Throughput is in
//! records. `next_wakeup` is asked after every step, here with one parked produce and two parked fetches.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tribunal_bench::batch;
use tribunal_bench::leader::Leader;
use tribunal_engine::machine::Machine as _;
use tribunal_engine::record::Compression;

fn produce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replica_step/produce_acks_all");
    for records in [1_u32, 100] {
        let batch = batch::build(&batch::values(records as usize, 100), Compression::None);
        group.throughput(Throughput::Elements(u64::from(records)));
        group.bench_function(format!("{records}_records"), |bencher| {
            bencher.iter_custom(|iterations| {
                // A leader of its own for each sample, so that its log does not grow without end.
                let mut leader = Leader::new();
                let time = timed(|| {
                    for _ in 0..iterations {
                        leader.produce(black_box(&batch), i64::from(records));
                    }
                });
                assert_eq!(leader.acknowledged(), iterations, "every batch is acknowledged");
                assert_eq!(leader.fetched(), 2 * iterations, "both followers read every batch");
                time
            });
        });
    }
    group.finish();
}

fn next_wakeup(criterion: &mut Criterion) {
    let mut leader = Leader::new();
    leader.send(&batch::build(&batch::values(1, 100), Compression::None), 1);
    assert!(leader.broker().next_wakeup().is_some(), "something is parked");
    criterion.bench_function("replica_step/next_wakeup", |bencher| {
        bencher.iter(|| black_box(leader.broker()).next_wakeup());
    });
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

criterion_group!(benches, produce, next_wakeup);
criterion_main!(benches);
