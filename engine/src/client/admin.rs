//! An admin client: create topics, describe topics and the cluster, list offsets; in `changes` and `questions` all
//! the rest.
//!
//! Each call is tried for a minute (`default.api.timeout.ms`) with a metadata refresh between two attempts.

mod changes;
mod questions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::cluster::{Cluster, ClusterConfig};
use super::connection::CallError;
use super::offsets::{API_TIMEOUT, list_offsets};
use super::outcome::{ClientError, Effect, Outcome, effect};
use super::signal::{Signal, within};
use crate::driver::Platform;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, TopicId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, ListedOffset, MetadataBroker,
    MetadataRequest, MetadataResponse, MetadataTopic, NewTopic, OffsetSpec, TopicRef,
};
use crate::rng::Rng;

/// The brokers of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker that takes admin requests.
    pub controller: Option<NodeId>,
    /// The brokers that are alive.
    pub brokers: Vec<MetadataBroker>,
}

/// An admin client.
pub struct Admin<P: Platform> {
    cluster: Cluster<P>,
}

impl<P: Platform> Drop for Admin<P> {
    fn drop(&mut self) {
        self.cluster.close();
    }
}

/// What is still to be created, and what the last attempt at it left in doubt.
type Pending = BTreeMap<String, (NewTopic, Option<ClientError>)>;

impl<P: Platform> Admin<P> {
    /// Starts an admin client: one metadata task. It connects at once.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the client owns its platform and its stream of randomness"
    )]
    pub fn start(
        platform: P,
        bootstrap: Vec<Endpoint>,
        client_id: &str,
        config: ClusterConfig,
        rng: Rng,
    ) -> Self {
        let signal = Rc::new(Signal::default());
        Admin { cluster: Cluster::start(&platform, bootstrap, client_id, config, &rng, signal) }
    }

    /// Creates topics; the outcome of each by name.
    ///
    /// TOPIC_ALREADY_EXISTS after an attempt whose answer was lost is [`Outcome::Unknown`]: it may be our own topic.
    pub async fn create_topics(&self, topics: Vec<NewTopic>) -> BTreeMap<String, Outcome<CreatedTopic>> {
        let mut pending: Pending =
            topics.into_iter().map(|topic| (topic.name.clone(), (topic, None))).collect();
        let mut done = BTreeMap::new();
        let platform = self.cluster.platform().clone();
        // An attempt that the time limit cuts short may be under way.
        let mut under_way = false;
        within(platform.clock(), API_TIMEOUT, async {
            loop {
                under_way = true;
                self.create_once(&mut pending, &mut done).await;
                under_way = false;
                if pending.is_empty() {
                    return;
                }
                self.cluster.refreshed().await;
            }
        })
        .await;
        for (name, (_, doubt)) in pending {
            let late = ClientError::ApiTimeout(API_TIMEOUT);
            let outcome = match doubt {
                Some(doubt) => Outcome::Unknown(doubt),
                None if under_way => Outcome::Unknown(late),
                None => Outcome::Failed(late),
            };
            done.insert(name, outcome);
        }
        done
    }

    async fn create_once(&self, pending: &mut Pending, done: &mut BTreeMap<String, Outcome<CreatedTopic>>) {
        let controller = self.cluster.metadata().controller();
        let Some(controller) = controller else { return };
        let Ok(connection) = self.cluster.connect(controller).await else { return };
        let timeout = self.cluster.config().request_timeout;
        let topics = pending.values().map(|(topic, _)| topic.clone()).collect();
        let request = CreateTopicsRequest { topics, timeout, validate_only: false };
        let result: Result<CreateTopicsResponse, CallError> = connection.request(request, timeout).await;
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let doubtful = error.sent;
                let error = ClientError::from(error);
                pending.values_mut().filter(|_| doubtful).for_each(|(_, doubt)| *doubt = Some(error.clone()));
                return;
            }
        };
        for created in response.topics {
            let name = created.name.clone();
            let Some((_, doubt)) = pending.get_mut(&name) else { continue };
            let outcome = match (created.error, &doubt) {
                (ErrorCode::None, _) => Outcome::Ok(created),
                (error, _) if error.is_retriable() => {
                    if effect(error) == Effect::Possible {
                        *doubt = Some(ClientError::Broker(error));
                    }
                    continue;
                }
                (error, None) if effect(error) == Effect::Impossible => {
                    Outcome::Failed(ClientError::Broker(error))
                }
                (error, _) => Outcome::Unknown(ClientError::Broker(error)),
            };
            pending.remove(&name);
            done.insert(name, outcome);
        }
    }

    /// Describes topics, or all topics. A topic that does not exist comes with its error.
    pub async fn describe_topics(&self, topics: Option<Vec<TopicName>>) -> Outcome<Vec<MetadataTopic>> {
        self.describe(topics).await.map(|response| response.topics)
    }

    /// Describes the cluster.
    pub async fn describe_cluster(&self) -> Outcome<ClusterDescription> {
        self.describe(Some(Vec::new())).await.map(|response| ClusterDescription {
            cluster_id: response.cluster_id,
            controller: (response.controller != NodeId::NONE).then_some(response.controller),
            brokers: response.brokers,
        })
    }

    /// Finds offsets by end or time; the outcome of each by partition.
    pub async fn list_offsets(
        &self,
        questions: Vec<(TopicPartition, OffsetSpec)>,
    ) -> BTreeMap<TopicPartition, Outcome<ListedOffset>> {
        let listed = list_offsets(&self.cluster, questions).await;
        listed.into_iter().map(|(partition, result)| (partition, Outcome::of_read(result))).collect()
    }

    async fn describe(&self, topics: Option<Vec<TopicName>>) -> Outcome<MetadataResponse> {
        let by_name = |name| TopicRef { name: Some(name), id: TopicId::ZERO };
        let topics = topics.map(|names| names.into_iter().map(by_name).collect());
        let request = MetadataRequest { topics, allow_auto_topic_creation: false };
        let mut last = ClientError::Incomplete(ApiKey::Metadata);
        let platform = self.cluster.platform().clone();
        let described = within(platform.clock(), API_TIMEOUT, async {
            loop {
                match self.describe_once(request.clone()).await {
                    Ok(response) => return response,
                    Err(error) => last = error,
                }
                self.cluster.refreshed().await;
            }
        })
        .await;
        Outcome::of_read(described.ok_or(last))
    }

    async fn describe_once(&self, request: MetadataRequest) -> Result<MetadataResponse, ClientError> {
        let connection = self.cluster.connect_any().await?;
        Ok(connection.request(request, self.cluster.config().request_timeout).await?)
    }
}
