//! Tables to messages.

use super::lines::{Line, Words, split};
use super::model::{Default, Field, Kind, Message, Range, Struct, Type};
use super::table_error::TableError;

/// All messages of one file.
pub fn messages(file: &str, text: &str) -> Result<Vec<Message>, TableError> {
    let lines = split(file, text)?;
    let mut messages = Vec::new();
    let mut rest = lines.as_slice();
    while let Some((head, after)) = rest.split_first() {
        if head.depth != 0 {
            return Err(TableError::new(&head.place, "a field without a message above it"));
        }
        let body = after.iter().take_while(|line| line.depth > 0).count();
        messages.push(message(head, &after[..body])?);
        rest = &after[body..];
    }
    Ok(messages)
}

fn message(head: &Line, body: &[Line]) -> Result<Message, TableError> {
    let mut words = Words::new(head);
    let name = words.expect("the message's name")?.to_owned();
    let kind = words.expect("the API key, `record KEY`, `header` or `data`")?;
    let kind = match kind {
        "record" => Kind::Record { key: number(words.expect("the record's key")?, &words)? },
        "header" | "data" => Kind::Plain,
        key => {
            let key = number(key, &words)?;
            if name.ends_with("Request") {
                Kind::Request { key, advertised_min: -1, stable_max: -1 }
            } else if name.ends_with("Response") {
                Kind::Response { key, header: None }
            } else {
                return Err(words.error(format!("{name} has an API key but is neither a Request nor a Response")));
            }
        }
    };
    keyword(&mut words, "versions")?;
    let versions = closed_range(words.expect("the versions")?, &words)?;
    keyword(&mut words, "flex")?;
    let flexible = match words.expect("the first flexible version, or `never`")? {
        "never" => None,
        from => Some(open_start(from, &words)?),
    };
    let mut message = Message {
        place: head.place.clone(),
        name: name.clone(),
        kind,
        versions,
        flexible,
        boxed: false,
        doc: head.doc.clone(),
        structs: Vec::new(),
    };
    if let Kind::Request { advertised_min, stable_max, .. } = &mut message.kind {
        *advertised_min = versions.min;
        *stable_max = versions.max;
    }
    while let Some(word) = words.next() {
        match (word, &mut message.kind) {
            ("advertise", Kind::Request { advertised_min, .. }) => {
                *advertised_min = open_start(words.expect("the first advertised version")?, &words)?;
            }
            ("stable", Kind::Request { stable_max, .. }) => {
                *stable_max = number(words.expect("the last stable version")?, &words)?;
            }
            ("header", Kind::Response { header, .. }) => {
                *header = Some(number(words.expect("the header's version")?, &words)?);
            }
            ("boxed", Kind::Request { .. } | Kind::Response { .. }) => message.boxed = true,
            _ => return Err(words.error(format!("`{word}` means nothing here"))),
        }
    }
    let mut structs = Structs { max: versions.max, found: Vec::new() };
    structs.read(&head.place, name, versions, 1, body)?;
    message.structs = structs.found;
    Ok(message)
}

struct Structs {
    max: i16,
    found: Vec<Struct>,
}

impl Structs {
    /// Reads the struct whose fields are the lines of `depth`; deeper lines are the structs nested in them.
    fn read(
        &mut self,
        place: &super::model::Place,
        name: String,
        versions: Range,
        depth: usize,
        lines: &[Line],
    ) -> Result<(), TableError> {
        if let Some(other) = self.found.iter().find(|s| s.name == name) {
            let what = format!("a second struct {name} in this message; the first is in line {}", other.place.line);
            return Err(TableError::new(place, what));
        }
        let index = self.found.len();
        self.found.push(Struct { place: place.clone(), name, versions, fields: Vec::new() });
        let mut rest = lines;
        while let Some((line, after)) = rest.split_first() {
            if line.depth != depth {
                let what = format!("indented {} levels; {depth} fit here", line.depth);
                return Err(TableError::new(&line.place, what));
            }
            let nested = after.iter().take_while(|l| l.depth > depth).count();
            let (nested, after) = after.split_at(nested);
            rest = after;
            if line.words[0] == "struct" && line.words.len() == 2 {
                if depth != 1 {
                    return Err(TableError::new(&line.place, "a common struct belongs to the message's own level"));
                }
                let whole = self.found[0].versions;
                self.read(&line.place, line.words[1].clone(), whole, depth + 1, nested)?;
                continue;
            }
            let field = field(line, versions, self.max)?;
            match (struct_name(&field.ty), nested.is_empty()) {
                (Some(of), false) => self.read(&line.place, of.to_owned(), field.versions, depth + 1, nested)?,
                (None, false) => {
                    return Err(TableError::new(&nested[0].place, "fields under a field that is no struct"));
                }
                (_, true) => {}
            }
            self.found[index].fields.push(field);
        }
        Ok(())
    }
}

/// The struct that a type is made of, if any.
pub fn struct_name(ty: &Type) -> Option<&str> {
    match ty {
        Type::Struct(name) => Some(name),
        Type::Array(element) => struct_name(element),
        _ => None,
    }
}

fn field(line: &Line, scope: Range, max: i16) -> Result<Field, TableError> {
    let mut words = Words::new(line);
    let name = words.expect("the field's name")?.to_owned();
    let ty = words.expect("the field's type")?;
    let (ty, nullable) = match ty.strip_suffix('?') {
        Some(ty) => (ty, true),
        None => (ty, false),
    };
    let ty = type_of(ty, &words)?;
    let is_range = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let versions = match words.next_if(is_range) {
        Some(word) => range(word, max, &words)?,
        None => scope,
    };
    if !versions.within(scope) {
        let what = format!(
            "versions {}-{} of {name} are not all within {}-{} of what holds it",
            versions.min, versions.max, scope.min, scope.max
        );
        return Err(words.error(what));
    }
    let mut field = Field {
        place: line.place.clone(),
        name,
        ty,
        versions,
        nullable: nullable.then_some(versions),
        tag: None,
        ignorable: false,
        flexible: true,
        default: if nullable { Default::Null } else { Default::Zero },
        doc: line.doc.clone(),
    };
    while let Some(word) = words.next() {
        match word {
            "null" if nullable => field.nullable = Some(range(words.expect("versions")?, max, &words)?),
            "tag" => field.tag = Some(number(words.expect("the tag")?, &words)?),
            "ign" => field.ignorable = true,
            "noflex" => field.flexible = false,
            "=" => field.default = default(words.expect("the default")?, &words)?,
            _ => return Err(words.error(format!("`{word}` means nothing here"))),
        }
    }
    Ok(field)
}

fn type_of(word: &str, words: &Words<'_>) -> Result<Type, TableError> {
    if let Some(inner) = word.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(|| words.error(format!("`{word}` lacks its `]`")))?;
        return Ok(Type::Array(Box::new(type_of(inner, words)?)));
    }
    Ok(match word {
        "bool" => Type::Bool,
        "i8" => Type::I8,
        "i16" => Type::I16,
        "u16" => Type::U16,
        "i32" => Type::I32,
        "u32" => Type::U32,
        "i64" => Type::I64,
        "uuid" => Type::Uuid,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        name if name.starts_with(|c: char| c.is_ascii_uppercase()) => Type::Struct(name.to_owned()),
        other => return Err(words.error(format!("there is no type `{other}`"))),
    })
}

fn default(word: &str, words: &Words<'_>) -> Result<Default, TableError> {
    Ok(match word {
        "true" => Default::True,
        "empty" => Default::Zero,
        number => match number.parse() {
            Ok(value) => Default::Number(value),
            Err(_) => return Err(words.error(format!("`{number}` is no default: a number, `true` or `empty`"))),
        },
    })
}

fn keyword(words: &mut Words<'_>, expected: &str) -> Result<(), TableError> {
    match words.next() {
        Some(word) if word == expected => Ok(()),
        Some(word) => Err(words.error(format!("`{word}` where `{expected}` belongs"))),
        None => Err(words.error(format!("`{expected}` is missing"))),
    }
}

fn number<T: std::str::FromStr>(word: &str, words: &Words<'_>) -> Result<T, TableError> {
    word.parse().map_err(|_| words.error(format!("`{word}` is no number that fits here")))
}

/// `N+`.
fn open_start(word: &str, words: &Words<'_>) -> Result<i16, TableError> {
    match word.strip_suffix('+') {
        Some(from) => number(from, words),
        None => Err(words.error(format!("`{word}` is not of the form `N+`"))),
    }
}

/// `N` or `N-M`.
fn closed_range(word: &str, words: &Words<'_>) -> Result<Range, TableError> {
    let (min, max) = word.split_once('-').unwrap_or((word, word));
    let range = Range { min: number(min, words)?, max: number(max, words)? };
    if range.min > range.max {
        return Err(words.error(format!("`{word}` runs backwards")));
    }
    Ok(range)
}

/// `N`, `N-M` or `N+`.
fn range(word: &str, max: i16, words: &Words<'_>) -> Result<Range, TableError> {
    if !word.ends_with('+') {
        return closed_range(word, words);
    }
    let min = open_start(word, words)?;
    if min > max {
        return Err(words.error(format!("`{word}` begins after the message's last version, {max}")));
    }
    Ok(Range { min, max })
}
