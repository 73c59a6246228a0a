//! Accepted connections: frames in, answers out, one request at a time.
//!
//! Like Kafka's `SocketServer`, a connection is not read while a request of it is being served: answers go out in
//! the order of the requests, and a slow request holds back only its own connection. A frame that is too long,
//! malformed or of an unknown API closes the connection and touches nothing else.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mailbox::Mailbox;
use super::node::Mail;
use super::platform::Network;
use crate::id::ConnectionId;
use crate::machine::{Input, RequestContext};
use crate::message::Response;
use crate::wire::{self, DecodeError, Listener, RequestHeader};

/// What the loop tells a connection about the request it is serving.
#[derive(Debug)]
pub(super) enum Answer {
    /// Send this, then read on.
    Response(Response),
    /// Send nothing, read on (acks=0).
    Nothing,
    /// Close.
    Close(&'static str),
}

/// Why we ended a connection, for the log.
#[derive(Debug)]
pub(super) struct Closed {
    /// What the client calls itself, as far as it has said so.
    pub(super) client_id: Option<String>,
    pub(super) reason: String,
}

pub(super) struct Connection<N: Network> {
    pub(super) id: ConnectionId,
    pub(super) stream: N::Stream,
    pub(super) inbox: Mailbox<Mail>,
    pub(super) answers: Mailbox<Answer>,
    pub(super) listener: Listener,
    pub(super) frame_bytes_max: usize,
}

impl<N: Network> Connection<N> {
    /// Serves the connection to its end and tells the loop that it is over.
    pub(super) async fn serve(mut self) {
        let closed = self.serve_requests().await;
        self.inbox.send(Mail::ConnectionClosed { connection: self.id, closed });
    }

    /// Ends with the reason if it was us who ended it.
    async fn serve_requests(&mut self) -> Option<Closed> {
        let mut received = BytesMut::new();
        let mut reply = BytesMut::new();
        let mut client_id = None;
        let mut name = None;
        loop {
            let frame = match wire::split_frame(&mut received, self.frame_bytes_max) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    wire::make_room(&mut received);
                    match self.stream.read_buf(&mut received).await {
                        Ok(0) | Err(_) => return None,
                        Ok(_) => continue,
                    }
                }
                Err(error) => return Some(Closed { client_id, reason: error.to_string() }),
            };
            let bytes = frame.len();
            match wire::decode_request(frame.clone()) {
                Ok((header, request)) => {
                    let context = RequestContext {
                        connection: self.id,
                        correlation: header.correlation,
                        api_version: header.version,
                        client_id: same_or_new(&mut name, header.client_id.as_deref()),
                    };
                    // Views of its records alone keep the frame from here on.
                    drop(frame);
                    self.inbox.send(Mail::Input { input: Input::Request { context, request }, bytes });
                    match self.answer(&header, &mut reply).await {
                        Ok(()) => client_id = header.client_id,
                        Err(None) => return None,
                        Err(Some(reason)) => return Some(Closed { client_id: header.client_id, reason }),
                    }
                }
                Err(error) => {
                    // An unknown version of ApiVersions is answered in version 0 (q1); anything else closes.
                    let Some(correlation) = error.asks_for_api_versions() else {
                        let reason = why(&error, wire::api_and_version(&frame));
                        return Some(Closed { client_id: wire::client_id(&frame), reason });
                    };
                    let answer = wire::unsupported_api_versions_reply(correlation, self.listener);
                    if self.stream.write_all(&answer).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    async fn answer(&mut self, header: &RequestHeader, reply: &mut BytesMut) -> Result<(), Option<String>> {
        match self.answers.receive().await {
            Answer::Response(response) => {
                let (key, version, correlation) = (header.key, header.version, header.correlation);
                reply.clear();
                let sent = if N::GATHERS {
                    let parts = wire::encode_response_in_parts(key, version, correlation, &response, reply);
                    // What waits for a slow reader is the parts alone.
                    drop(response);
                    N::send_parts(&mut self.stream, parts).await
                } else {
                    wire::encode_response(key, version, correlation, &response, reply);
                    self.stream.write_all(reply).await
                };
                sent.map_err(|error| {
                    // The reader did nothing wrong: the file is shorter than it was.
                    let ours = error.kind() == io::ErrorKind::UnexpectedEof;
                    ours.then(|| format!("the answer is cut short: {error}"))
                })
            }
            Answer::Nothing => Ok(()),
            Answer::Close(reason) => Err(Some(reason.to_owned())),
        }
    }
}

/// A client calls itself the same in every request: its name is kept once.
fn same_or_new(known: &mut Option<Arc<str>>, said: Option<&str>) -> Option<Arc<str>> {
    if known.as_deref() != said {
        *known = said.map(Arc::from);
    }
    known.clone()
}

/// Why a request closes its connection, for a person who looks for the client that sent it.
fn why(error: &DecodeError, asked: Option<(i16, i16)>) -> String {
    match (error, asked) {
        (DecodeError::Malformed { .. }, Some((key, version))) => {
            format!("{error} (API {key} version {version})")
        }
        _ => error.to_string(),
    }
}
