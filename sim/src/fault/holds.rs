//! Who is down or stands still because of how many faults: a machine comes back when the last of them is over.

use std::collections::BTreeMap;

use crate::cluster::{Host, World};

/// How many faults keep each machine from running.
#[derive(Debug, Default)]
pub(super) struct Holds {
    down: BTreeMap<Host, u32>,
    paused: BTreeMap<Host, u32>,
}

impl Holds {
    /// A fault takes the machine's process down.
    pub(super) fn take_down(&mut self, host: &Host) {
        *self.down.entry(host.clone()).or_default() += 1;
    }

    /// The fault is over.
    pub(super) fn let_up(&mut self, host: &Host, world: &mut impl World) {
        if released(&mut self.down, host) {
            world.start(host);
        }
    }

    /// A fault stops the machine's process.
    pub(super) fn pause(&mut self, host: &Host, world: &mut impl World) {
        *self.paused.entry(host.clone()).or_default() += 1;
        world.pause(host);
    }

    /// The fault is over.
    pub(super) fn resume(&mut self, host: &Host, world: &mut impl World) {
        if released(&mut self.paused, host) {
            world.resume(host);
        }
    }
}

fn released(held: &mut BTreeMap<Host, u32>, host: &Host) -> bool {
    match held.get_mut(host) {
        Some(count) if *count > 1 => {
            *count -= 1;
            false
        }
        _ => {
            held.remove(host);
            true
        }
    }
}
