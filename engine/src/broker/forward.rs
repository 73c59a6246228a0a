//! What only the controller can do, asked of a broker: one path for all of it (KIP-590).
//!
//! The request goes to the controller as it is, its answer back as it is. A request nobody answers is answered with
//! REQUEST_TIMED_OUT for everything it names: whether the controller did it is unknown, and the client must look
//! before it tries again.

use super::{Broker, Call};
use crate::error::ErrorCode;
use crate::machine::{CallError, Effect, Effects, RequestContext};
use crate::message::{Request, Response, refusal};

const REASON: &str = "no answer from the controller";

impl Broker {
    /// Sends a client's request on to the controller.
    pub(super) fn forward(&mut self, context: RequestContext, request: Request, effects: &mut Effects) {
        let call = Call::Forward(context, Box::new(request.clone()));
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
        match answer.or_else(|| refusal(request, ErrorCode::RequestTimedOut, REASON)) {
            Some(response) => effects.respond(context, response),
            None => {
                let reason = "forwarded request without an answer";
                effects.push(Effect::Close { connection: context.connection, reason });
            }
        }
    }
}
