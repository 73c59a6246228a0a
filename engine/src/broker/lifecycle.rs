//! Registration and heartbeats (KIP-631; Kafka's `BrokerLifecycleManager`).
//!
//! Unregistered: ask to be registered, again and again. Registered: tell the controller every
//! `broker.heartbeat.interval.ms` how far metadata is applied. A controller that does not know this registration
//! any more makes the broker register anew. A broker whose disk failed asks to be fenced: it has one log directory, and
//! Kafka's broker halts when its last one is gone.

use super::{Broker, Call};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::machine::{CallError, Effects, Wakeup};
use crate::message::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    Response,
};
use crate::offset::Offset;
use crate::time::{Duration, Instant, Now};

/// How long to wait before a registration is tried again.
const REGISTRATION_BACKOFF: Duration = Duration::from_millis(100);

/// Where the broker stands with the controller.
#[derive(Debug)]
pub(super) struct Lifecycle {
    broker_epoch: Option<BrokerEpoch>,
    /// The epoch of the boot before, if that one stopped in order.
    pub(super) previous_epoch: BrokerEpoch,
    /// The log directory failed: the broker wants no leadership any more.
    storage_failed: bool,
    /// There is something to say that a heartbeat under way does not say: another follows at its answer.
    unsaid: bool,
    in_flight: bool,
    next: Instant,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle {
            broker_epoch: None,
            previous_epoch: BrokerEpoch::NONE,
            storage_failed: false,
            unsaid: false,
            in_flight: false,
            next: Instant::START,
        }
    }
}

impl Lifecycle {
    /// The epoch of this registration.
    pub(super) fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.broker_epoch
    }

    /// The next heartbeat is due at `at`.
    pub(super) fn hurry(&mut self, at: Instant) {
        self.next = at;
    }

    /// The log directory failed: the controller is asked to fence this broker, now and until it restarts.
    pub(super) fn storage_failed(&mut self, now: Instant) {
        if !self.storage_failed {
            self.storage_failed = true;
            self.say(now);
        }
    }

    /// There is something new to say: with a heartbeat now, or as soon as the one under way is answered.
    pub(super) fn say(&mut self, now: Instant) {
        self.unsaid = true;
        self.next = now;
    }

    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        (!self.in_flight).then_some((self.next, Wakeup::Heartbeat))
    }
}

impl Broker {
    /// Sends the registration or heartbeat that is due.
    pub(super) fn live(&mut self, now: Now, effects: &mut Effects) {
        if self.lifecycle.in_flight || now.mono < self.lifecycle.next {
            return;
        }
        self.lifecycle.in_flight = true;
        match self.lifecycle.broker_epoch {
            None => {
                let request = BrokerRegistrationRequest {
                    broker: self.settings.node,
                    cluster_id: self.settings.cluster_id.clone(),
                    incarnation: self.settings.incarnation,
                    endpoint: self.settings.endpoint.clone(),
                    rack: self.settings.rack.clone(),
                    previous_broker_epoch: self.lifecycle.previous_epoch,
                };
                self.call_controller(Call::Registration, request, effects);
            }
            Some(broker_epoch) => {
                self.lifecycle.unsaid = false;
                let request = BrokerHeartbeatRequest {
                    broker: self.settings.node,
                    broker_epoch,
                    current_metadata_offset: self
                        .metadata_fetch
                        .applied()
                        .map_or(Offset::NONE, |offset| offset),
                    want_fence: self.lifecycle.storage_failed,
                    want_shut_down: self.shutdown.is_wanted(),
                };
                self.call_controller(Call::Heartbeat, request, effects);
            }
        }
    }

    pub(super) fn on_registered(
        &mut self,
        now: Now,
        outcome: &Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        self.lifecycle.in_flight = false;
        self.lifecycle.next = now.mono.after(REGISTRATION_BACKOFF);
        if let Ok(Response::BrokerRegistration(BrokerRegistrationResponse {
            error: ErrorCode::None,
            broker_epoch,
        })) = outcome
        {
            self.lifecycle.broker_epoch = Some(*broker_epoch);
            self.lifecycle.next = now.mono;
            self.maybe_publish(now, effects);
        }
    }

    pub(super) fn on_heartbeat(
        &mut self,
        now: Now,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        self.lifecycle.in_flight = false;
        let interval = self.settings.config.broker_heartbeat_interval;
        self.lifecycle.next = now.mono.after(interval);
        match outcome {
            // The answer to what is no longer the whole news.
            Ok(Response::BrokerHeartbeat(BrokerHeartbeatResponse { error: ErrorCode::None, .. }))
                if self.lifecycle.unsaid =>
            {
                self.lifecycle.next = now.mono;
            }
            Ok(Response::BrokerHeartbeat(BrokerHeartbeatResponse {
                error: ErrorCode::None,
                is_fenced,
                should_shut_down,
                ..
            })) => {
                if self.shutdown.is_wanted() {
                    self.on_shutdown_answer(now, should_shut_down, effects);
                } else if is_fenced && !self.lifecycle.storage_failed {
                    // Not caught up yet: say so again soon, so that unfencing does not wait a whole interval.
                    self.lifecycle.next = now.mono.after(REGISTRATION_BACKOFF.min(interval));
                }
            }
            Ok(Response::BrokerHeartbeat(response)) => {
                let forgotten = [ErrorCode::StaleBrokerEpoch, ErrorCode::BrokerIdNotRegistered];
                if forgotten.contains(&response.error) {
                    self.lifecycle.broker_epoch = None;
                }
                self.lifecycle.next = now.mono.after(REGISTRATION_BACKOFF);
            }
            // Heartbeats keep the session: a lost one is sent again at once, not an interval later.
            Ok(_) | Err(_) => self.lifecycle.next = now.mono.after(REGISTRATION_BACKOFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::broker::BrokerSettings;
    use crate::config::{BrokerConfig, Properties};
    use crate::id::{Endpoint, IncarnationId, NodeId};
    use crate::machine::{CallToken, Effect, Input, Machine as _};
    use crate::message::Request;
    use crate::time::Timestamp;
    use crate::variant::ProtocolVariant;

    fn broker() -> Broker {
        let endpoint = |id: i32| Endpoint::new(&format!("host-{id}"), 9092);
        let settings = BrokerSettings {
            node: NodeId(1),
            cluster_id: "mini".to_owned(),
            endpoint: endpoint(1),
            rack: None,
            incarnation: IncarnationId(uuid::Uuid::from_u128(7)),
            voters: BTreeMap::from([(NodeId(100), endpoint(100))]),
            config: BrokerConfig::from_properties(&Properties::new()).expect("defaults are valid"),
            variant: ProtocolVariant::default(),
        };
        Broker::new(settings, Vec::new())
    }

    fn at(millis: u64) -> Now {
        let mono = Instant::START.after(Duration::from_millis(millis));
        Now { mono, wall: Timestamp(i64::try_from(millis).expect("small")) }
    }

    /// The heartbeats that a step sends.
    fn heartbeats(broker: &mut Broker, now: Now, input: Input) -> Vec<(CallToken, BrokerHeartbeatRequest)> {
        let mut effects = Effects::default();
        broker.step(now, input, &mut effects);
        let heartbeat = |effect| match effect {
            Effect::Call { token, request: Request::BrokerHeartbeat(request), .. } => Some((token, request)),
            _ => None,
        };
        effects.drain().filter_map(heartbeat).collect()
    }

    fn accepted() -> Response {
        let (is_caught_up, is_fenced, should_shut_down) = (true, false, false);
        BrokerHeartbeatResponse { error: ErrorCode::None, is_caught_up, is_fenced, should_shut_down }.into()
    }

    #[test]
    fn what_a_heartbeat_under_way_does_not_say_follows_at_its_answer() {
        let mut broker = broker();
        broker.lifecycle.broker_epoch = Some(BrokerEpoch(3));
        let sent = heartbeats(&mut broker, at(0), Input::Tick);
        let [(token, first)] = &sent[..] else { panic!("one heartbeat, not {sent:?}") };
        assert!(!first.want_fence);

        broker.lifecycle.storage_failed(at(1).mono);
        assert!(heartbeats(&mut broker, at(1), Input::Tick).is_empty(), "one at a time");

        let answer = Input::Reply { token: *token, outcome: Ok(accepted()) };
        let sent = heartbeats(&mut broker, at(2), answer);
        let [(_, second)] = &sent[..] else { panic!("another heartbeat at once, not {sent:?}") };
        assert!(second.want_fence);
    }
}
