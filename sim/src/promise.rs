//! What a configuration promises, and whether a violation breaks the promise.
//!
//! A checker says what happened; this says whether Kafka, configured so and hit by these faults, ever promised that
//! it would not. The answer is given for each lost record, each displaced record and each copy of its own, since
//! producers of one run may use different settings: one broken promise outweighs any number of allowed ones.
//! Whether the author of a scenario expected it is not asked here.
//!
//! | what happened | under | verdict |
//! |---|---|---|
//! | acknowledged record lost | acks=0 | allowed: nobody waited for a broker |
//! | | acks=1, another leader was elected after the acknowledgement, or the leader's own log was cut | allowed: the leader's copy was the only promise |
//! | | acks=1 otherwise | broken |
//! | | any acks, before an unclean election of the partition | allowed: `unclean.leader.election.enable=true` |
//! | | acks=all, as many replicas as `min.insync.replicas` lost their unsynced bytes with their machines' power | allowed: `min.insync.replicas` if that is 1, else the flush settings (broken with `flush.messages=1`); if a flush had failed or lied there before, that fault of the disk |
//! | | acks=all, fewer replicas did, even the only one in sync | broken: those that left the ISR are eligible to lead (KIP-966) |
//! | | acks=all, as many replicas as `min.insync.replicas` stopped uncleanly (by a crash of the process alone, too) before one was back in sync, and the last known leader, elected then, had lost its copy with the power | allowed: `min.insync.replicas` (KIP-966) |
//! | | acks=all, the same with copies that were cut because bits had rotted | allowed: `disk-corrupt` |
//! | | acks=all, a full, slow, stalled or unreadable disk | broken: an error is told before anything is acknowledged |
//! | | acks=all otherwise | broken |
//! | | a compacted topic, and a later record of its key is there | not lost: `cleanup.policy=compact` keeps the last of each key |
//! | | any acks, deleted when it was older than `retention.ms`, or with `retention.bytes` set | allowed: that setting |
//! | order reversed | idempotence, one session of the producer | broken, but after an unclean election or a loss with the power as above |
//! | | idempotence, two sessions | allowed: `enable.idempotence=true` |
//! | | acks=0 | allowed |
//! | | several requests in flight and retries | allowed: `max.in.flight.requests.per.connection` |
//! | | one request in flight or no retries, and one of the two was never acknowledged, or does not stand where it was acknowledged | allowed: `enable.idempotence=false` |
//! | | otherwise | broken |
//! | record stored twice | idempotence | broken, but after an unclean election or a loss with the power as above |
//! | | retries | allowed: `enable.idempotence=false` |
//! | | no retries | broken |
//! | offset held another record than acknowledged | wherever the loss of that record is allowed | allowed |
//! | two readers disagree about an offset | unclean election, or committed records lost with their machines' power as above | allowed |
//! | | otherwise | broken |
//! | record skipped | unclean election of the partition | allowed |
//! | | otherwise | broken |
//! | record of a group never processed | `commit = "before-processing"`, or auto-commit with processing in another task | allowed: at most once is what they promise |
//! | | `auto.offset.reset=latest`, and the group never had a committed offset there | allowed |
//! | | the same, after its offsets expired when it had been empty for so long | allowed: `offsets.retention.minutes` |
//! | | an unclean election, or a loss with the power as above, took the record's place in the log | allowed |
//! | | otherwise: auto-commit in the poll loop, commits after processing, any rebalance protocol | broken |
//! | record processed twice | anything | not judged: it is what at least once means, and is counted |
//! | commit that was acknowledged not found | expired when the group had been empty for so long | allowed: `offsets.retention.minutes` |
//! | | as many brokers as `min.insync.replicas` (of `__consumer_offsets`) lost their power, and nothing is flushed by count; an unclean election of `__consumer_offsets` | allowed: that setting |
//! | | otherwise | broken |
//! | committed offset goes back | the log it counts in lost records, as above | allowed |
//! | | otherwise | broken |
//! | two owners of a partition, a zombie's commit taken, an assignment with holes, a rebalance without end | eager, cooperative, KIP-848, static membership | broken |
//! | two leaders in one epoch | anything | broken |
//! | two leaders of the quorum in one epoch, or committed metadata lost or replaced | anything | broken: controllers sync before they count |
//! | replicas differ below the high watermark | while the cluster runs, after an unclean election or a loss with the power as above | allowed: followers cut what differs when they fetch |
//! | | bits rotted in one of the logs | allowed: `disk-corrupt` |
//! | | on the disks at the end, or otherwise | broken |
//! | high watermark back | unclean election, or a loss with the power as above | allowed |
//! | | otherwise | broken |
//! | not recovered | bits rotted in a log: nothing repairs them | allowed: `disk-corrupt` |
//! | | otherwise | broken: all other faults are healed by then |
//!
//! What other settings rule out is off: `enable.idempotence` is what the producer does. Planted bugs of the protocol
//! promise what the safe protocol promises.

mod evidence;
mod group;
mod record;
mod retention;

use std::collections::BTreeMap;

use crate::checker::group::acknowledged_commit_survives::lost_commits;
use crate::checker::group::at_least_once_processing::unprocessed;
use crate::checker::no_acked_record_lost::lost;
use crate::checker::no_duplicates::copies;
use crate::checker::offset_means_one_record::disagreements;
use crate::checker::order_per_partition::inversions;
use crate::checker::{Finding, Violation};
use crate::run::{FaultRecord, RunOutcome};
use crate::scenario::{Guarantee, Plan};

use evidence::Evidence;

/// The answer for one guarantee in one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was tested and nothing violated it.
    Held,
    /// It was violated although the configuration promises it.
    Broken,
    /// It was violated, and the configuration allows that.
    Allowed {
        /// The setting that allows it: `acks=1`. Several are joined by `, `.
        setting: String,
        /// Why, in a sentence for each setting.
        sentence: String,
    },
    /// The run says nothing about it.
    NotTested {
        /// Why not.
        reason: String,
    },
}

/// Why one violation is allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Excuse {
    setting: String,
    sentence: String,
}

impl Excuse {
    fn new(setting: impl Into<String>, sentence: impl Into<String>) -> Excuse {
        Excuse { setting: setting.into(), sentence: sentence.into() }
    }
}

/// Judges what a checker found in a run of this plan.
#[must_use]
pub fn judge(plan: &Plan, run: &RunOutcome, finding: &Finding) -> Verdict {
    if finding.violated == 0 {
        return clean(plan, run, finding);
    }
    let evidence = Evidence { plan, run };
    let excuses: Vec<Option<Excuse>> = match finding.guarantee {
        Guarantee::NoAckedRecordLost => {
            lost(&run.history).1.iter().map(|lost| record::loss(&evidence, lost)).collect()
        }
        Guarantee::OrderPerPartition => {
            inversions(&run.history).1.iter().map(|pair| record::inversion(&evidence, pair)).collect()
        }
        Guarantee::NoDuplicates => {
            copies(&run.history).1.iter().map(|copy| record::copy(&evidence, copy)).collect()
        }
        Guarantee::OffsetMeansOneRecord => {
            let disagreements = disagreements(&run.history).1;
            disagreements.iter().map(|one| record::disagreement(&evidence, one)).collect()
        }
        Guarantee::NoSkippedRecords => each(finding, |violation| evidence.after_unclean_election(violation)),
        Guarantee::AtLeastOnceProcessing => {
            let missed = unprocessed(plan, &run.history, &run.view).1;
            missed.iter().map(|one| group::unprocessed(&evidence, one)).collect()
        }
        Guarantee::AcknowledgedCommitSurvives => {
            let lost = lost_commits(plan, &run.history, &run.view).1;
            lost.iter().map(|one| group::lost_commit(&evidence, one)).collect()
        }
        // A position that had to follow a log that lost records goes back with it.
        Guarantee::CommitsNeverRegress => {
            each(finding, |violation| evidence.committed_records_given_up(violation))
        }
        // Generations, member epochs and timeouts exist so that this never happens, under every protocol.
        Guarantee::SingleOwnerPerGeneration
        | Guarantee::ZombieCommitFenced
        | Guarantee::AssignmentComplete
        | Guarantee::RebalanceEnds => each(finding, |_| None),
        // Epochs exist so that this never happens, whatever is configured (KIP-101, KIP-497).
        Guarantee::SingleLeaderPerEpoch => each(finding, |_| None),
        // Controllers sync before they count, and a majority of them has it.
        Guarantee::MetadataQuorumSafe => each(finding, |_| None),
        // At the end followers have cut what differs; until then a rewritten log and its old copies coexist.
        Guarantee::ReplicasIdenticalBelowHighWatermark => each(finding, |violation| {
            let given_up = violation.at.and_then(|_| evidence.committed_records_given_up(violation));
            given_up.or_else(|| evidence.rot(violation))
        }),
        Guarantee::HighWatermarkNeverBack => {
            each(finding, |violation| evidence.committed_records_given_up(violation))
        }
        // Every fault has been healed and every process runs again: only rot stays.
        Guarantee::Recovers => each(finding, |_| evidence.any_rot()),
    };
    sum_up(&excuses)
}

/// One answer for each violation; those that were not kept cannot be excused.
fn each(finding: &Finding, excuse: impl Fn(&Violation) -> Option<Excuse>) -> Vec<Option<Excuse>> {
    let mut excuses: Vec<Option<Excuse>> = finding.violations.iter().map(excuse).collect();
    if finding.violated > finding.violations.len() as u64 {
        excuses.push(None);
    }
    excuses
}

fn sum_up(excuses: &[Option<Excuse>]) -> Verdict {
    let mut reasons: BTreeMap<&Excuse, usize> = BTreeMap::new();
    for excuse in excuses {
        match excuse {
            Some(excuse) => *reasons.entry(excuse).or_default() += 1,
            None => return Verdict::Broken,
        }
    }
    if reasons.is_empty() {
        // The finding counts violations that the history of this run does not show.
        return Verdict::Broken;
    }
    // The reason with the most cases first.
    let mut reasons: Vec<(&Excuse, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut settings: Vec<&str> = Vec::new();
    for (excuse, _) in &reasons {
        if !settings.contains(&excuse.setting.as_str()) {
            settings.push(&excuse.setting);
        }
    }
    let sentences: Vec<&str> = reasons.iter().map(|(excuse, _)| excuse.sentence.as_str()).collect();
    Verdict::Allowed { setting: settings.join(", "), sentence: sentences.join(" ") }
}

/// A fault of disks that changed no operation tests nothing, and it is what the scenario wanted to test.
fn disk_fault_without_effect(plan: &Plan, run: &RunOutcome) -> Option<String> {
    let idle = |fault: &&FaultRecord| fault.began.is_some() && fault.struck == Some(0);
    let mut idle = run.faults.iter().filter(idle).filter_map(|fault| Some((fault, fault.planned(plan)?)));
    let (fault, (_, strike)) = idle.find(|(_, (planned, _))| !planned.optional)?;
    Some(format!("fault {} ({}) changed no operation of a disk", fault.label(), strike.action.name()))
}

fn clean(plan: &Plan, run: &RunOutcome, finding: &Finding) -> Verdict {
    if let Some(why) = &run.abandoned {
        return Verdict::NotTested { reason: format!("the run ended early: {why}") };
    }
    if let Some(reason) = disk_fault_without_effect(plan, run) {
        return Verdict::NotTested { reason };
    }
    if finding.checked > 0 {
        return Verdict::Held;
    }
    Verdict::NotTested { reason: nothing_seen(run, finding) }
}

fn nothing_seen(run: &RunOutcome, finding: &Finding) -> String {
    let history = &run.history;
    let unread = || match history.unread.first() {
        Some(partition) => format!("the final read did not reach the end of {partition}"),
        None => "nothing was read at the end".to_owned(),
    };
    match finding.guarantee {
        Guarantee::NoAckedRecordLost => {
            let acked = history.load_sends().any(|(_, send)| send.acknowledged().is_some());
            if acked { unread() } else { "no record was acknowledged".to_owned() }
        }
        Guarantee::OrderPerPartition => "no producer had two records in one partition at the end".to_owned(),
        Guarantee::NoDuplicates => match history.final_reads.values().all(Vec::is_empty) {
            true => unread(),
            false => "no record of a producer was found at the end".to_owned(),
        },
        Guarantee::OffsetMeansOneRecord => "no offset was seen by more than one witness".to_owned(),
        Guarantee::NoSkippedRecords if history.readers.is_empty() => {
            "no consumer ran during the load".to_owned()
        }
        Guarantee::NoSkippedRecords => "no consumer read two records of one partition".to_owned(),
        Guarantee::SingleOwnerPerGeneration => "no member owned a partition".to_owned(),
        Guarantee::AtLeastOnceProcessing if history.final_reads.values().all(Vec::is_empty) => unread(),
        Guarantee::AtLeastOnceProcessing => "no group processed or committed anything".to_owned(),
        Guarantee::CommitsNeverRegress => "no group committed twice in one partition".to_owned(),
        Guarantee::ZombieCommitFenced => "no member committed".to_owned(),
        Guarantee::AcknowledgedCommitSurvives => {
            "nobody asked for a committed offset after a commit was acknowledged".to_owned()
        }
        Guarantee::AssignmentComplete => "no group got an assignment".to_owned(),
        Guarantee::RebalanceEnds => "no rebalance came to its end".to_owned(),
        Guarantee::SingleLeaderPerEpoch => "no partition had a leader".to_owned(),
        Guarantee::MetadataQuorumSafe => "no controller led the quorum".to_owned(),
        Guarantee::ReplicasIdenticalBelowHighWatermark => {
            "no batch was committed on two replicas of a partition".to_owned()
        }
        Guarantee::HighWatermarkNeverBack => "no leader had a high watermark".to_owned(),
        Guarantee::Recovers => "the scenario has no partition".to_owned(),
    }
}

#[cfg(test)]
mod tests;
