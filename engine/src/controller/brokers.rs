//! Registrations, heartbeats, fencing (KIP-631; Kafka's `ClusterControlManager`, `BrokerHeartbeatManager`).

use super::{Controller, Decision};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::machine::{Effects, Wakeup};
use crate::message::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::time::{Instant, Now};

/// What a controller knows of a broker besides its registration. Soft: a new controller gives everybody a whole
/// session, and begins controlled shutdowns anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    /// When it was last heard of.
    last: Instant,
    /// The metadata offset it said it has applied.
    applied: Offset,
    /// While it is in controlled shutdown: the offset of the last record that took something from it. Every active
    /// broker must have applied it before the broker may go.
    shutdown_offset: Option<Offset>,
}

impl Contact {
    /// Just heard of; nothing else is known.
    pub(super) fn new(last: Instant) -> Contact {
        Contact { last, applied: Offset::NONE, shutdown_offset: None }
    }
}

/// What becomes of a broker with a heartbeat (Kafka's `BrokerControlState`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

impl Controller {
    /// Accepts a broker that is unknown, fenced, on its way out or the same boot again. Another boot of a broker
    /// whose session still lives must wait for its end: two processes may claim one id.
    ///
    /// A boot that cannot name the epoch of the one before as having stopped cleanly may have lost what that one
    /// acknowledged (KIP-966): it is not eligible anywhere.
    pub(super) fn decide_registration(&mut self, now: Now, request: &BrokerRegistrationRequest) -> Decision {
        let refuse =
            |error| Decision::reply(BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE });
        if request.cluster_id != self.settings.cluster_id {
            return refuse(ErrorCode::InconsistentClusterId);
        }
        let record = MetadataRecord::RegisterBroker {
            broker: request.broker,
            incarnation: request.incarnation,
            endpoint: request.endpoint.clone(),
            rack: request.rack.clone(),
        };
        let mut records = vec![record];
        if let Some(known) = self.image.brokers().get(&request.broker) {
            if known.incarnation == request.incarnation {
                let broker_epoch = known.epoch;
                return Decision::reply(BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch });
            }
            if known.is_active() {
                return refuse(ErrorCode::DuplicateBrokerRegistration);
            }
            records.extend(match request.previous_broker_epoch == known.epoch {
                true => self.elections_without(request.broker),
                false => self.elections_after_unclean_stop(request.broker),
            });
        }
        self.contacts.insert(request.broker, Contact::new(now.mono));
        let broker_epoch = BrokerEpoch(self.quorum.end_offset().0);
        let response = BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch }.into();
        Decision { records, response }
    }

    /// Keeps a session alive; unfences a broker that has applied its own registration, and only asks for that
    /// one record: waiting for the moving end of a busy log would starve it (KAFKA-13959). A broker that wants to
    /// stop gives up its leaderships first, and may go when every active broker knows that.
    pub(super) fn decide_heartbeat(&mut self, now: Now, request: &BrokerHeartbeatRequest) -> Decision {
        let answer = |error, is_caught_up, is_fenced, should_shut_down| BrokerHeartbeatResponse {
            error,
            is_caught_up,
            is_fenced,
            should_shut_down,
        };
        let Some(known) = self.image.brokers().get(&request.broker) else {
            return Decision::reply(answer(ErrorCode::BrokerIdNotRegistered, false, true, false));
        };
        if known.epoch != request.broker_epoch {
            return Decision::reply(answer(ErrorCode::StaleBrokerEpoch, false, true, false));
        }
        let (epoch, fenced, leaving) = (known.epoch, known.fenced, known.in_controlled_shutdown);
        let contact = self.contacts.entry(request.broker).or_insert_with(|| Contact::new(now.mono));
        (contact.last, contact.applied) = (now.mono, request.current_metadata_offset);
        let next = self.next_state(request, epoch, fenced, leaving);
        let broker = request.broker;
        let records = match next {
            Next::Unfenced if fenced => self.unfence(broker, epoch),
            Next::Fenced | Next::ShutdownNow if !fenced => self.fence(broker, epoch),
            Next::ControlledShutdown => self.begin_shutdown(broker, epoch, leaving),
            Next::Unfenced | Next::Fenced | Next::ShutdownNow => Vec::new(),
        };
        let caught_up = request.current_metadata_offset >= Offset(epoch.0);
        let is_fenced = matches!(next, Next::Fenced | Next::ShutdownNow);
        let response = answer(ErrorCode::None, caught_up, is_fenced, next == Next::ShutdownNow).into();
        Decision { records, response }
    }

    /// Kafka's `BrokerHeartbeatManager.calculateNextBrokerState`.
    fn next_state(
        &self,
        request: &BrokerHeartbeatRequest,
        epoch: BrokerEpoch,
        fenced: bool,
        leaving: bool,
    ) -> Next {
        let leads = || self.image.partitions().any(|(_, _, state)| state.leader == Some(request.broker));
        match (request.want_shut_down, request.want_fence) {
            (true, _) if fenced => Next::ShutdownNow,
            (true, true) => Next::ShutdownNow,
            (true, false) if leaving && !leads() && self.knows_shutdown(request.broker) => Next::ShutdownNow,
            (true, false) => Next::ControlledShutdown,
            // What has begun to leave does not come back in this registration.
            (false, _) if leaving && !fenced => Next::ControlledShutdown,
            (false, true) => Next::Fenced,
            (false, false) if fenced && request.current_metadata_offset < Offset(epoch.0) => Next::Fenced,
            (false, false) => Next::Unfenced,
        }
    }

    /// True if every active broker has applied what took the leaderships from `leaving`.
    fn knows_shutdown(&self, leaving: NodeId) -> bool {
        let Some(needed) = self.contacts.get(&leaving).and_then(|contact| contact.shutdown_offset) else {
            return false;
        };
        let applied = |broker| self.contacts.get(&broker).map_or(Offset::NONE, |contact| contact.applied);
        self.image.active_brokers().all(|broker| applied(broker) >= needed)
    }

    /// The records that begin a controlled shutdown, or go on with one: what the broker still leads is given to
    /// others, and it leaves every ISR (KIP-841).
    fn begin_shutdown(&mut self, broker: NodeId, epoch: BrokerEpoch, leaving: bool) -> Vec<MetadataRecord> {
        let mut records = self.elections_without(broker);
        if !leaving {
            records.insert(0, MetadataRecord::ControlledShutdown { broker, broker_epoch: epoch });
        }
        let end = self.quorum.end_offset().plus(i64::try_from(records.len()).unwrap_or(i64::MAX));
        if let Some(contact) = self.contacts.get_mut(&broker)
            && (contact.shutdown_offset.is_none() || !records.is_empty())
        {
            contact.shutdown_offset = Some(end.plus(-1));
        }
        records
    }

    /// The records that fence a broker and take it out of every ISR and leadership.
    fn fence(&self, broker: NodeId, broker_epoch: BrokerEpoch) -> Vec<MetadataRecord> {
        let mut records = vec![MetadataRecord::FenceBroker { broker, broker_epoch }];
        records.extend(self.elections_without(broker));
        records
    }

    /// The records that unfence a broker and give leaderless partitions to it.
    fn unfence(&self, broker: NodeId, broker_epoch: BrokerEpoch) -> Vec<MetadataRecord> {
        let mut records = vec![MetadataRecord::UnfenceBroker { broker, broker_epoch }];
        records.extend(self.elections_with(broker));
        records
    }

    /// Fences every broker whose session has ended, one after the other: each decision sees the one before.
    pub(super) fn expire_sessions(&mut self, now: Now, effects: &mut Effects) {
        while let Some((broker, epoch)) = self.expired_session(now) {
            let records = self.fence(broker, epoch);
            self.apply(now, &records, effects);
        }
    }

    fn expired_session(&self, now: Now) -> Option<(NodeId, BrokerEpoch)> {
        let timeout = self.settings.config.broker_session_timeout;
        let active = self.image.brokers().iter().filter(|(_, image)| !image.fenced);
        active
            .filter(|(broker, _)| self.last_heard(**broker).after(timeout) <= now.mono)
            .map(|(broker, image)| (*broker, image.epoch))
            .next()
    }

    pub(super) fn next_session_end(&self) -> Option<(Instant, Wakeup)> {
        let timeout = self.settings.config.broker_session_timeout;
        let active = self.image.brokers().iter().filter(|(_, image)| !image.fenced);
        active.map(|(broker, _)| (self.last_heard(*broker).after(timeout), Wakeup::Session)).min()
    }

    fn last_heard(&self, broker: NodeId) -> Instant {
        self.contacts.get(&broker).map_or(Instant::START, |contact| contact.last)
    }
}
