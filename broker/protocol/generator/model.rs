//! What a table says, as values.

/// Versions `min..=max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub min: i16,
    pub max: i16,
}

impl Range {
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    pub fn within(self, outer: Range) -> bool {
        outer.min <= self.min && self.max <= outer.max
    }

    pub fn iter(self) -> impl Iterator<Item = i16> {
        self.min..=self.max
    }
}

/// Where a line is: the number counts from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

/// What a message is for, which decides where the generated code offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `advertised_min` is lower than what is served where clients misread a missing old version.
    /// `stable_max` is the last version that is served: Kafka does not serve one that it may still change.
    Request { key: i16, advertised_min: i16, stable_max: i16 },
    /// `header` is set where the version of the response header does not follow from flexibility.
    Response { key: i16, header: Option<i16> },
    /// A record of the metadata log, with its key in the record's frame.
    Record { key: i16 },
    /// Encoded by itself: headers, bodies of control records.
    Plain,
}

/// One message with all its structs.
#[derive(Clone, Debug)]
pub struct Message {
    pub place: Place,
    pub name: String,
    pub kind: Kind,
    pub versions: Range,
    /// The first version with compact lengths and tagged fields.
    pub flexible: Option<i16>,
    /// Whether the enum of bodies holds it behind a box.
    pub boxed: bool,
    pub doc: Option<String>,
    /// The message's own struct first, then those nested in it, depth first.
    pub structs: Vec<Struct>,
}

impl Message {
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible.is_some_and(|from| version >= from)
    }

    pub fn find(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|s| s.name == name)
    }
}

/// A struct: the message itself or one nested in it.
#[derive(Clone, Debug)]
pub struct Struct {
    pub place: Place,
    pub name: String,
    /// The versions in which it can occur.
    pub versions: Range,
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    pub place: Place,
    /// Kafka's name, as in the table.
    pub name: String,
    pub ty: Type,
    pub versions: Range,
    /// The versions in which it may be null.
    pub nullable: Option<Range>,
    pub tag: Option<u32>,
    /// Whether a value that a version cannot carry is dropped; otherwise encoding it is an error.
    pub ignorable: bool,
    /// False where lengths stay in the old form even in flexible versions.
    pub flexible: bool,
    pub default: Default,
    pub doc: Option<String>,
}

/// The type of a field or of an array's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    Uuid,
    String,
    Bytes,
    Records,
    Array(Box<Type>),
    Struct(String),
}

/// A field's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Default {
    /// False, zero, the empty string, no elements; also `Some` of those.
    Zero,
    /// Null.
    Null,
    /// `true`.
    True,
    /// A number other than zero.
    Number(i64),
}

/// One line of the table of error codes.
#[derive(Clone, Debug)]
pub struct ErrorCode {
    pub code: i16,
    /// Kafka's name, such as `NOT_LEADER_OR_FOLLOWER`.
    pub name: String,
    pub retriable: bool,
    pub sentence: String,
}
