//! Random values of one struct, for tests.

use super::code::Code;
use super::model::{Default, Field, Type};
use super::types::{self, Scope};

pub fn function(out: &mut Code, scope: Scope<'_>) {
    let of = scope.of;
    out.line("#[cfg(feature = \"test-values\")]");
    out.line(format!("impl Sample for {} {{", of.name));
    out.line("fn sample(g: &mut Sampler, ver: i16) -> Self {");
    out.line("Self {");
    for field in &of.fields {
        let (name, default, value) = (types::ident(field), types::default_value(field), value(scope, field));
        match scope.condition(field.versions) {
            None => out.line(format!("{name}: {value},")),
            Some(condition) => out.line(format!("{name}: if {condition} {{ {value} }} else {{ {default} }},")),
        }
    }
    out.lines(["}", "}", ""]);
    heap(out, scope);
    out.line("}");
    out.line("");
}

/// `Sample::heap`: what decoding allocated, found by walking the value.
fn heap(out: &mut Code, scope: Scope<'_>) {
    out.line("fn heap(&self) -> usize {");
    let mut terms = Vec::new();
    for field in &scope.of.fields {
        let name = format!("self.{}", types::ident(field));
        let option = field.nullable.is_some();
        match &field.ty {
            Type::Array(element) => {
                let (vecs, all) = match option {
                    true => (format!("{name}.as_ref().map_or(0, vec_heap)"), format!("{name}.iter().flatten()")),
                    false => (format!("vec_heap(&{name})"), format!("{name}.iter()")),
                };
                terms.push(vecs);
                if matches!(**element, Type::Struct(_)) {
                    terms.push(format!("{all}.map(Sample::heap).sum::<usize>()"));
                }
            }
            Type::Struct(_) if option => terms.push(format!("{name}.as_ref().map_or(0, Sample::heap)")),
            Type::Struct(_) => terms.push(format!("{name}.heap()")),
            _ => {}
        }
    }
    out.line(if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") });
    out.line("}");
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
        Type::Struct(name) => format!("{name}::sample(g, ver)"),
        Type::Array(element) => format!("g.vec(|g| {})", plain(element)),
        other => format!("g.{}()", types::base(other).to_ascii_lowercase()),
    }
}
