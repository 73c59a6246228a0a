//! What a record batch costs: `build` (a producer encodes and compresses), `validate` (a broker parses the header and
//! checks the CRC; records stay opaque), `iterate` (a consumer decompresses and reads every record).
//!
//! Batches of 1 and 100 records with values of 100 B and 1 KiB, uncompressed, lz4 and zstd. Throughput is in records
//! (`elem`) and in bytes of their values.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tribunal_bench::batch;
use tribunal_engine::record::{Compression, RecordBatch};

const CODECS: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];
const SHAPES: [(u32, u32); 4] = [(1, 100), (1, 1024), (100, 100), (100, 1024)];

/// Runs `bench` for each shape and codec with the values of a batch and the built batch.
fn each(
    criterion: &mut Criterion,
    name: &str,
    mut bench: impl FnMut(&mut criterion::Bencher<'_>, &[bytes::Bytes], Compression),
) {
    let mut group = criterion.benchmark_group(format!("record_batch/{name}"));
    group.sample_size(20).warm_up_time(std::time::Duration::from_millis(500));
    group.measurement_time(std::time::Duration::from_secs(1));
    for (records, size) in SHAPES {
        let values = batch::values(records as usize, size as usize);
        group.throughput(Throughput::ElementsAndBytes {
            elements: u64::from(records),
            bytes: u64::from(records) * u64::from(size),
        });
        for codec in CODECS {
            let id = BenchmarkId::new(codec.name(), format!("{records}x{size}B"));
            group.bench_function(id, |bencher| bench(bencher, &values, codec));
        }
    }
    group.finish();
}

fn build(criterion: &mut Criterion) {
    each(criterion, "build", |bencher, values, codec| {
        bencher.iter(|| batch::build(black_box(values), codec));
    });
}

fn validate(criterion: &mut Criterion) {
    each(criterion, "validate", |bencher, values, codec| {
        let bytes = batch::build(values, codec);
        bencher.iter(|| {
            let batch = RecordBatch::parse(black_box(&bytes).clone()).expect("sound");
            batch.check_from_producer().expect("from a producer");
            batch
        });
    });
}

fn iterate(criterion: &mut Criterion) {
    each(criterion, "iterate", |bencher, values, codec| {
        let batch = RecordBatch::parse(batch::build(values, codec)).expect("sound");
        let read = || {
            let records = black_box(&batch).records().expect("it decompresses");
            records.map(|record| record.expect("sound").value.map_or(0, |value| value.len())).sum::<usize>()
        };
        assert_eq!(read(), values.iter().map(bytes::Bytes::len).sum::<usize>(), "every value is read");
        bencher.iter(read);
    });
}

criterion_group!(benches, build, validate, iterate);
criterion_main!(benches);
