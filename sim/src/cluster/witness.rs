//! Hears what one machine says and hands it to the recorder.

use std::cell::Cell;
use std::rc::Rc;

use tribunal_engine::broker::Broker;
use tribunal_engine::controller::Controller;
use tribunal_engine::driver::Observer;
use tribunal_engine::event::Event;
use tribunal_engine::id::NodeId;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Now;

use super::Recorder;
use crate::runtime::{HostId, SimHandle};
use crate::view::{Happening, What};

/// The observer of one machine.
pub(super) struct Witness {
    recorder: Rc<Recorder>,
    handle: SimHandle,
    host: HostId,
    node: NodeId,
    /// End of the metadata that some controller has known to be committed, of all witnesses.
    told: Rc<Cell<Offset>>,
    /// This controller tells of records that another has told of before.
    repeats: Cell<bool>,
}

impl Witness {
    pub(super) fn new(
        recorder: Rc<Recorder>,
        handle: SimHandle,
        host: HostId,
        node: NodeId,
        told: Rc<Cell<Offset>>,
    ) -> Witness {
        Witness { recorder, handle, host, node, told, repeats: Cell::new(false) }
    }

    fn hear(&self, event: &Event) {
        self.handle.note_fact(self.host, event);
        if self.is_repeated(event) {
            return;
        }
        let happening =
            Happening { at: self.handle.now(), node: Some(self.node), what: What::Event(event.clone()) };
        if self.recorder.take(&happening) {
            self.handle.request_attention();
        }
    }

    /// A new leader of the quorum tells of every record when it learns that it is committed, the last ones of the
    /// leader before among them: what happened once must not be counted twice. A batch is told of before its
    /// records are; a controller that only follows tells of batches alone, and never before a leader did.
    fn is_repeated(&self, event: &Event) -> bool {
        match event {
            Event::MetadataCommitted { batch } => {
                self.repeats.set(batch.base < self.told.get());
                self.told.set(self.told.get().max(batch.last.next()));
                false
            }
            Event::LeaderElected { .. }
            | Event::IsrChanged { .. }
            | Event::EligibleLeadersChanged { .. }
            | Event::BrokerShuttingDown { .. }
            | Event::BrokerRegistered { .. }
            | Event::BrokerFenced { .. }
            | Event::BrokerUnfenced { .. } => self.repeats.get(),
            _ => false,
        }
    }
}

impl Observer<Broker> for Witness {
    fn note(&self, _now: Now, event: &Event) {
        self.hear(event);
    }

    fn stepped(&self, _now: Now, _machine: &Broker) {}
}

impl Observer<Controller> for Witness {
    fn note(&self, _now: Now, event: &Event) {
        self.hear(event);
    }

    fn stepped(&self, _now: Now, _machine: &Controller) {}
}
