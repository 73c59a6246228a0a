//! What only the controller can do, asked of a broker: one path for all of it (KIP-590).
//!
//! The request goes to the controller as it is, its answer back as it is. A request nobody answers is answered with
//! REQUEST_TIMED_OUT for everything it names: whether the controller did it is unknown, and the client must look
//! before it tries again.

use super::{Broker, Call};
use crate::error::ErrorCode;
use crate::id::TopicId;
use crate::machine::{CallError, Effect, Effects, RequestContext};
use crate::message::{
    AlterConfigsResponse, AlterPartitionReassignmentsResponse, AlteredConfigs, ConfigResource,
    CreatePartitionsResponse, CreateTopicsResponse, CreatedPartitions, CreatedTopic, DeleteTopicsResponse,
    DeletedTopic, ElectLeadersResponse, IncrementalAlterConfigsResponse, ListPartitionReassignmentsResponse,
    NewTopic, Request, Response,
};

const ERROR: ErrorCode = ErrorCode::RequestTimedOut;
const REASON: &str = "no answer from the controller";

impl Broker {
    /// Sends a client's request on to the controller.
    pub(super) fn forward(&mut self, context: RequestContext, request: Request, effects: &mut Effects) {
        let call = Call::Forward(context, request.clone());
        self.call_controller(call, request, effects);
    }

    /// Hands the controller's answer to the client.
    pub(super) fn on_forwarded(
        context: &RequestContext,
        request: &Request,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        let answer = outcome.ok().filter(|response| response.key() == request.key());
        match answer.or_else(|| unanswered(request)) {
            Some(response) => effects.respond(context, response),
            None => {
                let reason = "forwarded request without an answer";
                effects.push(Effect::Close { connection: context.connection, reason });
            }
        }
    }
}

/// The answer to a request that was forwarded in vain; `None` for what is never forwarded.
fn unanswered(request: &Request) -> Option<Response> {
    let message = || Some(REASON.to_owned());
    let configs = |resource: &ConfigResource| AlteredConfigs {
        resource: resource.clone(),
        error: ERROR,
        error_message: message(),
    };
    Some(match request {
        Request::CreateTopics(request) => {
            CreateTopicsResponse { topics: request.topics.iter().map(not_created).collect() }.into()
        }
        Request::DeleteTopics(request) => {
            let failed = |topic: &crate::message::TopicRef| DeletedTopic {
                name: topic.name.clone(),
                id: topic.id,
                error: ERROR,
                error_message: message(),
            };
            DeleteTopicsResponse { topics: request.topics.iter().map(failed).collect() }.into()
        }
        Request::CreatePartitions(request) => {
            let topics = request.topics.iter().map(|more| more.topic.clone());
            let failed = |topic| CreatedPartitions { topic, error: ERROR, error_message: message() };
            CreatePartitionsResponse { topics: topics.map(failed).collect() }.into()
        }
        Request::ElectLeaders(_) => ElectLeadersResponse { error: ERROR, partitions: Vec::new() }.into(),
        Request::AlterPartitionReassignments(_) => {
            let partitions = Vec::new();
            AlterPartitionReassignmentsResponse { error: ERROR, error_message: message(), partitions }.into()
        }
        Request::ListPartitionReassignments(_) => {
            let partitions = Vec::new();
            ListPartitionReassignmentsResponse { error: ERROR, error_message: message(), partitions }.into()
        }
        Request::AlterConfigs(request) => {
            let resources = request.resources.iter().map(|one| configs(&one.resource)).collect();
            AlterConfigsResponse { resources }.into()
        }
        Request::IncrementalAlterConfigs(request) => {
            let resources = request.resources.iter().map(|one| configs(&one.resource)).collect();
            IncrementalAlterConfigsResponse { resources }.into()
        }
        _ => return None,
    })
}

fn not_created(topic: &NewTopic) -> CreatedTopic {
    CreatedTopic {
        name: topic.name.clone(),
        id: TopicId::ZERO,
        error: ERROR,
        error_message: Some(REASON.to_owned()),
        partitions: -1,
        replication_factor: -1,
    }
}
