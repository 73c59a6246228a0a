//! How the tasks of a client wake each other: a flag with one waiter, and a timer that is rarely set anew.
//!
//! Both exist to keep polls few. A [`Signal`] raised ten times before its waiter runs wakes it once; an
//! [`Alarm`] that is asked for a later time keeps the earlier one and lets the waiter look again.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt as _;

use crate::driver::Clock;
use crate::time::{Duration, Instant};

/// A flag that wakes its one waiter.
#[derive(Default)]
pub(super) struct Signal {
    raised: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    /// Sets the flag and wakes the waiter.
    pub(super) fn raise(&self) {
        if !self.raised.replace(true) {
            let waker = self.waker.borrow_mut().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Takes the flag, or remembers whom to wake. Only the last one who asked is woken.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.raised.replace(false) {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

type Timer = Pin<Box<dyn Future<Output = ()>>>;

/// One timer that is set again and again.
pub(super) struct Alarm<C: Clock> {
    clock: C,
    armed: Option<(Instant, Timer)>,
}

impl<C: Clock> Alarm<C> {
    /// A timer that is not set.
    pub(super) fn new(clock: C) -> Self {
        Alarm { clock, armed: None }
    }

    /// The time now.
    pub(super) fn now(&self) -> Instant {
        self.clock.now().mono
    }

    /// Asks to be woken at `deadline` or, if it was set so, before.
    pub(super) fn set(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.armed.as_ref().is_none_or(|(armed, _)| deadline < *armed) {
            self.armed = Some((deadline, Box::pin(self.clock.sleep_until(deadline))));
        }
    }

    /// Ends when the time has come; the timer is not set then.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((_, sleep)) = &mut self.armed else { return Poll::Pending };
        if sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.armed = None;
        Poll::Ready(())
    }

    /// Ends when the signal is raised or the time has come.
    pub(super) async fn wait(&mut self, signal: &Signal) {
        poll_fn(|context| {
            let signalled = signal.poll(context).is_ready();
            let elapsed = self.poll(context).is_ready();
            if signalled || elapsed { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// The earlier of two deadlines, where `None` is never.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What `work` gives, or `None` if it takes longer than `limit`.
pub(super) async fn within<C: Clock, T>(
    clock: &C,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work.fuse());
    let mut elapsed = pin!(clock.sleep(limit).fuse());
    futures_util::select_biased! {
        result = work => Some(result),
        () = elapsed => None,
    }
}
