//! The cluster as one client sees it: metadata kept fresh, one connection a broker.
//!
//! One task refreshes the metadata: when somebody asks, and when it is older than `metadata.max.age.ms`. However
//! many ask, one request is under way, and requests are `retry.backoff.ms` apart, more if they bring nothing new
//! (KIP-580). It asks the least loaded broker it knows, and the bootstrap endpoints when no broker can be reached.

mod links;
mod metadata;
#[cfg(test)]
mod tests;

use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use tokio::sync::Notify;

pub(in crate::client) use links::Route;
use links::{Links, Peer};
pub use metadata::Leader;
pub(in crate::client) use metadata::Metadata;

use super::backoff::Backoff;
use super::connection::Connection;
use super::outcome::ClientError;
use super::signal::{Alarm, Signal, earlier};
use crate::config::{ConsumerConfig, ProducerConfig};
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::id::{Endpoint, NodeId, TopicId, TopicName};
use crate::message::{MetadataRequest, MetadataResponse, TopicRef};
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// The settings all clients share; the fields are Kafka's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name")]
pub struct ClusterConfig {
    pub request_timeout: Duration,
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    pub reconnect_backoff: Duration,
    pub reconnect_backoff_max: Duration,
    pub metadata_max_age: Duration,
    pub max_in_flight_requests_per_connection: usize,
}

impl Default for ClusterConfig {
    /// Kafka's defaults for an admin client.
    fn default() -> Self {
        ClusterConfig {
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            max_in_flight_requests_per_connection: 100,
        }
    }
}

macro_rules! from_client_config {
    ($($config:ty: $in_flight:expr),*) => {$(
        impl From<&$config> for ClusterConfig {
            fn from(config: &$config) -> Self {
                let in_flight: fn(&$config) -> usize = $in_flight;
                ClusterConfig {
                    request_timeout: config.request_timeout,
                    retry_backoff: config.retry_backoff,
                    retry_backoff_max: config.retry_backoff_max,
                    reconnect_backoff: config.reconnect_backoff,
                    reconnect_backoff_max: config.reconnect_backoff_max,
                    metadata_max_age: config.metadata_max_age,
                    max_in_flight_requests_per_connection: in_flight(config),
                }
            }
        }
    )*};
}

from_client_config! {
    ProducerConfig: |config| config.max_in_flight_requests_per_connection,
    // What Kafka's consumer is built with; there is no setting for it.
    ConsumerConfig: |_| 100
}

struct State<P: Platform> {
    metadata: Metadata,
    links: Links<P>,
    wanted: BTreeSet<TopicName>,
    rng: Rng,
    update_requested: bool,
    /// A topic became wanted: the next refresh need not wait for the backoff.
    topic_added: bool,
    closed: bool,
}

struct Shared<P: Platform> {
    platform: P,
    bootstrap: Vec<Endpoint>,
    config: ClusterConfig,
    state: RefCell<State<P>>,
    /// Wakes the metadata task.
    refresh: Signal,
    /// Wakes those who wait for an answer, good or bad.
    refreshed: Notify,
    /// Wakes the client.
    client: Rc<Signal>,
}

/// The cluster of one client. Cheap to clone.
pub(in crate::client) struct Cluster<P: Platform> {
    shared: Rc<Shared<P>>,
}

impl<P: Platform> Clone for Cluster<P> {
    fn clone(&self) -> Self {
        Cluster { shared: self.shared.clone() }
    }
}

impl<P: Platform> Cluster<P> {
    /// Starts the metadata task. `client` is raised when metadata or a connection changed and when a request ended.
    pub(in crate::client) fn start(
        platform: &P,
        bootstrap: Vec<Endpoint>,
        client_id: &str,
        config: ClusterConfig,
        rng: &Rng,
        client: Rc<Signal>,
    ) -> Self {
        let links_rng = rng.fork("reconnect");
        let links = Links::new(platform.clone(), client_id.to_owned(), config, client.clone(), links_rng);
        let state = State {
            metadata: Metadata::default(),
            links,
            wanted: BTreeSet::new(),
            rng: rng.fork("metadata"),
            update_requested: true,
            topic_added: false,
            closed: false,
        };
        let shared = Rc::new(Shared {
            platform: platform.clone(),
            bootstrap,
            config,
            state: RefCell::new(state),
            refresh: Signal::default(),
            refreshed: Notify::new(),
            client,
        });
        let cluster = Cluster { shared };
        platform.spawner().spawn("client-metadata", cluster.clone().keep_fresh());
        cluster
    }

    /// Ends the metadata task and closes every connection.
    pub(in crate::client) fn close(&self) {
        let mut state = self.shared.state.borrow_mut();
        state.closed = true;
        state.links.retain(|_| false);
        drop(state);
        self.shared.refresh.raise();
        self.shared.refreshed.notify_waiters();
    }

    /// What is known. Not to be held over an await.
    pub(in crate::client) fn metadata(&self) -> Ref<'_, Metadata> {
        Ref::map(self.shared.state.borrow(), |state| &state.metadata)
    }

    /// The settings.
    pub(in crate::client) fn config(&self) -> &ClusterConfig {
        &self.shared.config
    }

    /// The monotonic time.
    pub(in crate::client) fn now(&self) -> Instant {
        self.shared.platform.clock().now().mono
    }

    /// The platform.
    pub(in crate::client) fn platform(&self) -> &P {
        &self.shared.platform
    }

    /// Includes `topic` in every refresh from now on, and refreshes at once if it is new.
    pub(in crate::client) fn want(&self, topic: &TopicName) {
        let mut state = self.shared.state.borrow_mut();
        if !state.wanted.contains(topic) {
            state.wanted.insert(topic.clone());
            state.topic_added = true;
            drop(state);
            self.shared.refresh.raise();
        }
    }

    /// Asks for a refresh as soon as the backoff allows.
    pub(in crate::client) fn request_update(&self) {
        let asked = std::mem::replace(&mut self.shared.state.borrow_mut().update_requested, true);
        if !asked {
            self.shared.refresh.raise();
        }
    }

    /// Asks for a refresh and waits until one has ended, well or not.
    pub(in crate::client) async fn refreshed(&self) {
        let refreshed = self.shared.refreshed.notified();
        self.request_update();
        if !self.shared.state.borrow().closed {
            refreshed.await;
        }
    }

    /// How to reach a broker now; `None` if it is not in the metadata. Opens a connection if there is none.
    pub(in crate::client) fn route(&self, broker: NodeId) -> Option<Route> {
        let now = self.now();
        let state = &mut *self.shared.state.borrow_mut();
        if state.closed {
            return None;
        }
        let endpoint = state.metadata.endpoint(broker)?;
        let (route, lost) = state.links.route(Peer::Broker(broker), endpoint, now);
        if lost && !std::mem::replace(&mut state.update_requested, true) {
            self.shared.refresh.raise();
        }
        Some(route)
    }

    /// An open connection to `broker`, at the first attempt.
    ///
    /// # Errors
    /// The broker is unknown or cannot be reached now.
    pub(in crate::client) async fn connect(&self, broker: NodeId) -> Result<Connection, ClientError> {
        opened(self.route(broker)).await
    }

    /// An open connection to the coordinator of a group, at the first attempt. It is not the one that fetches from the
    /// same broker go over: a broker answers in order, and fetches wait.
    ///
    /// # Errors
    /// The coordinator cannot be reached now, or the client was closed.
    pub(in crate::client) async fn connect_coordinator(
        &self,
        broker: NodeId,
        endpoint: &Endpoint,
    ) -> Result<Connection, ClientError> {
        let now = self.now();
        let route = {
            let state = &mut *self.shared.state.borrow_mut();
            let links = &mut state.links;
            (!state.closed).then(|| links.route(Peer::Coordinator(broker), endpoint, now).0)
        };
        opened(route).await
    }

    /// True once the client was closed.
    pub(in crate::client) fn is_closed(&self) -> bool {
        self.shared.state.borrow().closed
    }

    /// An open connection to any broker.
    ///
    /// # Errors
    /// The client was closed, or the broker chosen could not be reached.
    pub(in crate::client) async fn connect_any(&self) -> Result<Connection, ClientError> {
        loop {
            match self.candidate() {
                Some(Ok(connection)) => {
                    connection.ready().await.map_err(ClientError::Connection)?;
                    return Ok(connection);
                }
                Some(Err(not_before)) => self.shared.platform.clock().sleep_until(not_before).await,
                None => return Err(ClientError::Closed),
            }
        }
    }

    /// A connection that is open or being made, or when one can be made; `None` when closed.
    fn candidate(&self) -> Option<Result<Connection, Instant>> {
        let now = self.now();
        let state = &mut *self.shared.state.borrow_mut();
        if state.closed {
            return None;
        }
        let metadata = &state.metadata;
        let known = |broker| metadata.endpoint(broker).is_some();
        if let Some(connection) = state.links.least_loaded(known) {
            return Some(Ok(connection));
        }
        let known = state.metadata.endpoints();
        let known: Vec<(Peer, Endpoint)> =
            known.map(|(id, endpoint)| (Peer::Broker(id), endpoint.clone())).collect();
        let bootstrap = self.shared.bootstrap.iter().cloned().enumerate();
        let bootstrap: Vec<(Peer, Endpoint)> =
            bootstrap.map(|(place, endpoint)| (Peer::Bootstrap(place), endpoint)).collect();
        let (mut soonest, mut busy) = (None, false);
        for peers in [known, bootstrap] {
            let count = peers.len();
            let first = usize::try_from(state.rng.below(count as u64)).unwrap_or(0);
            for (peer, endpoint) in peers.iter().cycle().skip(first).take(count) {
                match state.links.route(*peer, endpoint, now).0 {
                    Route::Opening(connection) => return Some(Ok(connection)),
                    Route::Open(connection) if matches!(peer, Peer::Bootstrap(_)) => {
                        return Some(Ok(connection));
                    }
                    // It takes no more now. There is a cluster, so wait for it.
                    Route::Open(_) => {
                        busy = true;
                        soonest = earlier(soonest, Some(now.after(self.shared.config.reconnect_backoff)));
                    }
                    Route::Backoff(not_before, _) => soonest = earlier(soonest, Some(not_before)),
                }
            }
            if busy {
                break;
            }
        }
        // Without any endpoint there is nothing to hope for but a close.
        Some(Err(soonest.unwrap_or_else(|| now.after(self.shared.config.metadata_max_age))))
    }

    /// The metadata task.
    async fn keep_fresh(self) {
        let shared = &self.shared;
        let backoff = Backoff { base: shared.config.retry_backoff, max: shared.config.retry_backoff_max };
        let mut alarm = Alarm::new(shared.platform.clock().clone());
        let mut barren = 0_u32;
        let mut not_before = self.now();
        let mut expires = self.now();
        loop {
            let due = {
                let state = shared.state.borrow();
                if state.closed {
                    return;
                }
                if state.topic_added {
                    self.now()
                } else if state.update_requested {
                    not_before
                } else {
                    expires.max(not_before)
                }
            };
            if self.now() < due {
                alarm.set(Some(due));
                alarm.wait(&shared.refresh).await;
                continue;
            }
            {
                let mut state = shared.state.borrow_mut();
                state.update_requested = false;
                state.topic_added = false;
            }
            let result = self.fetch_metadata().await;
            let now = self.now();
            let fruitful = match result {
                Ok(response) => {
                    expires = now.after(shared.config.metadata_max_age);
                    self.adopt(&response)
                }
                Err(_) => {
                    shared.state.borrow_mut().update_requested = true;
                    false
                }
            };
            barren = if fruitful { 0 } else { barren.saturating_add(1) };
            let failures = barren.saturating_sub(1);
            not_before = now.after(backoff.after(failures, &mut shared.state.borrow_mut().rng));
            shared.refreshed.notify_waiters();
            shared.client.raise();
        }
    }

    async fn fetch_metadata(&self) -> Result<MetadataResponse, ClientError> {
        let connection = self.connect_any().await?;
        let wanted = self.shared.state.borrow().wanted.clone();
        let topics =
            wanted.into_iter().map(|name| TopicRef { name: Some(name), id: TopicId::ZERO }).collect();
        let request = MetadataRequest { topics: Some(topics), allow_auto_topic_creation: false };
        Ok(connection.request(request, self.shared.config.request_timeout).await?)
    }

    fn adopt(&self, response: &MetadataResponse) -> bool {
        let state = &mut *self.shared.state.borrow_mut();
        let changed = state.metadata.adopt(response);
        // A broker that left the metadata may still answer what it was asked: its connection stays.
        if state.metadata.endpoints().next().is_some() {
            state.links.retain(|peer| !matches!(peer, Peer::Bootstrap(_)));
        }
        changed
    }
}

/// The connection of a route, once it is open.
async fn opened(route: Option<Route>) -> Result<Connection, ClientError> {
    match route {
        Some(Route::Open(connection)) => Ok(connection),
        Some(Route::Opening(connection)) => {
            connection.ready().await.map_err(ClientError::Connection)?;
            Ok(connection)
        }
        Some(Route::Backoff(_, why)) => Err(ClientError::Connection(why)),
        None => Err(ClientError::Closed),
    }
}
