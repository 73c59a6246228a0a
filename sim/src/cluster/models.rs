//! From the figures of a plan to the settings of the runtime.

use std::sync::Arc;

use tribunal_engine::time::Duration;

use super::Cluster;
use crate::runtime::{
    CpuSettings, DiskFault, DiskScope, DiskSettings, HostSettings, Latency, NetworkSettings, PowerLoss,
};
use crate::scenario::disk_fault::{DiskFaultKind, DiskFaultPlan};
use crate::scenario::distribution::Distribution;
use crate::scenario::plan::{ClusterPlan, OnPowerLoss};
use crate::scenario::profile::NetworkModel;

/// Writing to and reading from the page cache: what a system call and a copy cost.
const PAGE_CACHE_OPERATION: Duration = Duration::ZERO;
const PAGE_CACHE_PICOSECONDS_PER_BYTE: u64 = 0;

pub(super) fn network(model: &NetworkModel) -> NetworkSettings {
    NetworkSettings { latency: latency(model.latency), ..NetworkSettings::default() }
}

pub(super) fn host(cluster: &ClusterPlan) -> HostSettings {
    HostSettings {
        cpu: CpuSettings {
            cost_per_request: Duration::from_nanos(cluster.cpu.nanos_per_request),
            picoseconds_per_byte: cluster.cpu.nanos_per_kib * 1000 / 1024,
            slowdown: 1.0,
        },
        disk: DiskSettings {
            operation: PAGE_CACHE_OPERATION,
            picoseconds_per_byte: PAGE_CACHE_PICOSECONDS_PER_BYTE,
            sync: latency(cluster.disk.fsync),
            write_bytes_per_second: Some(cluster.disk.bandwidth),
        },
        send_bytes_per_second: Some(cluster.network.bandwidth),
        ..HostSettings::default()
    }
}

/// Clients' machines cost no time: the cluster is on trial, not they.
pub(super) fn client_host() -> HostSettings {
    HostSettings::default()
}

pub(super) fn power_loss(model: OnPowerLoss) -> PowerLoss {
    match model {
        OnPowerLoss::KeepAll => PowerLoss::KeepAll,
        OnPowerLoss::UnsyncedSuffix => PowerLoss::LoseUnsynced,
        OnPowerLoss::TornLastBatch => PowerLoss::TornTail,
        OnPowerLoss::RandomSubset => PowerLoss::LosePages,
    }
}

/// The fault of the runtime; none for rot, which is not one of a time.
pub(super) fn disk_fault(kind: DiskFaultKind) -> Option<DiskFault> {
    Some(match kind {
        DiskFaultKind::Full { free } => DiskFault::Full { free },
        DiskFaultKind::Slow { latency: slower } => DiskFault::Slow { extra: latency(slower) },
        DiskFaultKind::Stall => DiskFault::Stall,
        DiskFaultKind::ReadError { share } => DiskFault::ReadError { share },
        DiskFaultKind::FsyncError { share } => DiskFault::SyncError { share },
        DiskFaultKind::FsyncLies { share } => DiskFault::SyncLie { share },
        DiskFaultKind::Corrupt { .. } => return None,
    })
}

pub(super) fn disk_scope(fault: &DiskFaultPlan) -> DiskScope {
    let directory = fault.partition.as_ref().map(|partition| Arc::from(Cluster::log_directory(partition)));
    DiskScope { directory, endings: fault.files.endings() }
}

/// A shape by percentiles becomes a floor with an exponential tail through its median and its 99th percentile.
pub(super) fn latency(distribution: Distribution) -> Latency {
    match distribution {
        Distribution::Range(range) if range.min == range.max => Latency::Fixed(range.min),
        Distribution::Range(range) => Latency::Uniform { low: range.min, high: range.max },
        Distribution::Shape { p50, p99, max } => {
            let mean_extra = p99.saturating_sub(p50).div_f64(100f64.ln() - 2f64.ln());
            let low = p50.saturating_sub(mean_extra.mul_f64(2f64.ln()));
            Latency::Tail { low, mean_extra, high: max }
        }
    }
}
