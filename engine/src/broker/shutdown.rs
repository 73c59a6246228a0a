//! Stopping in good order (KIP-631, KIP-841; Kafka's `BrokerServer.shutdown`, `BrokerLifecycleManager`).
//!
//! | phase   | what the broker does                                                                  |
//! |---------|---------------------------------------------------------------------------------------|
//! | running | everything                                                                            |
//! | pending | still serves; its heartbeats ask to stop; the controller moves what it leads          |
//! | closing | serves nobody; waits for its writes, makes every log durable                          |
//! | stopped | nothing: the shell may end the process                                                |
//!
//! The last thing it writes is a marker with its broker epoch: the next boot shows it to the controller as proof that
//! nothing was lost in between (KIP-966). A boot takes the marker away before it reads the first log, so that a crash
//! while logs are loaded does not look like a clean stop (KAFKA-10471).
//!
//! The controller lets it go when every active broker knows that it leads nothing any more. It goes without leave
//! when the time it was given is up, and at once if it never registered.

use super::{Broker, DiskWait};
use crate::event::Event;
use crate::id::TopicPartition;
use crate::log::{LogIo, leave_clean_shutdown};
use crate::machine::{Effect, Effects, Input, Wakeup};
use crate::storage::{DiskOutcome, DiskToken};
use crate::time::{Duration, Instant, Now};

/// How far the broker is with stopping.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Shutdown {
    #[default]
    Running,
    Pending {
        deadline: Instant,
        /// The controller has answered: it knows.
        heard: bool,
    },
    Closing {
        /// A log could not be made durable: there will be no marker.
        failed: bool,
    },
    /// The marker is being written.
    Marking,
    Stopped,
}

impl Shutdown {
    /// Heartbeats ask for leave to stop.
    pub(super) fn is_wanted(self) -> bool {
        self != Shutdown::Running
    }

    /// Nobody is served any more.
    pub(super) fn is_closed(self) -> bool {
        matches!(self, Shutdown::Closing { .. } | Shutdown::Marking | Shutdown::Stopped)
    }

    pub(super) fn next_wakeup(self) -> Option<(Instant, Wakeup)> {
        match self {
            Shutdown::Pending { deadline, .. } => Some((deadline, Wakeup::Shutdown)),
            _ => None,
        }
    }
}

impl Broker {
    /// Begins to stop; asks the controller for leave for so long.
    pub(super) fn begin_shutdown(&mut self, now: Now, patience: Duration, effects: &mut Effects) {
        if self.shutdown.is_wanted() {
            return;
        }
        effects.note(Event::ShutdownBegan { broker: self.settings.node });
        let deadline = now.mono.after(patience);
        self.shutdown = Shutdown::Pending { deadline, heard: false };
        if self.lifecycle.broker_epoch().is_none() {
            return self.close(false, effects);
        }
        self.lifecycle.say(now.mono);
    }

    /// The controller's answer to a heartbeat that asked for leave. The second question follows soon: often nothing
    /// had to be moved.
    pub(super) fn on_shutdown_answer(&mut self, now: Now, may_stop: bool, effects: &mut Effects) {
        let Shutdown::Pending { deadline, heard } = self.shutdown else { return };
        if may_stop {
            return self.close(true, effects);
        }
        if !heard {
            self.shutdown = Shutdown::Pending { deadline, heard: true };
            self.lifecycle.hurry(now.mono.after(Duration::from_millis(50)));
        }
    }

    /// Gives up waiting for leave, and sees whether everything is on disk.
    pub(super) fn check_shutdown(&mut self, now: Now, effects: &mut Effects) {
        match self.shutdown {
            Shutdown::Pending { deadline, .. } if deadline <= now.mono => self.close(false, effects),
            Shutdown::Closing { failed } if !self.is_writing() => self.mark(failed, effects),
            Shutdown::Marking if !self.is_writing() => self.shutdown = Shutdown::Stopped,
            _ => {}
        }
    }

    /// A step of a broker that serves nobody any more: only its writes still end.
    pub(super) fn step_closed(&mut self, now: Now, input: Input, effects: &mut Effects) {
        match input {
            Input::Request { context, .. } => {
                let reason = "the broker is shutting down";
                effects.push(Effect::Close { connection: context.connection, reason });
            }
            Input::Disk { token, outcome } => self.on_last_write(now, token, &outcome, effects),
            Input::Reply { token, .. } => drop(self.calls.remove(&token)),
            Input::Closed { .. } | Input::Shutdown { .. } | Input::Tick => {}
        }
        self.check_shutdown(now, effects);
    }

    fn on_last_write(&mut self, now: Now, token: DiskToken, outcome: &DiskOutcome, effects: &mut Effects) {
        let Some(DiskWait::Log(partition, completion)) = self.disk.remove(&token) else { return };
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let mut io = LogIo::default();
        match outcome {
            Ok(done) => replica.complete(now, completion, done, &mut io, effects),
            Err(_) => {
                replica.fail(effects);
                self.shutdown = Shutdown::Closing { failed: true };
            }
        }
        self.submit(&partition, io, effects);
    }

    fn is_writing(&self) -> bool {
        self.disk.values().any(|wait| matches!(wait, DiskWait::Log(..) | DiskWait::Marker))
    }

    /// Every log is on disk: says so, if it is true.
    fn mark(&mut self, failed: bool, effects: &mut Effects) {
        let Some(epoch) = self.lifecycle.broker_epoch().filter(|_| !failed) else {
            self.shutdown = Shutdown::Stopped;
            return;
        };
        self.shutdown = Shutdown::Marking;
        let token = self.disk_token();
        self.disk.insert(token, DiskWait::Marker);
        effects.push(Effect::Disk { token, op: leave_clean_shutdown(epoch) });
    }

    /// From here on nobody is served; every log is made durable.
    fn close(&mut self, by_controller: bool, effects: &mut Effects) {
        effects.note(Event::ShutdownGranted { broker: self.settings.node, by_controller });
        self.shutdown = Shutdown::Closing { failed: false };
        let partitions: Vec<TopicPartition> = self.replicas.keys().cloned().collect();
        for partition in partitions {
            let Some(replica) = self.replicas.get_mut(&partition) else { continue };
            let mut io = LogIo::default();
            replica.close(&mut io);
            self.submit(&partition, io, effects);
        }
    }
}
