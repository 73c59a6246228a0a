//! Admin requests that only ask: settings, partitions page by page, sizes of logs, producers, moves under way.
//!
//! A question is asked again until it is answered or the time is over. What a broker cannot say about one thing
//! stands in the answer with its error code.

use std::collections::BTreeMap;

use super::Admin;
use crate::client::connection::{CallError, ConnectionError};
use crate::client::offsets::API_TIMEOUT;
use crate::client::outcome::{ClientError, Outcome};
use crate::client::signal::within;
use crate::driver::Platform;
use crate::id::{NodeId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, ConfigQuery, ConfigResourceType, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribedConfigs, DescribedTopic,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, Request, Response,
};

/// Partitions on one page of DescribeTopicPartitions (Kafka's admin client asks for as many).
const PARTITIONS_A_PAGE: i32 = 2000;

impl<P: Platform> Admin<P> {
    /// Describes settings; those of a broker are asked of that broker.
    pub async fn describe_configs(
        &self,
        queries: Vec<ConfigQuery>,
        include_synonyms: bool,
    ) -> Outcome<Vec<DescribedConfigs>> {
        let mut by_broker: BTreeMap<Option<NodeId>, Vec<ConfigQuery>> = BTreeMap::new();
        for query in queries {
            by_broker.entry(broker_of(&query)).or_default().push(query);
        }
        let mut described = Vec::new();
        for (broker, resources) in by_broker {
            let request =
                DescribeConfigsRequest { resources, include_synonyms, include_documentation: false };
            match self.ask::<DescribeConfigsResponse>(broker, request).await {
                Ok(response) => described.extend(response.resources),
                Err(error) => return Outcome::Failed(error),
            }
        }
        Outcome::Ok(described)
    }

    /// Describes topics with all their partitions, however many pages that takes; no names stand for all topics.
    pub async fn describe_topic_partitions(&self, topics: Vec<TopicName>) -> Outcome<Vec<DescribedTopic>> {
        let mut described: Vec<DescribedTopic> = Vec::new();
        let mut cursor = None;
        loop {
            let request = DescribeTopicPartitionsRequest {
                topics: topics.clone(),
                partitions_max: PARTITIONS_A_PAGE,
                cursor: cursor.clone(),
            };
            let page: DescribeTopicPartitionsResponse = match self.ask(None, request).await {
                Ok(page) => page,
                Err(error) => return Outcome::Failed(error),
            };
            for topic in page.topics {
                match described.last_mut() {
                    Some(last) if last.name == topic.name => last.partitions.extend(topic.partitions),
                    _ => described.push(topic),
                }
            }
            match page.next_cursor {
                None => return Outcome::Ok(described),
                // A broker that goes in circles must not take this client with it.
                next if next <= cursor => {
                    return Outcome::Failed(ClientError::Incomplete(ApiKey::DescribeTopicPartitions));
                }
                next => cursor = next,
            }
        }
    }

    /// Describes the logs of a broker; `None` stands for all its partitions.
    pub async fn describe_log_dirs(
        &self,
        broker: NodeId,
        partitions: Option<Vec<TopicPartition>>,
    ) -> Outcome<DescribeLogDirsResponse> {
        Outcome::of_read(self.ask(Some(broker), DescribeLogDirsRequest { partitions }).await)
    }

    /// Describes the producers that a broker knows of partitions it leads.
    pub async fn describe_producers(
        &self,
        leader: NodeId,
        partitions: Vec<TopicPartition>,
    ) -> Outcome<DescribeProducersResponse> {
        Outcome::of_read(self.ask(Some(leader), DescribeProducersRequest { partitions }).await)
    }

    /// Lists the moves under way; `None` stands for all partitions.
    pub async fn list_partition_reassignments(
        &self,
        partitions: Option<Vec<TopicPartition>>,
    ) -> Outcome<ListPartitionReassignmentsResponse> {
        let timeout = self.request_timeout();
        Outcome::of_read(self.ask(None, ListPartitionReassignmentsRequest { timeout, partitions }).await)
    }

    /// Asks one broker, or any, until it answers.
    async fn ask<R>(&self, broker: Option<NodeId>, request: impl Into<Request>) -> Result<R, ClientError>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let request = request.into();
        let mut last = ClientError::ApiTimeout(API_TIMEOUT);
        let platform = self.cluster.platform().clone();
        let answered = within(platform.clock(), API_TIMEOUT, async {
            loop {
                match self.ask_once(broker, &request).await {
                    Ok(response) => return Ok(response),
                    Err(error @ ClientError::Connection(ConnectionError::Unsupported(_))) => {
                        return Err(error);
                    }
                    Err(error) => last = error,
                }
                self.cluster.refreshed().await;
            }
        })
        .await;
        answered.unwrap_or(Err(last))
    }

    async fn ask_once<R>(&self, broker: Option<NodeId>, request: &Request) -> Result<R, ClientError>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let connection = match broker {
            Some(broker) => self.cluster.connect(broker).await?,
            None => self.cluster.connect_any().await?,
        };
        let answer: Result<R, CallError> = connection.request(request.clone(), self.request_timeout()).await;
        Ok(answer?)
    }
}

/// The broker that must be asked; none if any will do.
fn broker_of(query: &ConfigQuery) -> Option<NodeId> {
    match query.resource.kind {
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => {
            query.resource.name.parse().ok().map(NodeId)
        }
        _ => None,
    }
}
