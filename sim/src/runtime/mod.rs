//! The deterministic runtime: executor, clocks, network, disk.
