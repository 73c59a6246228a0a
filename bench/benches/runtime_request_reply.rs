//! What the runtime costs without the engine: two hosts a millisecond apart, one connection, one request of 100 B and
//! its echo after the other. The time is per round trip: two packets and what waking both tasks takes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tribunal_engine::driver::{Network as _, Platform as _};
use tribunal_engine::id::Endpoint;
use tribunal_engine::time::Duration;
use tribunal_sim::runtime::{
    HostSettings, Latency, NetworkSettings, RuntimeSettings, SimPlatform, Simulation,
};

const REQUEST_BYTES: usize = 100;
const ONE_WAY: Duration = Duration::from_millis(1);
const SERVER: &str = "server";

async fn serve(platform: SimPlatform) {
    let network = platform.network();
    let listener = network.bind(&Endpoint::new(SERVER, 9092)).await.expect("the port is free");
    let mut stream = network.accept(&listener).await.expect("the client comes");
    let mut request = [0; REQUEST_BYTES];
    while stream.read_exact(&mut request).await.is_ok() {
        stream.write_all(&request).await.expect("the client stays");
    }
}

async fn ask(platform: SimPlatform, rounds: Rc<Cell<u64>>) {
    let mut stream = platform.network().connect(&Endpoint::new(SERVER, 9092)).await.expect("it listens");
    let mut reply = [0; REQUEST_BYTES];
    loop {
        stream.write_all(&reply).await.expect("the server stays");
        stream.read_exact(&mut reply).await.expect("the server answers");
        rounds.set(rounds.get() + 1);
    }
}

fn round_trip(criterion: &mut Criterion) {
    let network = NetworkSettings { latency: Latency::Fixed(ONE_WAY), ..NetworkSettings::default() };
    let mut simulation = Simulation::new(1, RuntimeSettings { network, ..RuntimeSettings::default() });
    let server = simulation.add_host(SERVER, HostSettings::default());
    let client = simulation.add_host("client", HostSettings::default());
    let rounds = Rc::new(Cell::new(0));
    simulation.spawn(server, "serve", serve(simulation.platform(server)));
    simulation.spawn(client, "ask", ask(simulation.platform(client), Rc::clone(&rounds)));
    simulation.run_until(simulation.now().after(Duration::from_secs(1)));
    criterion.bench_function("runtime/request_reply", |bencher| {
        bencher.iter_custom(|iterations| {
            let before = rounds.get();
            let end = simulation.now().after(Duration::from_nanos(2 * iterations * 1_000_000));
            let start = Instant::now();
            simulation.run_until(end);
            let time = start.elapsed();
            assert_eq!(rounds.get() - before, iterations, "one round trip every two milliseconds");
            time
        });
    });
}

criterion_group!(benches, round_trip);
criterion_main!(benches);
