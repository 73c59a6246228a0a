//! Tests of the engine from outside, one binary: golden dialogues over a small cluster, the
//! museum of protocol bugs, what readers are answered, what real clients need, and the rules of the tree.

mod admin;
mod dialogue;
mod groups;
mod mini_cluster;
mod museum;
mod quirks;
mod quorum;
mod reading;
mod tidy;
