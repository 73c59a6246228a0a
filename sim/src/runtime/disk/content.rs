//! The bytes of a file, as a list of shared slices.
//!
//! A large part is kept as the slice it came in: appending copies nothing and a read within it is a slice again.
//! Small parts are copied together, so that a small record does not hold the whole buffer it arrived in: buffers that
//! are free again are read into again, and touching new memory costs more than copying.

use bytes::{Bytes, BytesMut};

/// Parts below this size are copied together.
const COPY_BELOW: usize = 16 * 1024;
/// Room for copied parts, at least and at most.
const ROOM_MIN: usize = 512;
const ROOM_MAX: usize = 64 * 1024;

#[derive(Clone, Debug)]
struct Chunk {
    start: u64,
    bytes: Bytes,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// A growing sequence of bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    chunks: Vec<Chunk>,
    /// Copied small parts behind the last chunk.
    tail: BytesMut,
    length: u64,
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Adds `part` at the end.
    pub(super) fn append(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        if part.len() < COPY_BELOW {
            if self.tail.capacity() - self.tail.len() < part.len() {
                self.seal();
                let grown = usize::try_from(self.length).unwrap_or(ROOM_MAX).clamp(ROOM_MIN, ROOM_MAX);
                self.tail = BytesMut::with_capacity(grown.max(part.len()));
            }
            self.length += part.len() as u64;
            self.tail.extend_from_slice(&part);
            return;
        }
        self.seal();
        let start = self.length;
        self.length += part.len() as u64;
        self.chunks.push(Chunk { start, bytes: part });
    }

    /// Up to `length` bytes from `position`; fewer at the end.
    pub(super) fn read(&mut self, position: u64, length: u64) -> Bytes {
        let end = position.saturating_add(length).min(self.length);
        if position >= end {
            return Bytes::new();
        }
        if end > self.chunks.last().map_or(0, Chunk::end) {
            self.seal();
        }
        let first = self.chunks.partition_point(|chunk| chunk.end() <= position);
        let slice = |chunk: &Chunk| {
            let from = position.max(chunk.start) - chunk.start;
            let to = end.min(chunk.end()) - chunk.start;
            chunk.bytes.slice(offset(from)..offset(to))
        };
        if end <= self.chunks[first].end() {
            return slice(&self.chunks[first]);
        }
        let mut joined = BytesMut::with_capacity(offset(end - position));
        for chunk in self.chunks[first..].iter().take_while(|chunk| chunk.start < end) {
            joined.extend_from_slice(&slice(chunk));
        }
        joined.freeze()
    }

    /// Cuts everything behind `length`.
    pub(super) fn truncate(&mut self, length: u64) {
        if length >= self.length {
            return;
        }
        self.seal();
        let kept = self.chunks.partition_point(|chunk| chunk.start < length);
        self.chunks.truncate(kept);
        if let Some(last) = self.chunks.last_mut() {
            let within = offset(length - last.start);
            last.bytes.truncate(within);
        }
        self.length = length;
    }

    /// Everything from `position` on, as a sequence of its own.
    pub(super) fn split_off(&mut self, position: u64) -> Content {
        let mut cut = Content::default();
        let rest = self.read(position, u64::MAX);
        if !rest.is_empty() {
            cut.length = rest.len() as u64;
            cut.chunks.push(Chunk { start: 0, bytes: rest });
        }
        self.truncate(position);
        cut
    }

    /// Adds everything of `other` at the end.
    pub(super) fn extend(&mut self, mut other: Content) {
        self.append(other.read(0, u64::MAX));
    }

    /// Makes `length` bytes from `position` zero, as far as they exist.
    pub(super) fn zero(&mut self, position: u64, length: u64) {
        let end = position.saturating_add(length).min(self.length);
        if position < end {
            let rest = self.split_off(end);
            self.truncate(position);
            self.append(Bytes::from(BytesMut::zeroed(offset(end - position))));
            self.extend(rest);
        }
    }

    /// Turns one bit (0 to 7) of the byte at `position` over, if there is such a byte.
    pub(super) fn flip(&mut self, position: u64, bit: u8) {
        let Some(byte) = self.read(position, 1).first().copied() else { return };
        let rest = self.split_off(position + 1);
        self.truncate(position);
        self.append(Bytes::copy_from_slice(&[byte ^ (1 << (bit % 8))]));
        self.extend(rest);
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let bytes = self.tail.split().freeze();
            let start = self.length - bytes.len() as u64;
            self.chunks.push(Chunk { start, bytes });
        }
    }
}

fn offset(within: u64) -> usize {
    usize::try_from(within).expect("a chunk lies in memory")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Append(Vec<u8>),
        Truncate(u64),
        Read(u64, u64),
        Zero(u64, u64),
        Flip(u64, u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..3000).prop_map(Step::Append),
            1 => (COPY_BELOW..COPY_BELOW + 3).prop_map(|size| Step::Append(vec![7; size])),
            1 => (0u64..20_000).prop_map(Step::Truncate),
            3 => (0u64..20_000, 0u64..9000).prop_map(|(position, length)| Step::Read(position, length)),
            1 => (0u64..20_000, 0u64..9000).prop_map(|(position, length)| Step::Zero(position, length)),
            1 => (0u64..20_000, 0u8..8).prop_map(|(position, bit)| Step::Flip(position, bit)),
        ]
    }

    proptest! {
        #[test]
        fn content_behaves_like_one_vector(steps in prop::collection::vec(step(), 0..40)) {
            let mut content = Content::default();
            let mut model: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(bytes) => {
                        model.extend_from_slice(&bytes);
                        content.append(Bytes::from(bytes));
                    }
                    Step::Truncate(length) => {
                        model.truncate(usize::try_from(length).expect("small"));
                        content.truncate(length);
                    }
                    Step::Zero(position, length) => {
                        let from = usize::try_from(position).expect("small").min(model.len());
                        let to = usize::try_from(position + length).expect("small").min(model.len());
                        model[from..to].fill(0);
                        content.zero(position, length);
                    }
                    Step::Flip(position, bit) => {
                        if let Some(byte) = model.get_mut(usize::try_from(position).expect("small")) {
                            *byte ^= 1 << bit;
                        }
                        content.flip(position, bit);
                    }
                    Step::Read(position, length) => {
                        let from = usize::try_from(position).expect("small").min(model.len());
                        let to = usize::try_from(position + length).expect("small").min(model.len());
                        prop_assert_eq!(&content.read(position, length)[..], &model[from..to]);
                    }
                }
                prop_assert_eq!(content.length(), model.len() as u64);
            }
        }
    }

    #[test]
    fn a_read_within_a_large_part_is_a_slice_of_it() {
        let part = Bytes::from(vec![7; COPY_BELOW]);
        let mut content = Content::default();
        content.append(Bytes::from_static(b"small"));
        content.append(part.clone());
        let read = content.read(105, 1000);
        assert_eq!(read.as_ptr(), part[100..].as_ptr());
    }
}
