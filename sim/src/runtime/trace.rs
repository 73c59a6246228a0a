//! The trace: what happened, in order, folded into one number.
//!
//! Promises: two runs with the same trace hash did the same things at the same virtual times, up to a collision of
//! 64 bits; recording lines changes neither the hash nor the run. Bytes of packets enter the hash by their length,
//! their first 128 and their last 16 bytes: enough to see a record batch differ, because its checksum is in front.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::host::HostId;

/// What kind of event a trace line is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TraceKind {
    /// A task was polled.
    Poll = 1,
    /// A packet reached its host.
    Packet = 2,
    /// A timer fired.
    Timer = 3,
    /// A disk operation ended.
    Disk = 4,
    /// A machine or a driver noted something.
    Note = 5,
    /// A process, a host or the network was broken or mended.
    Fault = 6,
}

impl TraceKind {
    fn word(self) -> &'static str {
        match self {
            TraceKind::Poll => "poll",
            TraceKind::Packet => "packet",
            TraceKind::Timer => "timer",
            TraceKind::Disk => "disk",
            TraceKind::Note => "note",
            TraceKind::Fault => "fault",
        }
    }
}

/// Takes one line of the trace, without a line break.
pub type LineSink = Box<dyn FnMut(&str)>;

/// The running hash of a simulation's events, and its lines while somebody records.
pub(super) struct Trace {
    hash: Digest,
    events: u64,
    hosts: Vec<Arc<str>>,
    sink: Option<LineSink>,
    line: String,
}

impl Trace {
    pub(super) fn new(seed: u64) -> Self {
        Trace { hash: Digest(seed), events: 0, hosts: Vec::new(), sink: None, line: String::new() }
    }

    pub(super) fn add_host(&mut self, name: Arc<str>) {
        self.hosts.push(name);
    }

    /// The hash over every event so far.
    pub(super) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many events there were.
    pub(super) fn event_count(&self) -> u64 {
        self.events
    }

    /// From now on hands every event to `sink` as one line: number, time, host, kind, text.
    pub(super) fn record(&mut self, sink: Option<LineSink>) {
        self.sink = sink;
    }

    /// Adds an event whose payload is the number `digest`; `text` is only evaluated while recording.
    pub(super) fn event(
        &mut self,
        at: u64,
        host: HostId,
        kind: TraceKind,
        digest: u64,
        text: impl fmt::Display,
    ) {
        self.events += 1;
        self.hash.add(at ^ (host.number() << 48) ^ ((kind as u64) << 60));
        self.hash.add(digest);
        if self.sink.is_some() {
            self.write_line(at, host, kind, &text);
        }
    }

    /// Adds an event whose payload is a text.
    pub(super) fn text(&mut self, at: u64, host: HostId, kind: TraceKind, text: impl fmt::Display) {
        let mut digest = Digest(0);
        // Hashing cannot fail, and a `Display` that fails has hashed what it wrote so far.
        let _ = write!(digest, "{text}");
        self.event(at, host, kind, digest.finish(), text);
    }

    /// Adds an event whose payload is all of `fact`; its text is only evaluated while recording.
    pub(super) fn fact(&mut self, at: u64, host: HostId, fact: &(impl Hash + fmt::Display)) {
        let mut digest = Digest(0);
        fact.hash(&mut digest);
        self.event(at, host, TraceKind::Note, Digest::finish(digest), fact);
    }

    #[cold]
    fn write_line(&mut self, at: u64, host: HostId, kind: TraceKind, text: &dyn fmt::Display) {
        let name = self.hosts.get(host.index()).map_or("?", |name| name);
        self.line.clear();
        let number = self.events;
        let kind = kind.word();
        // Writing to a string cannot fail.
        let _ = write!(
            self.line,
            "{number} {}.{:09} {name} {kind} {text}",
            at / 1_000_000_000,
            at % 1_000_000_000
        );
        if let Some(sink) = self.sink.as_mut() {
            sink(&self.line);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Trace({:016x} after {} events)", self.hash(), self.events)
    }
}

/// A word-wise multiplicative hash. Not cryptographic; fixed for ever, so that traces of two builds compare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest(pub(super) u64);

impl Digest {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

    pub(super) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(Self::FACTOR);
    }

    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    /// Adds the length and both ends of `bytes`.
    pub(super) fn add_ends(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        self.add_bytes(&bytes[..bytes.len().min(128)]);
        if bytes.len() > 128 {
            self.add_bytes(&bytes[bytes.len() - 16..]);
        }
    }

    pub(super) fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(Self::FACTOR);
        mixed ^ (mixed >> 29)
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        Digest::finish(*self)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.add_bytes(bytes);
    }

    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Byte by byte, so that the digest does not depend on how the text was cut into pieces.
        for byte in text.bytes() {
            self.add(u64::from(byte));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_events_changes_the_hash() {
        let hash = |order: [u64; 2]| {
            let mut trace = Trace::new(1);
            for payload in order {
                trace.event(5, HostId::FIRST, TraceKind::Note, payload, "");
            }
            trace.hash()
        };
        assert_ne!(hash([1, 2]), hash([2, 1]));
    }

    #[test]
    fn recording_does_not_change_the_hash() {
        let run = |sink: Option<LineSink>| {
            let mut trace = Trace::new(1);
            trace.record(sink);
            trace.text(7, HostId::FIRST, TraceKind::Note, format_args!("epoch {}", 3));
            (trace.hash(), trace.event_count())
        };
        assert_eq!(run(None), run(Some(Box::new(|line| assert_eq!(line, "1 0.000000007 ? note epoch 3")))));
    }

    #[test]
    fn a_digest_sees_both_ends_of_long_bytes() {
        let digest = |bytes: &[u8]| {
            let mut digest = Digest(0);
            digest.add_ends(bytes);
            digest.finish()
        };
        let long = vec![0u8; 300];
        let mut tail = long.clone();
        tail[299] = 1;
        assert_ne!(digest(&long), digest(&tail));
        assert_ne!(digest(&long), digest(&long[1..]));
    }
}
