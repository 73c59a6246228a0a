//! Metadata and reconnection against scripted brokers.

use std::rc::Rc;

use super::{Cluster, ClusterConfig};
use crate::client::signal::Signal;
use crate::client::test_broker::{Answer, TOPIC, TestCluster};
use crate::client::test_platform::TestPlatform;
use crate::driver::Clock as _;
use crate::id::{NodeId, TopicName, TopicPartition};
use crate::rng::Rng;
use crate::time::Duration;

fn start(cluster: &TestCluster) -> Cluster<TestPlatform> {
    let (platform, rng) = (cluster.platform.clone(), Rng::from_seed(1));
    let (config, client) = (ClusterConfig::default(), Rc::new(Signal::default()));
    Cluster::start(&platform, cluster.bootstrap(), "test", config, &rng, client)
}

#[test]
fn many_who_ask_share_one_refresh() {
    let test = TestCluster::new(&[1]);
    test.broker(1, |_| Answer::Silence);
    let cluster = start(&test);
    test.platform.run(async move {
        cluster.refreshed().await;
        futures_util::future::join_all((0..5).map(|_| cluster.refreshed())).await;
    });
    assert_eq!(test.metadata_asked(1), 2);
}

#[test]
fn refreshes_are_a_backoff_apart() {
    let test = TestCluster::new(&[1]);
    test.broker(1, |_| Answer::Silence);
    let cluster = start(&test);
    let clock = test.platform.clone();
    let waited = test.platform.run(async move {
        cluster.refreshed().await;
        let before = clock.now().mono;
        cluster.refreshed().await;
        clock.now().mono.since(before)
    });
    assert!((80..=120).contains(&waited.as_millis()), "{waited:?}");
}

#[test]
fn a_new_topic_is_looked_up_at_once() {
    let test = TestCluster::new(&[1]);
    test.broker(1, |_| Answer::Silence);
    let cluster = start(&test);
    let clock = test.platform.clone();
    let (waited, leader) = test.platform.run(async move {
        cluster.refreshed().await;
        let before = clock.now().mono;
        cluster.want(&TopicName::new(TOPIC));
        cluster.refreshed().await;
        (clock.now().mono.since(before), cluster.metadata().leader(&TopicPartition::new(TOPIC, 0)))
    });
    assert_eq!((waited, leader.map(|leader| leader.broker)), (Duration::ZERO, Some(NodeId(1))));
}

#[test]
fn an_answer_without_brokers_does_not_end_the_search() {
    let test = TestCluster::new(&[1]);
    test.broker(1, |_| Answer::Silence);
    let cluster = start(&test);
    let brokers = test.hide_brokers();
    let later = test.clone();
    test.platform.run(async move {
        cluster.refreshed().await;
        later.show_brokers(brokers);
        cluster.refreshed().await;
        assert_eq!(cluster.metadata().endpoints().count(), 1);
    });
}

#[test]
fn reconnects_are_a_backoff_apart() {
    let test = TestCluster::new(&[1]);
    test.unreachable_broker(1);
    let cluster = start(&test);
    let clock = test.platform.clone();
    let waited = test.platform.run(async move {
        for _ in 0..4 {
            assert!(cluster.connect_any().await.is_err());
        }
        clock.now().mono
    });
    // Waits of 50, 100 and 200 ms, each a fifth more or less.
    assert!((280_000_000..=420_000_000).contains(&waited.as_nanos()), "{waited}");
}
