//! When partitions and clients could not write.
//!
//! An outage begins with the first send that was wanted after the last acknowledgement, and ends with the next
//! acknowledgement, or with the load. So a client that rests has no outage, and one that waits has. A send that was
//! never acknowledged does not say which partition it was for: it counts as wanted by every partition of its topic.

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal_engine::id::{TopicName, TopicPartition};
use tribunal_engine::time::Instant;

use super::Span;
use crate::run::RunOutcome;
use crate::scenario::Plan;

/// Outages shorter than this are not kept: they are latency.
const KEPT_MIN: Duration = Duration::from_millis(100);

/// When somebody could not write.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Availability {
    /// The longest time without an acknowledgement while somebody waited; `None` if nothing was wanted.
    pub longest: Option<Span>,
    /// Every such time of a tenth of a second or more, by start.
    pub outages: Vec<Span>,
}

#[derive(Debug, Default)]
struct Observed {
    wanted: Vec<Instant>,
    acked: Vec<Instant>,
}

impl Observed {
    fn availability(mut self, load: Span) -> Availability {
        self.wanted.sort_unstable();
        self.acked.sort_unstable();
        let mut found = Availability::default();
        let mut next = 0;
        for ack in self.acked.iter().copied().take_while(|ack| *ack <= load.end) {
            if let Some(start) = self.wanted.get(next).copied().filter(|start| *start < ack) {
                found.note(Span { start, end: ack });
            }
            while self.wanted.get(next).is_some_and(|wanted| *wanted <= ack) {
                next += 1;
            }
        }
        if let Some(start) = self.wanted.get(next).copied().filter(|start| *start < load.end) {
            found.note(Span { start, end: load.end });
        }
        found
    }
}

impl Availability {
    fn note(&mut self, outage: Span) {
        if self.longest.is_none_or(|longest| longest.length() < outage.length()) {
            self.longest = Some(outage);
        }
        if outage.length() >= KEPT_MIN {
            self.outages.push(outage);
        }
    }
}

/// By partition, and by client.
pub(super) type Found = (BTreeMap<TopicPartition, Availability>, BTreeMap<String, Availability>);

/// Measures every partition that was written and every client that wrote.
pub(super) fn measure(plan: &Plan, run: &RunOutcome, load: Span) -> Found {
    let mut partitions: BTreeMap<TopicPartition, Observed> = BTreeMap::new();
    for topic in plan.topics.iter().filter(|topic| plan.producers.iter().any(|one| one.topic == topic.name)) {
        let names = (0..topic.partitions).map(|index| TopicPartition::new(topic.name.as_str(), index));
        partitions.extend(names.map(|name| (name, Observed::default())));
    }
    let mut clients: BTreeMap<&str, Observed> = BTreeMap::new();
    let mut homeless: BTreeMap<&TopicName, Vec<Instant>> = BTreeMap::new();
    let load_producers = run.history.producers.iter().zip(&run.history.sends);
    for (producer, sends) in load_producers.filter(|(producer, _)| producer.table.is_some()) {
        let client = clients.entry(producer.name.as_str()).or_default();
        let table = plan.producers.iter().find(|table| producer.table.as_ref() == Some(&table.name));
        let mut unacknowledged = Vec::new();
        for send in sends {
            client.wanted.push(send.intended);
            match (send.acknowledged(), send.completed) {
                (Some((partition, _)), Some(at)) => {
                    client.acked.push(at);
                    if let Some(partition) = partitions.get_mut(partition) {
                        partition.wanted.push(send.intended);
                        partition.acked.push(at);
                    }
                }
                _ => unacknowledged.push(send.intended),
            }
        }
        if let Some(table) = table {
            homeless.entry(&table.topic).or_default().append(&mut unacknowledged);
        }
    }
    for (partition, observed) in &mut partitions {
        observed.wanted.extend(homeless.get(&partition.topic).into_iter().flatten());
    }
    let partitions = partitions.into_iter().map(|(name, found)| (name, found.availability(load))).collect();
    let clients =
        clients.into_iter().map(|(name, found)| (name.to_owned(), found.availability(load))).collect();
    (partitions, clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: &[u64]) -> Vec<Instant> {
        values.iter().map(|value| Instant::from_nanos(value * 1_000_000)).collect()
    }

    fn longest(wanted: &[u64], acked: &[u64]) -> Option<u64> {
        let load = Span { start: Instant::START, end: Instant::from_nanos(10_000_000_000) };
        let observed = Observed { wanted: millis(wanted), acked: millis(acked) };
        observed.availability(load).longest.map(|span| span.length().as_millis() as u64)
    }

    #[test]
    fn a_client_that_rests_has_no_outage() {
        assert_eq!(longest(&[0, 1_000, 9_000], &[2, 1_003, 9_002]), Some(3));
    }

    #[test]
    fn an_outage_counts_from_the_first_send_that_had_to_wait() {
        assert_eq!(longest(&[0, 10, 20, 5_000], &[1, 4_010, 4_011, 5_001]), Some(4_000));
    }

    #[test]
    fn an_outage_that_never_ends_lasts_until_the_load_ends() {
        assert_eq!(longest(&[0, 10, 4_000], &[1, 11]), Some(6_000));
    }

    #[test]
    fn nothing_wanted_is_no_outage_of_zero() {
        assert_eq!(longest(&[], &[]), None);
    }
}
