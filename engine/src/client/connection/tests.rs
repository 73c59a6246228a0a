//! A connection against a peer that is written out by hand.

use std::rc::Rc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{Connection, ConnectionError};
use crate::client::signal::Signal;
use crate::client::test_platform::TestPlatform;
use crate::driver::{Clock as _, Network as _, Spawner as _};
use crate::error::ErrorCode;
use crate::id::{CorrelationId, Endpoint, NodeId};
use crate::message::{
    Acks, ApiKey, ApiVersionsResponse, MetadataRequest, MetadataResponse, ProduceRequest, Request, Response,
};
use crate::time::Duration;
use crate::wire::{
    FRAME_BYTES_MAX, Listener, RequestHeader, advertised, decode_request, encode_response, split_frame,
    unsupported_api_versions_reply,
};

const TIMEOUT: Duration = Duration::from_secs(1);

/// The other end of a connection.
struct Peer {
    stream: DuplexStream,
    reading: BytesMut,
}

impl Peer {
    async fn next(&mut self) -> (RequestHeader, Request) {
        loop {
            if let Some(frame) = split_frame(&mut self.reading, FRAME_BYTES_MAX).expect("a frame") {
                return decode_request(frame).expect("a request");
            }
            assert_ne!(self.stream.read_buf(&mut self.reading).await.expect("readable"), 0, "closed");
        }
    }

    async fn answer(&mut self, header: &RequestHeader, correlation: CorrelationId, response: &Response) {
        let mut out = BytesMut::new();
        encode_response(header.key, header.version, correlation, response, &mut out);
        self.stream.write_all(&out).await.expect("writable");
    }

    async fn agree(&mut self) {
        let (header, _) = self.next().await;
        let versions = ApiVersionsResponse { error: ErrorCode::None, apis: advertised(Listener::Broker) };
        self.answer(&header, header.correlation, &versions.into()).await;
    }
}

/// Runs `client` against `peer`.
fn run<T: 'static, C, S>(
    client: impl FnOnce(TestPlatform, Connection) -> C + 'static,
    peer: impl FnOnce(Peer) -> S + 'static,
) -> T
where
    C: Future<Output = T> + 'static,
    S: Future<Output = ()> + 'static,
{
    let platform = TestPlatform::default();
    let inner = platform.clone();
    platform.run(async move {
        let endpoint = Endpoint::new("broker", 9092);
        let listener = inner.bind(&endpoint).await.expect("bound");
        let accepting = inner.clone();
        inner.spawn("peer", async move {
            let stream = accepting.accept(&listener).await.expect("accepted");
            peer(Peer { stream, reading: BytesMut::new() }).await;
        });
        let connection = Connection::open(&inner, endpoint, "test", TIMEOUT, Rc::new(Signal::default()));
        client(inner, connection).await
    })
}

fn metadata_request() -> Request {
    MetadataRequest { topics: Some(Vec::new()), allow_auto_topic_creation: false }.into()
}

fn metadata(controller: i32) -> Response {
    let controller = NodeId(controller);
    MetadataResponse { brokers: Vec::new(), cluster_id: None, controller, topics: Vec::new() }.into()
}

async fn controllers(connection: Connection) -> Vec<Result<NodeId, ConnectionError>> {
    connection.ready().await.expect("open");
    let calls: Vec<_> = (0..2).map(|_| connection.call(&metadata_request(), TIMEOUT)).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(match call.await.expect("an end") {
            Ok(Some(Response::Metadata(response))) => Ok(response.controller),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.why),
        });
    }
    answers
}

#[test]
fn requests_are_pipelined_and_answered_in_order() {
    let answers = run(
        |_, connection| controllers(connection),
        async |mut peer| {
            peer.agree().await;
            let (first, _) = peer.next().await;
            let (second, _) = peer.next().await;
            peer.answer(&first, first.correlation, &metadata(1)).await;
            peer.answer(&second, second.correlation, &metadata(2)).await;
            peer.next().await;
        },
    );
    assert_eq!(answers, [Ok(NodeId(1)), Ok(NodeId(2))]);
}

#[test]
fn an_old_broker_is_asked_for_its_versions_again() {
    let opened = run(
        async |_, connection| connection.ready().await,
        async |mut peer| {
            let (header, _) = peer.next().await;
            assert_eq!(header.version, 3);
            let refusal = unsupported_api_versions_reply(header.correlation, Listener::Broker);
            peer.stream.write_all(&refusal).await.expect("writable");
            let (header, _) = peer.next().await;
            assert_eq!(header.version, 0);
            let versions = ApiVersionsResponse { error: ErrorCode::None, apis: advertised(Listener::Broker) };
            peer.answer(&header, header.correlation, &versions.into()).await;
            peer.next().await;
        },
    );
    assert_eq!(opened, Ok(()));
}

#[test]
fn an_answer_to_another_request_ends_the_connection() {
    let answers = run(
        |_, connection| controllers(connection),
        async |mut peer| {
            peer.agree().await;
            let (first, _) = peer.next().await;
            peer.answer(&first, CorrelationId(first.correlation.0 + 1), &metadata(1)).await;
            peer.next().await;
        },
    );
    assert!(matches!(answers[..], [Err(ConnectionError::Malformed(_)), Err(_)]), "{answers:?}");
}

#[test]
fn one_request_out_of_time_ends_all_on_the_connection() {
    let (answers, waited) = run(
        async |platform, connection| (controllers(connection).await, platform.now().mono),
        async |mut peer| {
            peer.agree().await;
            while let Ok(1..) = peer.stream.read_buf(&mut peer.reading).await {}
        },
    );
    let timeout = Err(ConnectionError::RequestTimeout(ApiKey::Metadata));
    assert_eq!(answers, [timeout.clone(), timeout]);
    assert_eq!(waited.as_nanos(), 1_000_000_000);
}

#[test]
fn a_peer_that_does_not_tell_its_versions_is_given_up() {
    let opened = run(
        async |_, connection| connection.ready().await,
        async |mut peer| while let Ok(1..) = peer.stream.read_buf(&mut peer.reading).await {},
    );
    assert_eq!(opened, Err(ConnectionError::ConnectTimeout));
}

#[test]
fn a_request_without_an_answer_ends_when_it_is_written() {
    let reply = run(
        async |_, connection| {
            connection.ready().await.expect("open");
            let acks = Acks::None.code();
            let request = ProduceRequest::new(acks, TIMEOUT, Vec::new());
            connection.call(&request.into(), TIMEOUT).await.expect("an end")
        },
        async |mut peer| {
            peer.agree().await;
            while let Ok(1..) = peer.stream.read_buf(&mut peer.reading).await {}
        },
    );
    assert_eq!(reply, Ok(None));
}

#[test]
fn a_connection_whose_handle_is_dropped_is_closed() {
    let closed = run(
        async |platform, connection| {
            connection.ready().await.expect("open");
            let call = connection.call(&metadata_request(), TIMEOUT);
            drop(connection);
            platform.sleep(TIMEOUT).await;
            call.await.expect("an end").expect_err("closed").why
        },
        async |mut peer| {
            peer.agree().await;
            while let Ok(1..) = peer.stream.read_buf(&mut peer.reading).await {}
        },
    );
    assert_eq!(closed, ConnectionError::Closed);
}
