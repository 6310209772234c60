//! `Wire::read` of one struct.

use super::check::min_size;
use super::code::Code;
use super::model::{Field, Type};
use super::types::{self, Scope};

pub fn function(out: &mut Code, scope: Scope<'_>) {
    let (tagged, plain): (Vec<_>, Vec<_>) = scope.of.fields.iter().partition(|field| field.tag.is_some());
    out.line("fn read(r: &mut Reader, ver: i16) -> Result<Self, DecodeError> {");
    out.lines(scope.flexible_let().as_deref());
    for field in plain {
        let name = types::ident(field);
        let value = expression(scope, field);
        match scope.condition(field.versions) {
            None => out.line(format!("let {name} = {value};")),
            Some(condition) => {
                let default = types::default_value(field);
                out.line(format!("let {name} = if {condition} {{ {value} }} else {{ {default} }};"));
            }
        }
    }
    for field in &tagged {
        let (name, ty, default) = (types::ident(field), types::of_field(field), types::default_value(field));
        out.line(format!("let mut {name}: {ty} = {default};"));
    }
    tags(out, scope, &tagged);
    let fields: Vec<_> = scope.of.fields.iter().map(types::ident).collect();
    out.line(format!("Ok(Self {{ {} }})", fields.join(", ")));
    out.line("}");
}

fn tags(out: &mut Code, scope: Scope<'_>, tagged: &[&Field]) {
    let at = scope.at("_tagged_fields");
    let end = match scope.flexible() {
        "false" => return,
        "true" => None,
        variable => {
            out.line(format!("if {variable} {{"));
            Some("}")
        }
    };
    if tagged.is_empty() {
        out.line(format!("r.skip_tagged_fields({at})?;"));
    } else {
        out.line(format!("let mut tags = r.tagged_fields({at})?;"));
        out.line(format!("while let Some(tag) = r.next_tag(&mut tags, {at})? {{"));
        out.line("match tag {");
        for field in tagged {
            let guard =
                scope.tag_condition(field.versions).map_or(String::new(), |condition| format!(" if {condition}"));
            let (name, tag) = (types::ident(field), field.tag.unwrap_or_default());
            out.line(format!("{tag}{guard} => {name} = {},", expression(scope, field)));
        }
        out.line("_ => r.skip_tag(),");
        out.line("}");
        out.line(format!("r.end_tag(&tags, {at})?;"));
        out.line("}");
    }
    out.lines(end);
}

/// The expression that reads a field's value.
fn expression(scope: Scope<'_>, field: &Field) -> String {
    let at = scope.at(&field.name);
    let compact = scope.compact(field);
    let null = field.nullable.map(|range| scope.null_allowed(range));
    let (opt, null) = match &null {
        Some(null) => ("opt_", format!("{null}, ")),
        None => ("", String::new()),
    };
    match &field.ty {
        Type::String => format!("r.{opt}string({compact}, {null}{at})?"),
        Type::Bytes | Type::Records => format!("r.{opt}bytes({compact}, {null}{at})?"),
        Type::Array(element) => {
            let flexible = |version| scope.message.is_flexible(version);
            let min =
                field.versions.iter().map(|v| min_size(scope.message, element, v, flexible(v))).min().unwrap_or(1);
            let read = match &**element {
                Type::Struct(name) => format!("{name}::read(r, ver)"),
                Type::String => format!("r.string({compact}, {at})"),
                Type::Bytes | Type::Records => format!("r.bytes({compact}, {at})"),
                fixed => format!("r.{}({at})", fixed_name(fixed)),
            };
            format!("r.{opt}array({compact}, {null}{min}, {at}, |r| {read})?")
        }
        Type::Struct(name) if field.nullable.is_some() => {
            format!("if r.present({null}{at})? {{ Some({name}::read(r, ver)?) }} else {{ None }}")
        }
        Type::Struct(name) => format!("{name}::read(r, ver)?"),
        fixed => format!("r.{}({at})?", fixed_name(fixed)),
    }
}

/// The runtime's name for reading and writing a type of fixed size.
pub fn fixed_name(ty: &Type) -> String {
    types::base(ty).to_ascii_lowercase()
}
