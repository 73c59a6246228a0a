//! Disk operations: one task per directory performs them in the order they were emitted.

use super::mailbox::Mailbox;
use super::node::Mail;
use super::platform::Platform;
use crate::machine::Input;
use crate::storage::{Disk, DiskOp, DiskToken};

/// Performs the operations of one directory, for ever.
pub(super) async fn perform<P: Platform>(
    platform: P,
    operations: Mailbox<(DiskToken, DiskOp)>,
    inbox: Mailbox<Mail>,
) {
    loop {
        let (token, op) = operations.receive().await;
        let outcome = platform.disk().execute(op).await;
        inbox.send(Mail::Input { input: Input::Disk { token, outcome }, bytes: 0 });
    }
}
