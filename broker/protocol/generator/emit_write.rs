//! `Wire::write` of one struct, which also measures it.

use super::code::Code;
use super::emit_read::fixed_name;
use super::model::{Field, Type};
use super::types::{self, Scope};

pub fn function(out: &mut Code, scope: Scope<'_>) {
    let (mut tagged, plain): (Vec<_>, Vec<_>) = scope.of.fields.iter().partition(|field| field.tag.is_some());
    tagged.sort_by_key(|field| field.tag);
    out.line("fn write<S: Sink>(&self, s: &mut S, ver: i16) {");
    out.lines(scope.flexible_let().as_deref());
    for field in plain {
        let condition = scope.condition(field.versions);
        if let Some(condition) = &condition {
            out.line(format!("if {condition} {{"));
        }
        value(out, scope, field, "s");
        if condition.is_some() {
            absent(out, scope, field);
            out.line("}");
        }
    }
    tags(out, scope, &tagged);
    out.line("}");
}

/// Continues an `if` with what to do where the version does not have the field.
fn absent(out: &mut Code, scope: Scope<'_>, field: &Field) {
    if !field.ignorable {
        out.line(format!("}} else if S::CHECKED && {} {{", types::is_set(field)));
        out.line(format!("s.fail(EncodeError::absent({}, ver));", scope.at(&field.name)));
    }
}

fn tags(out: &mut Code, scope: Scope<'_>, tagged: &[&Field]) {
    for field in tagged {
        if let Some(absence) = scope.absence(field.versions)
            && !field.ignorable
        {
            out.line(format!("if S::CHECKED && {absence} && {} {{", types::is_set(field)));
            out.line(format!("s.fail(EncodeError::absent({}, ver));", scope.at(&field.name)));
            out.line("}");
        }
    }
    let end = match scope.flexible() {
        "false" => return,
        "true" => None,
        variable => {
            out.line(format!("if {variable} {{"));
            Some("}")
        }
    };
    for field in tagged {
        let present = match scope.tag_condition(field.versions) {
            Some(condition) => format!("{condition} && {}", types::is_set(field)),
            None => types::is_set(field),
        };
        out.line(format!("let has_{} = {present};", types::ident(field)));
    }
    let count: Vec<_> = tagged.iter().map(|field| format!("u32::from(has_{})", types::ident(field))).collect();
    let count = if count.is_empty() { "0".to_owned() } else { count.join(" + ") };
    out.line(format!("s.uvarint({count});"));
    for field in tagged {
        out.line(format!("if has_{} {{", types::ident(field)));
        out.line(format!("s.uvarint({});", field.tag.unwrap_or_default()));
        out.line("let mut size = Counter::default();");
        value(out, scope, field, "size");
        out.line("s.uvarint(size.as_u32());");
        value(out, scope, field, "s");
        out.line("}");
    }
    out.lines(end);
}

/// Statements that write a field's value to the sink `s`.
fn value(out: &mut Code, scope: Scope<'_>, field: &Field, s: &str) {
    let at = scope.at(&field.name);
    let compact = scope.compact(field);
    let name = format!("self.{}", types::ident(field));
    let (opt, null) = match field.nullable {
        Some(range) => ("opt_", format!("{}, ", scope.null_allowed(range))),
        None => ("", String::new()),
    };
    // `Some` is borrowed as it is, so that null costs no more than its own bytes.
    let (borrowed, iterated) = match opt {
        "" => (format!("&{name}"), format!("&{name}")),
        _ => (format!("{name}.as_ref()"), format!("{name}.iter().flatten()")),
    };
    match &field.ty {
        Type::String => out.line(format!("{s}.{opt}string({compact}, {null}{borrowed}, {at});")),
        Type::Bytes | Type::Records => out.line(format!("{s}.{opt}bytes({compact}, {null}{borrowed}, {at});")),
        Type::Array(element) => {
            let len = match opt {
                "" => format!("{name}.len()"),
                _ => format!("{name}.as_ref().map(Vec::len)"),
            };
            out.line(format!("{s}.{opt}array_len({compact}, {null}{len}, {at});"));
            out.line(format!("for element in {iterated} {{"));
            match &**element {
                Type::Struct(_) => out.line(format!("element.write({}{s}, ver);", if s == "s" { "" } else { "&mut " })),
                Type::String => out.line(format!("{s}.string({compact}, element, {at});")),
                Type::Bytes | Type::Records => out.line(format!("{s}.bytes({compact}, element, {at});")),
                fixed => out.line(format!("{s}.{}(*element);", fixed_name(fixed))),
            }
            out.line("}");
        }
        Type::Struct(_) => {
            let sink = if s == "s" { "s" } else { "&mut size" };
            if opt.is_empty() {
                out.line(format!("{name}.write({sink}, ver);"));
            } else {
                out.line(format!("{s}.present({null}{name}.is_some(), {at});"));
                out.line(format!("if let Some(value) = &{name} {{"));
                out.line(format!("value.write({sink}, ver);"));
                out.line("}");
            }
        }
        fixed => out.line(format!("{s}.{}({name});", fixed_name(fixed))),
    }
}
