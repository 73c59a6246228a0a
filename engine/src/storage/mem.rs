//! A disk in memory for tests: everything succeeds, a sync is a no-op, nothing is ever lost.
