//! The processor of a host: one server, one queue.
//!
//! Work takes a fixed cost per request and a cost per byte, and waits for the work before it. This is what makes
//! latency under load a real queue. Does not model several cores; give a cheaper cost instead.

use tribunal_engine::time::Duration;

/// What work costs. The default costs nothing, and then nothing ever sleeps for it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CpuSettings {
    /// For each request.
    pub cost_per_request: Duration,
    /// For each byte of it, in picoseconds (1000 is one gigabyte per second).
    pub picoseconds_per_byte: u64,
    /// Multiplies every cost: 1 is the machine as it is, 4 is four times slower.
    pub slowdown: f64,
}

impl Default for CpuSettings {
    fn default() -> Self {
        CpuSettings { cost_per_request: Duration::ZERO, picoseconds_per_byte: 0, slowdown: 1.0 }
    }
}

/// A processor and the time until which it is busy.
#[derive(Debug)]
pub(super) struct Cpu {
    settings: CpuSettings,
    request_nanos: u64,
    busy_until: u64,
}

impl Cpu {
    pub(super) fn new(settings: CpuSettings) -> Self {
        let request_nanos = u64::try_from(settings.cost_per_request.as_nanos()).unwrap_or(u64::MAX);
        Cpu { settings, request_nanos, busy_until: 0 }
    }

    /// Queues the work of one request of `bytes` bytes at `now`; answers when it is done.
    pub(super) fn charge(&mut self, now: u64, bytes: usize) -> u64 {
        let moved = (bytes as u64).saturating_mul(self.settings.picoseconds_per_byte) / 1000;
        let mut cost = self.request_nanos.saturating_add(moved);
        #[expect(clippy::float_cmp, reason = "exactly 1 is the value that means: leave the cost alone")]
        if self.settings.slowdown != 1.0 {
            cost = scaled(cost, self.settings.slowdown);
        }
        if cost == 0 {
            return now;
        }
        self.busy_until = self.busy_until.max(now).saturating_add(cost);
        self.busy_until
    }

    /// Changes the speed from the next request on.
    pub(super) fn set_slowdown(&mut self, slowdown: f64) {
        self.settings.slowdown = slowdown;
    }

    /// Forgets queued work: the process that wanted it is gone.
    pub(super) fn reset(&mut self) {
        self.busy_until = 0;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a cost of nanoseconds fits a double, and the cast back saturates"
)]
fn scaled(cost: u64, factor: f64) -> u64 {
    (cost as f64 * factor.max(0.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu() -> Cpu {
        Cpu::new(CpuSettings {
            cost_per_request: Duration::from_micros(10),
            picoseconds_per_byte: 1000,
            slowdown: 1.0,
        })
    }

    #[test]
    fn work_waits_for_the_work_before_it() {
        let mut cpu = cpu();
        assert_eq!(cpu.charge(0, 100), 10_100);
        assert_eq!(cpu.charge(50, 0), 20_100);
        assert_eq!(cpu.charge(100_000, 0), 110_000);
    }

    #[test]
    fn a_slow_processor_takes_longer() {
        let mut cpu = cpu();
        cpu.set_slowdown(3.0);
        assert_eq!(cpu.charge(0, 0), 30_000);
    }

    #[test]
    fn free_work_is_done_at_once_even_behind_other_work() {
        let mut cpu = Cpu::new(CpuSettings::default());
        assert_eq!(cpu.charge(7, 1 << 30), 7);
    }
}
