//! What a member of a group of KIP-848 knows, holds and sends.

use super::*;

/// A member as it sees itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    /// 0 if it is in no group.
    pub(super) epoch: i32,
    /// What it processes.
    pub(super) holds: BTreeSet<i32>,
    /// What it was told to.
    told: BTreeSet<i32>,
    /// Its heartbeat that waits, and the epoch it said.
    pub(super) asked: Option<(u64, i32)>,
    /// Its last heartbeat came to nothing: it says everything of itself again, and is told everything.
    failed: bool,
    /// The process before this one: its id and its epoch.
    pub(super) former: Option<(String, i32)>,
}

impl Client {
    /// Every second one is static.
    pub(super) fn new(index: usize) -> Client {
        let instance = (index % 2 == 1).then(|| format!("i{index}"));
        Client { id: format!("m{index}"), instance, ..Client::default() }
    }

    /// It is in no group.
    pub(super) fn forget(&mut self) {
        let Client { id, instance, former, .. } = std::mem::take(self);
        *self = Client { id, instance, former, ..Client::default() };
    }

    /// Another process takes its place. This one does not know.
    pub(super) fn restart(&mut self, id: String) {
        let former = (self.epoch > 0).then(|| (self.id.clone(), self.epoch));
        self.forget();
        self.id = id;
        self.former = former.or_else(|| self.former.take());
    }

    /// Its connection breaks: it does not hear the answer.
    pub(super) fn hang_up(&mut self) {
        self.asked = None;
        self.failed = true;
    }

    /// Gives up what it must, or if there is nothing, takes what it may.
    pub(super) fn obey(&mut self) {
        if self.holds.is_subset(&self.told) {
            self.holds.clone_from(&self.told);
        } else {
            self.holds.retain(|index| self.told.contains(index));
        }
    }

    pub(super) fn hear(&mut self, answers: &BTreeMap<u64, Answer>) {
        let Some((ticket, epoch)) = self.asked else { return };
        let Some(answer) = answers.get(&ticket) else { return };
        self.asked = None;
        match answer {
            Answer::Beaten { epoch: told, assignment } => {
                assert!(*told >= self.epoch, "an epoch goes back");
                assert!(epoch != 0 || assignment.is_some(), "who joins is told all");
                self.epoch = *told;
                if let Some(assignment) = assignment {
                    self.told.clone_from(assignment);
                }
            }
            Answer::NotBeaten(
                ErrorCode::FencedMemberEpoch
                | ErrorCode::UnknownMemberId
                | ErrorCode::FencedInstanceId
                | ErrorCode::GroupIdNotFound,
            ) => self.forget(),
            // Of an instance id that is not released: the process before has not left, its session must end first.
            Answer::NotBeaten(
                ErrorCode::UnreleasedInstanceId
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator,
            ) => self.failed = true,
            other => panic!("{other:?} is no answer to a member that behaves"),
        }
    }
}

impl Consumer {
    fn send(&mut self, request: Request) {
        self.act(Act::Ask(request));
    }

    /// Sends a heartbeat; one that is in no group joins.
    pub(super) fn send_beat(&mut self, index: usize) {
        let ticket = self.desk.tickets + 1;
        let client = &mut self.clients[index];
        let failed = std::mem::take(&mut client.failed);
        if client.epoch == 0 {
            client.holds.clear();
            client.told.clear();
        } else if failed {
            client.told.retain(|index| client.holds.contains(index));
        }
        // It says what it holds when it has done what it was told: until then it might still take more.
        let settled = failed || client.epoch == 0 || client.holds == client.told;
        client.asked = Some((ticket, client.epoch));
        let beat = Beat {
            id: client.id.clone(),
            instance: client.instance.clone(),
            epoch: client.epoch,
            says: settled.then(|| client.holds.clone()),
            full: failed || client.epoch == 0,
            partitions: self.partitions,
        };
        self.send(Request::Beat(beat));
    }

    fn silent(&self, index: usize, id: String, epoch: i32) -> Beat {
        let instance = self.clients[index].instance.clone();
        Beat { id, instance, epoch, says: None, full: false, partitions: self.partitions }
    }

    /// Static members leave for a while. Whoever leaves stops at once.
    pub(super) fn send_leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let (id, epoch) = (client.id.clone(), if client.instance.is_some() { -2 } else { -1 });
        client.forget();
        let beat = self.silent(index, id, epoch);
        self.send(Request::Beat(beat));
    }

    /// A heartbeat with the epoch before this one comes late, over a connection that is broken: the member does not hear
    /// what is told, and knows that it missed something.
    pub(super) fn send_late(&mut self, index: usize) {
        self.clients[index].failed = true;
        let Client { id, epoch, holds, .. } = self.clients[index].clone();
        let beat = Beat { says: Some(holds), ..self.silent(index, id, epoch - 1) };
        self.send(Request::Beat(beat));
    }

    pub(super) fn send_commit(&mut self, index: usize, topic: &'static str) {
        let Client { id, epoch, .. } = self.clients[index].clone();
        self.offset += 1;
        let epoch = if epoch == 0 { -1 } else { epoch };
        self.send(Request::Commit { id, epoch, topic, offset: self.offset });
    }

    /// What the process before this one says, which does not know that it is none any more.
    pub(super) fn send_of_zombie(&mut self, index: usize, commits: bool) {
        let Some((id, epoch)) = self.clients[index].former.clone() else { return };
        self.offset += 1;
        let request = if commits {
            Request::Commit { id, epoch, topic: TOPICS[0], offset: self.offset }
        } else {
            Request::Beat(self.silent(index, id, epoch))
        };
        self.send(request);
    }

    /// No partition is held by two members that the coordinator takes for what they are.
    pub(super) fn nobody_shares(&self, bench: &Bench) {
        let stored = bench.shard.stored().group(GROUP);
        let Some(group) = stored.and_then(|group| group.consumer.as_ref()) else { return };
        let mut holders: BTreeMap<i32, &str> = BTreeMap::new();
        for client in &self.clients {
            let Some(current) = group.current.get(&client.id) else { continue };
            if client.epoch == current.epoch || client.epoch == current.previous_epoch {
                for index in &client.holds {
                    if let Some(other) = holders.insert(*index, &client.id) {
                        panic!("orders/{index} is held by {other} and {}", client.id);
                    }
                }
            }
        }
    }
}
