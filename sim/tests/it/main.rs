//! Tests of the simulation, one binary.

mod cli;
mod diagnostics;
mod scenario_plan;
mod scenario_text;
