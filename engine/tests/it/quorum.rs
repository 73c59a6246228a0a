//! What a broker tells clients about the controllers behind it.

use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::{DescribeQuorumRequest, DescribeQuorumResponse, Response};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Duration;
use tribunal_engine::variant::ProtocolVariant;

use crate::mini_cluster::{CONTROLLER, MiniCluster};

/// One broker and three controllers that have elected their leader.
fn cluster() -> MiniCluster {
    let mut cluster = MiniCluster::new(1, 3, &[], ProtocolVariant::SAFE);
    for id in [CONTROLLER, CONTROLLER + 1, CONTROLLER + 2, 1] {
        cluster.start(id);
    }
    for _ in 0..10 {
        cluster.advance(Duration::from_millis(500));
    }
    cluster
}

fn describe(cluster: &mut MiniCluster, partition: TopicPartition) -> DescribeQuorumResponse {
    match cluster.ask(1, 2, DescribeQuorumRequest { partitions: vec![partition] }.into()) {
        Some(Response::DescribeQuorum(response)) => response,
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn a_broker_passes_on_how_far_each_of_three_controllers_is() {
    let mut cluster = cluster();
    let described = describe(&mut cluster, TopicPartition::new("__cluster_metadata", 0));
    let quorum = &described.partitions[0];
    let voters: Vec<NodeId> = quorum.voters.iter().map(|voter| voter.replica).collect();
    assert_eq!((quorum.error, voters), (ErrorCode::None, vec![NodeId(100), NodeId(101), NodeId(102)]));
    assert!(quorum.high_watermark > Offset::ZERO);
    assert!(quorum.voters.iter().all(|voter| voter.log_end_offset >= quorum.high_watermark), "{quorum:?}");
    assert_eq!(described.nodes.len(), 3);
}

#[test]
fn only_the_metadata_log_has_a_quorum() {
    let described = describe(&mut cluster(), TopicPartition::new("orders", 0));
    assert_eq!(described.partitions[0].error, ErrorCode::UnknownTopicOrPartition);
}
