//! Random values of one struct, for tests.

use super::code::Code;
use super::model::{Default, Field, Type};
use super::types::{self, Scope};

pub fn function(out: &mut Code, scope: Scope<'_>) {
    let of = scope.of;
    out.line("#[cfg(feature = \"test-values\")]");
    out.line(format!("impl Sample for {} {{", of.name));
    out.line("fn sample(g: &mut Sampler, version: i16) -> Self {");
    out.line("Self {");
    for field in &of.fields {
        let (name, default, value) = (types::ident(field), types::default_value(field), value(scope, field));
        match scope.condition(field.versions) {
            None => out.line(format!("{name}: {value},")),
            Some(condition) => out.line(format!("{name}: if {condition} {{ {value} }} else {{ {default} }},")),
        }
    }
    out.lines(["}", "}", "}"]);
    out.line("");
}

fn value(scope: Scope<'_>, field: &Field) -> String {
    let value = match &field.ty {
        Type::Array(element) => format!("g.vec(|g| {})", plain(element)),
        ty => plain(ty),
    };
    let value = match field.nullable {
        Some(range) => format!("g.option({}, |g| {value})", scope.null_allowed(range)),
        None => value,
    };
    // Tagged fields and fields with a default of their own are that default often enough to be left out.
    if field.tag.is_some() || !matches!(field.default, Default::Zero | Default::Null) {
        return format!("if g.bool() {{ {value} }} else {{ {} }}", types::default_value(field));
    }
    value
}

fn plain(ty: &Type) -> String {
    match ty {
        Type::Struct(name) => format!("{name}::sample(g, version)"),
        Type::Array(element) => format!("g.vec(|g| {})", plain(element)),
        other => format!("g.{}()", types::base(other).to_ascii_lowercase()),
    }
}
