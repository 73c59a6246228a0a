//! The guard: walks the bytes of a message along its shape and checks every length and count against the bytes
//! that remain.
//!
//! The decoder behind it reserves memory for as many elements as a count claims; four bytes can claim four
//! thousand million. After the guard a count is never more than the remaining bytes can hold, and never more
//! than [`ELEMENTS_MAX`]. The guard allocates nothing itself, except the text of an error.

use super::error::{DecodeError, malformed};
use super::shape::{Kind, Shape};

/// Most array elements in one message. An element of one byte on the wire can take two hundred in memory, so
/// that the size of a frame alone does not bound the memory it takes.
pub(super) const ELEMENTS_MAX: usize = 1 << 20;

/// Most tagged fields that we do not know in one message. They are kept in a map of their own for each struct,
/// half a kilobyte each, and honest peers send next to none.
pub(super) const UNKNOWN_TAGS_MAX: usize = 4096;

/// Longest string, in bytes: Kafka refuses longer ones in compact form too.
pub(super) const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Checks that `body` begins with one message of this shape; returns how many bytes it takes.
pub(super) fn check(shape: Shape, version: i16, flexible: bool, body: &[u8]) -> Result<usize, DecodeError> {
    let mut guard = Guard::new(body, version, flexible);
    guard.structure(shape)?;
    Ok(body.len() - guard.remaining())
}

/// A walk over bytes.
pub(super) struct Guard<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
    unknown_tags: usize,
}

impl<'a> Guard<'a> {
    /// A walk from the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8], version: i16, flexible: bool) -> Self {
        Guard { rest: bytes, version, flexible, elements: 0, unknown_tags: 0 }
    }

    /// How many bytes are ahead.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes an `i16`.
    pub(super) fn int16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Takes an `i32`.
    pub(super) fn int32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Takes a string; `None` if it is null.
    pub(super) fn string(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let length = if self.flexible { self.compact_length()? } else { length(self.int16()?.into())? };
        match length {
            Some(length) if length > STRING_BYTES_MAX => {
                Err(malformed(format!("a string of {length} bytes is too long")))
            }
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the tagged fields at the end of a struct of this shape.
    pub(super) fn tagged_fields(&mut self, shape: Shape) -> Result<(), DecodeError> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let size = self.varint()?;
            let value = self.take(size as usize)?;
            let known = shape.iter().find(|field| field.is_tagged_in(self.version, tag));
            if let Some(field) = known {
                // The decoder does not look at the size, so it must be true.
                let after = std::mem::replace(&mut self.rest, value);
                self.value(field.kind)?;
                self.end()?;
                self.rest = after;
            } else {
                self.unknown_tags += 1;
                if self.unknown_tags > UNKNOWN_TAGS_MAX {
                    return Err(malformed("too many unknown tagged fields"));
                }
            }
        }
        Ok(())
    }

    /// Checks that nothing is ahead.
    fn end(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            extra => Err(malformed(format!("{extra} bytes are left over"))),
        }
    }

    fn structure(&mut self, shape: Shape) -> Result<(), DecodeError> {
        let version = self.version;
        for field in shape.iter().filter(|field| field.is_plain_in(version)) {
            self.value(field.kind)?;
        }
        if self.flexible { self.tagged_fields(shape) } else { Ok(()) }
    }

    fn value(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Fixed(size) => self.take(size).map(drop),
            Kind::String => self.string().map(drop),
            Kind::Bytes => match self.length()? {
                Some(length) => self.take(length).map(drop),
                None => Ok(()),
            },
            Kind::Array(size) => {
                let count = self.count(size)?;
                self.take(count * size).map(drop)
            }
            Kind::Strings => {
                let count = self.count(if self.flexible { 1 } else { 2 })?;
                (0..count).try_for_each(|_| self.string().map(drop))
            }
            Kind::Structs(shape) => {
                let count = self.count(self.bytes_min(shape))?;
                (0..count).try_for_each(|_| self.structure(shape))
            }
            Kind::Struct(shape) => self.structure(shape),
            Kind::OptionalStruct(shape) => match self.array()? {
                [1] => self.structure(shape),
                [0xff] => Ok(()),
                [byte] => Err(malformed(format!("{byte} does not say whether a struct is there"))),
            },
        }
    }

    /// Takes the count of an array whose elements have at least `element_bytes_min` bytes each.
    fn count(&mut self, element_bytes_min: usize) -> Result<usize, DecodeError> {
        let count = self.length()?.unwrap_or(0);
        let remaining = self.remaining();
        if count > remaining / element_bytes_min.max(1) {
            return Err(malformed(format!("{count} elements do not fit in {remaining} bytes")));
        }
        self.elements += count;
        if self.elements > ELEMENTS_MAX {
            return Err(malformed(format!("more than {ELEMENTS_MAX} elements")));
        }
        Ok(count)
    }

    /// Fewest bytes a struct of this shape can have.
    fn bytes_min(&self, shape: Shape) -> usize {
        let fields = shape.iter().filter(|field| field.is_plain_in(self.version));
        let fields: usize = fields
            .map(|field| match field.kind {
                Kind::Fixed(size) => size,
                Kind::Struct(shape) => self.bytes_min(shape),
                Kind::OptionalStruct(_) => 1,
                _ if self.flexible => 1,
                Kind::String => 2,
                Kind::Bytes | Kind::Array(_) | Kind::Strings | Kind::Structs(_) => 4,
            })
            .sum();
        fields + usize::from(self.flexible)
    }

    /// Takes the length of bytes or an array; `None` if it is null.
    fn length(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.flexible { self.compact_length() } else { length(self.int32()?) }
    }

    /// Takes a compact length: one more than the length, 0 for null.
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.varint()?.checked_sub(1).map(|length| length as usize))
    }

    /// Takes an unsigned varint of at most 32 bits.
    fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in (0..32).step_by(7) {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed("a varint has more than 32 bits"))
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(size) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(malformed(format!("{size} bytes expected where {} are left", self.remaining()))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N)?;
        Ok(*taken.first_chunk().expect("as many bytes were taken"))
    }
}

/// A length from the wire: -1 is null, what is below is wrong.
fn length(length: i32) -> Result<Option<usize>, DecodeError> {
    match length {
        -1 => Ok(None),
        _ => usize::try_from(length).map(Some).map_err(|_| malformed(format!("length {length} is negative"))),
    }
}
