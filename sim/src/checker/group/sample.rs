//! Tiny groups made by hand, for tests: `billing` reads `orders`, two partitions. Times are milliseconds.

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{Event, LeaveReason, RebalanceReason};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use crate::checker::sample::{Sample, plan};
use crate::checker::{Checker, Finding};
use crate::history::{Commit, CommitOutcome, Delivery, MemberLife, Ownership, PositionReset, RecordId};
use crate::view::{Happening, What};

const GROUP: &str = "billing";

/// A run with one group.
pub(crate) struct GroupSample {
    pub(crate) sample: Sample,
    members: Vec<String>,
    /// The broker that tells what comes next.
    pub(crate) teller: NodeId,
}

fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("orders", index)
}

/// What the log holds at an offset.
fn record(index: u32, offset: i64) -> Option<RecordId> {
    Some(RecordId { producer: index, sequence: offset.unsigned_abs() })
}

impl GroupSample {
    pub(crate) fn new() -> GroupSample {
        GroupSample::with(&[])
    }

    /// The same with parts of the scenario replaced.
    pub(crate) fn with(changes: &[(&str, &str)]) -> GroupSample {
        let group = "[consumer.billing]\ntopics = [\"orders\"]\nmembers = 2\nconfig = { \"auto.offset.reset\" = \
                     \"earliest\", \"max.poll.interval.ms\" = 3000, \"session.timeout.ms\" = 10000 }\n";
        let group = changes.iter().fold(group.to_owned(), |group, (from, to)| group.replace(from, to));
        let mut sample = Sample::new();
        sample.plan = plan(&[
            ("[consumer.audit]\ntopics = [\"orders\"]\n", group.as_str()),
            ("partitions = 1", "partitions = 2"),
        ]);
        GroupSample { sample, members: Vec::new(), teller: NodeId(1) }
    }

    pub(crate) fn finish(&self, checker: impl Checker) -> Finding {
        self.sample.finish(checker)
    }

    // ---- what members saw ----

    /// A member's process starts; gives its index.
    pub(crate) fn life(&mut self, name: &str, member: &str) -> usize {
        self.members.push(member.to_owned());
        let partitions = vec![partition(0), partition(1)];
        self.sample.history.members.push(MemberLife::new(GROUP, name, Instant::START, partitions));
        self.members.len() - 1
    }

    /// Its process ends.
    pub(crate) fn dies(&mut self, life: usize, when: u64) {
        self.sample.history.members[life].ended = Some(at(when));
    }

    /// It owns a partition.
    pub(crate) fn owns(
        &mut self,
        life: usize,
        partition: u32,
        epoch: i32,
        (from, until): (u64, Option<u64>),
    ) {
        let member = self.members[life].clone();
        let (from, until) = (at(from), until.map(at));
        let ownership = Ownership { partition, member, epoch, from, until, lost: false };
        self.sample.history.members[life].ownerships.push(ownership);
    }

    /// The group has committed nothing, as it is told: it begins at `to`.
    pub(crate) fn finds_no_commit(&mut self, life: usize, partition: u32, when: u64, to: i64) {
        let reset = PositionReset { at: at(when), partition, from: None, to: Offset(to) };
        self.sample.history.members[life].resets.push(reset);
    }

    /// It is given these records and does not finish them.
    pub(crate) fn is_given(&mut self, life: usize, partition: u32, offsets: std::ops::Range<i64>) {
        self.deliver(life, partition, offsets, None);
    }

    /// It is given these records and processes them.
    pub(crate) fn processes(&mut self, life: usize, partition: u32, offsets: std::ops::Range<i64>) {
        self.deliver(life, partition, offsets, Some(at(41)));
    }

    fn deliver(
        &mut self,
        life: usize,
        partition: u32,
        offsets: std::ops::Range<i64>,
        processed: Option<Instant>,
    ) {
        let life = &mut self.sample.history.members[life];
        let ownership = u32::try_from(life.ownerships.len().saturating_sub(1)).expect("few");
        life.deliveries.extend(offsets.map(|offset| Delivery {
            partition,
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
            record: record(partition, offset),
            at: at(40),
            processed,
            ownership,
        }));
    }

    /// It commits; the coordinator answers or does not.
    pub(crate) fn commits(&mut self, life: usize, partition: u32, offset: i64, times: (u64, Option<u64>)) {
        let (sent, answered) = (at(times.0), times.1.map(at));
        let outcome = if answered.is_some() { CommitOutcome::Acknowledged } else { CommitOutcome::Pending };
        let commit = Commit { partition, offset: Offset(offset), sent, answered, outcome };
        self.sample.history.members[life].commits.push(commit);
    }

    /// The final read found so many records.
    pub(crate) fn log_of(&mut self, index: u32, count: i64) {
        let name = partition(i32::try_from(index).expect("small"));
        let records = (0..count).map(|offset| (Offset(offset), record(index, offset)));
        self.sample.history.final_reads.insert(name, records.collect());
    }

    /// The coordinator's answer to the question for committed offsets at the end.
    pub(crate) fn answers_at_the_end(&mut self, committed: &[(i32, i64)]) {
        let offsets = committed.iter().map(|(index, offset)| (partition(*index), Offset(*offset)));
        self.sample.history.committed_at_end.insert(GROUP.to_owned(), offsets.collect());
    }

    // ---- what coordinators said ----

    fn event(&mut self, when: u64, event: Event) {
        let happening = Happening { at: at(when), node: Some(self.teller), what: What::Event(event) };
        self.sample.view.take(&happening);
    }

    /// Another broker becomes the coordinator. It has read that these are the members.
    pub(crate) fn taken_up_by(&mut self, when: u64, broker: i32, members: &[&str]) {
        self.teller = NodeId(broker);
        let members = members.iter().map(|member| ((*member).to_owned(), None)).collect();
        self.event(when, Event::GroupLoaded { group: GROUP.to_owned(), epoch: 1, members, stable: true });
    }

    pub(crate) fn joined(&mut self, when: u64, member: &str, instance: Option<&str>) {
        let (group, member) = (GROUP.to_owned(), member.to_owned());
        let instance = instance.map(str::to_owned);
        self.event(when, Event::GroupMemberJoined { group, member, instance, epoch: 1 });
    }

    /// The coordinator counts a member out.
    pub(crate) fn expelled(&mut self, when: u64, member: &str) {
        let (group, member) = (GROUP.to_owned(), member.to_owned());
        self.event(when, Event::GroupMemberLeft { group, member, why: LeaveReason::SessionTimedOut });
    }

    /// A commit is taken: who sent it, with which epoch, and the current one.
    pub(crate) fn committed(
        &mut self,
        when: u64,
        index: i32,
        offset: i64,
        (member, epoch, current_epoch): (&str, i32, i32),
    ) {
        let (group, member) = (GROUP.to_owned(), member.to_owned());
        let (partition, offset) = (partition(index), Offset(offset));
        let fenced = epoch != current_epoch;
        let event = Event::OffsetCommitted { group, partition, offset, member, epoch, current_epoch, fenced };
        self.event(when, event);
    }

    pub(crate) fn expired(&mut self, when: u64, partitions: &[i32]) {
        let partitions = partitions.iter().map(|index| partition(*index)).collect();
        self.event(when, Event::OffsetsExpired { group: GROUP.to_owned(), partitions });
    }

    pub(crate) fn assigned(&mut self, when: u64, epoch: i32, assignments: &[(&str, &[i32])]) {
        let assignments = assignments
            .iter()
            .map(|(member, partitions)| {
                let partitions = partitions.iter().map(|index| partition(*index)).collect();
                ((*member).to_owned(), partitions)
            })
            .collect();
        let (group, protocol) = (GROUP.to_owned(), "range".to_owned());
        self.event(when, Event::GroupAssigned { group, epoch, protocol, assignments });
    }

    pub(crate) fn rebalances(&mut self, began: u64, ended: Option<u64>) {
        let (group, why) = (GROUP.to_owned(), RebalanceReason::MemberJoined);
        self.event(began, Event::GroupRebalanceBegan { group, epoch: 1, why });
        if let Some(ended) = ended {
            self.event(ended, Event::GroupStable { group: GROUP.to_owned(), epoch: 1 });
        }
    }
}
