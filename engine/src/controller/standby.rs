//! What a controller that does not decide answers: ask another.

use crate::error::ErrorCode;
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{Request, refusal};

/// Refuses a request with NOT_CONTROLLER; who cannot be told loses the connection.
pub(super) fn refuse(context: &RequestContext, request: &Request, effects: &mut Effects) {
    match refusal(request, ErrorCode::NotController, "this controller is not the active one") {
        Some(response) => effects.respond(context, response),
        None => {
            let reason = "request to a controller that is not active";
            effects.push(Effect::Close { connection: context.connection, reason });
        }
    }
}
