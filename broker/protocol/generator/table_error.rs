//! What is wrong with a table, and where.

use std::fmt;

use super::model::Place;

/// A fault in a table. Displays as `file:line: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    pub place: Place,
    pub what: String,
}

impl TableError {
    pub fn new(place: &Place, what: impl Into<String>) -> TableError {
        TableError { place: place.clone(), what: what.into() }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.file, self.place.line, self.what)
    }
}
