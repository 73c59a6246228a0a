//! The network: carries what the socket stacks send, when and if it may.
//!
//! The stacks are turmoil-net's and know no time. They keep ports and connections: handshakes, refusals, FIN, RST.
//! The bytes of a connection between two hosts go past them, through its flows: a stack copies every byte several
//! times and looks at every socket whenever anything is sent. This module decides when a packet arrives:
//! - In one connection packets arrive in the order they were sent, whatever latency was drawn.
//! - Nothing is ever lost for good: a lost packet is late, a partition holds packets until it heals and the running
//!   retransmission timeout is over.
//! - Acknowledgements do not travel, but for the end of a handshake and that of a FIN. A sender knows at once how
//!   much is on the way or unread, and stops when that fills the connection's window.
//! - A dead machine hears and says nothing. Of what was sent to it the newest packet of each connection is kept and
//!   delivered after the reboot, as a retransmission would be; the fresh stack answers with a reset.
//!
//! A host's connections to itself stay within its stack: no latency, no faults. Hosts are added before the first
//! event. The stack's retransmission counts passes, not time, and is switched off.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tribunal_engine::rng::Rng;
use turmoil_net::{EnterGuard, KernelConfig, Net, Packet, TcpFlags, TcpSegment, Transport};

use super::core::Runtime;
use super::flow::{Flow, Flows, Socket};
use super::host::{HostId, HostStatus};
use super::link::{Links, NetworkSettings};
use super::trace::{Digest, TraceKind};

/// Room in a sender's socket.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Largest payload of a packet: the window of the stack's headers, which have no scaling.
const PAYLOAD_MAX: u32 = 65_535;
const IP_AND_TCP_HEADER_BYTES: u32 = 40;
/// Connections waiting for their `accept`. No listener is to refuse for this reason.
const BACKLOG: usize = 1 << 16;

/// What travels.
enum Load {
    /// What the stacks say to each other.
    Stack(Packet),
    /// Bytes of a connection.
    Bytes(Bytes),
}

/// A packet on its way.
pub(super) struct InFlight {
    load: Load,
    flow: Rc<Flow>,
    sent: u64,
    /// Packets that arrive at one instant arrive in this order, however often they were put off.
    sequence: u64,
}

/// Where packets wait.
struct Transit {
    flows: Flows,
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<InFlight>>,
    free: Vec<u32>,
    sequence: u64,
    rng: Rng,
    /// Packets held by a partition, in order of arrival.
    held: BTreeMap<(HostId, HostId), Vec<InFlight>>,
    /// The newest packet of each connection to a dead machine.
    unanswered: BTreeMap<HostId, BTreeMap<u64, InFlight>>,
    /// Connects of each host whose first packet has not left, oldest first.
    connecting: Vec<VecDeque<Rc<Cell<bool>>>>,
}

/// The network of one simulation.
pub(super) struct Network {
    net: RefCell<Option<Net>>,
    guard: RefCell<Option<EnterGuard>>,
    stacks: RefCell<Vec<turmoil_net::HostId>>,
    current: Cell<Option<HostId>>,
    /// Whether a stack may have something to send.
    pub(super) dirty: Cell<bool>,
    /// Flows with bytes to send, in the order in which they were written to.
    written: RefCell<Vec<Rc<Flow>>>,
    /// Whether the simulation is over; sockets that outlive it are not closed.
    over: Cell<bool>,
    pub(super) links: RefCell<Links>,
    transit: RefCell<Transit>,
    outbox: RefCell<Vec<Packet>>,
}

impl Network {
    pub(super) fn new(settings: NetworkSettings, rng: Rng) -> Self {
        let config = KernelConfig::default()
            .mtu(PAYLOAD_MAX + IP_AND_TCP_HEADER_BYTES)
            .loopback_mtu(PAYLOAD_MAX + IP_AND_TCP_HEADER_BYTES)
            .send_buf_cap(SEND_BUFFER_BYTES)
            .default_backlog(BACKLOG)
            .retx_threshold(u32::MAX);
        Network {
            net: RefCell::new(Some(Net::with_config(config))),
            guard: RefCell::new(None),
            stacks: RefCell::default(),
            current: Cell::new(None),
            dirty: Cell::new(false),
            written: RefCell::default(),
            over: Cell::new(false),
            links: RefCell::new(Links::new(settings)),
            transit: RefCell::new(Transit {
                flows: Flows::default(),
                heap: BinaryHeap::new(),
                slots: Vec::new(),
                free: Vec::new(),
                sequence: 0,
                rng,
                held: BTreeMap::new(),
                unanswered: BTreeMap::new(),
                connecting: Vec::new(),
            }),
            outbox: RefCell::default(),
        }
    }

    pub(super) fn add_host(&self, host: HostId, send_bytes_per_second: Option<u64>) {
        let mut net = self.net.borrow_mut();
        let net = net.as_mut().expect("hosts are added before the first event of the simulation");
        self.stacks.borrow_mut().push(net.add_host(address(host)));
        self.links.borrow_mut().add_host(send_bytes_per_second);
        self.transit.borrow_mut().connecting.push(VecDeque::new());
    }

    /// Puts the stacks in place on this thread. After this no host can be added.
    pub(super) fn start(&self) {
        if let Some(net) = self.net.borrow_mut().take() {
            *self.guard.borrow_mut() = Some(net.enter());
        }
    }

    /// Takes the stacks away. Sockets that are left are dead.
    pub(super) fn stop(&self) {
        self.over.set(true);
        let guard = self.guard.borrow_mut().take();
        drop(guard);
    }

    /// Makes `host` the one whose sockets are meant; false if the simulation is over or has not begun.
    pub(super) fn enter(&self, host: HostId) -> bool {
        if self.over.get() {
            return false;
        }
        if self.current.get() != Some(host) {
            self.start();
            turmoil_net::set_current(self.stacks.borrow()[host.index()]);
            self.current.set(Some(host));
        }
        true
    }

    /// The earliest arrival.
    pub(super) fn next(&self) -> Option<u64> {
        self.transit.borrow().heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Announces a connect whose first packet is about to leave. The flag tells that its process gave up.
    pub(super) fn connecting(&self, host: HostId) -> Rc<Cell<bool>> {
        let abandoned = Rc::new(Cell::new(false));
        self.transit.borrow_mut().connecting[host.index()].push_back(Rc::clone(&abandoned));
        self.dirty.set(true);
        abandoned
    }

    /// Both directions of a standing connection: what its owner sends, and what it receives.
    pub(super) fn flows(&self, own: Socket, peer: Socket) -> (Rc<Flow>, Rc<Flow>) {
        let flows = &mut self.transit.borrow_mut().flows;
        (flows.get(own, peer), flows.get(peer, own))
    }

    /// Takes what a process writes to its socket.
    pub(super) fn write(&self, flow: &Rc<Flow>, context: &Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let (taken, news) = ready!(flow.write(context, bytes, SEND_BUFFER_BYTES));
        if news {
            self.written.borrow_mut().push(Rc::clone(flow));
        }
        Poll::Ready(taken)
    }

    /// Whether something waits to be sent.
    pub(super) fn is_busy(&self) -> bool {
        self.dirty.get() || !self.written.borrow().is_empty()
    }

    /// Sends what was written and what the stacks want to say, until they want no more. Bytes go first: a FIN comes
    /// after what was written before it.
    pub(super) fn flush(&self, runtime: &Runtime) {
        let window = self.links.borrow().window_bytes();
        let mut written = self.written.take();
        for flow in written.drain(..) {
            self.send_written(runtime, &flow, window);
        }
        self.written.replace(written);
        while self.dirty.replace(false) {
            let mut outbox = self.outbox.take();
            if let Some(guard) = self.guard.borrow().as_ref() {
                guard.egress_all(&mut outbox);
            }
            for packet in outbox.drain(..) {
                self.send(runtime, packet);
            }
            self.outbox.replace(outbox);
        }
    }

    /// Sends all that was written to a flow whose sender closes its socket, whatever the window says.
    pub(super) fn send_rest(&self, runtime: &Runtime, flow: &Rc<Flow>) {
        self.send_written(runtime, flow, u64::MAX);
    }

    fn send_written(&self, runtime: &Runtime, flow: &Rc<Flow>, window: u64) {
        while let Some(message) = flow.next_message(PAYLOAD_MAX as usize, window) {
            self.launch(runtime, flow, Load::Bytes(message));
        }
    }

    fn send(&self, runtime: &Runtime, packet: Packet) {
        let Some((from, to, segment)) = ends(&packet) else { return };
        let flags = segment.flags;
        let flow = {
            let transit = &mut *self.transit.borrow_mut();
            let opening = flags.syn && !flags.ack;
            if runtime.status(from.host) == HostStatus::Dark {
                return;
            }
            let flow = if opening { transit.flows.open(from, to) } else { transit.flows.get(from, to) };
            if opening {
                if let Some(abandoned) = transit.connecting[from.host.index()].pop_front() {
                    *flow.abandoned.borrow_mut() = abandoned;
                }
            } else if flags.syn {
                flow.established.set(true);
            } else if !flags.fin && !flags.rst {
                let closing = transit.flows.get(to, from).finished.get();
                if flow.established.replace(true) && !closing {
                    return;
                }
            }
            flow.finished.set(flow.finished.get() || flags.fin);
            flow
        };
        self.launch(runtime, &flow, Load::Stack(packet));
    }

    fn launch(&self, runtime: &Runtime, flow: &Rc<Flow>, load: Load) {
        let (from, to) = (flow.from.host, flow.to.host);
        if runtime.status(from) == HostStatus::Dark {
            return;
        }
        let transit = &mut *self.transit.borrow_mut();
        let now = runtime.now_nanos();
        let arrival = self.links.borrow_mut().arrival(
            now,
            (from, to),
            load.bytes(),
            load.is_opening(),
            &mut transit.rng,
        );
        transit.sequence += 1;
        let sequence = transit.sequence;
        transit.schedule(arrival, InFlight { load, flow: Rc::clone(flow), sent: now, sequence });
    }

    /// Tells the network that the owner of `flow`'s far end has read `bytes`.
    pub(super) fn consumed(&self, flow: &Rc<Flow>, bytes: u64) {
        if flow.consumed(bytes, self.links.borrow().window_bytes()) {
            self.written.borrow_mut().push(Rc::clone(flow));
        }
    }

    /// Resets a connection whose owner closes it with bytes unread, as Linux does.
    pub(super) fn reset(&self, runtime: &Runtime, incoming: &Flow) {
        let flags = TcpFlags { rst: true, ..TcpFlags::default() };
        self.hand_over(made_up(incoming.from, incoming.to, flags, Bytes::new()));
        self.send(runtime, made_up(incoming.to, incoming.from, flags, Bytes::new()));
    }

    fn hand_over(&self, packet: Packet) {
        if let Some(guard) = self.guard.borrow().as_ref() {
            guard.deliver(packet);
        }
    }

    /// Delivers one packet that is due at `now`; false if none is.
    pub(super) fn deliver_due(&self, runtime: &Runtime, now: u64) -> bool {
        let in_flight = {
            let transit = &mut *self.transit.borrow_mut();
            match transit.heap.peek() {
                Some(Reverse((at, _, _))) if *at <= now => {}
                _ => return false,
            }
            let Some(in_flight) = transit.pop() else { return false };
            let (from, to) = (in_flight.flow.from.host, in_flight.flow.to.host);
            if in_flight.flow.barrier.get() > now {
                let barrier = in_flight.flow.barrier.get();
                transit.schedule(barrier, in_flight);
                return true;
            }
            if self.links.borrow().is_blocked(from, to) {
                transit.held.entry((from, to)).or_default().push(in_flight);
                return true;
            }
            if runtime.status(to) == HostStatus::Dark {
                transit.unanswered.entry(to).or_default().insert(in_flight.flow.key(), in_flight);
                return true;
            }
            in_flight
        };
        self.arrive(runtime, now, in_flight);
        true
    }

    fn arrive(&self, runtime: &Runtime, now: u64, InFlight { load, flow, .. }: InFlight) {
        let mut digest = Digest(flow.key());
        load.digest(&mut digest);
        let line = Line { flow: &flow, load: &load };
        runtime.trace.borrow_mut().event(now, flow.to.host, TraceKind::Packet, digest.finish(), line);
        match load {
            Load::Bytes(bytes) => {
                if let Some(unwanted) = flow.arrived(bytes) {
                    // The stack resets a connection it does not know.
                    self.hand_over(made_up(flow.from, flow.to, TcpFlags::default(), unwanted));
                    self.dirty.set(true);
                }
            }
            Load::Stack(packet) => self.arrive_at_stack(runtime, packet, &flow),
        }
    }

    fn arrive_at_stack(&self, runtime: &Runtime, packet: Packet, flow: &Rc<Flow>) {
        let Transport::Tcp(segment) = &packet.payload else { return };
        let flags = segment.flags;
        if flags.syn && self.answer_for_the_absent(runtime, &packet, flow) {
            return;
        }
        if flow.orphaned.get() && !flags.syn {
            return self.answer_for_the_orphan(runtime, &packet, segment);
        }
        let back = flags.rst.then(|| self.transit.borrow_mut().flows.close(flow));
        self.dirty.set(true);
        self.hand_over(packet);
        if flags.fin || flags.rst {
            flow.end(flags.rst);
        }
        if let Some(back) = back {
            back.give_up();
        }
    }

    /// A connect whose process gave up is not retransmitted; if its listener has already answered, the connection
    /// is completed and reset. (A stack that is reset in mid-handshake would keep the port for ever.)
    fn answer_for_the_absent(&self, runtime: &Runtime, packet: &Packet, flow: &Rc<Flow>) -> bool {
        let Some((from, to, segment)) = ends(packet) else { return false };
        if !segment.flags.ack {
            let abandoned = flow.abandoned.borrow().get();
            if !abandoned {
                self.transit.borrow_mut().flows.begin(flow);
            }
            return abandoned;
        }
        let opener = self.transit.borrow_mut().flows.get(to, from);
        if !opener.abandoned.borrow().get() {
            return false;
        }
        let completion = acknowledge(packet, segment);
        let mut reset = completion.clone();
        if let Transport::Tcp(segment) = &mut reset.payload {
            segment.flags.rst = true;
        }
        self.send(runtime, completion);
        self.send(runtime, reset);
        true
    }

    /// A socket whose process is gone takes acknowledgements and a FIN quietly; only data make it reset.
    fn answer_for_the_orphan(&self, runtime: &Runtime, packet: &Packet, segment: &TcpSegment) {
        if segment.flags.fin {
            self.send(runtime, acknowledge(packet, segment));
        }
    }

    /// Sends on the packets that were held on links which are open again.
    pub(super) fn release(&self, runtime: &Runtime, opened: &[(HostId, HostId)]) {
        let transit = &mut *self.transit.borrow_mut();
        for pair in opened {
            for in_flight in transit.held.remove(pair).unwrap_or_default() {
                self.retransmit(runtime, transit, in_flight);
            }
        }
    }

    fn retransmit(&self, runtime: &Runtime, transit: &mut Transit, in_flight: InFlight) {
        let flow = &in_flight.flow;
        let opening = in_flight.load.is_opening();
        if opening && flow.abandoned.borrow().get() {
            return;
        }
        let now = runtime.now_nanos();
        let mut arrival = flow.barrier.get();
        if arrival <= now {
            let mut links = self.links.borrow_mut();
            let again = links.next_retransmission(in_flight.sent, now, opening);
            let pair = (flow.from.host, flow.to.host);
            arrival =
                links.arrival_of_retransmission(again, pair, &mut transit.rng).max(flow.last_arrival.get());
            flow.barrier.set(arrival);
        }
        transit.schedule(arrival, in_flight);
    }

    /// Ends every connection of a host whose process is gone, without a word to its peers: what its stack had to
    /// say it has said. A stack that kept half-closed sockets would not give the port to the next boot.
    pub(super) fn purge(&self, runtime: &Runtime, host: HostId) {
        let flows = {
            let transit = &mut *self.transit.borrow_mut();
            if runtime.status(host) == HostStatus::Dark {
                // What a partition holds is what the machine would send again, and it will not.
                transit.held.retain(|(from, _), _| *from != host);
            }
            transit.flows.close_all_of(host, runtime.status(host) == HostStatus::Crashed)
        };
        for flow in flows {
            let flags = TcpFlags { rst: true, ..TcpFlags::default() };
            self.hand_over(made_up(flow.from, flow.to, flags, Bytes::new()));
        }
        self.dirty.set(true);
        self.flush(runtime);
        self.transit.borrow_mut().connecting[host.index()].clear();
    }

    /// The machine answers again: what was sent to it while it was dead arrives by retransmission.
    pub(super) fn reboot(&self, runtime: &Runtime, host: HostId) {
        let transit = &mut *self.transit.borrow_mut();
        for in_flight in transit.unanswered.remove(&host).unwrap_or_default().into_values() {
            self.retransmit(runtime, transit, in_flight);
        }
    }
}

impl Transit {
    fn schedule(&mut self, arrival: u64, in_flight: InFlight) {
        let at = arrival.max(in_flight.flow.last_arrival.get());
        in_flight.flow.last_arrival.set(at);
        let sequence = in_flight.sequence;
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(in_flight);
            slot
        } else {
            self.slots.push(Some(in_flight));
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 packets at a time")
        };
        self.heap.push(Reverse((at, sequence, slot)));
    }

    fn pop(&mut self) -> Option<InFlight> {
        let Reverse((_, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.slots[slot as usize].take()
    }
}

impl Load {
    fn bytes(&self) -> u64 {
        match self {
            Load::Stack(_) => 0,
            Load::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn flags(&self) -> TcpFlags {
        match self {
            Load::Stack(Packet { payload: Transport::Tcp(segment), .. }) => segment.flags,
            _ => TcpFlags::default(),
        }
    }

    fn is_opening(&self) -> bool {
        self.flags().syn
    }

    fn digest(&self, digest: &mut Digest) {
        match self {
            Load::Stack(_) => {
                let flags = self.flags();
                digest.add(u64::from(flags.syn) | u64::from(flags.fin) << 1 | u64::from(flags.rst) << 2);
            }
            Load::Bytes(bytes) => digest.add_ends(bytes),
        }
    }
}

/// A packet in a trace.
struct Line<'a> {
    flow: &'a Flow,
    load: &'a Load,
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Flow { from, to, .. } = self.flow;
        write!(formatter, "{}:{} -> {}:{}", from.host, from.port, to.host, to.port)?;
        let flags = self.load.flags();
        for (set, name) in [(flags.syn, "SYN"), (flags.fin, "FIN"), (flags.rst, "RST")] {
            if set {
                write!(formatter, " {name}")?;
            }
        }
        let mut digest = Digest(0);
        if let Load::Bytes(bytes) = self.load {
            digest.add_bytes(bytes);
        }
        write!(formatter, " {}B {:016x}", self.load.bytes(), digest.finish())
    }
}

/// The address of a host: 10.x.y.z, numbered from 1.
pub(super) fn address(host: HostId) -> IpAddr {
    let number = u32::try_from(host.index() + 1).expect("at most 65536 hosts");
    IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + number))
}

/// The host at an address.
pub(super) fn host_at(address: IpAddr) -> Option<HostId> {
    let IpAddr::V4(address) = address else { return None };
    let number = address.to_bits().checked_sub(Ipv4Addr::new(10, 0, 0, 1).to_bits())?;
    Some(HostId::from_index(usize::try_from(number).ok().filter(|index| *index < 1 << 16)?))
}

fn ends(packet: &Packet) -> Option<(Socket, Socket, &TcpSegment)> {
    let Transport::Tcp(segment) = &packet.payload else { return None };
    let from = Socket { host: host_at(packet.src)?, port: segment.src_port };
    let to = Socket { host: host_at(packet.dst)?, port: segment.dst_port };
    Some((from, to, segment))
}

/// What the receiver of `packet` answers to say that it has it.
fn acknowledge(packet: &Packet, segment: &TcpSegment) -> Packet {
    let length = u32::try_from(segment.payload.len()).expect("a payload fits a packet");
    let acknowledged =
        segment.seq.wrapping_add(length).wrapping_add(u32::from(segment.flags.syn || segment.flags.fin));
    let flags = TcpFlags { ack: true, ..TcpFlags::default() };
    Packet {
        src: packet.dst,
        dst: packet.src,
        ttl: packet.ttl,
        payload: Transport::Tcp(TcpSegment {
            src_port: segment.dst_port,
            dst_port: segment.src_port,
            seq: segment.ack,
            ack: acknowledged,
            flags,
            window: u16::MAX,
            payload: Bytes::new(),
        }),
    }
}

/// What a stack is told that nobody sent.
fn made_up(from: Socket, to: Socket, flags: TcpFlags, payload: Bytes) -> Packet {
    let (src_port, dst_port) = (from.port, to.port);
    let segment = TcpSegment { src_port, dst_port, seq: 0, ack: 0, flags, window: 0, payload };
    Packet { src: address(from.host), dst: address(to.host), ttl: 64, payload: Transport::Tcp(segment) }
}
