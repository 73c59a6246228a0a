//! A queue between tasks of one thread: many senders, one receiver. Allocates only to grow.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The sending side; cheap to clone. A mailbox never fills up: what bounds it is what the senders may have in
/// flight (one request a connection, one call a lane, the operations of one step a directory).
#[derive(Debug)]
pub(super) struct Mailbox<T>(Rc<RefCell<State<T>>>);

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    receiver: Option<Waker>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Mailbox<T> {
        Mailbox(Rc::new(RefCell::new(State { queue: VecDeque::new(), receiver: None })))
    }

    /// Adds an item and wakes the receiver.
    pub(super) fn send(&self, item: T) {
        let mut state = self.0.borrow_mut();
        state.queue.push_back(item);
        if let Some(receiver) = state.receiver.take() {
            receiver.wake();
        }
    }

    /// The next item. One receiver at a time. An item leaves the queue only when it is returned, so that giving up
    /// the wait loses nothing.
    pub(super) async fn receive(&self) -> T {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            match state.queue.pop_front() {
                Some(item) => Poll::Ready(item),
                None => {
                    state.receiver = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
