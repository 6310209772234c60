//! A table's text as lines with their depth.

use super::model::Place;
use super::table_error::TableError;

/// A line that says something: neither blank nor only a comment.
#[derive(Clone, Debug)]
pub struct Line {
    pub place: Place,
    /// Two spaces a level.
    pub depth: usize,
    pub words: Vec<String>,
    /// Documentation of the field or message: what follows `#`, or the comment right above.
    pub doc: Option<String>,
}

/// Splits the text of one file.
pub fn split(file: &str, text: &str) -> Result<Vec<Line>, TableError> {
    let mut lines = Vec::new();
    let mut above = None;
    for (index, raw) in text.lines().enumerate() {
        let place = Place { file: file.to_owned(), line: index + 1 };
        let (content, doc) = match raw.split_once('#') {
            Some((content, doc)) => (content, Some(doc.trim().to_owned())),
            None => (raw, None),
        };
        if content.trim().is_empty() {
            above = doc;
            continue;
        }
        if content.contains('\t') {
            return Err(TableError::new(&place, "a tab; indent with two spaces a level"));
        }
        let spaces = content.len() - content.trim_start().len();
        if spaces % 2 != 0 {
            return Err(TableError::new(&place, format!("indented by {spaces} spaces; a level is two")));
        }
        let doc = doc.or(above.take());
        let words = content.split_whitespace().map(str::to_owned).collect();
        lines.push(Line { place, depth: spaces / 2, words, doc });
    }
    Ok(lines)
}

/// Reads the words of a line one after the other.
pub struct Words<'a> {
    pub place: &'a Place,
    rest: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a Line) -> Words<'a> {
        Words { place: &line.place, rest: line.words.iter() }
    }

    pub fn next(&mut self) -> Option<&'a str> {
        self.rest.next().map(String::as_str)
    }

    /// The next word, if `accept` takes it.
    pub fn next_if(&mut self, accept: impl Fn(&str) -> bool) -> Option<&'a str> {
        let word = self.rest.as_slice().first()?;
        accept(word).then(|| self.next())?
    }

    pub fn expect(&mut self, what: &str) -> Result<&'a str, TableError> {
        self.next().ok_or_else(|| self.error(format!("{what} is missing")))
    }

    pub fn error(&self, what: impl Into<String>) -> TableError {
        TableError::new(self.place, what)
    }
}
