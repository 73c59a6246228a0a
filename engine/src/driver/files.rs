//! Disk operations: those of one directory are performed one after the other, in the order they were emitted.
//!
//! An operation is tried at once if the directory is idle: page-cache writes and cached reads of most disks are done
//! by then, and cost no task a wake-up. What has to wait is finished by the directory's task, and so is everything
//! that comes behind it. Either way the loop hears of the end through its mailbox, after the step that asked for it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::mailbox::Mailbox;
use super::node::Mail;
use super::platform::{Platform, Spawner};
use crate::machine::Input;
use crate::storage::{Disk, DiskOp, DiskOutcome, DiskToken};

type Execution = Pin<Box<dyn Future<Output = DiskOutcome>>>;

/// The operations of one directory.
pub(super) struct Directory<P> {
    platform: P,
    inbox: Mailbox<Mail>,
    /// To the directory's task, which is started when it is needed for the first time.
    queue: Option<Mailbox<(DiskToken, Execution)>>,
    /// How many operations are with the task.
    waiting: Rc<Cell<usize>>,
}

impl<P: Platform> Directory<P> {
    /// A directory where nothing is under way.
    pub(super) fn new(platform: P, inbox: Mailbox<Mail>) -> Directory<P> {
        Directory { platform, inbox, queue: None, waiting: Rc::default() }
    }

    /// Performs an operation after all before it; its end arrives in the mailbox.
    pub(super) fn perform(&mut self, token: DiskToken, op: DiskOp) {
        let disk = self.platform.disk().clone();
        let mut execution: Execution = Box::pin(async move { disk.execute(op).await });
        if self.waiting.get() == 0 {
            // Nobody is to be woken: if it is not done, the task polls it anew.
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(outcome) = execution.as_mut().poll(&mut context) {
                return end(&self.inbox, token, outcome);
            }
        }
        self.waiting.set(self.waiting.get() + 1);
        self.queue().send((token, execution));
    }

    fn queue(&mut self) -> &Mailbox<(DiskToken, Execution)> {
        let (platform, inbox, waiting) = (&self.platform, &self.inbox, &self.waiting);
        self.queue.get_or_insert_with(|| {
            let queue = Mailbox::new();
            platform.spawner().spawn("files", finish(queue.clone(), waiting.clone(), inbox.clone()));
            queue
        })
    }
}

/// Finishes the operations of one directory, for ever.
async fn finish(queue: Mailbox<(DiskToken, Execution)>, waiting: Rc<Cell<usize>>, inbox: Mailbox<Mail>) {
    loop {
        let (token, execution) = queue.receive().await;
        let outcome = execution.await;
        waiting.set(waiting.get() - 1);
        end(&inbox, token, outcome);
    }
}

fn end(inbox: &Mailbox<Mail>, token: DiskToken, outcome: DiskOutcome) {
    inbox.send(Mail::Input { input: Input::Disk { token, outcome }, bytes: 0 });
}
