//! Asking a running node to stop in good order.

use std::cell::RefCell;
use std::rc::Rc;

use super::mailbox::Mailbox;
use super::node::Mail;
use crate::machine::Input;
use crate::time::Duration;

/// Asks one node to stop. Cheap to clone; the node's future ends when it has stopped, and with it its promise to
/// have left no write unfinished. What it spawned goes with the process.
#[derive(Clone, Debug, Default)]
pub struct ShutdownSignal(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    patience: Option<Duration>,
    inbox: Option<Mailbox<Mail>>,
}

impl ShutdownSignal {
    /// A handle to give to a node before it starts.
    #[must_use]
    pub fn new() -> ShutdownSignal {
        ShutdownSignal::default()
    }

    /// Asks the node to stop; it may wait so long for others to let it go. Asked before the node has booted, it
    /// stops as soon as it has. Asked again, nothing changes.
    pub fn request(&self, patience: Duration) {
        let mut state = self.0.borrow_mut();
        if state.patience.is_none() {
            state.patience = Some(patience);
            state.tell();
        }
    }

    /// The node runs and hears from now on.
    pub(super) fn attach(&self, inbox: Mailbox<Mail>) {
        let mut state = self.0.borrow_mut();
        state.inbox = Some(inbox);
        state.tell();
    }
}

impl State {
    fn tell(&self) {
        if let (Some(patience), Some(inbox)) = (self.patience, &self.inbox) {
            inbox.send(Mail::Input { input: Input::Shutdown { patience }, bytes: 0 });
        }
    }
}
