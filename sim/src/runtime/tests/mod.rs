//! What the runtime promises as a whole, on small clusters of echo servers.

mod determinism;
mod faults;
mod time;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tribunal_engine::driver::{Clock as _, Network as _, Platform as _, Spawner as _};
use tribunal_engine::id::Endpoint;
use tribunal_engine::time::{Duration, Instant};

use super::{
    HostId, HostSettings, Latency, NetworkSettings, RuntimeSettings, SimPlatform, SimStream, Simulation,
};

const PORT: u16 = 9092;

/// What tasks saw, in order: true microseconds and a word.
type Seen = Rc<RefCell<Vec<(u64, String)>>>;

fn millis(count: u64) -> Instant {
    Instant::from_nanos(count * 1_000_000)
}

fn latency(latency: Latency) -> RuntimeSettings {
    RuntimeSettings {
        network: NetworkSettings { latency, ..NetworkSettings::default() },
        ..RuntimeSettings::default()
    }
}

/// Every message takes a millisecond.
fn one_millisecond() -> RuntimeSettings {
    latency(Latency::Fixed(Duration::from_millis(1)))
}

/// A server named `server` that echoes, and a client named `client` without tasks.
fn echo_pair(seed: u64, settings: RuntimeSettings) -> (Simulation, HostId, HostId) {
    let mut simulation = Simulation::new(seed, settings);
    let server = simulation.add_host("server", HostSettings::default());
    let client = simulation.add_host("client", HostSettings::default());
    serve(&simulation, server);
    (simulation, server, client)
}

fn serve(simulation: &Simulation, server: HostId) {
    simulation.spawn(
        server,
        "accept",
        accept_loop(simulation.platform(server), simulation.name(server).to_string()),
    );
}

async fn accept_loop(platform: SimPlatform, name: String) {
    let listener = platform.network().bind(&Endpoint::new(&name, PORT)).await.expect("the port is free");
    while let Ok(stream) = platform.network().accept(&listener).await {
        platform.spawner().spawn("echo", echo(stream));
    }
}

async fn echo(mut stream: SimStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn connect(platform: &SimPlatform) -> io::Result<SimStream> {
    platform.network().connect(&Endpoint::new("server", PORT)).await
}

async fn ask(stream: &mut SimStream, text: &str) -> io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn see(seen: &Seen, platform: &SimPlatform, what: impl Into<String>) {
    seen.borrow_mut().push((platform.handle().now().as_nanos() / 1000, what.into()));
}

fn words(seen: &Seen) -> Vec<String> {
    seen.borrow().iter().map(|(_, word)| word.clone()).collect()
}

/// A client task that connects, asks `first`, and tells what comes of it; then asks once more every 10 ms.
fn chatty_client(simulation: &Simulation, client: HostId) -> Seen {
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "chat", async move {
        let mut stream = match connect(&platform).await {
            Ok(stream) => stream,
            Err(error) => return see(&told, &platform, format!("connect: {}", error.kind())),
        };
        loop {
            match ask(&mut stream, "hello").await {
                Ok(answer) => see(&told, &platform, answer),
                Err(error) => return see(&told, &platform, error.kind().to_string()),
            }
            platform.clock().sleep(Duration::from_millis(10)).await;
        }
    });
    seen
}

#[test]
fn a_request_and_its_reply_take_a_round_trip() {
    let (mut simulation, _, client) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(10));
    // SYN, SYN-ACK, then the request and the reply.
    assert_eq!(*seen.borrow(), vec![(4000, "hello".to_owned())]);
    assert_eq!(simulation.now(), millis(10));
}

#[test]
fn megabytes_arrive_whole_through_random_latency_and_a_small_window() {
    let jitter = Latency::Uniform { low: Duration::from_micros(1), high: Duration::from_millis(5) };
    let mut settings = latency(jitter);
    settings.network.window_bytes = 100_000;
    settings.network.loss = 0.05;
    let (mut simulation, _, client) = echo_pair(3, settings);
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "bulk", async move {
        let stream = connect(&platform).await.expect("the server listens");
        let (mut reader, mut writer) = tokio::io::split(stream);
        let sent: Vec<u8> =
            (0..3_000_000u32).map(|index| index.to_le_bytes()[0] ^ index.to_le_bytes()[1]).collect();
        let expected = sent.clone();
        platform.spawner().spawn("write", async move {
            writer.write_all(&sent).await.expect("the connection stands");
        });
        let mut received = vec![0; expected.len()];
        reader.read_exact(&mut received).await.expect("the connection stands");
        see(&told, &platform, if received == expected { "equal" } else { "different" });
    });
    simulation.run_until(millis(600_000));
    assert_eq!(words(&seen), ["equal"]);
}

#[test]
fn a_host_can_talk_to_itself() {
    let (mut simulation, server, _) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, server);
    simulation.run_until(millis(5));
    assert_eq!(words(&seen), ["hello"]);
}

#[test]
fn dropping_the_writing_side_ends_the_reader() {
    let (mut simulation, _, client) = echo_pair(1, one_millisecond());
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "half", async move {
        let mut stream = connect(&platform).await.expect("the server listens");
        stream.write_all(b"last words").await.expect("the connection stands");
        stream.shutdown().await.expect("the connection stands");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the connection ends well");
        see(&told, &platform, answer);
    });
    simulation.run_until(millis(100));
    assert_eq!(words(&seen), ["last words"]);
}

#[test]
fn an_unknown_name_and_a_foreign_address_are_errors() {
    let (mut simulation, _, client) = echo_pair(1, one_millisecond());
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "lost", async move {
        let nowhere = platform.network().connect(&Endpoint::new("nowhere", 1)).await.err();
        let foreign = platform.network().bind(&Endpoint::new("server", 1)).await.err();
        for error in [nowhere, foreign].into_iter().flatten() {
            see(&told, &platform, error.kind().to_string());
        }
    });
    simulation.run_until(millis(1));
    assert_eq!(
        words(&seen),
        [io::ErrorKind::NotFound.to_string(), io::ErrorKind::AddrNotAvailable.to_string()]
    );
}

#[test]
#[should_panic(expected = "the task is broken")]
fn a_panic_of_a_task_comes_out_of_the_run() {
    let (mut simulation, _, client) = echo_pair(1, one_millisecond());
    chatty_client(&simulation, client);
    let platform = simulation.platform(client);
    simulation.spawn(client, "broken", async move {
        platform.clock().sleep(Duration::from_millis(7)).await;
        panic!("the task is broken");
    });
    simulation.run_until(millis(50));
}

#[test]
#[should_panic(expected = "time stands still")]
fn tasks_that_stop_time_are_found() {
    let settings = RuntimeSettings { polls_at_one_instant_max: 1000, ..RuntimeSettings::default() };
    let (mut simulation, _, client) = echo_pair(1, settings);
    simulation.spawn(client, "spin", async {
        loop {
            yield_once().await;
        }
    });
    simulation.run_until(millis(1));
}

/// Ready at the second poll.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn sockets_may_outlive_their_simulation() {
    let (mut simulation, _, client) = echo_pair(1, one_millisecond());
    let kept: Rc<RefCell<Option<SimStream>>> = Rc::default();
    let (slot, platform) = (Rc::clone(&kept), simulation.platform(client));
    simulation.spawn(client, "leak", async move {
        *slot.borrow_mut() = connect(&platform).await.ok();
    });
    simulation.run_until(millis(10));
    drop(simulation);
    assert!(kept.take().is_some());
}
