//! Tests of the simulation, one binary.

mod diagnostics;
mod scenario_text;
