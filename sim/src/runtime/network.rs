//! The network: carries what the socket stacks send, when and if it may.
//!
//! The stacks are turmoil-net's and know no time. This module decides when a packet arrives:
//! - In one connection packets arrive in the order they were sent, whatever latency was drawn.
//! - Nothing is ever lost for good: a lost packet is late, a partition holds packets until it heals and the running
//!   retransmission timeout is over.
//! - Acknowledgements do not travel. The sender's stack is given one for each packet at once, as long as the
//!   connection's window (bytes on the way or unread) has room. This stands for window scaling, which the stack
//!   lacks, and saves half of all packets. Only the end of a handshake and the acknowledgement of a FIN travel.
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

/// A packet on its way.
pub(super) struct InFlight {
    packet: Packet,
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
    /// Whether the simulation is over; sockets that outlive it are not closed.
    over: Cell<bool>,
    pub(super) links: RefCell<Links>,
    transit: RefCell<Transit>,
    outbox: RefCell<Vec<Packet>>,
}

impl Network {
    pub(super) fn new(settings: NetworkSettings, rng: Rng) -> Self {
        // The stack must have room for all that its window, kept here, lets through.
        let room = usize::try_from(settings.window_bytes).unwrap_or(usize::MAX / 2);
        let config = KernelConfig::default()
            .mtu(PAYLOAD_MAX + IP_AND_TCP_HEADER_BYTES)
            .loopback_mtu(PAYLOAD_MAX + IP_AND_TCP_HEADER_BYTES)
            .send_buf_cap(SEND_BUFFER_BYTES)
            .recv_buf_cap(room + 2 * SEND_BUFFER_BYTES)
            .default_backlog(BACKLOG)
            .retx_threshold(u32::MAX);
        Network {
            net: RefCell::new(Some(Net::with_config(config))),
            guard: RefCell::new(None),
            stacks: RefCell::default(),
            current: Cell::new(None),
            dirty: Cell::new(false),
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

    /// Collects what the stacks want to send, until they want no more. With `all`, windows do not matter.
    pub(super) fn flush(&self, runtime: &Runtime, all: bool) {
        while self.dirty.replace(false) {
            let mut outbox = self.outbox.take();
            if let Some(guard) = self.guard.borrow().as_ref() {
                guard.egress_all(&mut outbox);
            }
            for packet in outbox.drain(..) {
                self.send(runtime, packet, all);
            }
            self.outbox.replace(outbox);
        }
    }

    fn send(&self, runtime: &Runtime, packet: Packet, all: bool) {
        let Some((from, to, segment)) = ends(&packet) else { return };
        if runtime.status(from.host) == HostStatus::Dark {
            return;
        }
        let flags = segment.flags;
        let bytes = segment.payload.len() as u64;
        let transit = &mut *self.transit.borrow_mut();
        let opening = flags.syn && !flags.ack;
        let flow = if opening { transit.flows.open(from, to) } else { transit.flows.get(from, to) };
        if opening {
            if let Some(abandoned) = transit.connecting[from.host.index()].pop_front() {
                *flow.abandoned.borrow_mut() = abandoned;
            }
        } else if flags.syn {
            flow.established.set(true);
        } else if bytes == 0 && !flags.fin && !flags.rst {
            let closing = transit.flows.get(to, from).finished.get();
            if flow.established.replace(true) && !closing {
                return;
            }
        }
        flow.finished.set(flow.finished.get() || flags.fin);
        if bytes > 0 {
            flow.established.set(true);
            flow.sent.set(flow.sent.get() + bytes);
            let acknowledgement = acknowledge(&packet, segment);
            if all || flow.outstanding() < self.links.borrow().window_bytes() {
                self.hand_over(acknowledgement);
                if flow.written.get() > flow.sent.get() || flow.finished.get() {
                    self.dirty.set(true);
                }
            } else {
                *flow.withheld.borrow_mut() = Some(acknowledgement);
            }
        }
        let now = runtime.now_nanos();
        let arrival =
            self.links.borrow_mut().arrival(now, (from.host, to.host), bytes, flags.syn, &mut transit.rng);
        transit.sequence += 1;
        let sequence = transit.sequence;
        transit.schedule(arrival, InFlight { packet, flow, sent: now, sequence });
    }

    /// Tells the network that the owner of `flow`'s far end has read `bytes`.
    pub(super) fn consumed(&self, flow: &Flow, bytes: u64) {
        flow.consumed.set(flow.consumed.get() + bytes);
        let room = flow.outstanding() <= self.links.borrow().window_bytes() / 2;
        if room && flow.withheld.borrow().is_some() {
            let withheld = flow.withheld.take();
            if let Some(acknowledgement) = withheld {
                self.hand_over(acknowledgement);
                self.dirty.set(true);
            }
        }
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

    fn arrive(&self, runtime: &Runtime, now: u64, InFlight { packet, flow, .. }: InFlight) {
        let Transport::Tcp(segment) = &packet.payload else { return };
        let flags = segment.flags;
        let mut digest = Digest(flow.key());
        digest.add(u64::from(flags.syn) | u64::from(flags.fin) << 1 | u64::from(flags.rst) << 2);
        digest.add_ends(&segment.payload);
        let line = Line { flow: &flow, segment };
        runtime.trace.borrow_mut().event(now, flow.to.host, TraceKind::Packet, digest.finish(), line);
        if flags.syn && self.answer_for_the_absent(runtime, &packet, &flow) {
            return;
        }
        if flow.orphaned.get() && !flags.syn && segment.payload.is_empty() {
            return self.answer_for_the_orphan(runtime, &packet, segment);
        }
        let plain = !flags.syn && !flags.fin && !flags.rst;
        flow.delivered.set(flow.delivered.get() + segment.payload.len() as u64);
        if !plain || !flow.read.get() {
            self.dirty.set(true);
        }
        if flags.rst {
            self.transit.borrow_mut().flows.close(&flow);
        }
        self.hand_over(packet);
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
        self.send(runtime, completion, false);
        self.send(runtime, reset, false);
        true
    }

    /// A socket whose process is gone takes acknowledgements and a FIN quietly; only data make it reset.
    fn answer_for_the_orphan(&self, runtime: &Runtime, packet: &Packet, segment: &TcpSegment) {
        if segment.flags.fin {
            self.send(runtime, acknowledge(packet, segment), false);
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
        let opening = matches!(&in_flight.packet.payload, Transport::Tcp(segment) if segment.flags.syn);
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
            self.hand_over(made_up(flow.from, flow.to, TcpFlags { rst: true, ..TcpFlags::default() }));
        }
        self.dirty.set(true);
        self.flush(runtime, true);
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

struct Line<'a> {
    flow: &'a Flow,
    segment: &'a TcpSegment,
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Flow { from, to, .. }, segment) = (self.flow, self.segment);
        write!(formatter, "{}:{} -> {}:{}", from.host, from.port, to.host, to.port)?;
        for (set, name) in
            [(segment.flags.syn, "SYN"), (segment.flags.fin, "FIN"), (segment.flags.rst, "RST")]
        {
            if set {
                write!(formatter, " {name}")?;
            }
        }
        let mut digest = Digest(0);
        digest.add_bytes(&segment.payload);
        write!(formatter, " {}B {:016x}", segment.payload.len(), digest.finish())
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

fn made_up(from: Socket, to: Socket, flags: TcpFlags) -> Packet {
    let (src_port, dst_port) = (from.port, to.port);
    let payload = Bytes::new();
    let segment = TcpSegment { src_port, dst_port, seq: 0, ack: 0, flags, window: 0, payload };
    Packet { src: address(from.host), dst: address(to.host), ttl: 64, payload: Transport::Tcp(segment) }
}
