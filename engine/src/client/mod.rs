//! Kafka clients over the same traits as the shell: producer, consumer, admin.
//!
//! Plain async code, `!Send`, shared by `Rc`. A client owns its connections and one metadata task; a producer
//! adds one sender task, a consumer does its work inside `poll`; in a group it adds one task, and one for each commit
//! that nobody waits for. There is no task per request and none per record. Every operation ends in an [`Outcome`]: done, provably without effect, or unknown.
//!
//! What is not here: transactions, compaction of requests into fetch sessions.

pub mod admin;
mod backoff;
pub mod cluster;
pub mod connection;
pub mod consumer;
mod offsets;
pub mod outcome;
pub mod producer;
mod signal;
#[cfg(test)]
mod test_broker;
#[cfg(test)]
mod test_platform;

pub use admin::{Admin, ClusterDescription};
pub use cluster::{ClusterConfig, Leader};
pub use connection::ConnectionError;
pub use consumer::{
    Callback, ConsumedRecord, Consumer, ConsumerEvent, GroupMetadata, Offsets, Position, RebalanceListener,
    SubscribeError,
};
pub use outcome::{ClientError, Effect, Outcome, effect};
pub use producer::{Producer, ProducerRecord, RecordMetadata};
