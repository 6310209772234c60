//! The Rust side of a table's types: names, conditions, defaults.

use super::model::{Default, Field, Message, Range, Struct, Type};
use super::names::snake;

/// What the emitters of one struct share.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub message: &'a Message,
    pub of: &'a Struct,
}

impl Scope<'_> {
    /// The condition on `ver`, the version, under which `range` holds, or `None` where it always does.
    pub fn condition(&self, range: Range) -> Option<String> {
        let scope = self.of.versions;
        match (range.min <= scope.min, range.max >= scope.max) {
            (true, true) => None,
            (false, true) => Some(format!("ver >= {}", range.min)),
            (true, false) => Some(format!("ver <= {}", range.max)),
            (false, false) if range.min == range.max => Some(format!("ver == {}", range.min)),
            (false, false) => Some(format!("({}..={}).contains(&ver)", range.min, range.max)),
        }
    }

    /// The condition under which a tagged field of `range` exists, given that the version is flexible.
    pub fn tag_condition(&self, range: Range) -> Option<String> {
        let always = self.message.flexible.is_some_and(|from| range.min <= from) && range.max >= self.of.versions.max;
        if always { None } else { self.condition(range) }
    }

    /// The opposite of [`Scope::condition`].
    pub fn absence(&self, range: Range) -> Option<String> {
        let scope = self.of.versions;
        match (range.min <= scope.min, range.max >= scope.max) {
            (true, true) => None,
            (false, true) => Some(format!("ver < {}", range.min)),
            (true, false) => Some(format!("ver > {}", range.max)),
            (false, false) if range.min == range.max => Some(format!("ver != {}", range.min)),
            (false, false) => Some(format!("!({}..={}).contains(&ver)", range.min, range.max)),
        }
    }

    /// Whether the struct is flexible: `true`, `false`, or the name of a local variable that says so.
    pub fn flexible(&self) -> &'static str {
        match (self.message.is_flexible(self.of.versions.min), self.message.is_flexible(self.of.versions.max)) {
            (true, _) => "true",
            (false, false) => "false",
            (false, true) => "flexible",
        }
    }

    /// The statement that defines the variable, if [`Scope::flexible`] names one.
    pub fn flexible_let(&self) -> Option<String> {
        let from = self.message.flexible?;
        (self.flexible() == "flexible").then(|| format!("let flexible = ver >= {from};"))
    }

    /// Whether a field's lengths are compact.
    pub fn compact(&self, field: &Field) -> &'static str {
        if field.flexible { self.flexible() } else { "false" }
    }

    /// Whether a nullable field may be null in this version, as an expression.
    pub fn null_allowed(&self, range: Range) -> String {
        self.condition(range).unwrap_or_else(|| "true".to_owned())
    }

    /// Where an error is, as a string literal: `"FetchRequest.FetchTopic.Topic"`.
    pub fn at(&self, field: &str) -> String {
        let message = &self.message.name;
        if self.of.name == *message {
            format!("\"{message}.{field}\"")
        } else {
            format!("\"{message}.{}.{field}\"", self.of.name)
        }
    }
}

/// The Rust type without nullability.
pub fn base(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::I8 => "i8".to_owned(),
        Type::I16 => "i16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::I32 => "i32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::I64 => "i64".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::String => "Str".to_owned(),
        Type::Bytes | Type::Records => "Bytes".to_owned(),
        Type::Array(element) => format!("Vec<{}>", base(element)),
        Type::Struct(name) => name.clone(),
    }
}

/// The Rust type of a field.
pub fn of_field(field: &Field) -> String {
    let base = base(&field.ty);
    if field.nullable.is_some() { format!("Option<{base}>") } else { base }
}

/// The Rust name of a field.
pub fn ident(field: &Field) -> String {
    let name = snake(&field.name);
    match name.as_str() {
        "type" | "match" | "ref" | "move" | "use" | "in" | "as" | "loop" | "mod" | "where" => format!("r#{name}"),
        _ => name,
    }
}

/// A field's default value.
pub fn default_value(field: &Field) -> String {
    let value = match (&field.default, &field.ty) {
        (Default::Null, _) => return "None".to_owned(),
        (Default::True, _) => "true".to_owned(),
        (Default::Number(value), ty) => match (ty, *value) {
            (Type::I32, value) if value == i64::from(i32::MAX) => "i32::MAX".to_owned(),
            (Type::I32, value) if value == i64::from(i32::MIN) => "i32::MIN".to_owned(),
            (Type::I64, i64::MAX) => "i64::MAX".to_owned(),
            (_, value) => value.to_string(),
        },
        (Default::Zero, Type::Bool) => "false".to_owned(),
        (Default::Zero, Type::String) => "Str::new()".to_owned(),
        (Default::Zero, Type::Bytes | Type::Records) => "Bytes::new()".to_owned(),
        (Default::Zero, Type::Array(_)) => "Vec::new()".to_owned(),
        (Default::Zero, Type::Uuid) => "Uuid::ZERO".to_owned(),
        (Default::Zero, Type::Struct(name)) => format!("{name}::default()"),
        (Default::Zero, _) => "0".to_owned(),
    };
    if field.nullable.is_some() { format!("Some({value})") } else { value }
}

/// The test that `self`'s field differs from its default.
pub fn is_set(field: &Field) -> String {
    let name = format!("self.{}", ident(field));
    match (&field.default, &field.ty, field.nullable.is_some()) {
        (Default::Null, _, _) => format!("{name}.is_some()"),
        (_, Type::String | Type::Bytes | Type::Records | Type::Array(_), true) => {
            format!("{name}.as_ref().is_none_or(|value| !value.is_empty())")
        }
        (_, Type::String | Type::Bytes | Type::Records | Type::Array(_), false) => format!("!{name}.is_empty()"),
        (Default::True, _, _) => format!("!{name}"),
        (_, Type::Bool, _) => name,
        _ => format!("{name} != {}", default_value(field)),
    }
}
