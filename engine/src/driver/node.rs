//! The loop: one input, one step, all effects, next input.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::connection::{Answer, Closed, Connection};
use super::files::Directory;
use super::mailbox::Mailbox;
use super::peer::{Outgoing, Peer, converse};
use super::platform::{Clock, Network, Platform, Spawner};
use super::shutdown::ShutdownSignal;
use crate::event::Event;
use crate::id::{ConnectionId, Endpoint, NodeId};
use crate::machine::{Effect, Effects, Input, Lane, Machine};
use crate::time::{Instant, Now};
use crate::wire::Listener;

/// Sees what a machine tells about itself, and the machine after each step. Must not change anything it sees.
pub trait Observer<M> {
    /// A fact.
    fn note(&self, now: Now, event: &Event);
    /// The machine after a step.
    fn stepped(&self, now: Now, machine: &M);
}

/// What arrives at the loop.
#[derive(Debug)]
pub(super) enum Mail {
    /// An input for the machine that arrived in `bytes` bytes; 0 for what did not come over the network.
    Input { input: Input, bytes: usize },
    /// A connection is over; `closed` if we ended it.
    ConnectionClosed { connection: ConnectionId, closed: Option<Closed> },
}

/// A machine and the shell around it.
pub struct Node<P: Platform, M: Machine> {
    platform: P,
    machine: M,
    name: String,
    frame_bytes_max: usize,
    listener: Listener,
    observer: Rc<dyn Observer<M>>,
    inbox: Mailbox<Mail>,
    connections: Rc<std::cell::RefCell<BTreeMap<ConnectionId, Mailbox<Answer>>>>,
    peers: BTreeMap<(NodeId, Lane), Peer>,
    directories: BTreeMap<Arc<str>, Directory<P>>,
    effects: Effects,
}

impl<P: Platform, M: Machine + 'static> Node<P, M> {
    /// A shell for `machine`. `name` is its client id towards others; frames above `frame_bytes_max` bytes close
    /// their connection (`socket.request.max.bytes`).
    pub fn new(
        platform: P,
        machine: M,
        listener: Listener,
        name: String,
        frame_bytes_max: usize,
        observer: Rc<dyn Observer<M>>,
    ) -> Node<P, M> {
        Node {
            platform,
            machine,
            name,
            frame_bytes_max,
            listener,
            observer,
            inbox: Mailbox::new(),
            connections: Rc::default(),
            peers: BTreeMap::new(),
            directories: BTreeMap::new(),
            effects: Effects::default(),
        }
    }

    /// Listens and runs the machine until `shutdown` was requested and the machine has stopped.
    ///
    /// # Errors
    /// If `endpoint` cannot be listened on.
    pub async fn run(mut self, endpoint: Endpoint, shutdown: &ShutdownSignal) -> io::Result<()> {
        let listener = self.platform.network().bind(&endpoint).await?;
        self.accept(listener);
        shutdown.attach(self.inbox.clone());
        self.step(Input::Tick);
        let mut alarm = Alarm::new(self.platform.clock().clone());
        while !self.machine.may_stop() {
            alarm.set(self.machine.next_wakeup().map(|(at, _)| at));
            match alarm.or(&self.inbox).await {
                Some(Mail::Input { input, bytes }) => {
                    if bytes > 0 {
                        self.platform.clock().work(bytes).await;
                    }
                    self.step(input);
                }
                Some(Mail::ConnectionClosed { connection, closed }) => self.forget(connection, closed),
                None => self.step(Input::Tick),
            }
        }
        Ok(())
    }

    fn step(&mut self, input: Input) {
        let now = self.platform.clock().now();
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.step(now, input, &mut effects);
        if cfg!(debug_assertions) {
            self.machine.invariants();
        }
        for effect in effects.drain() {
            self.perform(now, effect);
        }
        self.effects = effects;
        self.observer.stepped(now, &self.machine);
    }

    fn perform(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Respond { context, response } => {
                let answer = response.map_or(Answer::Nothing, Answer::Response);
                self.answer(context.connection, answer);
            }
            Effect::Close { connection, reason } => self.answer(connection, Answer::Close(reason)),
            Effect::Call { to, endpoint, lane, token, request, timeout } => {
                let deadline = now.mono.after(timeout);
                self.peer(to, lane).calls.send(Outgoing { endpoint, token, request, deadline });
            }
            Effect::Disconnect { from, lane } => {
                if let Some(peer) = self.peers.get(&(from, lane)) {
                    peer.disconnect();
                }
            }
            Effect::Disk { token, op } => self.directory(&op.directory().clone()).perform(token, op),
            Effect::Note(event) => self.observer.note(now, &event),
        }
    }

    fn answer(&self, connection: ConnectionId, answer: Answer) {
        if let Some(answers) = self.connections.borrow().get(&connection) {
            answers.send(answer);
        }
    }

    fn forget(&mut self, connection: ConnectionId, closed: Option<Closed>) {
        self.connections.borrow_mut().remove(&connection);
        if let Some(Closed { client_id, reason }) = closed {
            let event = Event::ConnectionClosed { client_id, reason };
            self.observer.note(self.platform.clock().now(), &event);
        }
        self.step(Input::Closed { connection });
    }

    fn peer(&mut self, to: NodeId, lane: Lane) -> &Peer {
        let (platform, inbox, name) = (&self.platform, &self.inbox, &self.name);
        self.peers.entry((to, lane)).or_insert_with(|| {
            let peer = Peer::new();
            let conversation = converse(platform.clone(), peer.clone(), inbox.clone(), name.clone());
            platform.spawner().spawn("peer", conversation);
            peer
        })
    }

    fn directory(&mut self, directory: &Arc<str>) -> &mut Directory<P> {
        let (platform, inbox) = (&self.platform, &self.inbox);
        self.directories
            .entry(directory.clone())
            .or_insert_with(|| Directory::new(platform.clone(), inbox.clone()))
    }

    fn accept(&self, listener: <P::Network as Network>::Listener) {
        let (platform, inbox) = (self.platform.clone(), self.inbox.clone());
        let (connections, frame_bytes_max, kind) =
            (self.connections.clone(), self.frame_bytes_max, self.listener);
        let accept = async move {
            let mut next = 0;
            while let Ok(stream) = platform.network().accept(&listener).await {
                next += 1;
                let id = ConnectionId(next);
                let answers = Mailbox::new();
                connections.borrow_mut().insert(id, answers.clone());
                let inbox = inbox.clone();
                let connection: Connection<P::Network> =
                    Connection { id, stream, inbox, answers, listener: kind, frame_bytes_max };
                platform.spawner().spawn("connection", connection.serve());
            }
        };
        self.platform.spawner().spawn("accept", accept);
    }
}

/// A sleep under way.
type Sleep = Pin<Box<dyn Future<Output = ()>>>;

/// Wakes the loop when the machine wants it. Kept armed while its time is not later than wanted: a tick too early
/// costs a step, arming anew costs more.
struct Alarm<C: Clock> {
    clock: C,
    armed: Option<(Instant, Sleep)>,
}

impl<C: Clock> Alarm<C> {
    fn new(clock: C) -> Alarm<C> {
        Alarm { clock, armed: None }
    }

    fn set(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.armed.as_ref().is_none_or(|(armed, _)| *armed > at) {
            self.armed = Some((at, Box::pin(self.clock.sleep_until(at))));
        }
    }

    /// The next mail, or `None` when the alarm rings.
    async fn or(&mut self, inbox: &Mailbox<Mail>) -> Option<Mail> {
        let mut receive = std::pin::pin!(inbox.receive());
        poll_fn(|context| {
            if let Poll::Ready(mail) = receive.as_mut().poll(context) {
                return Poll::Ready(Some(mail));
            }
            match &mut self.armed {
                Some((_, sleep)) => match sleep.as_mut().poll(context) {
                    Poll::Ready(()) => {
                        self.armed = None;
                        Poll::Ready(None)
                    }
                    Poll::Pending => Poll::Pending,
                },
                None => Poll::Pending,
            }
        })
        .await
    }
}
