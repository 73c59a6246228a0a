//! Translation: one module for each API, with the shapes of its two messages beside the code that turns them
//! into ours and back.
//!
//! A translation is total on the way out: what a version cannot carry is left out, and strings longer than the
//! wire can say are cut. On the way in it fails only on values our types cannot hold.

mod alter_partition;
mod api_versions;
mod broker_heartbeat;
mod broker_registration;
mod create_topics;
mod fetch;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{BrokerId, TopicName as WireTopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::error::{DecodeError, malformed};
use super::guard::{self, STRING_BYTES_MAX};
use super::shape::Shape;
use super::version::is_flexible;
use crate::id::{NodeId, TopicName};
use crate::message::{ApiKey, Request, Response};
use crate::time::Duration;

/// A message of ours that has a form on the wire.
pub(super) trait Translate: Sized {
    /// The API it belongs to.
    const KEY: ApiKey;
    /// Its layout on the wire.
    const SHAPE: Shape;
    /// The crate's struct for it.
    type Wire: Encodable + Decodable;

    /// The struct to encode in `version`.
    fn to_wire(&self, version: i16) -> Self::Wire;

    /// The message that was decoded in `version`.
    fn from_wire(wire: Self::Wire, version: i16) -> Result<Self, DecodeError>;
}

/// Decodes a guarded body.
fn read<M: Translate>(version: i16, mut body: Bytes) -> Result<M, DecodeError> {
    guard::check(M::SHAPE, version, is_flexible(M::KEY, version), &body)?;
    let wire = M::Wire::decode(&mut body, version).map_err(|error| malformed(error.to_string()))?;
    if !body.is_empty() {
        return Err(malformed(format!("{} bytes were not read", body.len())));
    }
    M::from_wire(wire, version)
}

/// Appends an encoded body. Room is made once, so that record bytes are copied once.
fn write<M: Translate>(message: &M, version: i16, out: &mut BytesMut) {
    let wire = message.to_wire(version);
    out.reserve(wire.compute_size(version).expect("a translation sets only what its version carries"));
    wire.encode(out, version).expect("a translation sets only what its version carries");
}

macro_rules! dispatch {
    ($($key:ident),* $(,)?) => {
        /// Decodes the body of a request.
        pub(super) fn read_request(key: ApiKey, version: i16, body: Bytes) -> Result<Request, DecodeError> {
            match key {
                $(ApiKey::$key => read(version, body).map(Request::$key),)*
                _ => Err(malformed("an API that is not translated")),
            }
        }

        /// Decodes the body of a response.
        pub(super) fn read_response(key: ApiKey, version: i16, body: Bytes) -> Result<Response, DecodeError> {
            match key {
                $(ApiKey::$key => read(version, body).map(Response::$key),)*
                _ => Err(malformed("an API that is not translated")),
            }
        }

        /// Appends the body of a request.
        pub(super) fn write_request(request: &Request, version: i16, out: &mut BytesMut) {
            match request {
                $(Request::$key(request) => write(request, version, out),)*
                other => panic!("{:?} has no version", other.key()),
            }
        }

        /// Appends the body of a response.
        pub(super) fn write_response(response: &Response, version: i16, out: &mut BytesMut) {
            match response {
                $(Response::$key(response) => write(response, version, out),)*
                other => panic!("{:?} has no version", other.key()),
            }
        }
    };
}

dispatch! {
    Produce,
    Fetch,
    ListOffsets,
    Metadata,
    ApiVersions,
    CreateTopics,
    OffsetForLeaderEpoch,
    AlterPartition,
    BrokerRegistration,
    BrokerHeartbeat,
}

/// The longest beginning of `text` that a string on the wire can hold. Only texts for people get so long.
pub(super) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(STRING_BYTES_MAX)]
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(clipped(text).to_owned())
}

fn optional_string(text: Option<&str>) -> Option<StrBytes> {
    text.map(string)
}

fn owned(text: &StrBytes) -> String {
    text.as_str().to_owned()
}

fn wire_name(name: &TopicName) -> WireTopicName {
    WireTopicName(string(name.as_str()))
}

fn topic_name(name: &WireTopicName) -> TopicName {
    TopicName::new(name.as_str())
}

fn wire_broker(node: NodeId) -> BrokerId {
    BrokerId(node.0)
}

fn wire_brokers(nodes: &[NodeId]) -> Vec<BrokerId> {
    nodes.iter().copied().map(wire_broker).collect()
}

fn nodes(brokers: &[BrokerId]) -> Vec<NodeId> {
    brokers.iter().map(|broker| NodeId(broker.0)).collect()
}

/// A TCP port from the wire, where it has four bytes.
fn port(port: i32) -> Result<u16, DecodeError> {
    u16::try_from(port).map_err(|_| malformed(format!("{port} is not a TCP port")))
}

/// Whole milliseconds; a duration that does not fit is the longest one.
fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A duration from the wire; a negative one is none at all.
fn duration(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
