//! One seed, one run.

use super::*;
use crate::runtime::Direction;

/// Three clients chat with one server through jitter; a crash and a partition happen. The trace's hash, its length
/// and its lines.
fn run(seed: u64) -> (u64, u64, Vec<String>) {
    let jitter = Latency::Tail {
        low: Duration::from_micros(100),
        mean_extra: Duration::from_micros(200),
        high: Duration::from_millis(3),
    };
    let mut simulation = Simulation::new(seed, latency(jitter));
    let server = simulation.add_host("server", HostSettings::default());
    let clients: Vec<HostId> = (0..3)
        .map(|index| simulation.add_host(&format!("client-{index}"), HostSettings::default()))
        .collect();
    let lines: Rc<RefCell<Vec<String>>> = Rc::default();
    let sink = Rc::clone(&lines);
    simulation.record_trace(Some(Box::new(move |line| sink.borrow_mut().push(line.to_owned()))));
    serve(&simulation, server);
    for client in &clients {
        chatty_client(&simulation, *client);
    }
    simulation.run_until(millis(40));
    let fault = simulation.partition(&clients[..1], &[server], Direction::OneWay);
    simulation.run_until(millis(80));
    simulation.heal(fault);
    simulation.crash(clients[1]);
    simulation.run_until(millis(400));
    let lines = lines.borrow().clone();
    (simulation.trace_hash(), simulation.event_count(), lines)
}

#[test]
fn the_same_seed_gives_the_same_trace_twice_on_one_thread() {
    let (first, again) = (run(7), run(7));
    assert_eq!(first, again);
    assert!(first.1 > 200 && first.2.len() as u64 == first.1);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "two threads are what is tested")]
fn the_same_seed_gives_the_same_trace_on_two_threads_at_once() {
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(|| run(7))).collect();
    let mut runs = threads.into_iter().map(|thread| thread.join().expect("a run does not panic"));
    assert_eq!(runs.next(), runs.next());
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn another_seed_runs_ready_tasks_in_another_order() {
    let order = |seed| {
        let mut simulation = Simulation::new(seed, RuntimeSettings::default());
        let host = simulation.add_host("only", HostSettings::default());
        let order: Rc<RefCell<Vec<u32>>> = Rc::default();
        for task in 0..6 {
            let order = Rc::clone(&order);
            simulation.spawn(host, "mark", async move { order.borrow_mut().push(task) });
        }
        simulation.run_until(millis(1));
        order.take()
    };
    let orders: std::collections::BTreeSet<Vec<u32>> = (0..20).map(order).collect();
    assert!(orders.len() > 10);
}

#[test]
fn stepping_and_running_are_the_same_run() {
    let whole = {
        let (mut simulation, _, client) = echo_pair(5, one_millisecond());
        chatty_client(&simulation, client);
        simulation.run_until(millis(100));
        simulation.trace_hash()
    };
    let (mut simulation, _, client) = echo_pair(5, one_millisecond());
    chatty_client(&simulation, client);
    for until in 0..=100 {
        simulation.run_until(millis(until));
    }
    assert_eq!(simulation.trace_hash(), whole);
    let events = simulation.event_count();
    assert!(simulation.step() && simulation.event_count() > events);
}

#[test]
fn a_run_comes_back_when_a_task_asks_for_attention() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let platform = simulation.platform(client);
    simulation.spawn(client, "caller", async move {
        platform.clock().sleep(Duration::from_millis(5)).await;
        platform.handle().note(server, "look");
        platform.handle().request_attention();
    });
    assert_eq!(simulation.run_until(millis(50)), crate::runtime::Paused::Attention);
    assert_eq!(simulation.now(), millis(5));
    assert_eq!(simulation.run_until(millis(50)), crate::runtime::Paused::Deadline);
}
