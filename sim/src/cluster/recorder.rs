//! Takes every happening, hands it to the view and the checkers, and keeps both.

use std::cell::{Cell, Ref, RefCell};

use tribunal_engine::event::Event;

use crate::checker::Checker;
use crate::view::{ClusterView, Happening, What, is_internal};

/// The record of a run. Shared by everybody who has something to say.
pub struct Recorder {
    view: RefCell<ClusterView>,
    checkers: RefCell<Vec<Box<dyn Checker>>>,
    watched: Cell<bool>,
}

impl Recorder {
    /// An empty record; `checkers` see everything from now on.
    #[must_use]
    pub fn new(view: ClusterView, checkers: Vec<Box<dyn Checker>>) -> Recorder {
        Recorder { view: RefCell::new(view), checkers: RefCell::new(checkers), watched: Cell::new(false) }
    }

    /// Somebody waits for a state: [`Recorder::take`] says when one may have been reached.
    pub fn watch(&self, watched: bool) {
        self.watched.set(watched);
    }

    /// Takes a happening; true if a state somebody waits for may have been reached.
    pub fn take(&self, happening: &Happening) -> bool {
        let decisive = self.watched.get() && changes_state(&happening.what);
        let mut view = self.view.borrow_mut();
        view.take(happening);
        if matches!(&happening.what, What::Event(event) if is_internal(event)) {
            // Checkers judge the topics of the scenario.
            return decisive;
        }
        for checker in self.checkers.borrow_mut().iter_mut() {
            checker.on_happening(&view, happening);
        }
        decisive
    }

    /// What the happenings add up to.
    #[must_use]
    pub fn view(&self) -> Ref<'_, ClusterView> {
        self.view.borrow()
    }

    /// Takes the view and the checkers out; the record is empty then.
    #[must_use]
    pub fn finish(&self) -> (ClusterView, Vec<Box<dyn Checker>>) {
        (self.view.take(), self.checkers.take())
    }
}

fn changes_state(what: &What) -> bool {
    match what {
        What::Event(event) => matches!(
            event,
            Event::Appended { .. }
                | Event::Acknowledged { .. }
                | Event::IsrChanged { .. }
                | Event::LeaderElected { .. }
                | Event::BecameLeader { .. }
                | Event::Truncated { .. }
                | Event::QuorumRoleChanged { .. }
        ),
        _ => false,
    }
}
