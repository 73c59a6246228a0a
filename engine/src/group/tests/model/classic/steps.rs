//! What may happen next to a group of the classic protocol, and how often.

use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use super::*;

const MEMBERS: usize = 4;
/// In so many rounds of two seconds a group recovers from anything: a session, a rebalance that somebody misses, a
/// generation whose leader does not assign, each with its timeout.
const ROUNDS: usize = 90;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(in crate::group::tests::model) enum Step {
    Join {
        member: usize,
        changed: bool,
    },
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    /// The member's connection breaks: it does not hear what it waits for.
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
    /// For so many seconds these members do what they should; of these, those that sync ask for their assignments.
    Behave {
        seconds: u64,
        members: u8,
        syncs: u8,
    },
    /// No member does this.
    Act(Act),
}

impl Classic {
    fn step(&mut self, step: &Step) {
        self.desk.acts.clear();
        self.desk.answers.clear();
        match *step {
            Step::Join { member, changed } => self.send_join(member, changed),
            Step::Sync(member) => self.send_sync(member),
            Step::Heartbeat(member) => self.send_heartbeat(member),
            Step::Leave(member) => self.send_leave(member),
            Step::HangUp(member) => {
                let client = &mut self.clients[member];
                (client.joining, client.syncing) = (None, None);
            }
            Step::Commit { member, topic } => self.send_commit(member, topic),
            Step::Restart(member) => self.clients[member].forget(),
            Step::Zombie { member, commits } => self.send_of_zombie(member, commits),
            Step::Remove(member) => {
                let instance = self.clients[member].instance.clone();
                self.act(Act::Ask(Request::Leave { id: String::new(), instance }));
            }
            Step::Behave { seconds, members, syncs } => {
                for _ in 0..seconds.div_ceil(2) {
                    for member in (0..MEMBERS).filter(|member| is_in(members, *member)) {
                        self.behave(member, is_in(syncs, member));
                    }
                    self.act(Act::Advance(2000));
                }
            }
            Step::Act(ref act) => self.act(act.clone()),
        }
    }

    fn is_possible(&self, step: &Step) -> bool {
        let client = |member: usize| &self.clients[member];
        match *step {
            Step::Join { member, .. } => !client(member).waits(),
            Step::Sync(member) => !client(member).waits() && client(member).generation > 0,
            Step::Heartbeat(member) => client(member).generation > 0,
            Step::HangUp(member) => client(member).waits(),
            Step::Leave(member) => !client(member).id.is_empty(),
            Step::Zombie { member, .. } => client(member).former.is_some(),
            Step::Remove(member) => client(member).instance.is_some(),
            Step::Act(ref act) => act.is_possible(&self.desk),
            _ => true,
        }
    }

    /// Everything works again and everybody does what they should: it ends well.
    pub(super) fn recover_in_time(&mut self, then: &mut dyn FnMut(&Classic)) {
        self.step(&Step::Act(Act::Log(Log::Works)));
        then(self);
        let everybody = |seconds| Step::Behave { seconds, members: u8::MAX, syncs: u8::MAX };
        for _ in 0..ROUNDS {
            self.step(&everybody(2));
            then(self);
            if self.group.phase == Phase::Stable && self.clients.iter().all(|client| client.assigned) {
                break;
            }
        }
        // And so it stays.
        self.step(&everybody(20));
        then(self);
        assert_eq!(self.group.phase, Phase::Stable, "the group recovers");
        let mut ids: Vec<&String> = self.clients.iter().map(|client| &client.id).collect();
        ids.sort_unstable();
        assert_eq!(self.group.members.keys().collect::<Vec<_>>(), ids, "everybody is in it");
        assert!(self.clients.iter().all(|client| client.assigned), "everybody has its share");
    }
}

impl ReferenceStateMachine for Classic {
    type State = Classic;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Classic> {
        Just(Classic::new(MEMBERS)).boxed()
    }

    fn transitions(state: &Classic) -> BoxedStrategy<Step> {
        let member = 0..MEMBERS;
        let topic = prop::sample::select(TOPICS.to_vec());
        let millis = prop_oneof![8 => 0..8000_u64, 2 => 0..70_000_u64, 1 => 0..200_000_u64].boxed();
        let all: Vec<(u32, BoxedStrategy<Step>)> = vec![
            (
                6,
                (member.clone(), prop::bool::weighted(0.2))
                    .prop_map(|(member, changed)| Step::Join { member, changed })
                    .boxed(),
            ),
            (5, member.clone().prop_map(Step::Sync).boxed()),
            (3, member.clone().prop_map(Step::Heartbeat).boxed()),
            (1, member.clone().prop_map(Step::Leave).boxed()),
            (1, member.clone().prop_map(Step::HangUp).boxed()),
            (3, (member.clone(), topic).prop_map(|(member, topic)| Step::Commit { member, topic }).boxed()),
            (2, member.clone().prop_map(Step::Restart).boxed()),
            (
                2,
                (member.clone(), any::<bool>())
                    .prop_map(|(member, commits)| Step::Zombie { member, commits })
                    .boxed(),
            ),
            (1, member.prop_map(Step::Remove).boxed()),
            (
                4,
                (0..80_u64, any::<u8>(), any::<u8>())
                    .prop_map(|(seconds, members, syncs)| Step::Behave { seconds, members, syncs })
                    .boxed(),
            ),
            (Act::WEIGHT, Act::without_members(state.desk.uncommitted(), millis).prop_map(Step::Act).boxed()),
        ];
        let state = state.clone();
        Union::new_weighted(all)
            .prop_filter("it cannot happen now", move |step| state.is_possible(step))
            .boxed()
    }

    fn apply(mut state: Classic, step: &Step) -> Classic {
        state.step(step);
        state
    }

    fn preconditions(state: &Classic, step: &Step) -> bool {
        state.is_possible(step)
    }
}
