//! A member of a classic group.

use bytes::Bytes;

use crate::group::record::MemberMetadata;
use crate::group::{Caller, Ticket};
use crate::message::JoinGroupRequest;
use crate::time::{Duration, Instant};

/// How long a new member may wait for its first JoinGroup to be answered. It knows no id, so it cannot send
/// heartbeats, and a connection that broke is not seen while its request is parked.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(300);

/// A member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout: Duration,
    pub(super) rebalance_timeout: Duration,
    /// The protocols it knows, the one it likes best first, each with its metadata.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// Its JoinGroup that waits.
    pub(super) join: Option<Ticket>,
    /// Its SyncGroup that waits.
    pub(super) sync: Option<Ticket>,
    /// It has not been told its id yet.
    pub(super) is_new: bool,
    /// When it is taken for dead; `None` while one of its requests waits.
    pub(super) deadline: Option<Instant>,
}

impl Member {
    pub(super) fn new(now: Instant, caller: &Caller, request: &JoinGroupRequest) -> Member {
        Member {
            group_instance_id: request.group_instance_id.clone(),
            client_id: caller.client_id.clone(),
            client_host: caller.client_host.clone(),
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols: request.protocols.clone(),
            assignment: Bytes::new(),
            join: Some(caller.ticket),
            sync: None,
            is_new: true,
            deadline: Some(now.after(NEW_MEMBER_JOIN_TIMEOUT)),
        }
    }

    pub(super) fn of_record(now: Instant, stored: &MemberMetadata, protocol: String) -> Member {
        Member {
            group_instance_id: stored.group_instance_id.clone(),
            client_id: stored.client_id.clone(),
            client_host: stored.client_host.clone(),
            session_timeout: stored.session_timeout,
            rebalance_timeout: stored.rebalance_timeout,
            protocols: vec![(protocol, stored.subscription.clone())],
            assignment: stored.assignment.clone(),
            join: None,
            sync: None,
            is_new: false,
            deadline: Some(now.after(stored.session_timeout)),
        }
    }

    /// Its session begins anew.
    pub(super) fn touch(&mut self, now: Instant) {
        self.deadline = Some(now.after(self.session_timeout));
    }

    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Its metadata for a protocol; empty if it does not know it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Of the protocols everybody knows, the one it likes best.
    pub(super) fn vote<'a>(&'a self, common: &[&str]) -> Option<&'a str> {
        self.protocols.iter().map(|(name, _)| name.as_str()).find(|name| common.contains(name))
    }
}
