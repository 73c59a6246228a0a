//! A frame in parts: what was encoded, and between it record bytes that were not copied for it.
//!
//! Owns only the order. A stream that gathers sends the parts with one system call.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::convert::Splice;

/// A frame to send, from its length prefix on. Read it through [`Buf`].
#[derive(Debug, Default)]
pub struct Parts {
    /// None is empty.
    parts: VecDeque<Bytes>,
    remaining: usize,
}

impl Parts {
    /// What is in `frame`, with the splices in their places. Leaves `frame` empty.
    pub(super) fn new(frame: &mut BytesMut, splices: Vec<Splice>) -> Parts {
        let mut parts = Parts::default();
        let mut taken = 0;
        for Splice { position, bytes } in splices {
            parts.push(frame.split_to(position - taken).freeze());
            parts.push(bytes);
            taken = position;
        }
        parts.push(frame.split().freeze());
        parts
    }

    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.remaining += part.len();
            self.parts.push_back(part);
        }
    }
}

impl Buf for Parts {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "no more can be taken than there is");
        self.remaining -= count;
        let mut left = count;
        while let Some(front) = self.parts.front_mut() {
            if left < front.len() {
                return front.advance(left);
            }
            left -= front.len();
            self.parts.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.parts).map(|(slice, part)| *slice = IoSlice::new(part));
        filled.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let splices = [(2, &b"cd"[..]), (2, b""), (3, b"fgh")];
        let splice = |(position, bytes)| Splice { position, bytes: Bytes::from_static(bytes) };
        Parts::new(&mut BytesMut::from(&b"abei"[..]), splices.into_iter().map(splice).collect())
    }

    #[test]
    fn spliced_bytes_lie_where_they_belong() {
        assert_eq!(parts().copy_to_bytes(9), "abcdefghi");
    }

    #[test]
    fn any_number_of_bytes_can_be_taken_at_a_time() {
        for count in 0..=9 {
            let mut parts = parts();
            parts.advance(count);
            assert_eq!(parts.remaining(), 9 - count);
            assert_eq!(parts.copy_to_bytes(9 - count), b"abcdefghi"[count..]);
            assert!(!parts.has_remaining());
        }
    }

    #[test]
    fn a_gathering_stream_gets_as_many_parts_as_it_has_room_for() {
        let parts = parts();
        for room in 0..7 {
            let mut slices = vec![IoSlice::new(&[]); room];
            let count = parts.chunks_vectored(&mut slices);
            assert_eq!(count, room.min(5), "two splices that are not empty, and three parts around them");
            assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
        }
    }
}
