//! Profiles: documented sets of network, disk and CPU figures, chosen by `cluster.profile`.
//!
//! They are round figures of a magnitude that is public knowledge, not measurements of one product: a verdict about
//! safety does not depend on them, a latency figure is only as good as they are and is reported with the profile's
//! name. Each figure can be overridden in the scenario where the format has a key for it.
//!
//! | profile | network one way | bandwidth | fsync | a request costs | stands for |
//! |---|---|---|---|---|---|
//! | `lan` | 0.1 - 0.5 ms | 10 Gbit/s | 0.2 ms, p99 2 ms | 20 us + 0.5 us/KiB | one rack, NVMe with power-loss protection |
//! | `cloud-3az` | 0.3 - 1.5 ms | 5 Gbit/s | 2 ms, p99 15 ms | 40 us + 1 us/KiB | three zones of a region, network volumes |
//! | `laptop` | 0.02 - 0.1 ms | 20 Gbit/s | 4 ms, p99 30 ms | 40 us + 1 us/KiB | all on one consumer machine |
//!
//! Where the magnitudes come from: round trips below 1 ms in a rack and 1 to 2 ms between zones of a region are what
//! cloud providers state for their regions; a flash device with power-loss protection acknowledges a flush from its
//! buffer in tenths of a millisecond while consumer devices and network volumes need milliseconds; a broker handles
//! some tens of thousands of small requests a second on a core, which gives tens of microseconds each.

use super::distribution::Distribution;

/// The network between two hosts, the same for every pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetworkModel {
    /// One-way latency of each message.
    pub latency: Distribution,
    /// Bytes per second of each host, each direction.
    pub bandwidth: u64,
}

/// The disk of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskModel {
    /// Duration of an fsync beyond the writing itself.
    pub fsync: Distribution,
    /// Bytes per second.
    pub bandwidth: u64,
}

/// What work costs on a host's one core. Work queues, so latency under load is queueing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuModel {
    /// Nanoseconds for each request, whatever its size.
    pub nanos_per_request: u64,
    /// Nanoseconds for each KiB of a request or a response.
    pub nanos_per_kib: u64,
}

/// A named set of figures.
#[derive(PartialEq, Eq, Debug)]
pub struct Profile {
    /// Name in scenario files.
    pub name: &'static str,
    /// What it stands for.
    pub description: &'static str,
    /// The network.
    pub network: NetworkModel,
    /// The disks.
    pub disk: DiskModel,
    /// The processors.
    pub cpu: CpuModel,
}

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// The profile of a scenario that names none: `lan`.
    #[must_use]
    pub fn default_profile() -> &'static Profile {
        &PROFILES[0]
    }
}

/// Every profile; the first is the default.
pub static PROFILES: &[Profile] = &[
    Profile {
        name: "lan",
        description: "one rack, 10 Gbit/s, flash with power-loss protection",
        network: NetworkModel { latency: Distribution::micros(100, 500), bandwidth: 1_250_000_000 },
        disk: DiskModel { fsync: Distribution::shape_micros(200, 2_000, 10_000), bandwidth: 1_000_000_000 },
        cpu: CpuModel { nanos_per_request: 20_000, nanos_per_kib: 500 },
    },
    Profile {
        name: "cloud-3az",
        description: "three zones of one region, 5 Gbit/s, network volumes",
        network: NetworkModel { latency: Distribution::micros(300, 1_500), bandwidth: 625_000_000 },
        disk: DiskModel { fsync: Distribution::shape_micros(2_000, 15_000, 80_000), bandwidth: 250_000_000 },
        cpu: CpuModel { nanos_per_request: 40_000, nanos_per_kib: 1_000 },
    },
    Profile {
        name: "laptop",
        description: "every process on one consumer machine",
        network: NetworkModel { latency: Distribution::micros(20, 100), bandwidth: 2_500_000_000 },
        disk: DiskModel { fsync: Distribution::shape_micros(4_000, 30_000, 150_000), bandwidth: 500_000_000 },
        cpu: CpuModel { nanos_per_request: 40_000, nanos_per_kib: 1_000 },
    },
];
