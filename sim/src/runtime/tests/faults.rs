//! Processes and networks that break.

use super::*;
use crate::runtime::{Direction, HostStatus, PowerLoss, SlowLink};

fn reset() -> String {
    io::ErrorKind::ConnectionReset.to_string()
}

fn refused() -> String {
    format!("connect: {}", io::ErrorKind::ConnectionRefused)
}

/// A client that connects and then only reads.
fn silent_client(simulation: &Simulation, client: HostId) -> Seen {
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "listen", async move {
        let mut stream = connect(&platform).await.expect("the server listens");
        let ended = match stream.read(&mut [0; 10]).await {
            Ok(read) => format!("read {read}"),
            Err(error) => error.kind().to_string(),
        };
        see(&told, &platform, ended);
    });
    seen
}

#[test]
fn a_crash_ends_connections_at_once_and_refuses_new_ones_until_the_boot() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let listening = silent_client(&simulation, client);
    simulation.run_until(millis(20));
    simulation.crash(server);
    assert_eq!(simulation.status(server), HostStatus::Crashed);
    simulation.run_until(millis(30));
    assert_eq!(*listening.borrow(), [(21_000, "read 0".to_owned())]);
    let late = chatty_client(&simulation, client);
    simulation.run_until(millis(40));
    assert_eq!(words(&late), [refused()]);
    assert_eq!(simulation.boot(server), 2);
    serve(&simulation, server);
    let later = chatty_client(&simulation, client);
    simulation.run_until(millis(49));
    assert_eq!(words(&later), ["hello"]);
}

#[test]
fn the_port_is_free_after_a_crash_whatever_peers_do() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let kept = silent_client(&simulation, client);
    simulation.run_until(millis(20));
    simulation.pause(client);
    for _ in 0..3 {
        simulation.crash(server);
        simulation.boot(server);
        serve(&simulation, server);
        simulation.run_until(simulation.now().after(Duration::from_millis(5)));
    }
    simulation.resume(client);
    simulation.run_until(millis(100));
    assert_eq!(words(&kept), ["read 0"]);
}

#[test]
fn a_power_loss_is_silent_until_the_boot_answers_with_a_reset() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let chatting = chatty_client(&simulation, client);
    let listening = silent_client(&simulation, client);
    simulation.run_until(millis(20));
    simulation.power_loss(server, PowerLoss::LoseUnsynced);
    let late = chatty_client(&simulation, client);
    simulation.run_until(millis(5000));
    assert!(words(&chatting).iter().all(|word| word == "hello") && late.borrow().is_empty());
    simulation.boot(server);
    serve(&simulation, server);
    simulation.run_until(millis(20_000));
    assert_eq!(words(&chatting).last(), Some(&reset()));
    // Who sends nothing never learns; who was connecting gets through by a retransmission.
    assert!(listening.borrow().is_empty());
    assert_eq!(words(&late).last().map(String::as_str), Some("hello"));
}

#[test]
fn a_partition_holds_messages_and_delivers_them_after_the_heal() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(12));
    let fault = simulation.partition(&[client], &[server], Direction::Full);
    simulation.run_until(millis(500));
    assert_eq!(seen.borrow().len(), 1);
    simulation.heal(fault);
    simulation.run_until(millis(1000));
    // Sent at 14 ms, lost; sent again at 214 ms, lost; sent again at 614 ms.
    assert_eq!(seen.borrow()[1], (616_000, "hello".to_owned()));
    assert!(seen.borrow().len() > 20);
}

#[test]
fn a_one_way_partition_lets_the_other_way_pass() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(12));
    simulation.partition(&[server], &[client], Direction::OneWay);
    let traffic = |simulation: &Simulation, sender| {
        simulation.traffic().iter().filter(|link| link.from == sender).map(|link| link.packets).sum::<u64>()
    };
    let before = traffic(&simulation, server);
    simulation.run_until(millis(100));
    assert_eq!(seen.borrow().len(), 1);
    assert_eq!(traffic(&simulation, server), before + 1, "the server got the request and answered");
}

#[test]
fn packets_sent_after_a_heal_do_not_overtake_held_ones() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let (seen, platform) = (Seen::default(), simulation.platform(client));
    let told = Rc::clone(&seen);
    simulation.spawn(client, "pipeline", async move {
        let stream = connect(&platform).await.expect("the server listens");
        let (mut reader, mut writer) = tokio::io::split(stream);
        let clock = platform.clock().clone();
        platform.spawner().spawn("write", async move {
            for byte in 0..200u8 {
                writer.write_all(&[byte]).await.expect("the connection stands");
                clock.sleep(Duration::from_micros(700)).await;
            }
        });
        let mut received = [0; 200];
        reader.read_exact(&mut received).await.expect("the connection stands");
        see(&told, &platform, if received.is_sorted() { "in order" } else { "out of order" });
    });
    for at in [10, 50, 90, 130] {
        simulation.run_until(millis(at));
        let fault = simulation.partition(&[client], &[server], Direction::Full);
        simulation.run_until(millis(at + 20));
        simulation.heal(fault);
    }
    simulation.run_until(millis(60_000));
    assert_eq!(words(&seen), ["in order"]);
}

#[test]
fn a_pause_freezes_tasks_and_not_sockets() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(12));
    simulation.pause(server);
    let during = Seen::default();
    let (told, platform) = (Rc::clone(&during), simulation.platform(client));
    simulation.spawn(client, "connect", async move {
        let _stream = connect(&platform).await.expect("the stack answers for the paused process");
        see(&told, &platform, "connected");
    });
    simulation.run_until(millis(100));
    assert_eq!((seen.borrow().len(), words(&during)), (1, vec!["connected".to_owned()]));
    simulation.resume(server);
    simulation.run_until(millis(110));
    assert_eq!(seen.borrow()[1], (101_000, "hello".to_owned()));
}

#[test]
fn a_connect_that_was_given_up_leaves_nothing_behind() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let platform = simulation.platform(client);
    simulation.spawn(client, "impatient", async move {
        for micros in [500, 1500] {
            let connect = std::pin::pin!(connect(&platform));
            let timeout = std::pin::pin!(platform.clock().sleep(Duration::from_micros(micros)));
            futures_util::future::select(connect, timeout).await;
        }
    });
    simulation.run_until(millis(50));
    simulation.crash(server);
    simulation.boot(server);
    serve(&simulation, server);
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(60));
    assert_eq!(words(&seen), ["hello"]);
}

#[test]
fn a_slow_link_slows_one_way_until_it_heals() {
    let (mut simulation, server, client) = echo_pair(1, one_millisecond());
    let seen = chatty_client(&simulation, client);
    simulation.run_until(millis(12));
    let extra = Latency::Fixed(Duration::from_millis(30));
    let fault = simulation.slow_link(&[client], &[server], SlowLink { extra, ..SlowLink::default() });
    simulation.run_until(millis(47));
    simulation.heal(fault);
    simulation.run_until(millis(60));
    let times: Vec<u64> = seen.borrow().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [4000, 46_000, 58_000]);
}

#[test]
fn timers_and_tasks_of_an_old_boot_never_run() {
    let (mut simulation, server, _) = echo_pair(1, one_millisecond());
    let (seen, platform) = (Seen::default(), simulation.platform(server));
    let (told, old) = (Rc::clone(&seen), platform.clone());
    simulation.spawn(server, "old", async move {
        platform.clock().sleep(Duration::from_millis(10)).await;
        see(&told, &platform, "old timer");
    });
    simulation.run_until(millis(5));
    simulation.crash(server);
    simulation.boot(server);
    let (told, new) = (Rc::clone(&seen), simulation.platform(server));
    old.spawner().spawn("late", async move { see(&told, &new, "old spawner") });
    simulation.run_until(millis(50));
    assert_eq!(words(&seen), Vec::<String>::new());
    assert_eq!(simulation.task_count(), 0);
}

#[test]
fn faults_at_any_moment_leave_a_cluster_that_works() {
    for seed in 0..40 {
        let mut settings =
            latency(Latency::Uniform { low: Duration::from_micros(50), high: Duration::from_millis(4) });
        settings.network.loss = if seed % 2 == 0 { 0.0 } else { 0.02 };
        let (mut simulation, server, client) = echo_pair(seed, settings);
        let wait = |simulation: &mut Simulation, micros| {
            simulation.run_until(simulation.now().after(Duration::from_micros(micros)));
        };
        for round in 0..20u64 {
            chatty_client(&simulation, client);
            chatty_client(&simulation, client);
            wait(&mut simulation, 997 * (seed + round));
            let direction = if round % 4 == 0 { Direction::Full } else { Direction::OneWay };
            let (from, to) = if round % 3 == 0 { (client, server) } else { (server, client) };
            let fault = simulation.partition(&[from], &[to], direction);
            wait(&mut simulation, 1511 * (round % 5));
            let victim = if round % 3 == 2 { client } else { server };
            match round % 4 {
                0 | 1 => simulation.crash(victim),
                2 => simulation.power_loss(victim, PowerLoss::TornTail),
                _ => simulation.pause(victim),
            }
            wait(&mut simulation, 313 * round);
            if round % 2 == 0 {
                simulation.heal(fault);
            }
            if simulation.status(victim) == HostStatus::Up {
                simulation.resume(victim);
            } else {
                simulation.boot(victim);
                if victim == server {
                    serve(&simulation, server);
                }
            }
            wait(&mut simulation, 313 * round);
            simulation.heal(fault);
        }
        wait(&mut simulation, 10_000_000);
        let seen = chatty_client(&simulation, client);
        wait(&mut simulation, 5_000_000);
        assert_eq!(words(&seen).first().map(String::as_str), Some("hello"), "seed {seed}");
    }
}
