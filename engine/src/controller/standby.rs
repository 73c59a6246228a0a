//! What a controller that does not decide answers: ask another.

use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::TopicId;
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{
    AlterPartitionResponse, BrokerHeartbeatResponse, BrokerRegistrationResponse, CreateTopicsResponse,
    CreatedTopic, Request, Response,
};

/// Refuses a request with NOT_CONTROLLER; who cannot be told loses the connection.
pub(super) fn refuse(context: &RequestContext, request: &Request, effects: &mut Effects) {
    match refusal(request) {
        Some(response) => effects.respond(context, response),
        None => {
            let reason = "request to a controller that is not active";
            effects.push(Effect::Close { connection: context.connection, reason });
        }
    }
}

fn refusal(request: &Request) -> Option<Response> {
    let error = ErrorCode::NotController;
    Some(match request {
        Request::BrokerRegistration(_) => {
            BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE }.into()
        }
        Request::BrokerHeartbeat(_) => {
            let (is_caught_up, is_fenced, should_shut_down) = (false, true, false);
            BrokerHeartbeatResponse { error, is_caught_up, is_fenced, should_shut_down }.into()
        }
        Request::AlterPartition(_) => AlterPartitionResponse { error, partitions: Vec::new() }.into(),
        Request::CreateTopics(request) => {
            let refused = |name: &String| CreatedTopic {
                name: name.clone(),
                id: TopicId::ZERO,
                error,
                error_message: None,
                partitions: -1,
                replication_factor: -1,
            };
            CreateTopicsResponse { topics: request.topics.iter().map(|topic| refused(&topic.name)).collect() }
                .into()
        }
        _ => return None,
    })
}
