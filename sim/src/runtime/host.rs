//! A host: a machine with a name, and the process that runs on it.
//!
//! A host's disk, clock and processor belong to the machine and outlive its process. Each start of the process is
//! one boot with a number of its own; whatever an earlier boot left behind is void.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::clock::{ClockSettings, HostClock};
use super::cpu::{Cpu, CpuSettings};
use super::disk::{DiskSettings, DiskState};
use super::executor::Ready;

/// A machine of the simulation, in the order machines were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(u16);

impl HostId {
    /// The host that was added first.
    pub const FIRST: HostId = HostId(0);

    pub(super) fn from_index(index: usize) -> Self {
        HostId(u16::try_from(index).expect("at most 65536 hosts"))
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn number(self) -> u64 {
        u64::from(self.0)
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "host-{}", self.0)
    }
}

/// What a machine is like. The default costs no time at all.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// Its processor.
    pub cpu: CpuSettings,
    /// Its disk.
    pub disk: DiskSettings,
    /// Its clocks.
    pub clock: ClockSettings,
    /// What its network card sends, in bytes per second; `None` for no limit.
    pub send_bytes_per_second: Option<u64>,
}

/// Whether a host's process and machine run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostStatus {
    /// The process runs.
    Up,
    /// The process is gone, the machine answers (connections are refused).
    Crashed,
    /// The machine is dead: silence.
    Dark,
}

/// A machine and what is known of its process.
pub(super) struct Host {
    pub(super) name: Arc<str>,
    pub(super) status: HostStatus,
    /// Starts at 1, grows with every boot.
    pub(super) boot: u64,
    pub(super) paused: bool,
    /// Ready tasks of a paused process.
    pub(super) parked: Vec<Ready>,
    pub(super) clock: HostClock,
    pub(super) cpu: Cpu,
    pub(super) disk: Rc<RefCell<DiskState>>,
}

impl Host {
    /// Whether the process of boot `boot` still runs.
    pub(super) fn runs(&self, boot: u64) -> bool {
        self.status == HostStatus::Up && self.boot == boot
    }
}
