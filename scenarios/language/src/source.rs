//! The text of a file, and positions in it as people count them.

use std::ops::Range;
use std::sync::Arc;

/// A file's text under the name it is shown by. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(Arc<Text>);

#[derive(Debug, PartialEq, Eq)]
struct Text {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

/// A place in a file, both counted from 1; the column counts characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Source {
    /// `text` as the file called `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i + 1))
            .collect();
        Source(Arc::new(Text { name: name.into(), text, line_starts }))
    }

    /// The name the file is shown by.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Where byte `offset` is. An offset past the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.0.text.len());
        while !self.0.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.0.line_starts.partition_point(|&start| start <= offset);
        let start = self.0.line_starts[line - 1];
        Position { line, column: self.0.text[start..offset].chars().count() + 1 }
    }

    /// The text of a line, counted from 1, without its end. Empty past the last line.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = line.checked_sub(1).and_then(|index| self.0.line_starts.get(index)) else { return "" };
        let end = self.0.line_starts.get(line).map_or(self.0.text.len(), |&next| next - 1);
        self.0.text[start..end].trim_end_matches('\r')
    }

    /// The bytes of a whole line, counted from 1.
    pub fn line_range(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|i| self.0.line_starts.get(i).copied()).unwrap_or(self.0.text.len());
        start..start + self.line(line).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let source = Source::new("a.toml", "é = 1\nb = 2\r\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(3), Position { line: 1, column: 3 });
        assert_eq!(source.position(1), Position { line: 1, column: 1 }, "inside a character is its beginning");
        assert_eq!(source.position(7), Position { line: 2, column: 1 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
        assert_eq!(source.line(2), "b = 2");
        assert_eq!(source.line(3), "");
        assert_eq!(source.line(4), "");
        assert_eq!(source.line_range(2), 7..12);
    }
}
