//! Deterministic simulation of Kafka-protocol clusters: runtime, faults, scenarios, checkers.
//!
//! `scenario` turns a file into plans; `run` turns a plan and a seed into a finished run, on a `cluster` in the
//! `runtime`, with `workload` and `fault`; `checker` and `promise` judge it; `campaign` runs variants and seeds;
//! `export` turns the result into the artifact of a report; `cli` is the command.

pub mod campaign;
pub mod chain;
pub mod checker;
pub mod cli;
pub mod cluster;
pub mod export;
pub mod fault;
pub mod history;
pub mod measure;
pub mod promise;
mod properties;
pub mod run;
pub mod runtime;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod serve;
pub mod verdict;
pub mod view;
pub mod workload;
