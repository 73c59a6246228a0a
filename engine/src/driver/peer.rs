//! Outgoing conversations: one task per process and lane, one call in flight, reconnecting when needed.
//!
//! A call that times out closes its connection, as Kafka's clients do: what comes back later on it could not be
//! told from an answer to a later call. The shell retries nothing; the machine decides.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, select_biased};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mailbox::Mailbox;
use super::node::Mail;
use super::platform::{Clock, Network, Platform};
use crate::id::{CorrelationId, Endpoint};
use crate::machine::{CallError, CallToken, Input};
use crate::message::{Request, Response};
use crate::time::Instant;
use crate::wire::{self, RequestHeader};

/// A call to make.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) endpoint: Endpoint,
    pub(super) token: CallToken,
    pub(super) request: Request,
    pub(super) deadline: Instant,
}

/// The handle of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) calls: Mailbox<Outgoing>,
    disconnect: Disconnect,
}

impl Peer {
    pub(super) fn new() -> Peer {
        Peer { calls: Mailbox::new(), disconnect: Disconnect::default() }
    }

    /// Gives up the connection; a call in flight ends with [`CallError::Disconnected`].
    pub(super) fn disconnect(&self) {
        self.disconnect.request();
    }
}

/// A request to drop the connection, made by the loop and seen by the conversation.
#[derive(Clone, Debug, Default)]
struct Disconnect(Rc<RefCell<(bool, Option<Waker>)>>);

impl Disconnect {
    fn request(&self) {
        let mut state = self.0.borrow_mut();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    fn take(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().0)
    }

    async fn requested(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// An open connection and where it leads.
struct Open<S> {
    endpoint: Endpoint,
    stream: S,
    received: BytesMut,
    next_correlation: i32,
}

/// Makes the calls of one conversation, one after the other, for ever.
pub(super) async fn converse<P: Platform>(platform: P, peer: Peer, inbox: Mailbox<Mail>, client_id: String) {
    let mut open: Option<Open<<P::Network as Network>::Stream>> = None;
    let mut sent = BytesMut::new();
    loop {
        let call = peer.calls.receive().await;
        if peer.disconnect.take() {
            open = None;
        }
        let token = call.token;
        let outcome = {
            let attempt = pin!(attempt(&platform, &mut open, call, &client_id, &mut sent).fuse());
            let gone = pin!(peer.disconnect.requested().fuse());
            let (mut attempt, mut gone) = (attempt, gone);
            select_biased! {
                outcome = attempt => outcome,
                () = gone => Err(CallError::Disconnected),
            }
        };
        if outcome.is_err() {
            open = None;
        }
        let (outcome, bytes) = match outcome {
            Ok((response, bytes)) => (Ok(response), bytes),
            Err(error) => (Err(error), 0),
        };
        inbox.send(Mail::Input { input: Input::Reply { token, outcome }, bytes });
    }
}

async fn attempt<P: Platform>(
    platform: &P,
    open: &mut Option<Open<<P::Network as Network>::Stream>>,
    call: Outgoing,
    client_id: &str,
    sent: &mut BytesMut,
) -> Result<(Response, usize), CallError> {
    let timeout = pin!(platform.clock().sleep_until(call.deadline).fuse());
    let exchange = pin!(exchange(platform, open, &call, client_id, sent).fuse());
    let (mut timeout, mut exchange) = (timeout, exchange);
    select_biased! {
        outcome = exchange => outcome,
        () = timeout => Err(CallError::TimedOut),
    }
}

async fn exchange<P: Platform>(
    platform: &P,
    open: &mut Option<Open<<P::Network as Network>::Stream>>,
    call: &Outgoing,
    client_id: &str,
    sent: &mut BytesMut,
) -> Result<(Response, usize), CallError> {
    if open.as_ref().is_none_or(|open| open.endpoint != call.endpoint) {
        let stream = platform.network().connect(&call.endpoint).await.map_err(|_| CallError::Unreachable)?;
        let (endpoint, received) = (call.endpoint.clone(), BytesMut::new());
        *open = Some(Open { endpoint, stream, received, next_correlation: 0 });
    }
    let Some(connection) = open.as_mut() else { return Err(CallError::Unreachable) };
    let key = call.request.key();
    let version = wire::client_version(key, None).ok_or(CallError::Malformed)?;
    let correlation = CorrelationId(connection.next_correlation);
    connection.next_correlation = connection.next_correlation.wrapping_add(1);
    let header = RequestHeader { key, version, correlation, client_id: Some(client_id.to_owned()) };
    sent.clear();
    wire::encode_request(&header, &call.request, sent);
    connection.stream.write_all(sent).await.map_err(|_| CallError::Disconnected)?;
    let frame = read_frame(connection).await?;
    let bytes = frame.len();
    match wire::decode_response(key, version, frame) {
        Ok((answered, response)) if answered == correlation => Ok((response, bytes)),
        Ok(_) | Err(_) => Err(CallError::Malformed),
    }
}

async fn read_frame<S: tokio::io::AsyncRead + Unpin>(connection: &mut Open<S>) -> Result<Bytes, CallError> {
    loop {
        match wire::split_frame(&mut connection.received, wire::FRAME_BYTES_MAX) {
            Ok(Some(frame)) => return Ok(frame),
            Ok(None) => {
                wire::make_room(&mut connection.received);
                match connection.stream.read_buf(&mut connection.received).await {
                    Ok(0) | Err(_) => return Err(CallError::Disconnected),
                    Ok(_) => {}
                }
            }
            Err(_) => return Err(CallError::Malformed),
        }
    }
}
