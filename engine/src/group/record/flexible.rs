//! Values in Kafka's flexible encoding (KIP-482): compact lengths, and tagged fields at the end of every struct.

use bytes::{Buf, BufMut};

use super::{CUT, Reader, RecordError};

/// Appends an unsigned varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.put_u8(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.put_u8(number.to_le_bytes()[0]);
}

/// Appends the length of what is there.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, u32::try_from(length + 1).expect("a request is shorter than 2 GiB"));
}

/// Appends a string.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.put_slice(text.as_bytes());
}

/// Appends a string, or null.
pub(super) fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_text(out, text),
        None => put_varint(out, 0),
    }
}

/// Ends a struct without tagged fields.
pub(super) fn put_end(out: &mut Vec<u8>) {
    put_varint(out, 0);
}

impl Reader {
    fn varint(&mut self) -> Result<u32, RecordError> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.0.try_get_u8().map_err(|_| CUT)?;
            let bits = u32::from(byte & 0x7f);
            number |= bits.checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(RecordError("a number that is too long"))
    }

    /// The length of what follows, or `None` for null. It may be more than there is.
    pub(super) fn length(&mut self) -> Result<Option<usize>, RecordError> {
        Ok(self.varint()?.checked_sub(1).map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }

    /// The length of an array that is not null.
    pub(super) fn count(&mut self) -> Result<usize, RecordError> {
        self.length()?.ok_or(RecordError("an array that must be there is null"))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, RecordError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| RecordError("a text that is not UTF-8"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn text(&mut self) -> Result<String, RecordError> {
        self.optional_text()?.ok_or(RecordError("a text that must be there is null"))
    }

    pub(super) fn int8(&mut self) -> Result<i8, RecordError> {
        self.0.try_get_i8().map_err(|_| CUT)
    }

    pub(super) fn uuid(&mut self) -> Result<uuid::Uuid, RecordError> {
        self.0.try_get_u128().map(uuid::Uuid::from_u128).map_err(|_| CUT)
    }

    /// Steps over the tagged fields at the end of a struct: newer brokers may have written some.
    pub(super) fn end(&mut self) -> Result<(), RecordError> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
            self.take(length)?;
        }
        Ok(())
    }
}
