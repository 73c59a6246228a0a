//! How many simulated seconds of a whole cluster fit into a second: `scenarios/steady.toml` (three brokers, a
//! controller, four producers, a consumer) in Tribunal's runtime, as a run has it, and beside it the same engine,
//! clients and rates on stock `turmoil::Sim` with a tick of 1 ms. At the file's load and at 50/s for each producer.
//!
//! One iteration is one simulated second, so criterion's `elem/s` is the speed. Both arms are booted and under load
//! before the clock runs, and every sample must have acknowledged what its load asks for. The best sample of each arm
//! and the ratio go to standard error as a table, by wall time and, on Linux, by processor time, which says more on a
//! machine that does other things too. The tick is stock's weakness and its granularity: it sees nothing shorter,
//! while Tribunal's clock counts nanoseconds.

#![expect(clippy::print_stderr, reason = "a bench reports to the person who runs it")]

use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use tribunal_bench::simulated::Simulated;
use tribunal_bench::steady::{self, Arm, LOADS, Load};
use tribunal_bench::stock::Stock;

const SEED: u64 = 1;
/// Simulated seconds under load before the clock runs.
const WARM_UP: u64 = 5;
/// Share of the records due that must be acknowledged: arrivals are random, and some are in flight.
const ACKNOWLEDGED_SHARE_MIN: f64 = 0.8;

/// Simulated seconds per second of one arm: the best sample by wall time, and by processor time.
struct Speed {
    load: &'static str,
    arm: &'static str,
    wall: f64,
    processor: f64,
}

fn measure(
    criterion: &mut Criterion,
    load: Load,
    name: &'static str,
    boot: impl Fn() -> Box<dyn Arm>,
) -> Speed {
    let due_per_second = steady::records_per_second(&steady::plan(load));
    let (mut best_wall, mut best_processor) = (0.0_f64, 0.0_f64);
    let mut group = criterion.benchmark_group(format!("cluster_steady/{}", load.name));
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|seconds| {
            // Afresh for each sample: what a run records grows with its length, and no run is that long.
            let mut arm = boot();
            arm.run(WARM_UP);
            let (acknowledged, consumed) = (arm.acknowledged(), arm.consumed());
            let (start, worked) = (Instant::now(), processor_time());
            arm.run(seconds);
            let (time, worked) = (start.elapsed(), processor_time().saturating_sub(worked));
            let due = due_per_second * rounded(seconds);
            let enough = due * ACKNOWLEDGED_SHARE_MIN - 3.0 * due.sqrt();
            let (acknowledged, consumed) = (arm.acknowledged() - acknowledged, arm.consumed() - consumed);
            assert!(rounded(acknowledged) >= enough, "{name}: {acknowledged} of {due} records acknowledged");
            assert!(rounded(consumed) >= enough, "{name}: {consumed} of {due} records consumed");
            best_wall = best_wall.max(speed(seconds, time));
            best_processor = best_processor.max(speed(seconds, worked));
            time
        });
    });
    group.finish();
    Speed { load: load.name, arm: name, wall: best_wall, processor: best_processor }
}

/// Simulated seconds per second; 0 if the time is unknown.
fn speed(seconds: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { rounded(seconds) / time.as_secs_f64() }
}

/// Time this thread has had a processor; zero where the system does not tell.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn rounded(count: u64) -> f64 {
    count as f64
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let mut table = String::from(
        "| load | arm | simulated s per wall s | against stock | simulated s per processor s | against stock |\n",
    );
    table.push_str("|---|---|---|---|---|---|\n");
    for load in LOADS {
        let plan = steady::plan(load);
        let stock = measure(&mut criterion, load, "stock_turmoil_1ms", || Box::new(Stock::boot(&plan, SEED)));
        let ours = measure(&mut criterion, load, "tribunal", || Box::new(Simulated::boot(&plan, SEED)));
        for Speed { load, arm, wall, processor } in [&stock, &ours] {
            let (by_wall, by_processor) = (wall / stock.wall, processor / stock.processor);
            table.push_str(&format!(
                "| {load} | {arm} | {wall:.0} | {by_wall:.1} | {processor:.0} | {by_processor:.1} |\n"
            ));
        }
    }
    eprintln!("{table}");
    criterion.final_summary();
}
