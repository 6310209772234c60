//! One definition of a table's keys, used to read it, to write it and to document it.
//!
//! A type that is a table of the file implements [`Keys`]: it names each of its keys once, with a sentence and the
//! field that holds it. A [`Visitor`] then reads the fields from a file, writes them, or lists them. So a plan that
//! was written reads back as itself, and the reference cannot be out of date.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::nearest::suggestion;
use super::source::Source;

/// A type that is a table of the file. Its `Default` holds the defaults of its keys.
pub(crate) trait Keys: Default {
    /// Shows each key to the visitor.
    fn keys<V: Visitor>(&mut self, v: &mut V);
}

/// Something that looks at every key of a table.
pub(crate) trait Visitor {
    /// A key that may be left out; `field` holds its default.
    fn key<T: Value>(&mut self, name: &'static str, about: &'static str, field: &mut T);
    /// A key that must be there.
    fn required<T: Value>(&mut self, name: &'static str, about: &'static str, field: &mut T);
    /// The tables called `[[name]]`.
    fn tables<T: Entry>(&mut self, name: &'static str, about: &'static str, field: &mut Vec<T>);
    /// The table called `[name]`.
    fn table<T: Keys>(&mut self, name: &'static str, about: &'static str, field: &mut T);
}

/// A `[[table]]` of the file: usually [`Keys`], unless another key decides what its keys are.
pub(crate) trait Entry: Sized {
    /// Reads it. `None` if it is so wrong that nothing can be made of it, which has been said.
    fn read(cx: &mut Context, table: &mut Table<'_>) -> Option<Self>;
    /// Shows each of its keys to the writer.
    fn write(&self, writer: &mut Writer);
    /// Shows every key it may have to the visitor that lists them.
    fn list<V: Visitor>(v: &mut V);
}

impl<T: Keys + Clone> Entry for T {
    fn read(cx: &mut Context, table: &mut Table<'_>) -> Option<T> {
        Some(read_keys(cx, table))
    }
    fn write(&self, writer: &mut Writer) {
        self.clone().keys(writer);
    }
    fn list<V: Visitor>(v: &mut V) {
        T::default().keys(v);
    }
}

/// A type that is a value of the file.
pub(crate) trait Value: Sized {
    /// What it looks like, for messages and the reference: `a duration, such as "3s"`.
    const FORM: &'static str;
    /// Reads it, or says what is wrong with it.
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Self>;
    /// Its text in a file; `None` leaves the key out.
    fn write(&self) -> Option<String>;
}

/// What reading a file gathers: where each value stands, and what is wrong.
pub(crate) struct Context {
    pub(crate) source: Source,
    /// Whether a plan is read, where all is explicit, rather than a scenario.
    pub(crate) plan: bool,
    pub(crate) spans: BTreeMap<String, Range<usize>>,
    pub(crate) diagnostics: Diagnostics,
}

impl Context {
    pub(crate) fn new(source: Source, plan: bool) -> Context {
        Context { source, plan, spans: BTreeMap::new(), diagnostics: Diagnostics::default() }
    }

    /// Notes a mistake at some bytes of the file.
    pub(crate) fn error(&mut self, range: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        self.push(range, message.into(), label.into(), None);
    }

    /// Notes a mistake at some bytes of the file, with what to do about it.
    pub(crate) fn error_help(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(range, message.into(), label.into(), Some(help.into()));
    }

    /// Notes a mistake at the value of a key, given by its path (`topic[0].replication`). A value that has a mistake
    /// already gets no second one: what a check says of a value that could not be read only follows from that.
    pub(crate) fn error_at(&mut self, path: &str, message: impl Into<String>, label: impl Into<String>) {
        let range = self.span(path);
        let known = self.diagnostics.0.iter().filter(|known| known.source == self.source).map(|known| &known.range);
        let follows = match self.has(path) {
            true => known.clone().any(|known| *known == range),
            // The check is of a table, which has a mistake inside.
            false => known.clone().any(|known| range.start <= known.start && known.end <= range.end),
        };
        if follows {
            return;
        }
        self.error(range, message, label);
    }

    /// Where the value of a key stands; if the key is left out, where the table around it does.
    pub(crate) fn span(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(range) = self.spans.get(path) {
                return range.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return 0..0,
            }
        }
    }

    /// Whether the file has the key.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.spans.contains_key(path)
    }

    /// The line on which the value of a key stands, counted from 1.
    pub(crate) fn line(&self, path: &str) -> u32 {
        self.source.position(self.span(path).start).line as u32
    }

    fn push(&mut self, range: Range<usize>, message: String, label: String, help: Option<String>) {
        self.diagnostics.0.push(Diagnostic { source: self.source.clone(), range, message, label, help });
    }
}

/// A table of the file while it is read.
pub(crate) struct Table<'t> {
    table: &'t DeTable<'t>,
    /// Its path, empty for the file.
    pub(crate) path: String,
    /// Its header, or all of an inline table.
    pub(crate) range: Range<usize>,
    /// What to call it in messages.
    title: String,
    known: Vec<&'static str>,
    lenient: bool,
    /// Keys that belong to another table, with where.
    pub(crate) elsewhere: Vec<(&'static str, &'static str)>,
}

impl<'t> Table<'t> {
    pub(crate) fn new(
        cx: &mut Context,
        path: String,
        title: String,
        value: &'t DeTable<'t>,
        range: Range<usize>,
    ) -> Self {
        cx.spans.insert(path.clone(), range.clone());
        Table { table: value, path, range, title, known: Vec::new(), lenient: false, elsewhere: Vec::new() }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key (not its value) stands.
    pub(crate) fn key_range(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.range.clone(), |(key, _)| key.span())
    }

    /// Reads a key into `field`; says whether it was there.
    pub(crate) fn take<T: Value>(&mut self, cx: &mut Context, name: &'static str, field: &mut T) -> bool {
        self.known.push(name);
        let Some(value) = self.table.get(name) else { return false };
        let path = self.path_of(name);
        cx.spans.insert(path.clone(), value.span());
        if let Some(value) = T::read(cx, &path, value) {
            *field = value;
        }
        true
    }

    pub(crate) fn missing(&self, cx: &mut Context, name: &str, form: &str) {
        let message = format!("missing key `{name}` in {}", self.title);
        cx.error(self.range.clone(), message, format!("needs `{name}`, {form}"));
    }

    /// Takes every key as known: what is wrong with the table makes its keys meaningless.
    pub(crate) fn accept_all(&mut self) {
        self.lenient = true;
    }

    /// The keys that nobody has asked for so far.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &'t Spanned<DeString<'t>>> {
        let known = &self.known;
        self.table.keys().filter(move |key| !self.lenient && !known.contains(&key.get_ref().as_ref()))
    }

    /// Says which keys are not known. To be called when all known ones were asked for.
    pub(crate) fn finish(self, cx: &mut Context) {
        for key in self.unknown() {
            let name: &str = key.get_ref();
            let message = format!("unknown key `{name}` in {}", self.title);
            match self.elsewhere.iter().find(|(key, _)| *key == name) {
                Some((_, place)) => cx.error(key.span(), message, *place),
                None => cx.error(key.span(), message, suggestion(name, &self.known)),
            }
        }
    }
}

/// Reads a table by its keys.
pub(crate) fn read_keys<T: Keys>(cx: &mut Context, table: &mut Table<'_>) -> T {
    let mut value = T::default();
    value.keys(&mut Reader { cx, table });
    value
}

/// Reads a value that is an inline table.
pub(crate) fn read_inline<T: Keys>(
    cx: &mut Context,
    path: &str,
    value: &Spanned<DeValue<'_>>,
    form: &str,
) -> Option<T> {
    let Some(inner) = value.get_ref().as_table() else {
        return wrong_type(cx, value, form);
    };
    let title = format!("`{}`", path.rsplit('.').next().unwrap_or(path));
    let mut table = Table::new(cx, path.to_owned(), title, inner, value.span());
    if path.starts_with("fault") {
        table.elsewhere = FAULT_KEYS.to_vec();
    }
    let value = read_keys(cx, &mut table);
    table.finish(cx);
    Some(value)
}

/// Keys of a fault that people look for inside its action.
const FAULT_KEYS: &[(&str, &str)] = &[
    ("restart_after", "`restart_after` stands beside the action, not inside it"),
    ("heal_after", "`heal_after` stands beside the action, not inside it"),
    ("for", "`for` stands beside the action, not inside it"),
    ("after", "`after` stands beside the trigger, not inside it"),
];

/// Keys of the file that people write below the header of a table.
const FILE_KEYS: &[(&str, &str)] = &[
    ("name", "`name` stands at the top of the file, before the first table"),
    ("about", "`about` stands at the top of the file, before the first table"),
    ("seeds", "`seeds` stands at the top of the file, before the first table"),
    ("duration", "`duration` stands at the top of the file, before the first table"),
];

/// Notes that a value is not of the right type.
pub(crate) fn wrong_type<T>(cx: &mut Context, value: &Spanned<DeValue<'_>>, form: &str) -> Option<T> {
    cx.error(value.span(), format!("expected {form}, found {}", article(value)), "");
    None
}

/// The type of a value with its article.
fn article(value: &Spanned<DeValue<'_>>) -> String {
    let found = value.get_ref().type_str();
    format!("{} {found}", if found.starts_with(['a', 'i']) { "an" } else { "a" })
}

struct Reader<'r, 't> {
    cx: &'r mut Context,
    table: &'r mut Table<'t>,
}

impl Visitor for Reader<'_, '_> {
    fn key<T: Value>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        self.table.take(self.cx, name, field);
    }

    fn required<T: Value>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        if !self.table.take(self.cx, name, field) {
            self.table.missing(self.cx, name, T::FORM);
        }
    }

    fn tables<T: Entry>(&mut self, name: &'static str, _: &'static str, field: &mut Vec<T>) {
        self.table.known.push(name);
        let Some(value) = self.table.table.get(name) else { return };
        let path = self.table.path_of(name);
        let Some(array) = value.get_ref().as_array() else {
            let message = format!("expected tables, each with the header [[{name}]], found {}", article(value));
            return self.cx.error(value.span(), message, format!("write [[{name}]]"));
        };
        for (index, element) in array.iter().enumerate() {
            let Some(inner) = element.get_ref().as_table() else {
                wrong_type::<()>(self.cx, element, &format!("a table with the header [[{name}]]"));
                continue;
            };
            let title = format!("[[{name}]]");
            let mut table = Table::new(self.cx, format!("{path}[{index}]"), title, inner, element.span());
            field.extend(T::read(self.cx, &mut table));
            table.finish(self.cx);
        }
    }

    fn table<T: Keys>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        self.table.known.push(name);
        let Some(value) = self.table.table.get(name) else { return };
        let path = self.table.path_of(name);
        let Some(inner) = value.get_ref().as_table() else {
            return wrong_type(self.cx, value, &format!("a table with the header [{name}]")).unwrap_or(());
        };
        let mut table = Table::new(self.cx, path, format!("[{name}]"), inner, value.span());
        table.elsewhere = FILE_KEYS.to_vec();
        *field = read_keys(self.cx, &mut table);
        table.finish(self.cx);
    }
}

/// Writes tables as TOML, every key explicit, in the order of their definition.
#[derive(Default)]
pub(crate) struct Writer {
    out: String,
    /// Keys of an inline table, if one is being written.
    inline: Option<Vec<String>>,
}

impl Writer {
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// A comment, one `#` line for each line of `text`.
    pub(crate) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.out += &format!("# {line}\n");
        }
    }

    fn line(&mut self, name: &str, text: Option<String>) {
        let Some(text) = text else { return };
        match &mut self.inline {
            Some(entries) => entries.push(format!("{name} = {text}")),
            None => self.out += &format!("{name} = {text}\n"),
        }
    }
}

/// A table as the text of an inline table.
pub(crate) fn write_inline<T: Keys + Clone>(value: &T) -> String {
    let mut writer = Writer { out: String::new(), inline: Some(Vec::new()) };
    value.clone().keys(&mut writer);
    format!("{{ {} }}", writer.inline.unwrap_or_default().join(", "))
}

impl Visitor for Writer {
    fn key<T: Value>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        self.line(name, field.write());
    }

    fn required<T: Value>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        self.line(name, field.write());
    }

    fn tables<T: Entry>(&mut self, name: &'static str, _: &'static str, field: &mut Vec<T>) {
        for entry in field {
            self.out += &format!("\n[[{name}]]\n");
            entry.write(self);
        }
    }

    fn table<T: Keys>(&mut self, name: &'static str, _: &'static str, field: &mut T) {
        let before = self.out.len();
        self.out += &format!("\n[{name}]\n");
        let header = self.out.len();
        field.keys(self);
        // A table whose keys are all left out is left out.
        if self.out.len() == header {
            self.out.truncate(before);
        }
    }
}
