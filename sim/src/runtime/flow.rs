//! A flow: one direction of one connection.
//!
//! Keeps what the socket stack leaves to the network: the order of messages, how many bytes are on the way or
//! unread, and whether somebody still reads at the far end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use turmoil_net::Packet;

use super::host::HostId;

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Socket {
    pub(super) host: HostId,
    pub(super) port: u16,
}

/// One direction of one connection.
pub(super) struct Flow {
    pub(super) from: Socket,
    pub(super) to: Socket,
    /// Bytes the sender gave to its socket.
    pub(super) written: Cell<u64>,
    /// Bytes the sender's socket gave to the network.
    pub(super) sent: Cell<u64>,
    /// Bytes that reached the receiver's socket.
    pub(super) delivered: Cell<u64>,
    /// Bytes the receiver took out of its socket.
    pub(super) consumed: Cell<u64>,
    /// When the last message arrives: none may overtake it.
    pub(super) last_arrival: Cell<u64>,
    /// Until then every packet waits: an earlier one is being retransmitted.
    pub(super) barrier: Cell<u64>,
    /// The acknowledgement the sender has not been given, because too much is on the way or unread.
    pub(super) withheld: RefCell<Option<Packet>>,
    /// Whether a stream of the receiving process reads this flow.
    pub(super) read: Cell<bool>,
    /// Whether the third message of the handshake has passed.
    pub(super) established: Cell<bool>,
    /// Whether the sender has closed its direction.
    pub(super) finished: Cell<bool>,
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
            written: Cell::new(0),
            sent: Cell::new(0),
            delivered: Cell::new(0),
            consumed: Cell::new(0),
            last_arrival: Cell::new(0),
            barrier: Cell::new(0),
            withheld: RefCell::new(None),
            read: Cell::new(false),
            established: Cell::new(false),
            finished: Cell::new(false),
            gone: Cell::new(false),
            orphaned: Cell::new(false),
            abandoned: RefCell::new(Rc::default()),
        }
    }

    /// Bytes on the way or unread.
    pub(super) fn outstanding(&self) -> u64 {
        self.sent.get().saturating_sub(self.consumed.get())
    }

    /// Bytes the receiver can take at once.
    pub(super) fn available(&self) -> u64 {
        self.delivered.get().saturating_sub(self.consumed.get())
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

    /// Notes that a connection was reset: neither socket is any more.
    pub(super) fn close(&mut self, flow: &Flow) {
        flow.gone.set(true);
        self.get(flow.to, flow.from).gone.set(true);
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
