//! Tests of the simulation, one binary.

mod diagnostics;
mod scenario_plan;
mod scenario_text;
