//! What a consumer does as a member of a group.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::group::{Attention, Group, GroupMetadata, Offsets, RebalanceListener, SubscribeError};
use super::{ConsumedRecord, Consumer, Position};
use crate::client::offsets::API_TIMEOUT;
use crate::client::outcome::{ClientError, Outcome};
use crate::client::signal::{Alarm, earlier, within};
use crate::driver::Platform;
use crate::error::ErrorCode;
use crate::id::{TopicName, TopicPartition};
use crate::time::Duration;
use crate::variant::ProtocolVariant;

impl<P: Platform> Consumer<P> {
    /// Takes those knobs of `variant` that are a consumer's. To be called before [`Consumer::subscribe`].
    #[must_use]
    pub fn with_variant(self, variant: ProtocolVariant) -> Self {
        if let Some(group) = &self.group {
            group.set_generation_check(variant.assignor_generation_check);
        }
        self
    }

    /// Reads those partitions of `topics` that the group gives it, from polls on. `listener` is told what comes and
    /// goes. Takes the place of an earlier subscription.
    ///
    /// # Errors
    /// There is no `group.id`, or the group has refused the member.
    pub fn subscribe(
        &self,
        topics: Vec<TopicName>,
        listener: impl RebalanceListener<P> + 'static,
    ) -> Result<(), SubscribeError> {
        let group = self.group.as_ref().ok_or(SubscribeError::NoGroupId)?;
        group.subscribe(topics, Rc::new(listener))
    }

    /// Gives everything up and leaves the group. Commits nothing, as Kafka's does not.
    pub async fn unsubscribe(&self) {
        if let Some(group) = &self.group {
            self.leave_group(group, false).await;
        }
    }

    /// Ends the consumer in good order, within `limit`: commits if that is automatic, tells the listener, and leaves the
    /// group unless it is a static member.
    pub async fn close(self, limit: Duration) {
        if let Some(group) = &self.group {
            let platform = self.shared.cluster.platform().clone();
            within(platform.clock(), limit, self.leave_group(group, true)).await;
        }
    }

    /// Who the consumer is for its group; `None` without `group.id`.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.group.as_ref().map(|group| group.metadata())
    }

    /// Commits `offsets`, or all positions. Tries again where that may help, for at most a minute.
    ///
    /// REBALANCE_IN_PROGRESS: the group rebalances. ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID: the partitions may be somebody
    /// else's by now. Both are [`Outcome::Failed`].
    pub async fn commit_sync(&self, offsets: Option<Offsets>) -> Outcome<()> {
        let Some(group) = &self.group else {
            return Outcome::Failed(ClientError::Broker(ErrorCode::InvalidGroupId));
        };
        let offsets = offsets.unwrap_or_else(|| self.shared.consumed());
        if offsets.is_empty() {
            return Outcome::Ok(());
        }
        group.commit(&offsets, API_TIMEOUT).await
    }

    /// Commits `offsets`, or all positions, in the background and in one attempt; [`ConsumerEvent::Committed`] tells how
    /// it ended. Commits are sent in the order of the calls. False without `group.id`.
    pub fn commit_async(&self, offsets: Option<Offsets>) -> bool {
        let Some(group) = &self.group else { return false };
        let offsets = offsets.unwrap_or_else(|| self.shared.consumed());
        if !offsets.is_empty() {
            group.commit_aside(offsets, false);
        }
        true
    }

    /// What the group has committed of each partition; `None` if nothing. Tries for at most a minute.
    pub async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Outcome<BTreeMap<TopicPartition, Option<Position>>> {
        let Some(group) = &self.group else {
            return Outcome::Failed(ClientError::Broker(ErrorCode::InvalidGroupId));
        };
        group.committed(partitions, API_TIMEOUT).await.map(|found| found.into_iter().collect())
    }

    pub(super) async fn poll_in_group(
        &self,
        group: &Rc<Group<P>>,
        max_wait: Duration,
    ) -> Vec<ConsumedRecord> {
        let shared = &self.shared;
        let deadline = shared.cluster.now().after(max_wait);
        let mut alarm = Alarm::new(shared.cluster.platform().clock().clone());
        poll_fn(|context| {
            loop {
                let now = shared.cluster.now();
                let next = match self.attend(group, now, context) {
                    Attention::Nested => return Poll::Ready(Vec::new()),
                    Attention::Listening => return Poll::Pending,
                    Attention::Committing => None,
                    Attention::Free => {
                        let (records, next) = shared.turn(now);
                        if !records.is_empty() {
                            return Poll::Ready(records);
                        }
                        earlier(next, Some(group.next_attention(now)))
                    }
                };
                if now >= deadline {
                    return Poll::Ready(Vec::new());
                }
                alarm.set(earlier(next, Some(deadline)));
                let signalled = shared.signal.poll(context).is_ready();
                if !signalled && alarm.poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
