//! Asking leaders for offsets (ListOffsets), for consumers and admins alike.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::cluster::Cluster;
use super::outcome::{ClientError, is_stale_metadata};
use super::signal::within;
use crate::driver::Platform;
use crate::epoch::LeaderEpoch;
use crate::id::{NodeId, TopicPartition};
use crate::message::{
    ApiKey, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListedOffset, OffsetSpec,
};
use crate::time::Duration;

/// How long a call of an admin or an offset query is tried (Kafka's default of `default.api.timeout.ms`).
pub(super) const API_TIMEOUT: Duration = Duration::from_secs(60);

/// The answers so far.
pub(super) type Listed = BTreeMap<TopicPartition, Result<ListedOffset, ClientError>>;

/// Asks the leader of each partition, again and again where that may help, for at most [`API_TIMEOUT`].
pub(super) async fn list_offsets<P: Platform>(
    cluster: &Cluster<P>,
    questions: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
) -> Listed {
    let mut pending: BTreeMap<TopicPartition, OffsetSpec> = questions.into_iter().collect();
    let mut listed = Listed::new();
    for partition in pending.keys() {
        cluster.want(&partition.topic);
    }
    let platform = cluster.platform().clone();
    within(platform.clock(), API_TIMEOUT, async {
        while !pending.is_empty() {
            ask_once(cluster, &mut pending, &mut listed).await;
            if !pending.is_empty() {
                cluster.refreshed().await;
            }
        }
    })
    .await;
    let late = |partition| (partition, Err(ClientError::ApiTimeout(API_TIMEOUT)));
    listed.extend(pending.into_keys().map(late));
    listed
}

/// One question of ListOffsets, by a client.
pub(super) fn question(
    partition: TopicPartition,
    current_leader_epoch: LeaderEpoch,
    spec: OffsetSpec,
) -> ListOffsetsPartition {
    ListOffsetsPartition { partition, current_leader_epoch, spec }
}

/// A ListOffsets request of a client that reads uncommitted records.
pub(super) fn request(partitions: Vec<ListOffsetsPartition>) -> ListOffsetsRequest {
    ListOffsetsRequest { replica: NodeId::NONE, isolation_level: 0, partitions }
}

/// Asks every leader that is known once, side by side.
async fn ask_once<P: Platform>(
    cluster: &Cluster<P>,
    pending: &mut BTreeMap<TopicPartition, OffsetSpec>,
    listed: &mut Listed,
) {
    let mut leaders: BTreeMap<NodeId, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, spec) in pending.iter() {
        if let Some(leader) = cluster.metadata().leader(partition) {
            let asked = leaders.entry(leader.broker).or_default();
            asked.push(question(partition.clone(), leader.epoch, *spec));
        }
    }
    let calls = leaders.into_iter().map(|(broker, partitions)| ask(cluster, broker, partitions));
    for response in join_all(calls).await.into_iter().flatten() {
        for answer in response.partitions {
            let result = match answer.error {
                error if error.is_retriable() || is_stale_metadata(error) => continue,
                error if error.is_error() => Err(ClientError::Broker(error)),
                _ => Ok(answer.clone()),
            };
            if pending.remove(&answer.partition).is_some() {
                listed.insert(answer.partition, result);
            }
        }
    }
}

async fn ask<P: Platform>(
    cluster: &Cluster<P>,
    broker: NodeId,
    partitions: Vec<ListOffsetsPartition>,
) -> Result<ListOffsetsResponse, ClientError> {
    let connection = cluster.connect(broker).await?;
    let response: ListOffsetsResponse =
        connection.request(request(partitions), cluster.config().request_timeout).await?;
    if response.partitions.is_empty() {
        Err(ClientError::Incomplete(ApiKey::ListOffsets))
    } else {
        Ok(response)
    }
}
