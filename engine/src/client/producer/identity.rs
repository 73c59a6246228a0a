//! Asking a broker for a producer id (InitProducerId), again and again until one answers.
//!
//! A task of its own: it waits for a connection, which the sender never does. It runs while the producer has no id:
//! at the start, and after the last epoch of an id.

use std::rc::Rc;

use super::Shared;
use super::sequences::Identity;
use crate::client::backoff::Backoff;
use crate::client::connection::ConnectionError;
use crate::client::outcome::ClientError;
use crate::driver::{Clock as _, Platform};
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::message::{InitProducerIdRequest, InitProducerIdResponse};

/// Gets an id for the producer, or the reason why it never will.
pub(super) async fn obtain<P: Platform>(shared: Rc<Shared<P>>) {
    let backoff = Backoff { base: shared.config.retry_backoff, max: shared.config.retry_backoff_max };
    let mut failures = 0_u32;
    loop {
        match ask(&shared).await {
            Ok(identity) => shared.state.borrow_mut().accumulator.identify(identity),
            Err(error) if is_fatal(&error) => shared.state.borrow_mut().fatal = Some(error),
            Err(_) => {
                let wait = backoff.after(failures, &mut shared.state.borrow_mut().rng);
                failures = failures.saturating_add(1);
                shared.platform.clock().sleep(wait).await;
                continue;
            }
        }
        return shared.signal.raise();
    }
}

async fn ask<P: Platform>(shared: &Shared<P>) -> Result<Identity, ClientError> {
    let connection = shared.cluster.connect_any().await?;
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: ProducerId::NONE,
        producer_epoch: -1,
    };
    let response: InitProducerIdResponse = connection.request(request, shared.config.request_timeout).await?;
    match response.error {
        ErrorCode::None => Ok(Identity { id: response.producer_id, epoch: response.producer_epoch }),
        code => Err(ClientError::Broker(code)),
    }
}

fn is_fatal(error: &ClientError) -> bool {
    match error {
        ClientError::Broker(code) => !code.is_retriable(),
        ClientError::Connection(why) => matches!(why, ConnectionError::Unsupported(_)),
        _ => true,
    }
}
