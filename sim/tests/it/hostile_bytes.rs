//! Bytes from outside, on a real connection to a running broker: the connection is closed and nothing else happens.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tribunal_engine::driver::{Network, Platform};
use tribunal_engine::event::Event;
use tribunal_engine::id::Endpoint;
use tribunal_engine::time::Duration;
use tribunal_sim::cluster::{Cluster, Recorder};
use tribunal_sim::runtime::SimPlatform;
use tribunal_sim::scenario::{Plan, parse};
use tribunal_sim::view::{ClusterView, What};
use tribunal_sim::workload::{Load, create_topics, probe};

const SCENARIO: &str = r#"
format = 1
name = "bytes"
expect = [{ that = "holds recovers" }]
[run]
duration = "1s"
[topic.orders]
partitions = 1
replication = 3
[producer.checkout]
topic = "orders"
rate = "1/s"
"#;

fn running() -> (Cluster, Plan) {
    let (scenario, _) =
        parse("bytes.toml", SCENARIO).unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    let plan = scenario.variants.into_iter().next().expect("one variant");
    let recorder = Rc::new(Recorder::new(ClusterView::of(&plan), Vec::new()));
    let mut cluster = Cluster::new(&plan, 1, &["stranger".to_owned()], recorder, None);
    cluster.start_all();
    let created = create_topics(&mut cluster, &plan);
    let deadline = cluster.now().after(Duration::from_secs(30));
    assert!(
        cluster.run_while(deadline, |cluster| !created.is_done() || !cluster.recorder().view().all_led()),
        "the cluster boots"
    );
    (cluster, plan)
}

/// Sends `bytes` to a broker; what it answers before it closes, if it closes within ten seconds.
fn answer_to(cluster: &mut Cluster, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let answer: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
    let heard = answer.clone();
    let stranger = move |platform: SimPlatform| -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        let (heard, bytes) = (heard.clone(), bytes.clone());
        Box::pin(async move {
            let endpoint = Endpoint::new("broker-1", 9092);
            let mut stream = platform.network().connect(&endpoint).await.expect("the broker listens");
            stream.write_all(&bytes).await.expect("the broker reads");
            let mut received = Vec::new();
            // An error is a reset: closed as well.
            let _ = stream.read_to_end(&mut received).await;
            *heard.borrow_mut() = Some(received);
        })
    };
    cluster.run_client("stranger", Rc::new(stranger));
    let deadline = cluster.now().after(Duration::from_secs(10));
    cluster.run_while(deadline, |_| answer.borrow().is_none());
    answer.take()
}

/// The cluster still takes records with acks=all, over connections of others.
fn still_serves(cluster: &mut Cluster, plan: &Plan) -> bool {
    let load = Load::new(cluster.handle());
    let probing = probe(&load, cluster, plan);
    let deadline = cluster.now().after(Duration::from_secs(10));
    cluster.run_while(deadline, |_| !probing.is_done()) && load.counts().acknowledged() == 3
}

fn closes_and_serves(bytes: &[u8]) {
    let (mut cluster, plan) = running();
    assert_eq!(answer_to(&mut cluster, bytes.to_vec()), Some(Vec::new()), "closed without an answer");
    let view = cluster.recorder().view();
    let closed = |what: &What| matches!(what, What::Event(Event::ConnectionClosed { .. }));
    assert_eq!(
        view.happenings.iter().filter(|happening| closed(&happening.what)).count(),
        1,
        "one line says why"
    );
    drop(view);
    assert!(still_serves(&mut cluster, &plan));
}

#[test]
fn a_frame_longer_than_allowed_closes_its_connection_and_nothing_else() {
    closes_and_serves(&i32::MAX.to_be_bytes());
}

#[test]
fn a_frame_of_negative_length_closes_its_connection_and_nothing_else() {
    closes_and_serves(&(-5i32).to_be_bytes());
}

#[test]
fn a_frame_too_short_for_a_header_closes_its_connection_and_nothing_else() {
    closes_and_serves(&[0, 0, 0, 3, 1, 2, 3]);
}

#[test]
fn a_request_of_an_unknown_key_closes_its_connection_and_nothing_else() {
    closes_and_serves(&[0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
}

#[test]
fn a_metadata_request_that_claims_a_billion_topics_closes_its_connection_and_nothing_else() {
    let mut body = vec![0, 3, 0, 5, 0, 0, 0, 7, 0xff, 0xff];
    body.extend_from_slice(&1_000_000_000i32.to_be_bytes());
    let mut frame = u32::try_from(body.len()).expect("short").to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    closes_and_serves(&frame);
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let (mut cluster, plan) = running();
    // Key 18, version 99, correlation 9, no client id; then the stranger says no more, and the broker waits.
    let frame = [0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 9, 0xff, 0xff];
    let mut bytes = frame.to_vec();
    bytes.extend_from_slice(&(-1i32).to_be_bytes());
    let answer = answer_to(&mut cluster, bytes).expect("an answer and, after the second frame, the end");
    assert_eq!(
        answer.get(4..10),
        Some([0, 0, 0, 9, 0, 35].as_slice()),
        "correlation id and UNSUPPORTED_VERSION"
    );
    assert!(still_serves(&mut cluster, &plan));
}

#[test]
fn half_a_frame_and_then_silence_holds_up_nobody() {
    let (mut cluster, plan) = running();
    assert_eq!(answer_to(&mut cluster, vec![0, 0, 1, 0, 0, 3]), None, "the broker waits for the rest");
    assert!(still_serves(&mut cluster, &plan));
}
