//! Links: one for each directed pair of hosts, with latency, bandwidth, loss and what is broken about it.
//!
//! A message leaves through the network card of its host, which sends one message after the other, travels for a
//! drawn time, and takes longer if it is lost: a lost message arrives when its retransmission does, one
//! retransmission timeout later, two more if that is lost too, and so on. A link knows nothing of connections;
//! their order is kept by `flow`.

use std::collections::BTreeMap;

use tribunal_engine::rng::Rng;
use tribunal_engine::time::Duration;

use super::host::HostId;
use super::latency::{Latency, nanos, transfer_nanos};

/// Ethernet, IP and TCP headers that every message pays for, in bytes.
const HEADER_BYTES: u64 = 66;
/// A message is never retransmitted more often than this before it arrives (Linux `tcp_retries2`).
const LOSSES_MAX: u32 = 15;
/// The longest retransmission timeout (Linux `TCP_RTO_MAX`).
const TIMEOUT_MAX: u64 = 120_000_000_000;

/// What the network is like where nothing is said about a link.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// Travel time of a message, one way.
    pub latency: Latency,
    /// Share of messages that are lost and arrive by retransmission; 0 to 1.
    pub loss: f64,
    /// First retransmission timeout; doubles with every loss (Linux `TCP_RTO_MIN`).
    pub retransmission_timeout: Duration,
    /// The same for the first message of a connection (RFC 6298, 2.1).
    pub connect_retransmission_timeout: Duration,
    /// Bytes a connection may have on the way or unread at its receiver (Linux `tcp_rmem`, after scaling).
    pub window_bytes: u64,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        NetworkSettings {
            latency: Latency::Fixed(Duration::from_micros(100)),
            loss: 0.0,
            retransmission_timeout: Duration::from_millis(200),
            connect_retransmission_timeout: Duration::from_secs(1),
            window_bytes: 4 << 20,
        }
    }
}

/// Names a network fault that can be healed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FaultId(u64);

/// Which messages a partition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Between the two sides, both ways.
    Full,
    /// From the first side to the second only.
    OneWay,
}

/// What makes a link slow.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SlowLink {
    /// On top of the link's latency.
    pub extra: Latency,
    /// What the link carries; `None` for no limit of its own.
    pub bytes_per_second: Option<u64>,
    /// Share of messages lost, on top of the network's.
    pub loss: f64,
}

/// What a link has carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkTraffic {
    /// The sender.
    pub from: HostId,
    /// The receiver.
    pub to: HostId,
    /// Messages, handshakes included, acknowledgements not.
    pub packets: u64,
    /// Bytes in them, headers not counted.
    pub bytes: u64,
}

#[derive(Clone, Default)]
struct Link {
    latency: Option<Latency>,
    blocked: u32,
    slow: Vec<(FaultId, SlowLink)>,
    busy_until: u64,
    packets: u64,
    bytes: u64,
}

enum Fault {
    Partition(Vec<(HostId, HostId)>),
    Slow(Vec<(HostId, HostId)>),
}

/// All links of a simulation.
pub(super) struct Links {
    settings: NetworkSettings,
    hosts: usize,
    links: Vec<Link>,
    /// Until when each host's network card is sending.
    cards: Vec<(Option<u64>, u64)>,
    faults: BTreeMap<FaultId, Fault>,
    last_fault: u64,
}

impl Links {
    pub(super) fn new(settings: NetworkSettings) -> Self {
        Links {
            settings,
            hosts: 0,
            links: Vec::new(),
            cards: Vec::new(),
            faults: BTreeMap::new(),
            last_fault: 0,
        }
    }

    /// Adds the host that comes next in number. All hosts are added before anything is sent.
    pub(super) fn add_host(&mut self, send_bytes_per_second: Option<u64>) {
        let (old, new) = (self.hosts, self.hosts + 1);
        let mut links = vec![Link::default(); new * new];
        for from in 0..old {
            for to in 0..old {
                links[from * new + to] = std::mem::take(&mut self.links[from * old + to]);
            }
        }
        self.links = links;
        self.hosts = new;
        self.cards.push((send_bytes_per_second, 0));
    }

    fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        &mut self.links[from.index() * self.hosts + to.index()]
    }

    /// Gives the link its own latency.
    pub(super) fn set_latency(&mut self, from: HostId, to: HostId, latency: Latency) {
        self.link(from, to).latency = Some(latency);
    }

    /// When a message of `bytes` bytes sent at `now` arrives.
    pub(super) fn arrival(
        &mut self,
        now: u64,
        (from, to): (HostId, HostId),
        bytes: u64,
        opening: bool,
        rng: &mut Rng,
    ) -> u64 {
        let card = &mut self.cards[from.index()];
        card.1 = card.1.max(now).saturating_add(transfer_nanos(bytes + HEADER_BYTES, card.0));
        let mut at = card.1;
        let (mut loss, common) = (self.settings.loss, self.settings.latency);
        let link = &mut self.links[from.index() * self.hosts + to.index()];
        link.packets += 1;
        link.bytes += bytes;
        let mut travel = link.latency.unwrap_or(common).draw(rng);
        for (_, slow) in &link.slow {
            if slow.bytes_per_second.is_some() {
                let transfer = transfer_nanos(bytes + HEADER_BYTES, slow.bytes_per_second);
                link.busy_until = link.busy_until.max(at).saturating_add(transfer);
                at = link.busy_until;
            }
            travel = travel.saturating_add(slow.extra.draw(rng));
            loss += slow.loss;
        }
        if loss > 0.0 {
            travel = travel.saturating_add(self.retransmission_delay(loss, opening, rng));
        }
        at.saturating_add(travel)
    }

    /// When a message that is sent again at `again`, some time from now, arrives. It does not queue at the network
    /// card: what the card sends until then is not known yet, and must not wait for it.
    pub(super) fn arrival_of_retransmission(
        &mut self,
        again: u64,
        (from, to): (HostId, HostId),
        rng: &mut Rng,
    ) -> u64 {
        let common = self.settings.latency;
        let link = &mut self.links[from.index() * self.hosts + to.index()];
        link.packets += 1;
        let extra = link.slow.iter().map(|(_, slow)| slow.extra.draw(rng)).fold(0, u64::saturating_add);
        again.saturating_add(link.latency.unwrap_or(common).draw(rng)).saturating_add(extra)
    }

    fn retransmission_delay(&self, loss: f64, opening: bool, rng: &mut Rng) -> u64 {
        let (mut delay, mut timeout) = (0u64, self.first_timeout(opening));
        for _ in 0..LOSSES_MAX {
            if !rng.chance(loss) {
                break;
            }
            delay = delay.saturating_add(timeout);
            timeout = timeout.saturating_mul(2).min(TIMEOUT_MAX);
        }
        delay
    }

    fn first_timeout(&self, opening: bool) -> u64 {
        nanos(if opening {
            self.settings.connect_retransmission_timeout
        } else {
            self.settings.retransmission_timeout
        })
        .max(1)
    }

    /// The first time at or after `now` at which a message sent at `sent` and never acknowledged is sent again.
    pub(super) fn next_retransmission(&self, sent: u64, now: u64, opening: bool) -> u64 {
        let (mut at, mut timeout) = (sent, self.first_timeout(opening));
        while at < now {
            at = at.saturating_add(timeout);
            timeout = timeout.saturating_mul(2).min(TIMEOUT_MAX);
        }
        at
    }

    pub(super) fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.links[from.index() * self.hosts + to.index()].blocked > 0
    }

    pub(super) fn window_bytes(&self) -> u64 {
        self.settings.window_bytes
    }

    /// Blocks the links from one side to the other.
    pub(super) fn partition(&mut self, from: &[HostId], to: &[HostId], direction: Direction) -> FaultId {
        let pairs = pairs(from, to, direction);
        for (from, to) in &pairs {
            self.link(*from, *to).blocked += 1;
        }
        self.add_fault(Fault::Partition(pairs))
    }

    /// Makes the links from one side to the other slow.
    pub(super) fn slow(&mut self, from: &[HostId], to: &[HostId], slow: SlowLink) -> FaultId {
        let pairs = pairs(from, to, Direction::OneWay);
        let id = self.add_fault(Fault::Slow(pairs.clone()));
        for (from, to) in pairs {
            self.link(from, to).slow.push((id, slow));
        }
        id
    }

    fn add_fault(&mut self, fault: Fault) -> FaultId {
        self.last_fault += 1;
        self.faults.insert(FaultId(self.last_fault), fault);
        FaultId(self.last_fault)
    }

    /// Ends a fault; answers with the links it opened. Nothing happens if it has ended.
    pub(super) fn heal(&mut self, fault: FaultId) -> Vec<(HostId, HostId)> {
        match self.faults.remove(&fault) {
            None => Vec::new(),
            Some(Fault::Slow(pairs)) => {
                for (from, to) in pairs {
                    self.link(from, to).slow.retain(|(id, _)| *id != fault);
                }
                Vec::new()
            }
            Some(Fault::Partition(mut pairs)) => {
                pairs.retain(|(from, to)| {
                    let link = self.link(*from, *to);
                    link.blocked -= 1;
                    link.blocked == 0
                });
                pairs
            }
        }
    }

    /// What every link that carried something has carried, by sender and receiver.
    pub(super) fn traffic(&self) -> Vec<LinkTraffic> {
        let traffic = |(index, link): (usize, &Link)| LinkTraffic {
            from: HostId::from_index(index / self.hosts),
            to: HostId::from_index(index % self.hosts),
            packets: link.packets,
            bytes: link.bytes,
        };
        self.links.iter().enumerate().filter(|(_, link)| link.packets > 0).map(traffic).collect()
    }
}

/// Every pair of different hosts from one side to the other, each once.
fn pairs(from: &[HostId], to: &[HostId], direction: Direction) -> Vec<(HostId, HostId)> {
    let mut pairs: Vec<(HostId, HostId)> = Vec::new();
    for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
        if from != to {
            pairs.push((from, to));
            if direction == Direction::Full {
                pairs.push((to, from));
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId::FIRST;

    fn links(settings: NetworkSettings, send_bytes_per_second: Option<u64>) -> (Links, HostId) {
        let mut links = Links::new(settings);
        links.add_host(send_bytes_per_second);
        links.add_host(send_bytes_per_second);
        (links, HostId::from_index(1))
    }

    fn fixed(micros: u64) -> NetworkSettings {
        NetworkSettings {
            latency: Latency::Fixed(Duration::from_micros(micros)),
            ..NetworkSettings::default()
        }
    }

    #[test]
    fn messages_of_one_host_queue_at_its_network_card() {
        let (mut links, b) = links(fixed(10), Some(1_000_000_000));
        let mut rng = Rng::from_seed(1);
        assert_eq!(links.arrival(0, (A, b), 934, false, &mut rng), 11_000);
        assert_eq!(links.arrival(0, (A, b), 934, false, &mut rng), 12_000);
        assert_eq!(links.arrival(0, (b, A), 934, false, &mut rng), 11_000);
    }

    #[test]
    fn a_retransmission_to_come_holds_up_nothing_that_is_sent_before_it() {
        let (mut links, b) = links(fixed(10), Some(1_000_000_000));
        let mut rng = Rng::from_seed(1);
        assert_eq!(links.arrival_of_retransmission(5_000_000_000, (A, b), &mut rng), 5_000_010_000);
        assert_eq!(links.arrival(0, (A, b), 934, false, &mut rng), 11_000);
    }

    #[test]
    fn a_lost_message_arrives_whole_timeouts_later() {
        let (mut links, b) = links(NetworkSettings { loss: 0.5, ..fixed(0) }, None);
        let mut rng = Rng::from_seed(1);
        let arrivals: Vec<u64> = (0..50).map(|_| links.arrival(0, (A, b), 1, false, &mut rng)).collect();
        assert!(arrivals.contains(&0) && arrivals.contains(&200_000_000) && arrivals.contains(&600_000_000));
    }

    #[test]
    fn a_link_opens_when_its_last_partition_heals() {
        let (mut links, b) = links(fixed(0), None);
        let first = links.partition(&[A], &[b], Direction::Full);
        let second = links.partition(&[A], &[b], Direction::OneWay);
        assert_eq!(links.heal(first), vec![(b, A)]);
        assert!(links.is_blocked(A, b) && !links.is_blocked(b, A));
        assert_eq!(links.heal(second), vec![(A, b)]);
        assert_eq!(links.heal(second), vec![]);
    }

    #[test]
    fn a_slow_link_adds_time_until_it_heals() {
        let (mut links, b) = links(fixed(10), None);
        let mut rng = Rng::from_seed(1);
        let extra = Latency::Fixed(Duration::from_micros(5));
        let fault = links.slow(&[A], &[b], SlowLink { extra, ..SlowLink::default() });
        assert_eq!(links.arrival(0, (A, b), 0, false, &mut rng), 15_000);
        links.heal(fault);
        assert_eq!(links.arrival(0, (A, b), 0, false, &mut rng), 10_000);
    }

    #[test]
    fn retransmissions_come_at_doubling_distances() {
        let (links, _) = links(fixed(0), None);
        let ms = 1_000_000;
        assert_eq!(links.next_retransmission(0, 1, false), 200 * ms);
        assert_eq!(links.next_retransmission(0, 200 * ms + 1, false), 600 * ms);
        assert_eq!(links.next_retransmission(0, 700 * ms, true), 1000 * ms);
    }
}
