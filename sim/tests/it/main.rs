//! Tests of the simulation, one binary.

mod cli;
mod diagnostics;
mod hostile_bytes;
mod library;
mod scenario_plan;
mod scenario_text;
mod serve;
