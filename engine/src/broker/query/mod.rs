//! Questions of admin clients that a broker answers at once, from the metadata it has applied and its own logs.
//!
//! Each API has a file. Nothing here changes a replica or talks to anybody; an answer may be as old as the
//! metadata this broker has applied.

mod cluster;
mod configs;
mod log_dirs;
#[cfg(test)]
mod tests;
mod topic_partitions;

use super::Broker;
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{Request, Response};

impl Broker {
    /// Answers a question, or closes the connection if nobody here knows the request.
    pub(super) fn on_query(&mut self, context: &RequestContext, request: Request, effects: &mut Effects) {
        let response: Response = match request {
            Request::DescribeCluster(request) => self.describe_cluster(&request).into(),
            Request::DescribeTopicPartitions(request) => self.describe_topic_partitions(&request).into(),
            Request::DescribeConfigs(request) => self.describe_configs(&request).into(),
            Request::DescribeLogDirs(request) => self.describe_log_dirs(&request).into(),
            Request::GetTelemetrySubscriptions(request) => self.telemetry_subscriptions(&request).into(),
            Request::PushTelemetry(request) => cluster::push_telemetry(&request).into(),
            _ => {
                let reason = "request that brokers do not serve";
                return effects.push(Effect::Close { connection: context.connection, reason });
            }
        };
        effects.respond(context, response);
    }
}
