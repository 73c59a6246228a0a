//! What may happen next to a group of KIP-848, and how often.

use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use super::*;

const MEMBERS: usize = 4;
const PARTITIONS_MAX: i32 = 9;
/// In so many seconds a group recovers from anything, if everybody obeys: a session, and a few heartbeats.
const ROUNDS: usize = 45;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(in crate::group::tests::model) enum Step {
    Beat(usize),
    /// A member does what it was told last.
    Obey(usize),
    Leave(usize),
    Late(usize),
    HangUp(usize),
    Commit {
        member: usize,
        topic: &'static str,
    },
    /// The member's process dies and another starts.
    Restart(usize),
    Zombie {
        member: usize,
        commits: bool,
    },
    /// An operator removes a static member.
    Remove(usize),
    /// The topic gets another partition.
    Grow,
    /// For so many seconds these members send heartbeats; of these, some do what they are told.
    Behave {
        seconds: u64,
        members: u8,
        obey: u8,
    },
    /// No member does this.
    Act(Act),
}

impl Consumer {
    fn step(&mut self, step: &Step) {
        self.desk.acts.clear();
        self.desk.answers.clear();
        match *step {
            Step::Beat(member) => self.send_beat(member),
            Step::Obey(member) => self.clients[member].obey(),
            Step::Leave(member) => self.send_leave(member),
            Step::Late(member) => self.send_late(member),
            Step::HangUp(member) => self.clients[member].hang_up(),
            Step::Commit { member, topic } => self.send_commit(member, topic),
            Step::Restart(member) => {
                self.boots += 1;
                let id = format!("m{}", self.boots);
                self.clients[member].restart(id);
            }
            Step::Zombie { member, commits } => self.send_of_zombie(member, commits),
            Step::Remove(member) => {
                let instance = self.clients[member].instance.clone();
                self.act(Act::Ask(Request::Leave { id: String::new(), instance }));
            }
            Step::Grow => self.partitions = (self.partitions + 1).min(PARTITIONS_MAX),
            Step::Behave { seconds, members, obey } => {
                for _ in 0..seconds {
                    for member in (0..MEMBERS).filter(|member| is_in(members, *member)) {
                        if self.clients[member].asked.is_none() {
                            self.send_beat(member);
                        }
                        if is_in(obey, member) {
                            self.clients[member].obey();
                        }
                    }
                    self.act(Act::Advance(1000));
                }
            }
            Step::Act(ref act) => self.act(act.clone()),
        }
    }

    fn is_possible(&self, step: &Step) -> bool {
        let client = |member: usize| &self.clients[member];
        match *step {
            Step::Beat(member) => client(member).asked.is_none(),
            Step::HangUp(member) => client(member).asked.is_some(),
            Step::Late(member) => client(member).epoch > 1,
            Step::Zombie { member, .. } => client(member).former.is_some(),
            Step::Remove(member) => client(member).instance.is_some(),
            Step::Act(ref act) => act.is_possible(&self.desk),
            _ => true,
        }
    }

    /// Everything works again and everybody does what they should: it ends well.
    pub(super) fn recover_in_time(&mut self, then: &mut dyn FnMut(&Consumer)) {
        self.step(&Step::Act(Act::Log(Log::Works)));
        then(self);
        for _ in 0..ROUNDS {
            self.step(&Step::Behave { seconds: 1, members: u8::MAX, obey: u8::MAX });
            then(self);
        }
        let group = self.desk.durable();
        let is_stable = |member: &group::Member| {
            let Current { epoch, revoking, unreleased, .. } = &member.current;
            *epoch == group.epoch && revoking.is_empty() && !unreleased
        };
        assert!(group.members.values().all(is_stable), "the group recovers");
        assert_eq!(group.members.len(), self.clients.len(), "everybody is in it");
        let mut held: Vec<i32> =
            self.clients.iter().flat_map(|client| client.holds.iter().copied()).collect();
        held.sort_unstable();
        assert_eq!(held, (0..self.partitions).collect::<Vec<_>>(), "every partition has one owner");
        let loads = || self.clients.iter().map(|client| client.holds.len());
        assert!(loads().max() <= loads().min().map(|least| least + 1), "it is balanced");
    }
}

impl ReferenceStateMachine for Consumer {
    type State = Consumer;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Consumer> {
        let assignors = vec![ServerAssignor::Uniform, ServerAssignor::Range];
        prop::sample::select(assignors).prop_map(|assignor| Consumer::new(MEMBERS, assignor)).boxed()
    }

    fn transitions(state: &Consumer) -> BoxedStrategy<Step> {
        let member = || 0..MEMBERS;
        let topic = prop::sample::select(TOPICS.to_vec());
        let millis = prop_oneof![8 => 0..4000_u64, 2 => 0..30_000_u64, 1 => 0..200_000_u64].boxed();
        let commit = (member(), topic).prop_map(|(member, topic)| Step::Commit { member, topic });
        let zombie = (member(), any::<bool>()).prop_map(|(member, commits)| Step::Zombie { member, commits });
        let behave = (0..70_u64, any::<u8>(), any::<u8>())
            .prop_map(|(seconds, members, obey)| Step::Behave { seconds, members, obey });
        let all: Vec<(u32, BoxedStrategy<Step>)> = vec![
            (12, member().prop_map(Step::Beat).boxed()),
            (7, member().prop_map(Step::Obey).boxed()),
            (2, member().prop_map(Step::Leave).boxed()),
            (1, member().prop_map(Step::Late).boxed()),
            (1, member().prop_map(Step::HangUp).boxed()),
            (2, commit.boxed()),
            (2, member().prop_map(Step::Restart).boxed()),
            (1, zombie.boxed()),
            (1, member().prop_map(Step::Remove).boxed()),
            (1, Just(Step::Grow).boxed()),
            (2, behave.boxed()),
            (Act::WEIGHT, Act::without_members(state.desk.uncommitted(), millis).prop_map(Step::Act).boxed()),
        ];
        let state = state.clone();
        Union::new_weighted(all)
            .prop_filter("it cannot happen now", move |step| state.is_possible(step))
            .boxed()
    }

    fn apply(mut state: Consumer, step: &Step) -> Consumer {
        state.step(step);
        state
    }

    fn preconditions(state: &Consumer, step: &Step) -> bool {
        state.is_possible(step)
    }
}
