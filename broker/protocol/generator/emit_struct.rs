//! One struct: definition, defaults, and the parts that read and write it.

use super::code::Code;
use super::model::{Default, Field, Kind, Message};
use super::types::{self, Scope};
use super::{emit_read, emit_sample, emit_write};

/// The module of one message.
pub fn module(out: &mut Code, message: &Message) {
    out.line(format!("/// `{}` and the structs nested in it.", message.name));
    out.line("#[allow(unused_variables, reason = \"not every struct is the same in all versions\")]");
    out.line(format!("pub mod {} {{", super::names::snake(&message.name)));
    out.lines(["#[allow(unused_imports, reason = \"not every message has every type\")]", "use super::prelude::*;"]);
    for of in &message.structs {
        out.line("");
        one(out, Scope { message, of });
    }
    own_methods(out, message);
    out.line("}");
    out.line("");
}

fn one(out: &mut Code, scope: Scope<'_>) {
    let of = scope.of;
    let derivable = of.fields.iter().all(|field| match field.default {
        Default::Null => true,
        Default::Zero => field.nullable.is_none(),
        Default::True | Default::Number(_) => false,
    });
    docs(out, scope);
    let default = if derivable { "Default, " } else { "" };
    out.line(format!("#[derive(Clone, Debug, {default}PartialEq, Eq, Hash)]"));
    out.line(format!("pub struct {} {{", of.name));
    for field in &of.fields {
        field_docs(out, scope, field);
        out.line(format!("pub {}: {},", types::ident(field), types::of_field(field)));
    }
    out.line("}");
    if !derivable {
        out.line("");
        out.line(format!("impl Default for {} {{", of.name));
        out.line("fn default() -> Self {");
        out.line("Self {");
        for field in &of.fields {
            out.line(format!("{}: {},", types::ident(field), types::default_value(field)));
        }
        out.lines(["}", "}", "}"]);
    }
    out.line("");
    out.line(format!("impl Wire for {} {{", of.name));
    emit_read::function(out, scope);
    out.line("");
    emit_write::function(out, scope);
    out.line("}");
    out.line("");
    emit_sample::function(out, scope);
}

fn docs(out: &mut Code, scope: Scope<'_>) {
    let Scope { message, of } = scope;
    let (min, max) = (message.versions.min, message.versions.max);
    if of.name != message.name {
        let (min, max) = (of.versions.min, of.versions.max);
        out.line(format!("/// Part of [`{}`], versions {min} to {max}.", message.name));
        return;
    }
    let what = match message.kind {
        Kind::Request { key, .. } => format!("Request of API {key}"),
        Kind::Response { key, .. } => format!("Response of API {key}"),
        Kind::Record { key } => format!("Metadata record {key}"),
        Kind::Plain => "Encoded by itself".to_owned(),
    };
    out.line(format!("/// {what}, versions {min} to {max}."));
    if let Some(doc) = &message.doc {
        out.lines(["///", &format!("/// {doc}")]);
    }
}

fn field_docs(out: &mut Code, scope: Scope<'_>, field: &Field) {
    let mut doc = format!("Kafka's `{}`", field.name);
    if scope.condition(field.versions).is_some() {
        let (min, max) = (field.versions.min, field.versions.max);
        doc += &match max {
            _ if max >= scope.of.versions.max => format!(", since version {min}"),
            _ if min <= scope.of.versions.min => format!(", until version {max}"),
            _ => format!(", versions {min} to {max}"),
        };
        doc += if field.ignorable { "; dropped in others" } else { "; an error in others" };
    }
    if let Some(tag) = field.tag {
        doc += &format!("; tag {tag}");
    }
    if let Some(nullable) = field.nullable
        && nullable != field.versions
    {
        doc += &match nullable.max {
            max if max >= field.versions.max => format!("; null since version {}", nullable.min),
            max => format!("; null in versions {} to {max}", nullable.min),
        };
    }
    match (&field.default, field.nullable.is_some()) {
        (Default::Zero, false) | (Default::Null, _) => {}
        (Default::Zero, true) => doc += "; empty by default",
        _ => doc += &format!("; {} by default", types::default_value(field)),
    }
    match &field.doc {
        // The sentence of the table comes first: it says what the field means.
        Some(sentence) => {
            out.line(format!("/// {sentence}"));
            out.line("///");
            out.line(format!("/// {doc}."));
        }
        None => out.line(format!("/// {doc}.")),
    }
}

/// What only a whole message offers.
fn own_methods(out: &mut Code, message: &Message) {
    let name = &message.name;
    let (min, max) = (message.versions.min, message.versions.max);
    out.line("");
    out.line(format!("impl {name} {{"));
    out.line("/// The versions that can be encoded and decoded.");
    out.line(format!("pub const VERSIONS: VersionRange = VersionRange {{ min: {min}, max: {max} }};"));
    out.line("");
    out.line("/// Appends the encoding of `version` to `out`. After an error `out` is as before.");
    out.line("pub fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError> {");
    out.line(format!("crate::write::encode(self, Self::VERSIONS, version, {name:?}, out)"));
    out.line("}");
    out.line("");
    out.line("/// Reads what [`Self::encode`] of the same version wrote; what follows it stays in the reader.");
    out.line("pub fn decode(version: i16, input: &mut Reader) -> Result<Self, DecodeError> {");
    out.line(format!("crate::read::decode(input, Self::VERSIONS, version, {name:?})"));
    out.line("}");
    out.line("");
    out.line("/// Bytes that [`Self::encode`] writes if it succeeds.");
    out.line("pub fn encoded_size(&self, version: i16) -> usize {");
    out.line("crate::write::size(self, version)");
    out.lines(["}", "}"]);
}
