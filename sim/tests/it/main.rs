//! Tests of the simulation, one binary.
