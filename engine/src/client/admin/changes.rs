//! Admin requests that change something: partitions, topics, settings, leaders, replicas, the starts of logs.
//!
//! A request whose answer is lost is not sent again: whether it had its effect is [`Outcome::Unknown`], and the
//! caller must look. A request that never left is tried again for as long as the others. An answer is handed on as
//! it came: what a broker refused for one topic or partition stands in the answer with its error code.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Admin;
use crate::client::connection::{CallError, ConnectionError};
use crate::client::offsets::API_TIMEOUT;
use crate::client::outcome::{ClientError, Effect, Outcome, effect, is_stale_metadata};
use crate::client::signal::within;
use crate::driver::Platform;
use crate::id::{NodeId, TopicPartition};
use crate::message::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, AlteredConfigs, ApiKey, ConfigChanges, ConfigReplacement,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DeletedRecords, DeletedTopic,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, MorePartitions, Reassignment, RecordsToDelete, Request, Response,
    TopicRef,
};
use crate::offset::Offset;
use crate::time::Duration;

/// What is still to be deleted, and what the last attempt at it left in doubt.
type Pending = BTreeMap<TopicPartition, (Offset, Option<ClientError>)>;

impl<P: Platform> Admin<P> {
    /// Gives topics more partitions, or only checks whether they could have them.
    pub async fn create_partitions(
        &self,
        topics: Vec<MorePartitions>,
        validate_only: bool,
    ) -> Outcome<Vec<CreatedPartitions>> {
        let request = CreatePartitionsRequest { topics, timeout: self.request_timeout(), validate_only };
        self.change(request).await.map(|response: CreatePartitionsResponse| response.topics)
    }

    /// Deletes topics by name or id.
    pub async fn delete_topics(&self, topics: Vec<TopicRef>) -> Outcome<Vec<DeletedTopic>> {
        let request = DeleteTopicsRequest { topics, timeout: self.request_timeout() };
        self.change(request).await.map(|response: DeleteTopicsResponse| response.topics)
    }

    /// Replaces all settings of things. What is not named goes back to its default.
    pub async fn alter_configs(
        &self,
        resources: Vec<ConfigReplacement>,
        validate_only: bool,
    ) -> Outcome<Vec<AlteredConfigs>> {
        let request = AlterConfigsRequest { resources, validate_only };
        self.change(request).await.map(|response: AlterConfigsResponse| response.resources)
    }

    /// Changes some settings of things and leaves the others.
    pub async fn incremental_alter_configs(
        &self,
        resources: Vec<ConfigChanges>,
        validate_only: bool,
    ) -> Outcome<Vec<AlteredConfigs>> {
        let request = IncrementalAlterConfigsRequest { resources, validate_only };
        self.change(request).await.map(|response: IncrementalAlterConfigsResponse| response.resources)
    }

    /// Elects leaders: [`ElectLeadersRequest::PREFERRED`] or [`ElectLeadersRequest::UNCLEAN`]; `None` stands for
    /// all partitions.
    pub async fn elect_leaders(
        &self,
        election_type: i8,
        partitions: Option<Vec<TopicPartition>>,
    ) -> Outcome<ElectLeadersResponse> {
        let timeout = self.request_timeout();
        self.change(ElectLeadersRequest { election_type, partitions, timeout }).await
    }

    /// Begins to move partitions to other replicas, or cancels moves.
    pub async fn alter_partition_reassignments(
        &self,
        partitions: Vec<Reassignment>,
    ) -> Outcome<AlterPartitionReassignmentsResponse> {
        let timeout = self.request_timeout();
        self.change(AlterPartitionReassignmentsRequest { timeout, partitions }).await
    }

    /// Deletes the records before an offset, at the leaders; the new log start offset of each partition.
    ///
    /// This one is sent again after a lost answer: to delete the same records twice changes nothing.
    pub async fn delete_records(
        &self,
        partitions: Vec<RecordsToDelete>,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        let mut pending: Pending =
            partitions.into_iter().map(|records| (records.partition, (records.before, None))).collect();
        let mut done = BTreeMap::new();
        for partition in pending.keys() {
            self.cluster.want(&partition.topic);
        }
        let platform = self.cluster.platform().clone();
        // An attempt that the time limit cuts short may be under way.
        let mut under_way = false;
        within(platform.clock(), API_TIMEOUT, async {
            while !pending.is_empty() {
                under_way = true;
                self.delete_once(&mut pending, &mut done).await;
                under_way = false;
                if !pending.is_empty() {
                    self.cluster.refreshed().await;
                }
            }
        })
        .await;
        for (partition, (_, doubt)) in pending {
            done.insert(partition, given_up(doubt, under_way));
        }
        done
    }

    /// Asks every leader that is known once, side by side.
    async fn delete_once(&self, pending: &mut Pending, done: &mut BTreeMap<TopicPartition, Outcome<Offset>>) {
        let mut leaders: BTreeMap<NodeId, Vec<RecordsToDelete>> = BTreeMap::new();
        for (partition, (before, _)) in pending.iter() {
            if let Some(leader) = self.cluster.metadata().leader(partition) {
                let records = RecordsToDelete { partition: partition.clone(), before: *before };
                leaders.entry(leader.broker).or_default().push(records);
            }
        }
        let calls = leaders.into_iter().map(async |(leader, partitions)| {
            let asked: Vec<TopicPartition> = partitions.iter().map(|it| it.partition.clone()).collect();
            (asked, self.delete_at(leader, partitions).await)
        });
        for (asked, result) in join_all(calls).await {
            match result {
                Ok(response) => response.partitions.into_iter().for_each(|it| settle(it, pending, done)),
                Err(error) if error.sent => {
                    let error = ClientError::from(error);
                    for partition in &asked {
                        if let Some((_, doubt)) = pending.get_mut(partition) {
                            *doubt = Some(error.clone());
                        }
                    }
                }
                Err(_) => {}
            }
        }
    }

    async fn delete_at(
        &self,
        leader: NodeId,
        partitions: Vec<RecordsToDelete>,
    ) -> Result<DeleteRecordsResponse, CallError> {
        let timeout = self.request_timeout();
        let unreachable = |_| CallError { why: ConnectionError::Disconnected, sent: false };
        let connection = self.cluster.connect(leader).await.map_err(unreachable)?;
        connection.request(DeleteRecordsRequest { partitions, timeout }, timeout).await
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.cluster.config().request_timeout
    }

    /// Sends a request to the broker that takes admin requests until it has left once.
    async fn change<R>(&self, request: impl Into<Request>) -> Outcome<R>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let request = request.into();
        let mut under_way = false;
        let platform = self.cluster.platform().clone();
        let changed = within(platform.clock(), API_TIMEOUT, async {
            loop {
                let controller = self.cluster.metadata().controller();
                if let Some(controller) = controller
                    && let Ok(connection) = self.cluster.connect(controller).await
                {
                    under_way = true;
                    let answer = connection.request(request.clone(), self.request_timeout()).await;
                    under_way = false;
                    match answer {
                        Ok(response) => return Outcome::Ok(response),
                        Err(error) if error.sent => return Outcome::Unknown(error.into()),
                        Err(error @ CallError { why: ConnectionError::Unsupported(_), .. }) => {
                            return Outcome::Failed(error.into());
                        }
                        Err(_) => {}
                    }
                }
                self.cluster.refreshed().await;
            }
        })
        .await;
        changed.unwrap_or_else(|| given_up(None, under_way))
    }
}

/// What a leader says of one partition: an outcome, or a reason to try again.
fn settle(
    deleted: DeletedRecords,
    pending: &mut Pending,
    done: &mut BTreeMap<TopicPartition, Outcome<Offset>>,
) {
    let Some((_, doubt)) = pending.get_mut(&deleted.partition) else { return };
    let outcome = match deleted.error {
        error if !error.is_error() => Outcome::Ok(deleted.low_watermark),
        error if error.is_retriable() || is_stale_metadata(error) => {
            if effect(error) == Effect::Possible {
                *doubt = Some(ClientError::Broker(error));
            }
            return;
        }
        error if doubt.is_none() && effect(error) == Effect::Impossible => {
            Outcome::Failed(ClientError::Broker(error))
        }
        error => Outcome::Unknown(ClientError::Broker(error)),
    };
    pending.remove(&deleted.partition);
    done.insert(deleted.partition, outcome);
}

/// The outcome of what was not answered in time.
fn given_up<T>(doubt: Option<ClientError>, under_way: bool) -> Outcome<T> {
    let late = ClientError::ApiTimeout(API_TIMEOUT);
    match doubt {
        Some(doubt) => Outcome::Unknown(doubt),
        None if under_way => Outcome::Unknown(late),
        None => Outcome::Failed(late),
    }
}
