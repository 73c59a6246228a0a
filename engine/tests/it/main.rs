//! Tests of the engine, one binary.
