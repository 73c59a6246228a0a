//! Tests of the engine from outside, one binary: golden dialogues over a small cluster, the
//! museum of protocol bugs, members of groups, what readers are answered, what real clients need, and the rules of the tree.

mod admin;
mod client;
mod dialogue;
mod groups;
mod mini_cluster;
mod museum;
mod quirks;
mod quorum;
mod reading;
mod tidy;

/// The clients' test platform is compiled here a second time, and names these.
use tribunal_engine::{driver, id, storage, time};
