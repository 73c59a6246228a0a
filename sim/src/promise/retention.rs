//! What a topic's retention takes: acknowledged records that are deleted because they are old, or too many.
//!
//! Time is judged, size is not: a record deleted before `retention.ms` is over is no matter of retention unless
//! `retention.bytes` is set. When each segment was how large is for the log's own tests.

use tribunal_engine::event::Event;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::{Duration, Instant};

use super::Excuse;
use super::evidence::Evidence;
use crate::view::What;

impl Evidence<'_> {
    /// Excuses that a record is gone that was sent at `sent`: it was deleted, and its topic's settings ask for it.
    pub(super) fn retention(&self, wanted: &TopicPartition, offset: Offset, sent: Instant) -> Option<Excuse> {
        let log = &self.plan.topics.iter().find(|topic| topic.name == wanted.topic)?.config.log;
        let deleted = self.run.view.happenings.iter().find_map(|happening| match &happening.what {
            What::Event(Event::LogStart { partition, log_start }) => {
                (partition == wanted && *log_start > offset).then_some(happening.at)
            }
            _ => None,
        })?;
        if !log.cleanup.delete {
            return None;
        }
        let kept = u64::try_from(log.retention_millis).ok().map(Duration::from_millis);
        if kept.is_some_and(|kept| deleted.since(sent) >= kept) {
            return Some(Excuse::new(
                format!("retention.ms={}", log.retention_millis),
                "Records older than retention.ms are deleted, whether anybody has read them or not.",
            ));
        }
        (log.retention_bytes >= 0).then(|| {
            Excuse::new(
                format!("retention.bytes={}", log.retention_bytes),
                "What lies before the last retention.bytes of a partition is deleted, whether anybody has read it or not.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use tribunal_engine::message::Acks;

    use super::*;
    use crate::checker::Checker as _;
    use crate::checker::no_acked_record_lost::NoAckedRecordLost;
    use crate::checker::sample::{Sample, plan};
    use crate::promise::{Verdict, judge};

    /// A record is acknowledged and, `after` milliseconds later, deleted; the topic has these settings.
    fn verdict(settings: &str, after: u64) -> Verdict {
        let mut sample = Sample::new();
        let config = format!("\"min.insync.replicas\" = 2, {settings}");
        sample.plan = plan(&[("\"min.insync.replicas\" = 2", &config)]);
        sample.elect(1, 0, &[1, 2, 3]);
        sample.append(1, 0, 0, 0, true);
        sample.acknowledge(1, 0, 0, Acks::All, &[1, 2, 3]);
        let producer = sample.producer(Acks::All);
        sample.acked(producer, 0);
        for _ in 0..after {
            sample.tick();
        }
        let partition = sample.partition.clone();
        sample.event(1, Event::LogStart { partition, log_start: Offset(1) });
        sample.log_is(&[]);
        let run = sample.outcome();
        let finding = run.finding(NoAckedRecordLost.guarantee()).expect("every guarantee has a finding");
        judge(&sample.plan, &run, finding)
    }

    fn setting(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Allowed { setting, .. } => setting,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_that_is_older_than_its_topic_keeps_records_may_go() {
        assert_eq!(setting(&verdict("\"retention.ms\" = 50", 60)), "retention.ms=50");
    }

    #[test]
    fn a_record_that_is_deleted_before_its_time_is_lost() {
        assert_eq!(verdict("\"retention.ms\" = 50", 20), Verdict::Broken);
        assert_eq!(verdict("\"retention.ms\" = -1", 60), Verdict::Broken);
    }

    #[test]
    fn a_record_that_too_many_others_follow_may_go() {
        assert_eq!(setting(&verdict("\"retention.bytes\" = 1000", 20)), "retention.bytes=1000");
    }

    #[test]
    fn a_compacted_topic_deletes_nothing_for_its_age() {
        let settings = "\"cleanup.policy\" = \"compact\", \"retention.ms\" = 50";
        assert_eq!(verdict(settings, 60), Verdict::Broken);
    }
}
