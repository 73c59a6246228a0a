//! A frame in parts: what was encoded, and between it records that were not copied for it, in memory or in files.
//!
//! Owns only the order. A stream that gathers sends what lies in memory side by side with one system call.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::convert::{Splice, Spliced};
use crate::file_range::FileRange;

/// A frame to send, from its length prefix on.
#[derive(Debug, Default)]
pub struct Parts {
    /// None is empty, and no two neighbours are both in memory.
    parts: VecDeque<Part>,
}

/// What is sent in one way.
#[derive(Debug)]
pub enum Part {
    /// From memory.
    Memory(Slices),
    /// From a file.
    File(FileRange),
}

/// Slices of memory, one after the other. Read them through [`Buf`].
#[derive(Debug, Default)]
pub struct Slices {
    /// None is empty.
    slices: VecDeque<Bytes>,
    remaining: usize,
}

impl Parts {
    /// What is in `frame`, with the splices in their places. Leaves `frame` empty.
    pub(super) fn new(frame: &mut BytesMut, splices: Vec<Splice>) -> Parts {
        let mut parts = Parts::default();
        let mut taken = 0;
        for Splice { position, spliced } in splices {
            parts.push(frame.split_to(position - taken).freeze());
            match spliced {
                Spliced::Bytes(bytes) => parts.push(bytes),
                Spliced::File(range) => parts.parts.push_back(Part::File(range)),
            }
            taken = position;
        }
        parts.push(frame.split().freeze());
        parts
    }

    /// Takes the next part off.
    pub fn next_part(&mut self) -> Option<Part> {
        self.parts.pop_front()
    }

    /// True if all is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn push(&mut self, slice: Bytes) {
        if let Some(Part::Memory(slices)) = self.parts.back_mut() {
            return slices.push(slice);
        }
        if !slice.is_empty() {
            let mut slices = Slices::default();
            slices.push(slice);
            self.parts.push_back(Part::Memory(slices));
        }
    }
}

impl Slices {
    fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.remaining += slice.len();
            self.slices.push_back(slice);
        }
    }
}

impl Buf for Slices {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.slices.front().map_or(&[], |slice| slice)
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "no more can be taken than there is");
        self.remaining -= count;
        let mut left = count;
        while let Some(front) = self.slices.front_mut() {
            if left < front.len() {
                return front.advance(left);
            }
            left -= front.len();
            self.slices.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.slices).map(|(slice, part)| *slice = IoSlice::new(part));
        filled.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices() -> Slices {
        let splices = [(2, &b"cd"[..]), (2, b""), (3, b"fgh")];
        let splice =
            |(position, bytes)| Splice { position, spliced: Spliced::Bytes(Bytes::from_static(bytes)) };
        let mut parts =
            Parts::new(&mut BytesMut::from(&b"abei"[..]), splices.into_iter().map(splice).collect());
        let Some(Part::Memory(slices)) = parts.next_part() else { panic!("all is in memory") };
        assert!(parts.is_empty());
        slices
    }

    #[test]
    fn spliced_bytes_lie_where_they_belong() {
        assert_eq!(slices().copy_to_bytes(9), "abcdefghi");
    }

    #[test]
    fn any_number_of_bytes_can_be_taken_at_a_time() {
        for count in 0..=9 {
            let mut slices = slices();
            slices.advance(count);
            assert_eq!(slices.remaining(), 9 - count);
            assert_eq!(slices.copy_to_bytes(9 - count), b"abcdefghi"[count..]);
            assert!(!slices.has_remaining());
        }
    }

    #[test]
    fn a_gathering_stream_gets_as_many_parts_as_it_has_room_for() {
        let parts = slices();
        for room in 0..7 {
            let mut slices = vec![IoSlice::new(&[]); room];
            let count = parts.chunks_vectored(&mut slices);
            assert_eq!(count, room.min(5), "two splices that are not empty, and three parts around them");
            assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
        }
    }
}
