//! Clocks of a host: monotonic and wall, with offset and drift.
//!
//! Promises: the monotonic clock never goes back and has no jumps, only a rate; the wall clock starts at a fixed
//! date, 2026-01-01T00:00:00Z, plus its offset, runs at the same rate, and jumps when the offset is set anew.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tribunal_engine::driver::Clock;
use tribunal_engine::time::{Duration, Instant, Now, Timestamp};

use super::core::Runtime;
use super::host::HostId;
use super::timer::Timer;

/// Wall-clock time at the start of every simulation: 2026-01-01T00:00:00Z in milliseconds since 1970.
pub const WALL_START_MS: i64 = 1_767_225_600_000;

const PARTS: i128 = 1_000_000;

/// How far a host's clocks are off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClockSettings {
    /// Wall clock minus true time, in milliseconds. Setting it anew makes the wall clock jump.
    pub wall_offset_ms: i64,
    /// Rate of both clocks: microseconds gained in a second of true time; negative for a slow clock. Above
    /// -1 000 000.
    pub drift_ppm: i64,
}

/// A host's clocks.
#[derive(Debug)]
pub(super) struct HostClock {
    settings: ClockSettings,
    /// True time and monotonic time when the rate was last set.
    anchor: (u64, u64),
}

impl HostClock {
    pub(super) fn new(settings: ClockSettings) -> Self {
        HostClock { settings, anchor: (0, 0) }
    }

    /// Monotonic time at the true time `now`, both in nanoseconds.
    pub(super) fn mono(&self, now: u64) -> u64 {
        if self.settings.drift_ppm == 0 && self.anchor.0 == self.anchor.1 {
            return now;
        }
        let elapsed = i128::from(now.saturating_sub(self.anchor.0));
        let gained = elapsed * (PARTS + i128::from(self.settings.drift_ppm)) / PARTS;
        u64::try_from(i128::from(self.anchor.1) + gained).unwrap_or(u64::MAX)
    }

    /// The first true time at which the monotonic clock shows `mono` or more.
    pub(super) fn true_time(&self, mono: u64) -> u64 {
        if self.settings.drift_ppm == 0 && self.anchor.0 == self.anchor.1 {
            return mono;
        }
        let rate = PARTS + i128::from(self.settings.drift_ppm);
        let wanted = i128::from(mono.saturating_sub(self.anchor.1));
        let elapsed = (wanted * PARTS + rate - 1) / rate;
        u64::try_from(i128::from(self.anchor.0) + elapsed).unwrap_or(u64::MAX)
    }

    /// Both clocks at the true time `now`.
    pub(super) fn sample(&self, now: u64) -> Now {
        let mono = self.mono(now);
        let milliseconds = i64::try_from(mono / 1_000_000).unwrap_or(i64::MAX);
        let wall = WALL_START_MS.saturating_add(milliseconds).saturating_add(self.settings.wall_offset_ms);
        Now { mono: Instant::from_nanos(mono), wall: Timestamp(wall) }
    }

    /// Sets offset and rate at the true time `now`.
    pub(super) fn set(&mut self, now: u64, settings: ClockSettings) {
        self.anchor = (now, self.mono(now));
        self.settings = settings;
    }
}

/// The clocks of one host, as its process sees them.
#[derive(Clone)]
pub struct SimClock {
    pub(super) runtime: Rc<Runtime>,
    pub(super) host: HostId,
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        self.runtime.hosts.borrow()[self.host.index()].clock.sample(self.runtime.now_nanos())
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + 'static {
        self.sleeper(deadline)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + 'static {
        self.sleeper(self.now().mono.after(duration))
    }

    async fn work(&self, bytes: usize) {
        let now = self.runtime.now_nanos();
        let done = self.runtime.hosts.borrow_mut()[self.host.index()].cpu.charge(now, bytes);
        if done > now {
            Timer::new(Rc::clone(&self.runtime), self.host, done).await;
        }
    }
}

impl SimClock {
    fn sleeper(&self, deadline: Instant) -> Sleep {
        let mono = deadline.as_nanos();
        let at = self.runtime.hosts.borrow()[self.host.index()].clock.true_time(mono);
        Sleep { mono, timer: Timer::new(Rc::clone(&self.runtime), self.host, at), host: self.host }
    }
}

/// Waits until a host's monotonic clock shows a time. A change of the clock's rate wakes it, and it looks again.
struct Sleep {
    mono: u64,
    timer: Timer,
    host: HostId,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (mono, host) = (self.mono, self.host);
        let runtime = Rc::clone(self.timer.runtime());
        let (reached, at) = {
            let hosts = runtime.hosts.borrow();
            let clock = &hosts[host.index()].clock;
            (clock.mono(runtime.now_nanos()) >= mono, clock.true_time(mono))
        };
        if reached {
            return Poll::Ready(());
        }
        if at != self.timer.deadline() {
            self.timer.reset(at);
        }
        Pin::new(&mut self.timer).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_clock_without_drift_shows_true_time_and_the_fixed_date() {
        let clock = HostClock::new(ClockSettings::default());
        assert_eq!(clock.mono(123), 123);
        assert_eq!(clock.sample(2 * SECOND).wall, Timestamp(WALL_START_MS + 2000));
    }

    #[test]
    fn a_fast_clock_gains_and_its_deadlines_come_early() {
        let clock = HostClock::new(ClockSettings { drift_ppm: 500_000, wall_offset_ms: 0 });
        assert_eq!(clock.mono(2 * SECOND), 3 * SECOND);
        assert_eq!(clock.true_time(3 * SECOND), 2 * SECOND);
    }

    #[test]
    fn setting_the_clock_makes_the_wall_jump_and_the_monotonic_clock_go_on() {
        let mut clock = HostClock::new(ClockSettings::default());
        clock.set(SECOND, ClockSettings { drift_ppm: -500_000, wall_offset_ms: -60_000 });
        assert_eq!(clock.mono(SECOND), SECOND);
        assert_eq!(clock.mono(3 * SECOND), 2 * SECOND);
        assert_eq!(clock.sample(SECOND).wall, Timestamp(WALL_START_MS + 1000 - 60_000));
    }

    #[test]
    fn a_deadline_is_never_reached_early() {
        let mut clock = HostClock::new(ClockSettings { drift_ppm: -37, wall_offset_ms: 0 });
        clock.set(SECOND / 3, ClockSettings { drift_ppm: 113, wall_offset_ms: 0 });
        for mono in (SECOND..2 * SECOND).step_by(99_999_937) {
            let at = clock.true_time(mono);
            assert!(clock.mono(at) >= mono && clock.mono(at - 1) < mono);
        }
    }
}
