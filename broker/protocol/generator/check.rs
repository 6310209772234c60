//! What must hold of a table beyond its grammar.

use super::model::{Default, Field, Message, Struct, Type};
use super::names::snake;
use super::parse::struct_name;
use super::table_error::TableError;

/// Checks one message.
pub fn message(message: &Message) -> Result<(), TableError> {
    let error = |what: String| Err(TableError::new(&message.place, what));
    if message.versions.min < 0 {
        return error("a version below 0".to_owned());
    }
    if message.flexible.is_some_and(|from| from > message.versions.max) {
        return error("flexible from a version after the last; say `flex never`".to_owned());
    }
    for of in &message.structs {
        let mut tags = Vec::new();
        for (index, field) in of.fields.iter().enumerate() {
            self::field(message, of, field)?;
            if of.fields[..index].iter().any(|other| other.name == field.name) {
                return Err(TableError::new(&field.place, format!("a second field {}", field.name)));
            }
            tags.extend(field.tag.map(|tag| (tag, field)));
        }
        tags.sort_by_key(|(tag, _)| *tag);
        for (expected, (tag, field)) in (0..).zip(tags) {
            if tag != expected {
                let what = format!("tag {tag} where {expected} belongs: tags count from 0, each once");
                return Err(TableError::new(&field.place, what));
            }
        }
    }
    for of in &message.structs[1..] {
        let used = message.structs.iter().flat_map(|s| &s.fields).any(|f| struct_name(&f.ty) == Some(&of.name));
        if !used {
            return Err(TableError::new(&of.place, format!("no field uses the struct {}", of.name)));
        }
    }
    Ok(())
}

/// Names that the generated code uses beside those of the fields.
const RESERVED: [&str; 5] = ["r", "ver", "flexible", "tag", "tags"];

fn field(message: &Message, of: &Struct, field: &Field) -> Result<(), TableError> {
    let name = &field.name;
    let error = |what: String| Err(TableError::new(&field.place, what));
    if RESERVED.contains(&snake(name).as_str()) {
        return error(format!("the generated code has another {name}; rename it there"));
    }
    if let Some(inner) = struct_name(&field.ty) {
        let Some(inner) = message.find(inner) else {
            return error(format!("there is no struct {inner} in this message"));
        };
        if !field.versions.within(inner.versions) {
            return error(format!("{name} has versions that its struct {} lacks", inner.name));
        }
        if inner.name == of.name || inner.name == message.name {
            return error(format!("{name} would nest a struct in itself"));
        }
    }
    if field.nullable.is_some_and(|nullable| !nullable.within(field.versions)) {
        return error(format!("{name} is null in versions that do not have it"));
    }
    if field.tag.is_some() && !message.is_flexible(field.versions.min) {
        return error(format!("{name} is tagged in versions that are not flexible"));
    }
    if !field.flexible && !matches!(field.ty, Type::String | Type::Bytes) {
        return error(format!("{name} has no length that `noflex` could keep in the old form"));
    }
    match (&field.default, &field.ty) {
        (Default::Number(value), ty) if !fits(*value, ty) => return error(format!("{value} is no value of {name}")),
        (Default::True, ty) if *ty != Type::Bool => return error(format!("{name} cannot be true")),
        _ => {}
    }
    if field.nullable.is_some()
        && !matches!(field.ty, Type::String | Type::Bytes | Type::Records | Type::Array(_) | Type::Struct(_))
    {
        return error(format!("{name} has a type that cannot be null"));
    }
    if let Type::Array(element) = &field.ty {
        if matches!(**element, Type::Array(_)) {
            return error(format!("{name} is an array of arrays, which Kafka does not have"));
        }
        for version in field.versions.iter() {
            // The count of an array is checked against the bytes that remain, which says nothing of empty elements.
            if min_size(message, element, version, message.is_flexible(version)) == 0 {
                return error(format!("an element of {name} takes no byte in version {version}"));
            }
        }
    }
    Ok(())
}

/// Whether a number is a value of a type.
fn fits(value: i64, ty: &Type) -> bool {
    match ty {
        Type::I8 => i8::try_from(value).is_ok(),
        Type::I16 => i16::try_from(value).is_ok(),
        Type::U16 => u16::try_from(value).is_ok(),
        Type::I32 => i32::try_from(value).is_ok(),
        Type::U32 => u32::try_from(value).is_ok(),
        Type::I64 => true,
        _ => false,
    }
}

/// The fewest bytes that a value of a type takes.
pub fn min_size(message: &Message, ty: &Type, version: i16, flexible: bool) -> usize {
    match ty {
        Type::Bool | Type::I8 => 1,
        Type::I16 | Type::U16 => 2,
        Type::I32 | Type::U32 => 4,
        Type::I64 => 8,
        Type::Uuid => 16,
        _ if flexible && struct_name(ty).is_none() => 1,
        Type::String => 2,
        Type::Array(_) if flexible => 1,
        Type::Bytes | Type::Records | Type::Array(_) => 4,
        Type::Struct(name) => message.find(name).map_or(0, |of| min_struct_size(message, of, version)),
    }
}

fn min_struct_size(message: &Message, of: &Struct, version: i16) -> usize {
    let flexible = message.is_flexible(version);
    let fields = of.fields.iter().filter(|field| field.tag.is_none() && field.versions.contains(version));
    let size = |field: &Field| match (&field.ty, field.nullable) {
        (Type::Struct(_), Some(_)) => 1,
        _ => min_size(message, &field.ty, version, flexible && field.flexible),
    };
    fields.map(size).sum::<usize>() + usize::from(flexible)
}
