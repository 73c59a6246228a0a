//! Finding the group's coordinator and asking it.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Group;
use super::membership::{After, Step};
use crate::client::connection::{Call, CallError, Connection, ConnectionError};
use crate::client::outcome::ClientError;
use crate::driver::Platform;
use crate::error::ErrorCode;
use crate::message::{ApiKey, FindCoordinatorRequest, FindCoordinatorResponse, Request, Response};
use crate::time::Duration;

impl<P: Platform> Group<P> {
    /// An open connection to the coordinator; looks for it if it is not known. One attempt.
    ///
    /// # Errors
    /// It cannot be found or reached now.
    pub(super) async fn coordinator(&self) -> Result<Connection, ClientError> {
        let known = self.coordinator.borrow().clone();
        let (node, endpoint) = match known {
            Some(known) => known,
            None => self.find_coordinator().await?,
        };
        let connected = self.cluster.connect_coordinator(node, &endpoint).await;
        if connected.is_err() {
            self.forget_coordinator();
        }
        connected
    }

    /// The same for a step of the member, if that is still what it has to do. It may have been closed, or have left,
    /// while the coordinator was looked for: what it says is decided when it can be sent.
    ///
    /// # Errors
    /// What comes of the step: it is over, or the coordinator cannot be found or reached now.
    pub(super) async fn coordinator_for(&self, step: Step) -> Result<Connection, After> {
        let connection = self.coordinator().await.map_err(|error| {
            if step == Step::Heartbeat {
                self.machine.borrow_mut().heartbeat_lost(self.cluster.now());
            }
            self.failed(&error)
        })?;
        if self.machine.borrow().step(self.cluster.now()) == step { Ok(connection) } else { Err(After::GoOn) }
    }

    /// The coordinator is another one, or gone: it is looked for before the next request.
    pub(super) fn forget_coordinator(&self) {
        self.coordinator.borrow_mut().take();
    }

    async fn find_coordinator(&self) -> Result<super::Located, ClientError> {
        let keys = vec![self.config.group_id.clone()];
        let request = FindCoordinatorRequest { key_type: FindCoordinatorRequest::GROUP, keys };
        let connection = self.cluster.connect_any().await?;
        let call = connection.call(&request.into(), self.cluster.config().request_timeout);
        drop(connection);
        let response: FindCoordinatorResponse = reply(call).await?;
        let answer = response.coordinators.into_iter().next();
        let answer = answer.ok_or(ClientError::Incomplete(ApiKey::FindCoordinator))?;
        match answer.node {
            Some(located) if !answer.error.is_error() => {
                *self.coordinator.borrow_mut() = Some(located.clone());
                Ok(located)
            }
            _ if answer.error.is_error() => Err(ClientError::Broker(answer.error)),
            _ => Err(ClientError::Broker(ErrorCode::CoordinatorNotAvailable)),
        }
    }

    /// Asks the coordinator, once. A lost connection loses the coordinator, too: it may be another one by now.
    ///
    /// # Errors
    /// It was not answered.
    pub(super) async fn ask<R>(
        &self,
        request: impl Into<Request>,
        timeout: Duration,
    ) -> Result<R, ClientError>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let connection = self.coordinator().await?;
        self.ask_over(connection, request, timeout).await
    }

    /// The same for who has the connection already.
    ///
    /// # Errors
    /// It was not answered.
    pub(super) async fn ask_over<R>(
        &self,
        connection: Connection,
        request: impl Into<Request>,
        timeout: Duration,
    ) -> Result<R, ClientError>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let call = connection.call(&request.into(), timeout);
        // A client that is closed closes its connections: nobody may hold on to one while it waits.
        drop(connection);
        reply(call).await.map_err(|error| {
            self.forget_coordinator();
            error.into()
        })
    }
}

/// The response to a call.
///
/// # Errors
/// It was not answered, or with something else.
pub(super) async fn reply<R>(call: Call) -> Result<R, CallError>
where
    R: TryFrom<Response, Error = ApiKey>,
{
    let lost = || CallError { why: ConnectionError::Closed, sent: true };
    let response = call.await.unwrap_or_else(|_| Err(lost()))?;
    response.and_then(|response| R::try_from(response).ok()).ok_or_else(|| CallError {
        why: ConnectionError::Malformed("an answer to another request".to_owned()),
        sent: true,
    })
}

/// Keeps commits in the order in which they were asked for.
#[derive(Default)]
pub(super) struct Lane {
    next: std::cell::Cell<u64>,
    waiting: std::cell::RefCell<BTreeSet<u64>>,
    moved: tokio::sync::Notify,
}

/// A place in the lane; dropping it lets the next one go.
pub(super) struct Ticket {
    lane: Rc<Lane>,
    number: u64,
}

impl Lane {
    /// Takes the last place.
    pub(super) fn ticket(self: &Rc<Self>) -> Ticket {
        let number = self.next.get();
        self.next.set(number + 1);
        self.waiting.borrow_mut().insert(number);
        Ticket { lane: self.clone(), number }
    }
}

impl Ticket {
    /// Ends when everybody before has gone.
    pub(super) async fn turn(&self) {
        loop {
            let moved = self.lane.moved.notified();
            if self.lane.waiting.borrow().first() == Some(&self.number) {
                return;
            }
            moved.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lane.waiting.borrow_mut().remove(&self.number);
        self.lane.moved.notify_waiters();
    }
}
