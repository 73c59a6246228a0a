//! What a member of the classic protocol knows, and what it sends.

use super::*;

/// A member as it sees itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) instance: Option<String>,
    pub(super) id: String,
    /// 0 if it is in none.
    pub(super) generation: i32,
    taste: usize,
    /// Everybody in the generation, if it leads.
    led: Vec<String>,
    pub(super) joining: Option<u64>,
    pub(super) syncing: Option<u64>,
    beating: Option<u64>,
    pub(super) assigned: bool,
    /// The process before this one: its id and its generation.
    pub(super) former: Option<(String, i32)>,
}

impl Client {
    /// Every second one is static.
    pub(super) fn new(index: usize) -> Client {
        Client { instance: (index % 2 == 1).then(|| format!("i{index}")), ..Client::default() }
    }

    /// It knows nothing any more, and whatever it waited for it will not hear.
    pub(super) fn forget(&mut self) {
        let former = (self.generation > 0).then(|| (self.id.clone(), self.generation));
        *self = Client {
            instance: self.instance.clone(),
            taste: self.taste,
            former: former.or_else(|| self.former.take()),
            ..Client::default()
        };
    }

    pub(super) fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub(super) fn hear(&mut self, answers: &BTreeMap<u64, Answer>) {
        let answer = |ticket: &mut Option<u64>| {
            let answer = ticket.and_then(|ticket| answers.get(&ticket));
            ticket.take_if(|_| answer.is_some());
            answer.cloned()
        };
        if let Some(answer) = answer(&mut self.joining) {
            self.on_joined(answer);
        }
        if let Some(Answer::Synced(error, _)) = answer(&mut self.syncing) {
            self.on_error(error);
            self.assigned = !error.is_error();
            if error.is_error() {
                self.generation = 0;
            }
        }
        match answer(&mut self.beating) {
            Some(Answer::Told(ErrorCode::RebalanceInProgress)) => self.assigned = false,
            Some(Answer::Told(error)) => self.on_error(error),
            _ => {}
        }
    }

    fn on_joined(&mut self, answer: Answer) {
        match answer {
            Answer::Joined { id, generation, members, .. } => {
                (self.id, self.generation, self.led, self.assigned) = (id, generation, members, false);
            }
            Answer::NotJoined(ErrorCode::MemberIdRequired, id) => self.id = id,
            Answer::NotJoined(error, _) => self.on_error(error),
            other => unreachable!("{other:?} answers no JoinGroup"),
        }
    }

    fn on_error(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(),
            ErrorCode::IllegalGeneration => (self.generation, self.assigned) = (0, false),
            _ => {}
        }
    }
}

impl Classic {
    fn send(&mut self, request: Request) {
        self.act(Act::Ask(request));
    }

    fn ticket(&self) -> Option<u64> {
        Some(self.desk.tickets + 1)
    }

    pub(super) fn send_join(&mut self, index: usize, changed: bool) {
        let ticket = self.ticket();
        let client = &mut self.clients[index];
        client.joining = ticket;
        client.taste = (client.taste + usize::from(changed)) % 3;
        let request =
            Request::Join { id: client.id.clone(), instance: client.instance.clone(), taste: client.taste };
        self.send(request);
    }

    pub(super) fn send_sync(&mut self, index: usize) {
        let ticket = self.ticket();
        let client = &mut self.clients[index];
        client.syncing = ticket;
        let generation = client.generation;
        let assignments = client.led.iter().map(|id| (id.clone(), format!("{generation}/{id}"))).collect();
        let (id, instance) = (client.id.clone(), client.instance.clone());
        self.send(Request::Sync { id, instance, generation, assignments });
    }

    pub(super) fn send_heartbeat(&mut self, index: usize) {
        let ticket = self.ticket();
        let client = &mut self.clients[index];
        client.beating = ticket;
        let Client { id, instance, generation, .. } = client.clone();
        self.send(Request::Heartbeat { id, instance, generation });
    }

    pub(super) fn send_leave(&mut self, index: usize) {
        let Client { id, instance, .. } = self.clients[index].clone();
        self.clients[index].forget();
        self.send(Request::Leave { id, instance });
    }

    /// A commit of a member, or of somebody outside the group that nobody is in yet.
    pub(super) fn send_commit(&mut self, index: usize, topic: &'static str) {
        let Client { id, generation, .. } = self.clients[index].clone();
        let epoch = if id.is_empty() { -1 } else { generation };
        self.offset += 1;
        self.send(Request::Commit { id, epoch, topic, offset: self.offset });
    }

    /// What the process before this one says, which does not know that it is none any more.
    pub(super) fn send_of_zombie(&mut self, index: usize, commits: bool) {
        let client = &self.clients[index];
        let Some((id, generation)) = client.former.clone() else { return };
        self.offset += 1;
        let (instance, offset) = (client.instance.clone(), self.offset);
        self.send(if commits {
            Request::Commit { id, epoch: generation, topic: TOPICS[0], offset }
        } else {
            Request::Heartbeat { id, instance, generation }
        });
    }

    /// A member does what members do; one that does not sync only says that it lives.
    pub(super) fn behave(&mut self, index: usize, syncs: bool) {
        if self.clients[index].generation > 0 {
            self.send_heartbeat(index);
        }
        let client = &self.clients[index];
        if client.assigned || client.waits() {
            return;
        }
        let rebalances = matches!(self.group.phase, Phase::Joining { .. });
        if client.generation == 0 || rebalances {
            self.send_join(index, false);
        } else if syncs {
            self.send_sync(index);
        }
    }
}
