//! Who is told when partitions come and go (Kafka's `ConsumerRebalanceListener`).

use std::future::{Future, ready};
use std::pin::Pin;

use super::super::Consumer;
use crate::driver::Platform;
use crate::id::TopicPartition;

/// What a callback does. It runs inside polls: a poll that is dropped leaves it where it is, and the next one goes on.
pub type Callback = Pin<Box<dyn Future<Output = ()>>>;

/// Is told when partitions come and go. Callbacks get the consumer and may call it: commit, seek, pause. A poll from
/// within a callback returns nothing.
pub trait RebalanceListener<P: Platform> {
    /// These partitions are the member's from now on, besides those it has. May be none.
    fn assigned(&self, consumer: Consumer<P>, partitions: Vec<TopicPartition>) -> Callback;

    /// These partitions are given up when this ends. They are still the member's: positions can be committed.
    fn revoked(&self, consumer: Consumer<P>, partitions: Vec<TopicPartition>) -> Callback;

    /// These partitions are gone, and others may own them already: a commit would be refused.
    fn lost(&self, consumer: Consumer<P>, partitions: Vec<TopicPartition>) -> Callback {
        self.revoked(consumer, partitions)
    }
}

/// Listens to nothing.
impl<P: Platform> RebalanceListener<P> for () {
    fn assigned(&self, _: Consumer<P>, _: Vec<TopicPartition>) -> Callback {
        Box::pin(ready(()))
    }

    fn revoked(&self, _: Consumer<P>, _: Vec<TopicPartition>) -> Callback {
        Box::pin(ready(()))
    }
}
