//! A flow: one direction of one connection.
//!
//! Keeps what the socket stack leaves to the network: the bytes themselves, at the sender and at the receiver, the
//! order of messages, how many bytes are on the way or unread, and whether somebody still reads at the far end.
//! Does not know when a message arrives; `network` does.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

use super::host::HostId;

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Socket {
    pub(super) host: HostId,
    pub(super) port: u16,
}

/// What the sender wrote and the network has not taken.
#[derive(Default)]
struct Outgoing {
    bytes: BytesMut,
    /// Whether the network knows that there is something to send.
    listed: bool,
    /// Whether the window is full.
    waits: bool,
    writer: Option<Waker>,
}

/// What has arrived and is unread.
#[derive(Default)]
struct Incoming {
    messages: VecDeque<Bytes>,
    closed: bool,
    reader: Option<Waker>,
}

/// One direction of one connection.
pub(super) struct Flow {
    pub(super) from: Socket,
    pub(super) to: Socket,
    outgoing: RefCell<Outgoing>,
    incoming: RefCell<Incoming>,
    /// Bytes on the way or unread.
    outstanding: Cell<u64>,
    /// When the last message arrives: none may overtake it.
    pub(super) last_arrival: Cell<u64>,
    /// Until then every packet waits: an earlier one is being retransmitted.
    pub(super) barrier: Cell<u64>,
    /// Whether the third message of the handshake has passed.
    pub(super) established: Cell<bool>,
    /// Whether the sender has closed its direction.
    pub(super) finished: Cell<bool>,
    /// Whether a FIN or a reset has arrived: the receiver's stack knows what a read is to answer.
    pub(super) ended: Cell<bool>,
    /// Whether the receiver's socket is gone for good.
    gone: Cell<bool>,
    /// Whether it went with its process, while the machine lives.
    pub(super) orphaned: Cell<bool>,
    /// Whether the process that opened the connection gave up before it stood.
    pub(super) abandoned: RefCell<Rc<Cell<bool>>>,
}

impl Flow {
    fn new(from: Socket, to: Socket) -> Self {
        Flow {
            from,
            to,
            outgoing: RefCell::default(),
            incoming: RefCell::default(),
            outstanding: Cell::new(0),
            last_arrival: Cell::new(0),
            barrier: Cell::new(0),
            established: Cell::new(false),
            finished: Cell::new(false),
            ended: Cell::new(false),
            gone: Cell::new(false),
            orphaned: Cell::new(false),
            abandoned: RefCell::new(Rc::default()),
        }
    }

    /// Takes what the sender writes, as far as its socket has room, and says whether the network must be told.
    pub(super) fn write(&self, context: &Context<'_>, bytes: &[u8], room: usize) -> Poll<(usize, bool)> {
        let outgoing = &mut *self.outgoing.borrow_mut();
        let taken = bytes.len().min(room.saturating_sub(outgoing.bytes.len()));
        if taken == 0 && !bytes.is_empty() {
            outgoing.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        outgoing.bytes.extend_from_slice(&bytes[..taken]);
        let news = !outgoing.waits && !outgoing.listed && taken > 0;
        outgoing.listed |= news;
        Poll::Ready((taken, news))
    }

    /// Waits until the network has taken all that was written.
    pub(super) fn drained(&self, context: &Context<'_>) -> Poll<()> {
        let outgoing = &mut *self.outgoing.borrow_mut();
        if outgoing.bytes.is_empty() {
            return Poll::Ready(());
        }
        outgoing.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// The next message for the network: at most `size_max` bytes, and only while less than `window` bytes are on
    /// the way or unread. After `None` the flow is off the network's list.
    pub(super) fn next_message(&self, size_max: usize, window: u64) -> Option<Bytes> {
        let outgoing = &mut *self.outgoing.borrow_mut();
        outgoing.waits = self.outstanding.get() >= window && !outgoing.bytes.is_empty();
        if outgoing.waits || outgoing.bytes.is_empty() {
            outgoing.listed = false;
            return None;
        }
        let size = outgoing.bytes.len().min(size_max);
        let message = outgoing.bytes.split_to(size).freeze();
        self.outstanding.set(self.outstanding.get() + size as u64);
        if let Some(writer) = outgoing.writer.take() {
            writer.wake();
        }
        Some(message)
    }

    /// A message reached the receiver's socket. Gives it back if nobody will ever read it.
    pub(super) fn arrived(&self, message: Bytes) -> Option<Bytes> {
        let incoming = &mut *self.incoming.borrow_mut();
        if incoming.closed || self.ended.get() || self.gone.get() {
            return Some(message);
        }
        incoming.messages.push_back(message);
        if let Some(reader) = incoming.reader.take() {
            reader.wake();
        }
        None
    }

    /// Copies what has arrived into `buffer`; waits if there is nothing.
    pub(super) fn read(&self, context: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<usize> {
        let incoming = &mut *self.incoming.borrow_mut();
        let before = buffer.filled().len();
        while let Some(message) = incoming.messages.front_mut() {
            let part = message.len().min(buffer.remaining());
            buffer.put_slice(&message[..part]);
            message.advance(part);
            if !message.is_empty() {
                break;
            }
            incoming.messages.pop_front();
        }
        let read = buffer.filled().len() - before;
        if read == 0 && incoming.messages.is_empty() {
            if incoming.reader.as_ref().is_none_or(|reader| !reader.will_wake(context.waker())) {
                incoming.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(read)
    }

    /// Whether something has arrived that is unread.
    pub(super) fn is_unread(&self) -> bool {
        !self.incoming.borrow().messages.is_empty()
    }

    /// Whether the receiver's socket is gone, by a reset or with its process.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Notes that the receiver took `bytes` out of its socket. True if the network may go on sending.
    pub(super) fn consumed(&self, bytes: u64, window: u64) -> bool {
        self.outstanding.set(self.outstanding.get().saturating_sub(bytes));
        let outgoing = &mut *self.outgoing.borrow_mut();
        let resumes = outgoing.waits && self.outstanding.get() <= window / 2;
        if resumes {
            outgoing.waits = false;
            outgoing.listed = true;
        }
        resumes
    }

    /// The receiver closes its socket: what has arrived is thrown away, what will arrive comes back.
    pub(super) fn close_reader(&self) {
        let incoming = &mut *self.incoming.borrow_mut();
        incoming.closed = true;
        incoming.messages.clear();
        incoming.reader = None;
    }

    /// A FIN or, if `reset`, a reset arrived: whoever waits for this end is woken. A reset wins over unread bytes.
    pub(super) fn end(&self, reset: bool) {
        self.ended.set(true);
        let incoming = &mut *self.incoming.borrow_mut();
        if reset {
            incoming.messages.clear();
        }
        if let Some(reader) = incoming.reader.take() {
            reader.wake();
        }
    }

    /// The connection was reset: what was not sent never will be.
    pub(super) fn give_up(&self) {
        let outgoing = &mut *self.outgoing.borrow_mut();
        outgoing.bytes.clear();
        if let Some(writer) = outgoing.writer.take() {
            writer.wake();
        }
    }

    /// Names the flow in a trace.
    pub(super) fn key(&self) -> u64 {
        key(self.from, self.to)
    }
}

/// All flows of a simulation.
#[derive(Default)]
pub(super) struct Flows {
    flows: BTreeMap<u64, Rc<Flow>>,
}

impl Flows {
    /// The flow between two sockets; a new one if there is none.
    pub(super) fn get(&mut self, from: Socket, to: Socket) -> Rc<Flow> {
        let flow = self.flows.entry(key(from, to)).or_insert_with(|| Rc::new(Flow::new(from, to)));
        Rc::clone(flow)
    }

    /// Starts both directions of a connection afresh: its port may have been used before.
    pub(super) fn open(&mut self, from: Socket, to: Socket) -> Rc<Flow> {
        self.flows.insert(key(to, from), Rc::new(Flow::new(to, from)));
        let flow = Rc::new(Flow::new(from, to));
        self.flows.insert(key(from, to), Rc::clone(&flow));
        flow
    }

    /// The first packet of a connection reached its listener. An earlier process of that host may have ended since
    /// the packet was sent; the connection is with the one that is there now.
    pub(super) fn begin(&mut self, flow: &Rc<Flow>) {
        flow.gone.set(false);
        flow.orphaned.set(false);
        self.flows.insert(flow.key(), Rc::clone(flow));
        self.get(flow.to, flow.from).gone.set(false);
    }

    /// Notes that a connection was reset: neither socket is any more. Answers with the other direction.
    pub(super) fn close(&mut self, flow: &Flow) -> Rc<Flow> {
        flow.gone.set(true);
        let back = self.get(flow.to, flow.from);
        back.gone.set(true);
        back
    }

    /// Ends the sockets of `host`; answers with the flows that led to them. `orphaned` if the machine lives.
    pub(super) fn close_all_of(&mut self, host: HostId, orphaned: bool) -> Vec<Rc<Flow>> {
        let mut led_here = Vec::new();
        for flow in self.flows.values() {
            if flow.from.host == host {
                flow.abandoned.borrow().set(true);
            }
            if flow.to.host == host {
                flow.gone.set(true);
                flow.orphaned.set(orphaned);
                led_here.push(Rc::clone(flow));
            }
        }
        let forgotten: Vec<u64> =
            self.flows.values().filter(|flow| self.is_over(flow)).map(|flow| flow.key()).collect();
        for key in forgotten {
            self.flows.remove(&key);
        }
        led_here
    }

    fn is_over(&self, flow: &Flow) -> bool {
        flow.gone.get() && self.flows.get(&key(flow.to, flow.from)).is_none_or(|back| back.gone.get())
    }
}

/// Hosts and ports in one word: ordered by sender, then receiver.
fn key(from: Socket, to: Socket) -> u64 {
    from.host.number() << 48 | u64::from(from.port) << 32 | to.host.number() << 16 | u64::from(to.port)
}
