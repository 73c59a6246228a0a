//! The operating system's clocks.

use std::future::Future;

use crate::driver::platform::Clock;
use crate::time::{Duration, Instant, Now, Timestamp};

/// The monotonic clock, counted from the start of the process, and the wall clock.
///
/// Timers are tokio's: they ring at whole milliseconds, never early.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: tokio::time::Instant,
}

impl RealClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> RealClock {
        RealClock { start: tokio::time::Instant::now() }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Now {
        let mono = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Now { mono: Instant::from_nanos(mono), wall: wall() }
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + 'static {
        // A deadline beyond what the system's clock can hold is as good as never.
        let at = self.start.checked_add(Duration::from_nanos(deadline.as_nanos()));
        async move {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn work(&self, _bytes: usize) {}
}

#[expect(clippy::disallowed_types, reason = "this is where the wall clock comes from")]
fn wall() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    // A clock before 1970 is wrong anyhow; records then carry 1970.
    let millis = since_1970.unwrap_or_default().as_millis();
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}
