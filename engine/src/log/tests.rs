//! Behaviour of whole logs.
