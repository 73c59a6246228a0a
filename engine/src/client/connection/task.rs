//! The task of a connection: connects, agrees on versions, then moves bytes until it ends.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{CONNECT_TIMEOUT, CallError, ConnectionError, Shared};
use crate::client::signal::{Alarm, within};
use crate::driver::{Clock, Network, Platform};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, Endpoint};
use crate::message::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, Request};
use crate::time::Duration;
use crate::wire::{FRAME_BYTES_MAX, RequestHeader, decode_response, encode_request, make_room, split_frame};

/// The version of ApiVersions asked first.
const API_VERSIONS_FIRST: i16 = 3;

/// Runs the connection to its end.
pub(super) async fn run<P: Platform>(
    platform: P,
    endpoint: Endpoint,
    shared: Rc<Shared>,
    request_timeout: Duration,
) {
    let why = {
        let opening = open(&platform, &endpoint, &shared.client_id, request_timeout);
        let mut opening = pin!(opening.fuse());
        let mut closed = pin!(until_closed(&shared).fuse());
        let opened = futures_util::select_biased! {
            () = closed => return,
            opened = opening => opened,
        };
        match opened {
            Err(why) => why,
            Ok((stream, versions)) => {
                shared.opened(versions);
                let alarm = Alarm::new(platform.clock().clone());
                let mut transfer = Transfer {
                    stream,
                    shared: &shared,
                    alarm,
                    writing: BytesMut::new(),
                    reading: BytesMut::new(),
                };
                poll_fn(|context| transfer.poll(context)).await
            }
        }
    };
    shared.close(&why);
}

async fn until_closed(shared: &Shared) {
    poll_fn(|context| {
        while shared.work.poll(context).is_ready() {
            if shared.is_closed() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

type Opened<P> = (<<P as Platform>::Network as Network>::Stream, ApiVersionsResponse);

async fn open<P: Platform>(
    platform: &P,
    endpoint: &Endpoint,
    client_id: &str,
    request_timeout: Duration,
) -> Result<Opened<P>, ConnectionError> {
    let connect_timeout = CONNECT_TIMEOUT.min(request_timeout);
    let mut stream = within(platform.clock(), connect_timeout, platform.network().connect(endpoint))
        .await
        .ok_or(ConnectionError::ConnectTimeout)?
        .map_err(|error| ConnectionError::Connect(error.kind()))?;
    let versions = within(platform.clock(), request_timeout, agree(&mut stream, client_id))
        .await
        .ok_or(ConnectionError::ConnectTimeout)??;
    Ok((stream, versions))
}

/// Asks for the broker's versions: with version 3, and with version 0 if the broker does not know that (KIP-511).
async fn agree<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    client_id: &str,
) -> Result<ApiVersionsResponse, ConnectionError> {
    let request = Request::from(ApiVersionsRequest {
        client_software_name: "tribunal".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let mut reading = BytesMut::new();
    for version in [API_VERSIONS_FIRST, 0] {
        // Correlation ids below zero are never given to other requests.
        let correlation = CorrelationId(-1 - i32::from(version));
        let key = ApiKey::ApiVersions;
        let header = RequestHeader { key, version, correlation, client_id: Some(client_id.to_owned()) };
        let mut out = BytesMut::new();
        encode_request(&header, &request, &mut out);
        stream.write_all(&out).await.map_err(io_error)?;
        stream.flush().await.map_err(io_error)?;
        let frame = read_frame(stream, &mut reading).await?;
        let (answered, response) = decode_response(key, version, frame).map_err(malformed)?;
        if answered != correlation {
            return Err(ConnectionError::Malformed("it answers another request".to_owned()));
        }
        let response =
            ApiVersionsResponse::try_from(response).map_err(|key| malformed(format!("{key:?}")))?;
        match response.error {
            ErrorCode::None => return Ok(response),
            ErrorCode::UnsupportedVersion => {}
            error => return Err(malformed(error)),
        }
    }
    Err(ConnectionError::Unsupported(ApiKey::ApiVersions))
}

async fn read_frame<S: AsyncRead + Unpin>(
    stream: &mut S,
    reading: &mut BytesMut,
) -> Result<Bytes, ConnectionError> {
    loop {
        if let Some(frame) = split_frame(reading, FRAME_BYTES_MAX).map_err(malformed)? {
            return Ok(frame);
        }
        make_room(reading);
        if stream.read_buf(reading).await.map_err(io_error)? == 0 {
            return Err(ConnectionError::Disconnected);
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn io_error(error: io::Error) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            ConnectionError::Disconnected
        }
        kind => ConnectionError::Io(kind),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn malformed(problem: impl ToString) -> ConnectionError {
    ConnectionError::Malformed(problem.to_string())
}

/// An open connection.
struct Transfer<'a, S, C: Clock> {
    stream: S,
    shared: &'a Shared,
    alarm: Alarm<C>,
    writing: BytesMut,
    reading: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin, C: Clock> Transfer<'_, S, C> {
    /// Moves what can be moved. Ends with the reason why the connection is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ConnectionError> {
        loop {
            let worked = self.shared.work.poll(context).is_ready();
            if self.shared.is_closed() {
                return Poll::Ready(ConnectionError::Closed);
            }
            let moved = self.write(context).and_then(|()| self.read(context));
            if let Err(why) = moved {
                return Poll::Ready(why);
            }
            let next = self.shared.state.borrow().next_deadline();
            self.alarm.set(next.map(|(deadline, _)| deadline));
            if self.alarm.poll(context).is_ready() {
                if let Some(why) = self.overdue() {
                    return Poll::Ready(why);
                }
                continue;
            }
            if !worked {
                return Poll::Pending;
            }
        }
    }

    fn overdue(&self) -> Option<ConnectionError> {
        let (deadline, key) = self.shared.state.borrow().next_deadline()?;
        (deadline <= self.alarm.now()).then_some(ConnectionError::RequestTimeout(key))
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), ConnectionError> {
        let mut flush = false;
        loop {
            if self.writing.is_empty() {
                let mut state = self.shared.state.borrow_mut();
                if state.outgoing.is_empty() {
                    break;
                }
                // The emptied buffer goes back, so that two buffers serve for ever.
                std::mem::swap(&mut self.writing, &mut state.outgoing);
            }
            match pin!(self.stream.write_buf(&mut self.writing)).poll_now(context)? {
                Some(0) => return Err(ConnectionError::Disconnected),
                Some(count) => {
                    flush = true;
                    self.shared.state.borrow_mut().written += count as u64;
                }
                None => break,
            }
        }
        if flush {
            // A flush that is pending is tried again with the next write; sockets flush at once.
            pin!(self.stream.flush()).poll_now(context)?;
            self.complete_unanswered();
        }
        Ok(())
    }

    fn complete_unanswered(&self) {
        let mut any = false;
        loop {
            let done = {
                let state = &mut *self.shared.state.borrow_mut();
                let written = state.written;
                state.unanswered.pop_front_if(|waiting| waiting.end <= written)
            };
            let Some(done) = done else { break };
            // Nobody may be waiting any more.
            let _ = done.reply.send(Ok(None));
            any = true;
        }
        if any {
            self.shared.client.raise();
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<(), ConnectionError> {
        loop {
            make_room(&mut self.reading);
            match pin!(self.stream.read_buf(&mut self.reading)).poll_now(context)? {
                Some(0) => return Err(ConnectionError::Disconnected),
                Some(_) => {}
                None => return Ok(()),
            }
            while let Some(frame) = split_frame(&mut self.reading, FRAME_BYTES_MAX).map_err(malformed)? {
                self.answer(frame)?;
            }
        }
    }

    fn answer(&self, frame: Bytes) -> Result<(), ConnectionError> {
        let waiting = self.shared.state.borrow_mut().answered.pop_front();
        let Some(waiting) = waiting else {
            return Err(ConnectionError::Malformed("a response that nobody asked for".to_owned()));
        };
        let answer = match decode_response(waiting.key, waiting.version, frame) {
            Ok((correlation, response)) if correlation == waiting.correlation => Ok(response),
            Ok((correlation, _)) => {
                let expected = waiting.correlation;
                Err(malformed(format!("correlation id {correlation} where {expected} is due")))
            }
            Err(problem) => Err(malformed(problem)),
        };
        let result = answer.as_ref().map(|_| ()).map_err(Clone::clone);
        let reply = answer.map(Some).map_err(|why| CallError { why, sent: true });
        // Nobody may be waiting any more.
        let _ = waiting.reply.send(reply);
        self.shared.client.raise();
        result
    }
}

/// Polls a future of the socket once; it holds no state between polls.
trait PollNow<T> {
    fn poll_now(self, context: &mut Context<'_>) -> Result<Option<T>, ConnectionError>;
}

impl<T, F: Future<Output = io::Result<T>>> PollNow<T> for Pin<&mut F> {
    fn poll_now(self, context: &mut Context<'_>) -> Result<Option<T>, ConnectionError> {
        match self.poll(context) {
            Poll::Ready(Ok(value)) => Ok(Some(value)),
            Poll::Ready(Err(error)) => Err(io_error(error)),
            Poll::Pending => Ok(None),
        }
    }
}
