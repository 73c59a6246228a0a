//! A Kafka-protocol log engine.
//!
//! The crate has two halves. The **core** (everything but [`driver`] and [`client`]) is a set of state
//! machines: one input in, effects out, no clock, no entropy, no file, no socket. The **shell** (feature
//! `driver`) reads frames, feeds the machines and performs their effects over four small traits, so that the
//! same broker runs on tokio, on a simulation and in a unit test.
//!
//! Start reading at [`broker`]; `engine/ARCHITECTURE.md` has the map and the invariants.

pub mod broker;
pub mod config;
pub mod controller;
pub mod epoch;
pub mod error;
pub mod event;
pub mod file_range;
pub mod group;
pub mod id;
pub mod log;
pub mod machine;
pub mod message;
pub mod metadata;
pub mod offset;
pub mod quorum;
pub mod record;
pub mod replica;
pub mod rng;
pub mod storage;
pub mod time;
pub mod variant;
pub mod wire;

#[cfg(feature = "driver")]
pub mod client;
#[cfg(feature = "driver")]
pub mod driver;
