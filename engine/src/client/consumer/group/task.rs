//! The group's task: what a member does while its owner is busy with records.

use std::pin::pin;
use std::rc::Rc;

use futures_util::FutureExt as _;

use super::Group;
use super::assignor::{Candidate, Topics, assign};
use super::classic::Classic;
use super::membership::{After, Machine, Step};
use super::protocol::encode_assignment;
use crate::client::connection::ConnectionError;
use crate::client::outcome::ClientError;
use crate::config::Assignor;
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::error::ErrorCode;
use crate::message::{JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};
use crate::time::{Duration, Instant};

/// What JoinGroup may take longer than a rebalance does (Kafka's `JOIN_GROUP_TIMEOUT_LAPSE`).
const JOIN_LAPSE: Duration = Duration::from_secs(5);
/// How often the leader asks for the metadata of topics it knows nothing of before it assigns without them.
const METADATA_ATTEMPTS: u32 = 3;

impl<P: Platform> Group<P> {
    /// Starts the task.
    pub(super) fn start(self: &Rc<Self>) {
        let group = self.clone();
        self.cluster.platform().spawner().spawn("client-group", async move { group.run().await });
    }

    async fn run(&self) {
        let mut failures = 0_u32;
        while !self.cluster.is_closed() {
            let step = self.machine.borrow().step(self.cluster.now());
            let after = match step {
                Step::Wait(until) => {
                    self.wait(until).await;
                    continue;
                }
                Step::Join => self.join().await,
                Step::Heartbeat => self.heartbeat().await,
                Step::PollLate => {
                    self.leave("the consumer has not polled for max.poll.interval.ms").await;
                    After::GoOn
                }
            };
            self.client.raise();
            if after == After::FindCoordinator {
                self.forget_coordinator();
            }
            if after == After::GoOn {
                failures = 0;
            } else {
                self.cluster.platform().clock().sleep(self.wait_after(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }

    /// The machine of a classic member: only those join.
    fn classic<T>(&self, work: impl FnOnce(&mut Classic) -> T) -> T {
        match &mut *self.machine.borrow_mut() {
            Machine::Classic(machine) => work(machine),
            Machine::Consumer(_) => unreachable!("a member whose coordinator assigns does not join rounds"),
        }
    }

    /// Ends when woken or when the time has come.
    async fn wait(&self, until: Option<Instant>) {
        let mut woken = pin!(self.wake.notified().fuse());
        let Some(until) = until else { return woken.await };
        let mut elapsed = pin!(self.cluster.platform().clock().sleep_until(until).fuse());
        futures_util::select_biased! {
            () = woken => {},
            () = elapsed => {},
        }
    }

    /// Joins, assigns if this member leads, and gets its own assignment.
    async fn join(&self) -> After {
        let connection = match self.coordinator_for(Step::Join).await {
            Ok(connection) => connection,
            Err(after) => return after,
        };
        let request = self.classic(Classic::join_request);
        let timeout = self.cluster.config().request_timeout.max(request.rebalance_timeout + JOIN_LAPSE);
        let joined: JoinGroupResponse = match self.ask_over(connection, request, timeout).await {
            Ok(joined) => joined,
            Err(error) => return self.failed(&error),
        };
        let after = self.classic(|machine| machine.joined(&joined));
        if joined.error.is_error() || after != After::GoOn {
            return after;
        }
        let candidates = self.classic(|machine| machine.candidates(&joined));
        let assignments = match candidates {
            Some((assignor, members)) => {
                let assignments = self.assign(assignor, &members).await;
                if joined.skip_assignment { Vec::new() } else { assignments }
            }
            None => Vec::new(),
        };
        let request = SyncGroupRequest {
            group_id: self.config.group_id.clone(),
            generation: joined.generation,
            member_id: joined.member_id,
            group_instance_id: self.config.group_instance_id.clone(),
            protocol_type: joined.protocol_type,
            protocol_name: joined.protocol_name,
            assignments,
        };
        match self.ask::<SyncGroupResponse>(request, timeout).await {
            Ok(response) => self.classic(|machine| machine.synced(&response, self.cluster.now())),
            Err(error) => {
                self.classic(Classic::interrupted);
                self.failed(&error)
            }
        }
    }

    /// An assignment for everybody, by the partitions this member knows of.
    async fn assign(&self, assignor: Assignor, members: &[Candidate]) -> Vec<(String, bytes::Bytes)> {
        let mut wanted = Topics::new();
        for topic in members.iter().flat_map(|member| &member.subscription.topics) {
            self.cluster.want(topic);
            wanted.insert(topic.clone(), 0);
        }
        for _ in 0..METADATA_ATTEMPTS {
            let unknown = {
                let metadata = self.cluster.metadata();
                wanted.keys().any(|topic| metadata.partition_count(topic).is_none())
            };
            if !unknown || self.cluster.is_closed() {
                break;
            }
            self.cluster.refreshed().await;
        }
        let metadata = self.cluster.metadata();
        for (topic, count) in &mut wanted {
            *count = metadata.partition_count(topic).unwrap_or(0);
        }
        drop(metadata);
        let assignments = assign(assignor, members, &wanted, self.generation_check.get());
        self.classic(|machine| machine.leads(wanted));
        assignments.into_iter().map(|(member, partitions)| (member, encode_assignment(&partitions))).collect()
    }

    /// What follows from a request that was not answered.
    pub(super) fn failed(&self, error: &ClientError) -> After {
        match error {
            ClientError::Broker(code) if !code.is_retriable() => {
                self.machine.borrow_mut().fail(*code);
                After::GoOn
            }
            // The brokers do not know the group's protocol, and will not learn it.
            ClientError::Connection(ConnectionError::Unsupported(_)) => {
                self.machine.borrow_mut().fail(ErrorCode::UnsupportedVersion);
                After::GoOn
            }
            _ => After::Retry,
        }
    }
}
