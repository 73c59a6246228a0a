//! Which controller is the active one, as far as this broker knows.
//!
//! The fetch of the metadata log finds out, because it never rests: a voter that does not lead names the leader,
//! or, if it knows none or does not answer, the next voter is asked. Everything else is sent to whom the fetch last
//! believed in, and tried again by whoever sent it.

use std::collections::BTreeMap;

use super::Broker;
use crate::epoch::LeaderEpoch;
use crate::id::{Endpoint, NodeId};
use crate::machine::{Effect, Effects, Lane};
use crate::message::LeaderIdAndEpoch;

/// The voter that is taken for the active controller.
#[derive(Debug)]
pub(super) struct Controllers {
    believed: NodeId,
    /// The latest epoch heard of; what is older is no news.
    epoch: LeaderEpoch,
}

impl Controllers {
    /// Nothing is known: any voter may be asked first.
    ///
    /// # Panics
    /// If there is no voter.
    pub(super) fn new(voters: &BTreeMap<NodeId, Endpoint>) -> Controllers {
        let first = voters.keys().next().expect("a cluster has at least one controller");
        Controllers { believed: *first, epoch: LeaderEpoch::NONE }
    }
}

impl Broker {
    /// Whom to ask.
    pub(super) fn controller(&self) -> (NodeId, Endpoint) {
        let believed = self.controllers.believed;
        (believed, self.settings.voters[&believed].clone())
    }

    /// The believed one did not serve a fetch. It may have named the leader.
    pub(super) fn doubt_controller(&mut self, named: Option<LeaderIdAndEpoch>, effects: &mut Effects) {
        let believed = self.controllers.believed;
        let named = named.filter(|named| named.epoch >= self.controllers.epoch);
        if let Some(named) = named {
            self.controllers.epoch = named.epoch;
        }
        let leader = named.map(|named| named.leader);
        let leader = leader.filter(|leader| *leader != believed && self.settings.voters.contains_key(leader));
        let after = self.settings.voters.keys().copied().find(|voter| *voter > believed);
        let first = self.settings.voters.keys().copied().next();
        let Some(next) = leader.or(after).or(first) else { return };
        if next != believed {
            self.controllers.believed = next;
            // Whoever waits for an answer of the old one tries again with the new one.
            effects.push(Effect::Disconnect { from: believed, lane: Lane::Control });
        }
    }

    /// This broker as it names itself in fetches of the metadata log. A voter's process fetches under its id
    /// already; a broker in the same process must not be taken for it.
    pub(super) fn observer_id(&self) -> NodeId {
        let node = self.settings.node;
        if self.settings.voters.contains_key(&node) { NodeId::NONE } else { node }
    }
}
