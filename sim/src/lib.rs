//! Deterministic simulation of Kafka-protocol clusters: runtime, faults, scenarios, checkers.

pub mod runtime;
pub mod scenario;
