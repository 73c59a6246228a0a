//! Snapshots of the metadata log: one behaviour a test.
