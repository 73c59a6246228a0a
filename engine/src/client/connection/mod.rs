//! One connection to one broker: versions are agreed on first, then requests are pipelined.
//!
//! Requests are written in the order of the calls and answered in that order; a broker that answers out of order
//! loses the connection. A request that is not answered in time closes the connection, as Kafka's clients do: what
//! else is under way on it is lost too. A Produce with acks=0 is not answered by the broker and ends when its last
//! byte is written.
//!
//! One task per connection reads, writes and keeps the time; it decides nothing about retries and never connects
//! again.

mod task;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use tokio::sync::{Notify, oneshot};

use super::signal::Signal;
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::id::{CorrelationId, Endpoint, TopicId};
use crate::message::{ApiKey, ApiVersionsResponse, Request, Response};
use crate::time::{Duration, Instant};
use crate::wire::{RequestHeader, client_version, encode_request};

/// How long connecting may take (Kafka's default of `socket.connection.setup.timeout.ms`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection could not be made or was lost.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The other side refused, or cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// Connecting, or agreeing on versions, took too long.
    #[error("connecting timed out")]
    ConnectTimeout,
    /// The other side closed the connection.
    #[error("the broker closed the connection")]
    Disconnected,
    /// The socket failed.
    #[error("connection lost: {0}")]
    Io(io::ErrorKind),
    /// A request was not answered within `request.timeout.ms`.
    #[error("{0:?} was not answered in time")]
    RequestTimeout(ApiKey),
    /// What came cannot be read, or answers another request.
    #[error("malformed response: {0}")]
    Malformed(String),
    /// The broker and this client share no version of the API. The connection stays open.
    #[error("the broker speaks no version of {0:?} that this client speaks")]
    Unsupported(ApiKey),
    /// The client itself closed the connection.
    #[error("connection closed by the client")]
    Closed,
}

/// Why a request was not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CallError {
    /// What went wrong.
    pub(super) why: ConnectionError,
    /// True if the broker may have received the whole request. If not it provably had no effect: a broker does
    /// nothing with a part of a frame.
    pub(super) sent: bool,
}

impl CallError {
    fn unsent(why: ConnectionError) -> Self {
        CallError { why, sent: false }
    }
}

/// What a request ends with: the response, or `None` if none is sent (acks=0) and the request is written.
pub(super) type Reply = Result<Option<Response>, CallError>;

/// The end of one request. May be dropped; the request is sent all the same.
pub(super) type Call = oneshot::Receiver<Reply>;

/// Where a connection stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// Connecting, or agreeing on versions.
    Opening,
    /// Requests may be sent.
    Open,
    /// Over.
    Closed(ConnectionError),
}

/// A request that is not answered yet.
struct Waiting {
    correlation: CorrelationId,
    key: ApiKey,
    version: i16,
    /// Position of the request's last byte in the stream of bytes written.
    end: u64,
    deadline: Instant,
    reply: oneshot::Sender<Reply>,
}

struct State {
    status: Status,
    versions: Option<ApiVersionsResponse>,
    correlation_next: i32,
    /// Encoded and not yet taken by the task.
    outgoing: BytesMut,
    /// Bytes ever put into `outgoing`.
    queued: u64,
    /// Bytes ever taken by the socket.
    written: u64,
    /// Requests that will be answered, in order.
    answered: VecDeque<Waiting>,
    /// Requests that will not be answered, in order.
    unanswered: VecDeque<Waiting>,
}

/// What the handle and the task share.
struct Shared {
    client_id: String,
    state: RefCell<State>,
    /// Wakes the task.
    work: Signal,
    /// Wakes the client: the status changed or a request ended.
    client: Rc<Signal>,
    /// Wakes who waits for the end of [`Status::Opening`].
    opened: Notify,
}

/// A handle to a connection. The connection closes when the last clone of its handle is dropped.
#[derive(Clone)]
pub(super) struct Connection {
    handle: Rc<Handle>,
}

struct Handle {
    shared: Rc<Shared>,
    now: Box<dyn Fn() -> Instant>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close(&ConnectionError::Closed);
    }
}

impl Connection {
    /// Starts to connect to `endpoint`. `client` is raised when the status changes and when a request ends.
    pub(super) fn open<P: Platform>(
        platform: &P,
        endpoint: Endpoint,
        client_id: &str,
        request_timeout: Duration,
        client: Rc<Signal>,
    ) -> Self {
        let state = State {
            status: Status::Opening,
            versions: None,
            correlation_next: 0,
            outgoing: BytesMut::new(),
            queued: 0,
            written: 0,
            answered: VecDeque::new(),
            unanswered: VecDeque::new(),
        };
        let shared = Rc::new(Shared {
            client_id: client_id.to_owned(),
            state: RefCell::new(state),
            work: Signal::default(),
            client,
            opened: Notify::new(),
        });
        let task = task::run(platform.clone(), endpoint, shared.clone(), request_timeout);
        platform.spawner().spawn("client-connection", task);
        let clock = platform.clock().clone();
        Connection { handle: Rc::new(Handle { shared, now: Box::new(move || clock.now().mono) }) }
    }

    /// Where the connection stands.
    pub(super) fn status(&self) -> Status {
        self.handle.shared.state.borrow().status.clone()
    }

    /// Ends when the connection is open.
    ///
    /// # Errors
    /// It could not be made.
    pub(super) async fn ready(&self) -> Result<(), ConnectionError> {
        loop {
            let opened = self.handle.shared.opened.notified();
            match self.status() {
                Status::Opening => opened.await,
                Status::Open => return Ok(()),
                Status::Closed(why) => return Err(why),
            }
        }
    }

    /// How many requests wait for their end.
    pub(super) fn in_flight(&self) -> usize {
        let state = self.handle.shared.state.borrow();
        state.answered.len() + state.unanswered.len()
    }

    /// Queues `request`, in the order of the calls. `timeout` counts from now.
    pub(super) fn call(&self, request: &Request, timeout: Duration) -> Call {
        let (reply, call) = oneshot::channel();
        if let Err(why) = self.queue(request, timeout, reply) {
            let (refused, call) = oneshot::channel();
            // The receiver is alive: it is returned below.
            let _ = refused.send(Err(CallError::unsent(why)));
            return call;
        }
        self.handle.shared.work.raise();
        call
    }

    /// Sends `request` and waits for its response.
    ///
    /// # Errors
    /// The connection was lost or the request timed out.
    pub(super) async fn request<R>(
        &self,
        request: impl Into<Request>,
        timeout: Duration,
    ) -> Result<R, CallError>
    where
        R: TryFrom<Response, Error = ApiKey>,
    {
        let request = request.into();
        let lost = || CallError { why: ConnectionError::Closed, sent: true };
        let response = self.call(&request, timeout).await.unwrap_or_else(|_| Err(lost()))?;
        response.and_then(|response| R::try_from(response).ok()).ok_or_else(|| CallError {
            why: ConnectionError::Malformed(format!("not a response to {:?}", request.key())),
            sent: true,
        })
    }

    fn queue(
        &self,
        request: &Request,
        timeout: Duration,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), ConnectionError> {
        let shared = &self.handle.shared;
        let state = &mut *shared.state.borrow_mut();
        match &state.status {
            Status::Open => {}
            Status::Opening => return Err(ConnectionError::ConnectTimeout),
            Status::Closed(why) => return Err(why.clone()),
        }
        let key = request.key();
        let version =
            client_version(key, state.versions.as_ref()).ok_or(ConnectionError::Unsupported(key))?;
        let version = version.min(highest_version(request));
        let correlation = state.next_correlation();
        let header = RequestHeader { key, version, correlation, client_id: Some(shared.client_id.clone()) };
        let before = state.outgoing.len();
        encode_request(&header, request, &mut state.outgoing);
        state.queued += (state.outgoing.len() - before) as u64;
        let deadline = (self.handle.now)().after(timeout);
        let waiting = Waiting { correlation, key, version, end: state.queued, deadline, reply };
        if expects_response(request) {
            state.answered.push_back(waiting);
        } else {
            state.unanswered.push_back(waiting);
        }
        Ok(())
    }
}

/// The highest version that can carry `request`: a Fetch from 13 on names topics by id only (KIP-516).
fn highest_version(request: &Request) -> i16 {
    match request {
        Request::Fetch(fetch) if fetch.topics.iter().any(|topic| topic.id == TopicId::ZERO) => 12,
        _ => i16::MAX,
    }
}

/// Whether a broker answers `request`: all but Produce with acks=0.
fn expects_response(request: &Request) -> bool {
    !matches!(request, Request::Produce(produce) if produce.acks == 0)
}

impl State {
    fn next_correlation(&mut self) -> CorrelationId {
        let correlation = CorrelationId(self.correlation_next);
        self.correlation_next = self.correlation_next.checked_add(1).unwrap_or(0);
        correlation
    }

    /// The first time at which a request is overdue, and which.
    fn next_deadline(&self) -> Option<(Instant, ApiKey)> {
        let waiting = self.answered.iter().chain(&self.unanswered);
        waiting.map(|waiting| (waiting.deadline, waiting.key)).min()
    }
}

impl Shared {
    fn opened(&self, versions: ApiVersionsResponse) {
        {
            let mut state = self.state.borrow_mut();
            if state.status != Status::Opening {
                return;
            }
            state.versions = Some(versions);
            state.status = Status::Open;
        }
        self.opened.notify_waiters();
        self.client.raise();
    }

    fn is_closed(&self) -> bool {
        matches!(self.state.borrow().status, Status::Closed(_))
    }

    /// Ends every request with `why`. Only the first reason counts.
    fn close(&self, why: &ConnectionError) {
        let (written, lost) = {
            let state = &mut *self.state.borrow_mut();
            if matches!(state.status, Status::Closed(_)) {
                return;
            }
            state.status = Status::Closed(why.clone());
            state.outgoing = BytesMut::new();
            let mut lost: Vec<Waiting> = state.answered.drain(..).chain(state.unanswered.drain(..)).collect();
            lost.sort_by_key(|waiting| waiting.end);
            (state.written, lost)
        };
        for waiting in lost {
            let sent = waiting.end <= written;
            // Nobody may be waiting any more.
            let _ = waiting.reply.send(Err(CallError { why: why.clone(), sent }));
        }
        self.work.raise();
        self.opened.notify_waiters();
        self.client.raise();
    }
}
