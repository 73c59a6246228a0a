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

impl Controller {
    /// Accepts a broker that is unknown, fenced or the same boot again. Another boot of a broker whose session
    /// still lives must wait for its end: two processes may claim one id.
    pub(super) fn decide_registration(&mut self, now: Now, request: &BrokerRegistrationRequest) -> Decision {
        let refuse =
            |error| Decision::reply(BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE });
        if request.cluster_id != self.settings.cluster_id {
            return refuse(ErrorCode::InconsistentClusterId);
        }
        if let Some(known) = self.image.brokers().get(&request.broker) {
            if known.incarnation == request.incarnation {
                let broker_epoch = known.epoch;
                return Decision::reply(BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch });
            }
            if !known.fenced {
                return refuse(ErrorCode::DuplicateBrokerRegistration);
            }
        }
        self.last_contact.insert(request.broker, now.mono);
        let broker_epoch = BrokerEpoch(self.quorum.end_offset().0);
        let record = MetadataRecord::RegisterBroker {
            broker: request.broker,
            incarnation: request.incarnation,
            endpoint: request.endpoint.clone(),
            rack: request.rack.clone(),
        };
        let response = BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch }.into();
        Decision { records: vec![record], response }
    }

    /// Keeps a session alive; unfences a broker that has applied its own registration, and only asks for that
    /// one record: waiting for the moving end of a busy log would starve it (KAFKA-13959).
    pub(super) fn decide_heartbeat(&mut self, now: Now, request: &BrokerHeartbeatRequest) -> Decision {
        let answer = |error, is_caught_up, is_fenced| BrokerHeartbeatResponse {
            error,
            is_caught_up,
            is_fenced,
            should_shut_down: request.want_shut_down,
        };
        let Some(known) = self.image.brokers().get(&request.broker) else {
            return Decision::reply(answer(ErrorCode::BrokerIdNotRegistered, false, true));
        };
        if known.epoch != request.broker_epoch {
            return Decision::reply(answer(ErrorCode::StaleBrokerEpoch, false, true));
        }
        self.last_contact.insert(request.broker, now.mono);
        let caught_up = request.current_metadata_offset >= Offset(known.epoch.0);
        let want_fence = request.want_fence || request.want_shut_down;
        let records = match (known.fenced, want_fence) {
            (true, false) if caught_up => self.unfence(request.broker, known.epoch),
            (false, true) => self.fence(request.broker, known.epoch),
            _ => Vec::new(),
        };
        let fenced = if records.is_empty() { known.fenced } else { want_fence };
        Decision { records, response: answer(ErrorCode::None, caught_up, fenced).into() }
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
        self.last_contact.get(&broker).copied().unwrap_or(Instant::START)
    }
}
