//! What spans all APIs: keys, versions, bodies.

use super::code::Code;
use super::model::{Kind, Message};
use super::names::{api, snake};

/// A request with its response.
pub struct Api<'a> {
    pub key: i16,
    pub advertised_min: i16,
    /// The last version that is served.
    pub stable_max: i16,
    /// The version of the response header, where it does not follow from flexibility.
    pub response_header: Option<i16>,
    pub request: &'a Message,
    pub response: &'a Message,
}

impl Api<'_> {
    fn name(&self) -> &str {
        api(&self.request.name)
    }
}

pub fn all(out: &mut Code, apis: &[Api<'_>], messages: &[Message]) {
    keys(out, apis);
    facts(out, apis);
    let requests: Vec<_> = apis.iter().map(|api| (api.name(), api.request)).collect();
    let responses: Vec<_> = apis.iter().map(|api| (api.name(), api.response)).collect();
    bodies(out, "RequestBody", "request", &requests);
    bodies(out, "ResponseBody", "response", &responses);
    records(out, messages);
}

fn keys(out: &mut Code, apis: &[Api<'_>]) {
    out.line("/// An API, by Kafka's key.");
    out.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    out.line("#[repr(i16)]");
    out.line("pub enum ApiKey {");
    for api in apis {
        out.line(format!("/// API {}.", api.key));
        out.line(format!("{} = {},", api.name(), api.key));
    }
    out.line("}");
    out.line("");
    out.line("impl ApiKey {");
    out.line("/// Every API, by ascending key.");
    let all: Vec<_> = apis.iter().map(|api| format!("Self::{}", api.name())).collect();
    out.line(format!("pub const ALL: [ApiKey; {}] = [{}];", apis.len(), all.join(", ")));
    out.line("");
    out.line("/// Kafka's name.");
    match_on_self(out, "pub const fn name(self) -> &'static str", apis, |api| format!("{:?}", api.name()));
    out.line("}");
    out.line("");
    out.line("impl TryFrom<i16> for ApiKey {");
    out.line("type Error = UnknownApiKey;");
    out.line("");
    out.line("fn try_from(key: i16) -> Result<Self, UnknownApiKey> {");
    out.line("Ok(match key {");
    for api in apis {
        out.line(format!("{} => Self::{},", api.key, api.name()));
    }
    out.line("_ => return Err(UnknownApiKey(key)),");
    out.lines(["})", "}", "}", ""]);
}

fn facts(out: &mut Code, apis: &[Api<'_>]) {
    out.line("impl ApiKey {");
    out.line("/// The versions that are served.");
    match_on_self(out, "pub const fn versions(self) -> VersionRange", apis, |api| {
        format!("VersionRange {{ min: {}, max: {} }}", api.request.versions.min, api.stable_max)
    });
    out.line("");
    out.line("/// The versions that an ApiVersions response lists, which for Produce begin before those served: older");
    out.line("/// librdkafka turns compression off where Produce 0 is missing.");
    match_on_self(out, "pub const fn advertised_versions(self) -> VersionRange", apis, |api| {
        format!("VersionRange {{ min: {}, max: {} }}", api.advertised_min, api.stable_max)
    });
    out.line("");
    out.line("/// The first version with compact lengths and tagged fields; `i16::MAX` if there is none.");
    match_on_self(out, "pub const fn flexible_from(self) -> i16", apis, |api| {
        api.request.flexible.unwrap_or(i16::MAX).to_string()
    });
    out.line("");
    out.line("/// The version of the response header, where it does not follow from [`ApiKey::flexible_from`].");
    out.line("pub(crate) const fn fixed_response_header(self) -> Option<i16> {");
    out.line("match self {");
    for api in apis {
        if let Some(header) = api.response_header {
            out.line(format!("Self::{} => Some({header}),", api.name()));
        }
    }
    out.line("_ => None,");
    out.lines(["}", "}", "}", ""]);
}

fn match_on_self(out: &mut Code, signature: &str, apis: &[Api<'_>], value: impl Fn(&Api<'_>) -> String) {
    out.line(format!("{signature} {{"));
    out.line("match self {");
    for api in apis {
        out.line(format!("Self::{} => {},", api.name(), value(api)));
    }
    out.lines(["}", "}"]);
}

fn bodies(out: &mut Code, name: &str, what: &str, messages: &[(&str, &Message)]) {
    out.line(format!("/// The body of any {what}."));
    out.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
    out.line(format!("pub enum {name} {{"));
    for (api, message) in messages {
        out.line(format!("/// See [`{}`].", message.name));
        let ty = if message.boxed { format!("Box<{}>", message.name) } else { message.name.clone() };
        out.line(format!("{api}({ty}),"));
    }
    out.line("}");
    out.line("");
    out.line(format!("impl {name} {{"));
    out.line("/// The API this belongs to.");
    out.line("pub const fn api_key(&self) -> ApiKey {");
    out.line("match self {");
    for (api, _) in messages {
        out.line(format!("Self::{api}(_) => ApiKey::{api},"));
    }
    out.lines(["}", "}", ""]);
    out.line("/// Appends the encoding of `version` to `out`. After an error `out` is as before.");
    out.line("pub fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError> {");
    each(out, messages, "body.encode(version, out)");
    out.line("");
    out.line(format!("/// Reads the body of a {what}; what follows it stays in the reader."));
    out.line("pub fn decode(api: ApiKey, version: i16, input: &mut Reader) -> Result<Self, DecodeError> {");
    out.line("Ok(match api {");
    for (api, message) in messages {
        let decode = format!("{}::decode(version, input)?", message.name);
        let decode = if message.boxed { format!("Box::new({decode})") } else { decode };
        out.line(format!("ApiKey::{api} => Self::{api}({decode}),"));
    }
    out.lines(["})", "}", ""]);
    out.line("/// Bytes that [`Self::encode`] writes if it succeeds.");
    out.line("pub fn encoded_size(&self, version: i16) -> usize {");
    each(out, messages, "body.encoded_size(version)");
    out.line("");
    out.line(format!("/// A random {what} that `version` can carry whole."));
    out.line("#[cfg(feature = \"test-values\")]");
    out.line("pub fn sample(api: ApiKey, version: i16, g: &mut Sampler) -> Self {");
    out.line("match api {");
    for (api, message) in messages {
        let sample = format!("{}::sample(g, version)", message.name);
        let sample = if message.boxed { format!("Box::new({sample})") } else { sample };
        out.line(format!("ApiKey::{api} => Self::{api}({sample}),"));
    }
    out.lines(["}", "}", ""]);
    out.line("/// See [`Sample::heap`].");
    out.line("#[cfg(feature = \"test-values\")]");
    out.line("pub fn heap(&self) -> usize {");
    each(out, messages, "body.heap()");
    out.lines(["}", ""]);
    for (api, message) in messages {
        out.line(format!("impl From<{}> for {name} {{", message.name));
        out.line(format!("fn from(body: {}) -> Self {{", message.name));
        out.line(format!("Self::{api}({})", if message.boxed { "Box::new(body)" } else { "body" }));
        out.lines(["}", "}", ""]);
    }
}

fn each(out: &mut Code, messages: &[(&str, &Message)], expression: &str) {
    out.line("match self {");
    for (api, _) in messages {
        out.line(format!("Self::{api}(body) => {expression},"));
    }
    out.lines(["}", "}"]);
}

/// The records of the metadata log as one enum.
fn records(out: &mut Code, messages: &[Message]) {
    let records: Vec<_> = messages
        .iter()
        .filter_map(|message| match message.kind {
            Kind::Record { key } => Some((key, message.name.trim_end_matches("Record"), message)),
            _ => None,
        })
        .collect();
    out.line("/// A record of the metadata log.");
    out.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
    out.line("pub enum MetadataRecord {");
    for (key, variant, message) in &records {
        out.line(format!("/// Key {key}, see [`{}`].", message.name));
        out.line(format!("{variant}({}),", message.name));
    }
    out.line("}");
    out.line("");
    out.line("impl MetadataRecord {");
    out.line("/// The keys of all records.");
    let keys: Vec<_> = records.iter().map(|(key, _, _)| key.to_string()).collect();
    out.line(format!("pub const KEYS: [i16; {}] = [{}];", keys.len(), keys.join(", ")));
    out.line("");
    out.line("/// The key that stands in the record's frame.");
    record_match(out, "pub const fn key(&self) -> i16", &records, |key, _| key.to_string(), "_");
    out.line("");
    out.line("/// The versions that can be encoded and decoded.");
    let versions = |_: i16, message: &Message| format!("{}::VERSIONS", message.name);
    record_match(out, "pub const fn versions(&self) -> VersionRange", &records, versions, "_");
    out.line("");
    let body = "body.encode(version, out)".to_owned();
    let signature = "pub(crate) fn encode_body(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError>";
    record_match(out, signature, &records, |_, _| body.clone(), "body");
    out.line("");
    let signature = "pub(crate) fn body_size(&self, version: i16) -> usize";
    record_match(out, signature, &records, |_, _| "body.encoded_size(version)".to_owned(), "body");
    for (signature, expression, otherwise) in [
        (
            "pub(crate) fn decode_body(key: i16, version: i16, input: &mut Reader) -> Option<Result<Self, DecodeError>>",
            "decode(version, input).map",
            "return None",
        ),
        ("", "sample(g, version)", "return None"),
    ] {
        out.line("");
        if signature.is_empty() {
            out.line("/// A random record that `version` can carry whole; `None` if there is no such key.");
            out.line("#[cfg(feature = \"test-values\")]");
            out.line("pub fn sample(key: i16, version: i16, g: &mut Sampler) -> Option<Self> {");
        } else {
            out.line(format!("{signature} {{"));
        }
        out.line("Some(match key {");
        for (key, variant, message) in &records {
            let value = match signature.is_empty() {
                true => format!("Self::{variant}({}::{expression})", message.name),
                false => format!("{}::{expression}(Self::{variant})", message.name),
            };
            out.line(format!("{key} => {value},"));
        }
        out.line(format!("_ => {otherwise},"));
        out.lines(["})", "}"]);
    }
    out.lines(["}", ""]);
    for (_, variant, message) in &records {
        out.line(format!("impl From<{}> for MetadataRecord {{", message.name));
        out.line(format!("fn from(body: {}) -> Self {{", message.name));
        out.line(format!("Self::{variant}(body)"));
        out.lines(["}", "}", ""]);
    }
}

fn record_match(
    out: &mut Code,
    signature: &str,
    records: &[(i16, &str, &Message)],
    value: impl Fn(i16, &Message) -> String,
    binding: &str,
) {
    out.line(format!("{signature} {{"));
    out.line("match self {");
    for (key, variant, message) in records {
        out.line(format!("Self::{variant}({binding}) => {},", value(*key, message)));
    }
    out.lines(["}", "}"]);
}

/// The re-exports of all messages, by module.
pub fn exports(out: &mut Code, messages: &[Message]) {
    for message in messages {
        out.line(format!("pub use {}::{};", snake(&message.name), message.name));
    }
    out.line("");
}
