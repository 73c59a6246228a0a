//! The connections of a client: at most one for each broker and bootstrap endpoint, opened when needed.
//!
//! A connection that was lost or refused is opened again no sooner than `reconnect.backoff.ms`, which doubles with
//! each failure up to `reconnect.backoff.max.ms`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ClusterConfig;
use crate::client::backoff::Backoff;
use crate::client::connection::{Connection, ConnectionError, Status};
use crate::client::signal::Signal;
use crate::driver::Platform;
use crate::id::{Endpoint, NodeId};
use crate::rng::Rng;
use crate::time::Instant;

/// Whom a connection leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Peer {
    /// A broker of the metadata.
    Broker(NodeId),
    /// A bootstrap endpoint, by its place in the list.
    Bootstrap(usize),
    /// A group's coordinator: the same broker, but nothing here waits behind a fetch.
    Coordinator(NodeId),
}

/// How to reach a peer now.
pub(in crate::client) enum Route {
    /// Send.
    Open(Connection),
    /// The connection is being made.
    Opening(Connection),
    /// Not before this time.
    Backoff(Instant, ConnectionError),
}

struct Link {
    endpoint: Endpoint,
    connection: Option<Connection>,
    failures: u32,
    not_before: Instant,
    last: ConnectionError,
}

/// All connections of a client.
pub(super) struct Links<P: Platform> {
    platform: P,
    client_id: String,
    config: ClusterConfig,
    client: Rc<Signal>,
    rng: Rng,
    links: BTreeMap<Peer, Link>,
}

impl<P: Platform> Links<P> {
    pub(super) fn new(
        platform: P,
        client_id: String,
        config: ClusterConfig,
        client: Rc<Signal>,
        rng: Rng,
    ) -> Self {
        Links { platform, client_id, config, client, rng, links: BTreeMap::new() }
    }

    /// How to reach `peer`, which listens on `endpoint`; opens a connection if there is none. The second part is
    /// true if a connection turned out to be lost.
    pub(super) fn route(&mut self, peer: Peer, endpoint: &Endpoint, now: Instant) -> (Route, bool) {
        let link = self.links.entry(peer).or_insert_with(|| Link {
            endpoint: endpoint.clone(),
            connection: None,
            failures: 0,
            not_before: now,
            last: ConnectionError::Closed,
        });
        if link.endpoint != *endpoint {
            link.endpoint = endpoint.clone();
            link.connection = None;
            link.failures = 0;
            link.not_before = now;
        }
        let mut lost = false;
        if let Some(connection) = &link.connection {
            match connection.status() {
                Status::Opening => return (Route::Opening(connection.clone()), false),
                Status::Open => {
                    link.failures = 0;
                    return (Route::Open(connection.clone()), false);
                }
                Status::Closed(why) => {
                    let backoff = Backoff {
                        base: self.config.reconnect_backoff,
                        max: self.config.reconnect_backoff_max,
                    };
                    link.not_before = now.after(backoff.after(link.failures, &mut self.rng));
                    link.failures = link.failures.saturating_add(1);
                    link.last = why;
                    link.connection = None;
                    lost = true;
                }
            }
        }
        if now < link.not_before {
            return (Route::Backoff(link.not_before, link.last.clone()), lost);
        }
        let connection = Connection::open(
            &self.platform,
            endpoint.clone(),
            &self.client_id,
            self.config.request_timeout,
            self.client.clone(),
        );
        link.connection = Some(connection.clone());
        (Route::Opening(connection), lost)
    }

    /// The open connection with the fewest requests under way, to a broker that is `known`. One with as many as
    /// `max.in.flight.requests.per.connection` allows takes no more: a broker that fell silent under load is not asked.
    pub(super) fn least_loaded(&self, known: impl Fn(NodeId) -> bool) -> Option<Connection> {
        let brokers = self.links.iter().filter(|(peer, _)| matches!(peer, Peer::Broker(id) if known(*id)));
        let open = brokers.filter_map(|(_, link)| link.connection.as_ref());
        let open = open.filter(|connection| connection.status() == Status::Open);
        let free = open
            .filter(|connection| connection.in_flight() < self.config.max_in_flight_requests_per_connection);
        free.min_by_key(|connection| connection.in_flight()).cloned()
    }

    /// Closes the connections of peers that `keep` does not want.
    pub(super) fn retain(&mut self, keep: impl Fn(Peer) -> bool) {
        self.links.retain(|peer, _| keep(*peer));
    }
}
