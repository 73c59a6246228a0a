//! What can be wrong with a disk, for a time.
//!
//! | fault       | operation         | what it meets                                                                   |
//! |-------------|-------------------|---------------------------------------------------------------------------------|
//! | `Full`      | append            | the part that still fits is written, then ENOSPC                                |
//! |             | replace           | ENOSPC, the old content stays                                                   |
//! | `SyncError` | sync              | EIO; the pages count as clean from now on, and a power loss takes them          |
//! |             | replace           | EIO, the old content stays                                                      |
//! | `SyncLie`   | sync              | success, and nothing is durable before a later honest sync                      |
//! |             | replace           | success, and a power loss may bring the old content back                        |
//! | `ReadError` | read              | EIO                                                                             |
//! | `Slow`      | all that writes   | one after the other through the device, each so much longer                     |
//! | `Stall`     | all               | nothing ends before the fault does                                              |
//!
//! A fault covers a [`DiskScope`]. `SyncError` is what Linux does since 4.13 and did worse before: the error is told
//! once, and the next sync succeeds without the lost pages ("fsyncgate"). Bit rot is not a fault of a time: see
//! `DiskState::corrupt`. Which of these a device is allowed to do is the scenario's business, not decided here.

use std::sync::Arc;
use std::task::Waker;

use tribunal_engine::rng::Rng;
use tribunal_engine::storage::{DiskOp, FileName};

use super::super::latency::Latency;

/// What is wrong with a disk. Shares are from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum DiskFault {
    /// The file system has this much room left, in bytes. What is deleted or cut makes room again.
    Full {
        /// Bytes that may still be written.
        free: u64,
    },
    /// This share of the flushes fails.
    SyncError {
        /// How many of them.
        share: f64,
    },
    /// This share of the flushes succeeds and makes nothing durable.
    SyncLie {
        /// How many of them.
        share: f64,
    },
    /// This share of the reads fails.
    ReadError {
        /// How many of them.
        share: f64,
    },
    /// Whatever writes takes this much longer and waits for the writes before it, as when the kernel holds writers
    /// back until the device has caught up.
    Slow {
        /// The time that each takes longer.
        extra: Latency,
    },
    /// Nothing ends while the fault lasts.
    Stall,
}

/// Which files of a disk a fault covers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DiskScope {
    /// The files of this directory only (`orders-0`).
    pub directory: Option<Arc<str>>,
    /// Files whose name ends like one of these only; empty for all files.
    pub endings: &'static [&'static str],
}

impl DiskScope {
    fn covers_op(&self, op: &DiskOp) -> bool {
        match op.file() {
            Some(file) => self.covers(file),
            // A whole directory goes: it has no name that could end like anything.
            None => {
                let directory = self.directory.as_ref();
                self.endings.is_empty() && directory.is_none_or(|directory| directory == op.directory())
            }
        }
    }

    pub(super) fn covers(&self, file: &FileName) -> bool {
        let named = self.endings.is_empty() || self.endings.iter().any(|end| file.name.ends_with(end));
        named && self.directory.as_ref().is_none_or(|directory| *directory == file.directory)
    }
}

/// Names an active fault of one disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskFaultId(u32);

/// One active fault.
struct Active {
    id: DiskFaultId,
    fault: DiskFault,
    scope: DiskScope,
    struck: u64,
}

/// How an operation on a faulty disk ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// As on any disk.
    Normal,
    /// ENOSPC after this many bytes.
    Full(u64),
    /// EIO.
    Error,
    /// Success, and nothing is durable.
    Lie,
}

/// The active faults of one disk.
pub(super) struct Faults {
    active: Vec<Active>,
    next: u32,
    /// Operations that any fault ever struck.
    struck: u64,
    /// Tasks that wait for the end of a stall.
    stalled: Vec<Waker>,
    rng: Rng,
}

impl Faults {
    pub(super) fn new(rng: Rng) -> Self {
        Faults { active: Vec::new(), next: 0, struck: 0, stalled: Vec::new(), rng }
    }

    pub(super) fn begin(&mut self, fault: DiskFault, scope: DiskScope) -> DiskFaultId {
        self.next += 1;
        let id = DiskFaultId(self.next);
        self.active.push(Active { id, fault, scope, struck: 0 });
        id
    }

    /// Ends a fault: how many operations it struck, and whom to wake.
    pub(super) fn end(&mut self, id: DiskFaultId) -> (u64, Vec<Waker>) {
        let struck = self.active.iter().find(|active| active.id == id).map_or(0, |active| active.struck);
        self.active.retain(|active| active.id != id);
        (struck, std::mem::take(&mut self.stalled))
    }

    /// A number below `bound` from the stream of this disk's faults.
    pub(super) fn draw(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    /// Operations struck so far by any fault.
    pub(super) fn struck(&self) -> u64 {
        self.struck
    }

    /// Whether a stall covers `op`; `waker` is woken when one ends. The first question about an operation counts
    /// as a strike.
    pub(super) fn stalls(&mut self, op: &DiskOp, waker: &Waker, first: bool) -> bool {
        if self.active.is_empty() {
            return false;
        }
        let stalls = |active: &&mut Active| active.fault == DiskFault::Stall && active.scope.covers_op(op);
        let Some(active) = self.active.iter_mut().find(stalls) else { return false };
        if first {
            active.struck += 1;
            self.struck += 1;
        }
        self.stalled.push(waker.clone());
        true
    }

    /// How much longer `op` takes and whether it waits for the device; `None` if no fault makes it slow.
    pub(super) fn slows(&mut self, op: &DiskOp) -> Option<u64> {
        if self.active.is_empty() || matches!(op, DiskOp::Read { .. } | DiskOp::ReadToSend { .. }) {
            return None;
        }
        let mut extra = None;
        for active in self.active.iter_mut().filter(|active| active.scope.covers_op(op)) {
            if let DiskFault::Slow { extra: latency } = active.fault {
                active.struck += 1;
                self.struck += 1;
                extra = Some(extra.unwrap_or(0) + latency.draw(&mut self.rng));
            }
        }
        extra
    }

    /// How `op` ends. The first fault that strikes decides.
    pub(super) fn fate(&mut self, op: &DiskOp) -> Fate {
        if self.active.is_empty() {
            return Fate::Normal;
        }
        let rng = &mut self.rng;
        for active in self.active.iter_mut().filter(|active| active.scope.covers_op(op)) {
            let fate = match (&mut active.fault, op) {
                (DiskFault::Full { free }, DiskOp::Append { .. } | DiskOp::Replace { .. }) => {
                    let wanted = op.bytes();
                    let fits = wanted.min(*free);
                    if matches!(op, DiskOp::Append { .. }) || fits == wanted {
                        *free -= fits;
                    }
                    if fits == wanted { Fate::Normal } else { Fate::Full(fits) }
                }
                (DiskFault::SyncError { share }, DiskOp::Sync { .. } | DiskOp::Replace { .. })
                | (DiskFault::ReadError { share }, DiskOp::Read { .. } | DiskOp::ReadToSend { .. }) => {
                    if rng.chance(*share) { Fate::Error } else { Fate::Normal }
                }
                (DiskFault::SyncLie { share }, DiskOp::Sync { .. } | DiskOp::Replace { .. }) => {
                    if rng.chance(*share) { Fate::Lie } else { Fate::Normal }
                }
                _ => Fate::Normal,
            };
            if fate != Fate::Normal {
                active.struck += 1;
                self.struck += 1;
                return fate;
            }
        }
        Fate::Normal
    }

    /// `bytes` of `file` were deleted or cut: a full disk has room again.
    pub(super) fn freed(&mut self, file: &FileName, bytes: u64) {
        for active in self.active.iter_mut().filter(|active| active.scope.covers(file)) {
            if let DiskFault::Full { free } = &mut active.fault {
                *free = free.saturating_add(bytes);
            }
        }
    }
}
