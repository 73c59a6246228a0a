//! Committing positions, and asking how far the group has come (OffsetCommit, OffsetFetch).
//!
//! Commits reach the coordinator in the order in which they were asked for. A commit that may have been carried out is
//! never called failed.

use std::rc::Rc;

use super::classic::{After, Identity};
use super::coordinator::{Ticket, reply};
use super::{Group, Offsets};
use crate::client::consumer::{ConsumerEvent, Position};
use crate::client::offsets::API_TIMEOUT;
use crate::client::outcome::{ClientError, Outcome};
use crate::client::signal::within;
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::message::{
    ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchGroup, OffsetFetchRequest,
    OffsetFetchResponse, OffsetToCommit,
};
use crate::offset::Offset;
use crate::time::Duration;

/// How one attempt to commit ended.
enum Attempt {
    Done,
    /// It is of no use to try again.
    Refused(Outcome<()>),
    /// Another attempt may succeed; the second part is true if this one may have done so, too.
    Again(ClientError, bool),
}

impl<P: Platform> Group<P> {
    /// Commits, again and again where that may help, for at most `limit`.
    pub(in crate::client::consumer) async fn commit(
        &self,
        offsets: &Offsets,
        limit: Duration,
    ) -> Outcome<()> {
        let ticket = self.lane.ticket();
        let mut doubt = None;
        // An attempt that the time limit cuts short may be under way.
        let mut under_way = false;
        let work = async {
            ticket.turn().await;
            let mut failures = 0;
            loop {
                under_way = true;
                let attempt = self.attempt(offsets, None).await;
                under_way = false;
                match attempt {
                    Attempt::Done => return Outcome::Ok(()),
                    Attempt::Refused(outcome) => return outcome,
                    Attempt::Again(ClientError::Closed, _) => return Outcome::Failed(ClientError::Closed),
                    Attempt::Again(error, true) => doubt = Some(error),
                    Attempt::Again(..) => {}
                }
                self.cluster.platform().clock().sleep(self.wait_after(failures)).await;
                failures += 1;
            }
        };
        let ended = within(self.cluster.platform().clock(), limit, work).await;
        let late = ClientError::ApiTimeout(limit);
        match (ended, doubt) {
            (Some(Outcome::Failed(_)), Some(doubt)) | (None, Some(doubt)) => Outcome::Unknown(doubt),
            (Some(outcome), _) => outcome,
            (None, None) if under_way => Outcome::Unknown(late),
            (None, None) => Outcome::Failed(late),
        }
    }

    /// Commits in the background, in one attempt; a [`ConsumerEvent::Committed`] tells what became of it.
    pub(in crate::client::consumer) fn commit_aside(self: &Rc<Self>, offsets: Offsets, automatic: bool) {
        let group = self.clone();
        let ticket = self.lane.ticket();
        self.cluster.platform().spawner().spawn("client-commit", async move {
            let outcome = match group.attempt(&offsets, Some(ticket)).await {
                Attempt::Done => Outcome::Ok(()),
                Attempt::Refused(outcome) => outcome,
                Attempt::Again(error, true) => Outcome::Unknown(error),
                Attempt::Again(error, false) => Outcome::Failed(error),
            };
            if automatic && outcome != Outcome::Ok(()) {
                let soon = group.cluster.now().after(group.wait_after(0));
                group.next_auto_commit.set(soon.min(group.next_auto_commit.get()));
            }
            group.tell_committed(offsets, outcome, automatic);
        });
    }

    /// Notes what became of a commit that nobody waits for.
    pub(super) fn tell_committed(&self, offsets: Offsets, outcome: Outcome<()>, automatic: bool) {
        self.events.borrow_mut().push(ConsumerEvent::Committed { offsets, outcome, automatic });
        self.client.raise();
    }

    /// One attempt; lets the next commit go once this one is sent.
    async fn attempt(&self, offsets: &Offsets, ticket: Option<Ticket>) -> Attempt {
        if let Some(ticket) = &ticket {
            ticket.turn().await;
        }
        let connection = match self.coordinator().await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Again(error, false),
        };
        let committer = match self.machine.borrow().committer() {
            Ok(committer) => committer,
            Err(error) => return Attempt::Refused(Outcome::Failed(ClientError::Broker(error))),
        };
        let request = self.commit_request(&committer, offsets);
        let call = connection.call(&request.into(), self.cluster.config().request_timeout);
        drop((connection, ticket));
        let answered: Result<OffsetCommitResponse, _> = reply(call).await;
        match answered {
            Ok(response) => self.take_commit(&committer, offsets, &response),
            Err(error) => {
                self.forget_coordinator();
                let sent = error.sent;
                Attempt::Again(error.into(), sent)
            }
        }
    }

    fn commit_request(&self, committer: &Identity, offsets: &Offsets) -> OffsetCommitRequest {
        let member = !committer.member_id.is_empty();
        let commit = |(partition, position): (&TopicPartition, &Position)| OffsetToCommit {
            partition: partition.clone(),
            offset: position.offset,
            leader_epoch: position.leader_epoch,
            metadata: Some(String::new()),
        };
        OffsetCommitRequest {
            group_id: self.config.group_id.clone(),
            generation: committer.generation,
            member_id: committer.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone().filter(|_| member),
            retention_ms: -1,
            partitions: offsets.iter().map(commit).collect(),
        }
    }

    fn take_commit(&self, sent: &Identity, offsets: &Offsets, response: &OffsetCommitResponse) -> Attempt {
        let outcome_of =
            |partition: &TopicPartition| response.partitions.iter().find(|one| one.partition == *partition);
        let errors = offsets.keys().map(|partition| outcome_of(partition).map(|outcome| outcome.error));
        let mut errors: Vec<Option<ErrorCode>> = errors.collect();
        let some_done = errors.contains(&Some(ErrorCode::None));
        errors.retain(|error| *error != Some(ErrorCode::None));
        let error = match errors.first() {
            None => return Attempt::Done,
            Some(None) => return Attempt::Again(ClientError::Incomplete(ApiKey::OffsetCommit), true),
            Some(Some(error)) => *error,
        };
        let after = match error {
            // Answers for one partition say nothing of the member.
            ErrorCode::UnknownTopicOrPartition | ErrorCode::RequestTimedOut => After::Retry,
            ErrorCode::OffsetMetadataTooLarge | ErrorCode::InvalidCommitOffsetSize => After::GoOn,
            error => self.machine.borrow_mut().answered(error, sent),
        };
        self.wake.notify_one();
        self.client.raise();
        if after == After::FindCoordinator || error == ErrorCode::NotCoordinator {
            self.forget_coordinator();
        }
        // The offsets may be in the log, and only what waits for their replication was cut short.
        let doubtful = some_done
            || matches!(
                error,
                ErrorCode::NotCoordinator
                    | ErrorCode::CoordinatorNotAvailable
                    | ErrorCode::RequestTimedOut
                    | ErrorCode::UnknownServerError
            );
        let error_told = ClientError::Broker(error);
        if error.is_retriable() {
            Attempt::Again(error_told, doubtful)
        } else if doubtful {
            Attempt::Refused(Outcome::Unknown(error_told))
        } else {
            Attempt::Refused(Outcome::Failed(error_told))
        }
    }

    /// Commits positions if that is due: those of records that earlier polls returned.
    pub(super) fn auto_commit_if_due(self: &Rc<Self>, consumed: impl FnOnce() -> Offsets) {
        let now = self.cluster.now();
        if !self.config.enable_auto_commit || now < self.next_auto_commit.get() {
            return;
        }
        self.next_auto_commit.set(now.after(self.config.auto_commit_interval));
        if !self.machine.borrow().is_stable() {
            return;
        }
        let offsets = consumed();
        if !offsets.is_empty() {
            self.commit_aside(offsets, true);
        }
    }

    /// Commits positions before partitions are given up, if that is automatic.
    pub(super) async fn auto_commit_now(&self, offsets: Offsets) {
        if !self.config.enable_auto_commit || offsets.is_empty() {
            return;
        }
        let outcome = self.commit(&offsets, self.config.max_poll_interval.min(API_TIMEOUT)).await;
        self.tell_committed(offsets, outcome, true);
    }

    /// How far the group has come; `None` for partitions nothing is committed of. One attempt.
    ///
    /// # Errors
    /// The coordinator cannot be asked now, or cannot tell.
    pub(super) async fn fetch_committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Option<Position>)>, ClientError> {
        let group = OffsetFetchGroup {
            group_id: self.config.group_id.clone(),
            member_id: None,
            member_epoch: -1,
            partitions: Some(partitions.clone()),
        };
        let request = OffsetFetchRequest { groups: vec![group], require_stable: false };
        let timeout = self.cluster.config().request_timeout;
        let response: OffsetFetchResponse = self.ask(request, timeout).await?;
        let fetched = response.groups.into_iter().next();
        let fetched = fetched.ok_or(ClientError::Incomplete(ApiKey::OffsetFetch))?;
        let mut errors = fetched.partitions.iter().map(|one| one.error);
        let error = if fetched.error.is_error() {
            fetched.error
        } else {
            errors.find(|error| error.is_error()).unwrap_or(ErrorCode::None)
        };
        if error.is_error() {
            if matches!(error, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
                self.forget_coordinator();
            }
            return Err(ClientError::Broker(error));
        }
        let mut found = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let offset = fetched.partitions.iter().find(|one| one.partition == partition);
            let offset = offset.ok_or(ClientError::Incomplete(ApiKey::OffsetFetch))?;
            let position = Position { offset: offset.offset, leader_epoch: offset.leader_epoch };
            found.push((partition, Some(position).filter(|position| position.offset != Offset::NONE)));
        }
        Ok(found)
    }

    /// The same, again and again where that may help, for at most `limit`.
    pub(in crate::client::consumer) async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
        limit: Duration,
    ) -> Outcome<Vec<(TopicPartition, Option<Position>)>> {
        let mut last = ClientError::ApiTimeout(limit);
        let found = within(self.cluster.platform().clock(), limit, async {
            let mut failures = 0;
            loop {
                match self.fetch_committed(partitions.clone()).await {
                    Ok(found) => return Ok(found),
                    Err(ClientError::Broker(error)) if !error.is_retriable() => {
                        return Err(ClientError::Broker(error));
                    }
                    Err(ClientError::Closed) => return Err(ClientError::Closed),
                    Err(error) => last = error,
                }
                self.cluster.platform().clock().sleep(self.wait_after(failures)).await;
                failures += 1;
            }
        })
        .await;
        Outcome::of_read(found.unwrap_or(Err(last)))
    }
}
