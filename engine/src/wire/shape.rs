//! Shapes: the layout of a message as data, just enough to know where each length and count stands.
//!
//! A shape says nothing about meaning; [`super::guard`] walks it over bytes before they are decoded. Fields are
//! listed in the order of Kafka's message definitions, with the versions that carry them. Whether lengths are
//! compact and structs end in tagged fields depends on the version alone, so shapes do not say it.

/// What kind of value a field is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// So many bytes, always.
    Fixed(usize),
    /// A string, with its length.
    String,
    /// Bytes, with their length.
    Bytes,
    /// An array of values of so many bytes each.
    Array(usize),
    /// An array of strings.
    Strings,
    /// An array of structs.
    Structs(Shape),
    /// A struct.
    Struct(Shape),
    /// A struct that may be null: a byte says whether it is there (1) or not (-1).
    OptionalStruct(Shape),
}

/// The fields of a message or of a struct in it.
pub(super) type Shape = &'static [Field];

/// A field and the versions that carry it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// What it is.
    pub(super) kind: Kind,
    tag: Option<u32>,
    first: i16,
    last: i16,
}

pub(super) const BOOL: Kind = Kind::Fixed(1);
pub(super) const INT8: Kind = Kind::Fixed(1);
pub(super) const INT16: Kind = Kind::Fixed(2);
pub(super) const INT32: Kind = Kind::Fixed(4);
pub(super) const INT64: Kind = Kind::Fixed(8);
pub(super) const UUID: Kind = Kind::Fixed(16);
pub(super) const INT32_ARRAY: Kind = Kind::Array(4);
pub(super) const UUID_ARRAY: Kind = Kind::Array(16);

/// A field of every version.
pub(super) const fn field(kind: Kind) -> Field {
    Field { kind, tag: None, first: 0, last: i16::MAX }
}

impl Field {
    /// The field, from this version on.
    pub(super) const fn since(self, version: i16) -> Field {
        Field { first: version, ..self }
    }

    /// The field, up to and with this version.
    pub(super) const fn until(self, version: i16) -> Field {
        Field { last: version, ..self }
    }

    /// The field as a tagged one.
    pub(super) const fn tagged(self, tag: u32) -> Field {
        Field { tag: Some(tag), ..self }
    }

    /// Whether a version carries the field, in its place among the others.
    pub(super) fn is_plain_in(&self, version: i16) -> bool {
        self.tag.is_none() && self.is_in(version)
    }

    /// Whether a version knows the field under this tag.
    pub(super) fn is_tagged_in(&self, version: i16, tag: u32) -> bool {
        self.tag == Some(tag) && self.is_in(version)
    }

    fn is_in(&self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}
