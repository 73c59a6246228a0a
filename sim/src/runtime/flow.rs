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
    /// Whether the connection was reset.
    closed: Cell<bool>,
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
            closed: Cell::new(false),
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

    /// Notes that a connection was reset.
    pub(super) fn close(&mut self, flow: &Flow) {
        flow.closed.set(true);
        self.get(flow.to, flow.from).closed.set(true);
    }

    /// Ends every connection of `host`; answers with the flows that led to it and were not reset before.
    pub(super) fn close_all_of(&mut self, host: HostId) -> Vec<Rc<Flow>> {
        self.flows.retain(|_, flow| !flow.closed.get());
        let of_host = |flow: &&Rc<Flow>| flow.to.host == host || flow.from.host == host;
        let mut ended: Vec<Rc<Flow>> = self.flows.values().filter(of_host).cloned().collect();
        for flow in &ended {
            flow.closed.set(true);
            if flow.from.host == host {
                flow.abandoned.borrow().set(true);
            }
        }
        ended.retain(|flow| flow.to.host == host);
        ended
    }
}

/// Hosts and ports in one word: ordered by sender, then receiver.
fn key(from: Socket, to: Socket) -> u64 {
    from.host.number() << 48 | u64::from(from.port) << 32 | to.host.number() << 16 | u64::from(to.port)
}
