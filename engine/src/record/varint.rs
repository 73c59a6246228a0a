//! Kafka's variable-length integers: zigzag, seven bits a byte, least significant first.
//!
//! Reading goes through a [`Cursor`], which cannot leave its bounds. An encoding that does not fit its type is
//! malformed; longer encodings of small numbers are accepted, as Kafka does.

use bytes::Bytes;

/// Appends `value` as a varlong (1 to 10 bytes). A varint has the same encoding.
pub(super) fn put(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        buffer.push(low_seven(rest) | 0x80);
        rest >>= 7;
    }
    buffer.push(low_seven(rest));
}

/// How many bytes [`put`] writes.
pub(super) fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

fn low_seven(value: u64) -> u8 {
    u8::try_from(value & 0x7f).expect("seven bits fit a byte")
}

/// Reads fields from a window of a buffer.
pub(super) struct Cursor<'a> {
    bytes: &'a Bytes,
    /// The bytes of the window that are not read yet.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor over `bytes` from `position` to their end.
    pub(super) fn new(bytes: &'a Bytes, position: usize) -> Self {
        Cursor { bytes, rest: bytes.get(position..).unwrap_or_default() }
    }

    /// Bytes left in the window.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes the next `length` bytes into a window of their own; none if there are not that many.
    pub(super) fn window(&mut self, length: usize) -> Option<Cursor<'a>> {
        let (window, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Cursor { bytes: self.bytes, rest: window })
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// The next `length` bytes, as a view.
    pub(super) fn take(&mut self, length: usize) -> Option<Bytes> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(self.bytes.slice_ref(taken))
    }

    /// A field preceded by its length; `Some(None)` is null (length -1).
    pub(super) fn nullable(&mut self) -> Option<Option<Bytes>> {
        match self.varint()? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    /// Passes over the next `length` bytes; none if there are not that many.
    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        let (_, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(())
    }

    /// Passes over a field preceded by its length; false if it is null (length -1).
    pub(super) fn skip_nullable(&mut self) -> Option<bool> {
        match self.varint()? {
            -1 => Some(false),
            length => self.skip(usize::try_from(length).ok()?).map(|()| true),
        }
    }

    /// A varint that fits 32 bits.
    pub(super) fn varint(&mut self) -> Option<i32> {
        i32::try_from(self.varlong()?).ok()
    }

    /// A varlong.
    #[inline]
    pub(super) fn varlong(&mut self) -> Option<i64> {
        let byte = self.byte()?;
        let raw = if byte < 0x80 { u64::from(byte) } else { self.long_tail(u64::from(byte & 0x7f))? };
        Some((raw >> 1).cast_signed() ^ (raw & 1).cast_signed().wrapping_neg())
    }

    /// The rest of a varlong whose first seven bits are `raw`.
    fn long_tail(&mut self, mut raw: u64) -> Option<u64> {
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return None;
            }
            raw |= bits << shift;
            if byte < 0x80 {
                return Some(raw);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<i64> {
        let bytes = Bytes::copy_from_slice(bytes);
        let mut cursor = Cursor::new(&bytes, 0);
        let value = cursor.varlong()?;
        (cursor.remaining() == 0).then_some(value)
    }

    #[test]
    fn known_encodings_are_kafkas() {
        let known: [(i64, &[u8]); 7] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in known {
            let mut written = Vec::new();
            put(&mut written, value);
            assert_eq!(written, bytes, "{value}");
        }
    }

    #[test]
    fn an_encoding_beyond_64_bits_is_malformed() {
        assert_eq!(read(&[0xff; 10]), None);
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Some(i64::MIN));
    }

    proptest! {
        #[test]
        fn every_number_survives_and_its_size_is_known(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut written = Vec::new();
            put(&mut written, value);
            prop_assert_eq!(written.len(), size(value));
            prop_assert_eq!(read(&written), Some(value));
        }
    }
}
