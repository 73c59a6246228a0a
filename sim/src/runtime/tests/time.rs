//! Clocks, processors and disks of hosts.

use std::sync::Arc;

use bytes::Bytes;
use tribunal_engine::storage::conformance;
use tribunal_engine::storage::{Disk as _, DiskDone, DiskOp, FileName};

use super::*;
use crate::runtime::{ClockSettings, CpuSettings, DiskFault, DiskScope, DiskSettings, PowerLoss};

fn one_host(settings: HostSettings) -> (Simulation, HostId) {
    let mut simulation = Simulation::new(1, RuntimeSettings::default());
    let host = simulation.add_host("broker-1", settings);
    (simulation, host)
}

#[test]
fn requests_queue_on_the_processor() {
    let cpu = CpuSettings { cost_per_request: Duration::from_micros(100), ..CpuSettings::default() };
    let (mut simulation, host) = one_host(HostSettings { cpu, ..HostSettings::default() });
    let seen = Seen::default();
    for _ in 0..3 {
        let (told, platform) = (Rc::clone(&seen), simulation.platform(host));
        simulation.spawn(host, "request", async move {
            platform.clock().work(10).await;
            see(&told, &platform, "done");
        });
    }
    simulation.run_until(millis(1));
    assert_eq!(seen.borrow().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [100, 200, 300]);
}

#[test]
fn free_work_does_not_even_yield() {
    let (mut simulation, host) = one_host(HostSettings::default());
    let platform = simulation.platform(host);
    simulation.spawn(host, "free", async move {
        for _ in 0..100 {
            platform.clock().work(1000).await;
        }
    });
    simulation.run_until(millis(1));
    assert_eq!(simulation.event_count(), 1);
}

#[test]
fn a_host_with_a_fast_clock_wakes_early() {
    let clock = ClockSettings { drift_ppm: 250_000, wall_offset_ms: 0 };
    let (mut simulation, host) = one_host(HostSettings { clock, ..HostSettings::default() });
    let (seen, platform) = (Seen::default(), simulation.platform(host));
    let told = Rc::clone(&seen);
    simulation.spawn(host, "sleep", async move {
        platform.clock().sleep(Duration::from_millis(100)).await;
        see(&told, &platform, "woke");
    });
    simulation.run_until(millis(200));
    assert_eq!(*seen.borrow(), [(80_000, "woke".to_owned())]);
}

#[test]
fn a_sleeper_follows_its_clock_when_the_rate_changes() {
    let (mut simulation, host) = one_host(HostSettings::default());
    let (seen, platform) = (Seen::default(), simulation.platform(host));
    let told = Rc::clone(&seen);
    simulation.spawn(host, "sleep", async move {
        platform.clock().sleep(Duration::from_millis(100)).await;
        see(&told, &platform, "woke");
    });
    simulation.run_until(millis(50));
    simulation.set_clock(host, ClockSettings { drift_ppm: -500_000, wall_offset_ms: 5 });
    simulation.run_until(millis(200));
    assert_eq!(*seen.borrow(), [(150_000, "woke".to_owned())]);
}

fn log() -> FileName {
    FileName::new(&Arc::from("orders-0"), "0.log")
}

fn slow_disk() -> HostSettings {
    let disk = DiskSettings { sync: Latency::Fixed(Duration::from_millis(10)), ..DiskSettings::default() };
    HostSettings { disk, ..HostSettings::default() }
}

/// Appends five bytes and syncs them, which takes ten milliseconds.
fn append_and_sync(simulation: &Simulation, host: HostId) {
    let platform = simulation.platform(host);
    simulation.spawn(host, "write", async move {
        let parts = vec![Bytes::from_static(b"hello")];
        let outcome = platform.disk().execute(DiskOp::Append { file: log(), parts }).await;
        assert_eq!(outcome, Ok(DiskDone::Done));
        let outcome = platform.disk().execute(DiskOp::Sync { file: log() }).await;
        assert_eq!(outcome, Ok(DiskDone::Done));
    });
}

#[test]
fn a_sync_makes_durable_at_its_end() {
    for (at, left) in [(9, None), (10, Some(Bytes::from_static(b"hello")))] {
        let (mut simulation, host) = one_host(slow_disk());
        append_and_sync(&simulation, host);
        simulation.run_until(millis(at));
        assert_eq!(simulation.files(host)[0].length, 5);
        simulation.power_loss(host, PowerLoss::LoseUnsynced);
        assert_eq!(simulation.file_content(host, &log()), left);
    }
}

#[test]
fn a_sync_that_its_process_did_not_live_to_see_counts_for_nothing() {
    let (mut simulation, host) = one_host(slow_disk());
    append_and_sync(&simulation, host);
    simulation.run_until(millis(5));
    simulation.crash(host);
    simulation.boot(host);
    simulation.run_until(millis(50));
    let files = simulation.files(host);
    assert_eq!((files[0].length, files[0].synced), (5, 0), "the page cache outlives the process");
}

#[test]
fn a_stalled_disk_ends_nothing_before_it_is_mended() {
    let (mut simulation, host) = one_host(HostSettings::default());
    let (seen, platform) = (Seen::default(), simulation.platform(host));
    let told = Rc::clone(&seen);
    let fault = simulation.disk_fault(host, DiskFault::Stall, DiskScope::default());
    simulation.spawn(host, "write", async move {
        let append = DiskOp::Append { file: log(), parts: vec![Bytes::from_static(b"x")] };
        platform.disk().execute(append).await.expect("an append succeeds");
        see(&told, &platform, "written");
    });
    simulation.run_until(millis(5));
    assert_eq!((words(&seen), simulation.files(host).len()), (vec![], 0));
    assert_eq!(simulation.mend_disk(host, fault), 1);
    simulation.run_until(millis(6));
    assert_eq!(*seen.borrow(), [(5_000, "written".to_owned())]);
}

/// Runs `work` on the host's disk to its end.
fn on_disk<F: Future<Output = ()> + 'static>(
    simulation: &mut Simulation,
    host: HostId,
    work: impl FnOnce(SimPlatform) -> F,
) {
    let (seen, platform) = (Seen::default(), simulation.platform(host));
    let (told, work) = (Rc::clone(&seen), work(platform.clone()));
    simulation.spawn(host, "conform", async move {
        work.await;
        see(&told, &platform, "done");
    });
    let deadline = simulation.now().after(Duration::from_secs(3600));
    simulation.run_until(deadline);
    assert_eq!(words(&seen), ["done"]);
}

#[test]
fn the_disk_does_what_every_disk_must_do() {
    for settings in [HostSettings::default(), slow_disk()] {
        let (mut simulation, host) = one_host(settings);
        on_disk(&mut simulation, host, |platform| async move {
            conformance::operations(platform.disk()).await;
        });
    }
}

#[test]
fn what_is_durable_survives_every_kind_of_power_loss() {
    for model in [PowerLoss::KeepAll, PowerLoss::LoseUnsynced, PowerLoss::TornTail, PowerLoss::LosePages] {
        let (mut simulation, host) = one_host(slow_disk());
        on_disk(&mut simulation, host, |platform| async move {
            conformance::before_power_loss(platform.disk()).await;
        });
        simulation.power_loss(host, model);
        simulation.boot(host);
        on_disk(&mut simulation, host, |platform| async move {
            conformance::after_power_loss(platform.disk()).await;
        });
    }
}

#[test]
fn directories_and_files_are_listed_in_order() {
    let (mut simulation, host) = one_host(HostSettings::default());
    let (seen, platform) = (Seen::default(), simulation.platform(host));
    let told = Rc::clone(&seen);
    simulation.spawn(host, "list", async move {
        let disk = platform.disk();
        for (directory, name) in [("b", "2"), ("a", "1"), ("b", "10"), ("b-c", "1")] {
            let file = FileName::new(&Arc::from(directory), name);
            let parts = vec![Bytes::from_static(b"xyz")];
            disk.execute(DiskOp::Append { file, parts }).await.expect("an append succeeds");
        }
        let directories = disk.directories().await.expect("the disk works");
        let files = disk.list("b").await.expect("the disk works");
        see(&told, &platform, format!("{directories:?} {files:?}"));
    });
    simulation.run_until(millis(1));
    assert_eq!(words(&seen), [r#"["a", "b", "b-c"] [("10", 3), ("2", 3)]"#]);
}
