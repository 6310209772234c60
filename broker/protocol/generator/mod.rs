//! Tables to Rust: parse, check, emit.

mod check;
mod code;
mod emit_dispatch;
mod emit_errors;
mod emit_read;
mod emit_sample;
mod emit_struct;
mod emit_write;
mod error_codes;
mod lines;
mod model;
mod names;
mod parse;
mod table_error;
mod types;

use code::Code;
use emit_dispatch::Api;
use model::{Kind, Message};
pub use table_error::TableError;

/// The generated code: the messages, what spans them, and the error codes.
pub struct Generated {
    pub messages: String,
    pub error_codes: String,
}

/// Generates from tables, each a file name and its text. `errors` is the table of error codes.
pub fn generate(tables: &[(String, String)], errors: &(String, String)) -> Result<Generated, TableError> {
    let mut messages = Vec::new();
    for (file, text) in tables {
        messages.extend(parse::messages(file, text)?);
    }
    for (index, message) in messages.iter().enumerate() {
        check::message(message)?;
        if let Some(other) = messages[..index].iter().find(|other| other.name == message.name) {
            let what = format!("a second {}; the first is in {}:{}", message.name, other.place.file, other.place.line);
            return Err(TableError::new(&message.place, what));
        }
    }
    let apis = apis(&messages)?;
    let mut out = Code::default();
    emit_dispatch::exports(&mut out, &messages);
    for message in &messages {
        emit_struct::module(&mut out, message);
    }
    emit_dispatch::all(&mut out, &apis, &messages);
    let codes = error_codes::parse(&errors.0, &errors.1)?;
    Ok(Generated { messages: out.into_text(), error_codes: emit_errors::all(&codes) })
}

/// Pairs requests with responses, by ascending key.
fn apis(messages: &[Message]) -> Result<Vec<Api<'_>>, TableError> {
    let mut apis: Vec<Api<'_>> = Vec::new();
    for request in messages {
        let Kind::Request { key, advertised_min, stable_max } = request.kind else { continue };
        let response = messages.iter().find(|m| matches!(m.kind, Kind::Response { key: k, .. } if k == key));
        let Some(response) = response else {
            return Err(TableError::new(&request.place, format!("no response has the key {key}")));
        };
        let error = |what: &str| Err(TableError::new(&response.place, what));
        if names::api(&request.name) != names::api(&response.name) {
            return error(&format!("{} answers {}, which has another name", response.name, request.name));
        }
        if (request.versions, request.flexible) != (response.versions, response.flexible) {
            return error("a response has the versions of its request");
        }
        if let Some(other) = apis.iter().find(|other| other.key == key) {
            return Err(TableError::new(&request.place, format!("{} has the key {key} too", other.request.name)));
        }
        let Kind::Response { header, .. } = response.kind else { continue };
        apis.push(Api { key, advertised_min, stable_max, response_header: header, request, response });
    }
    for message in messages {
        let Kind::Response { key, .. } = message.kind else { continue };
        if !apis.iter().any(|api| std::ptr::eq(api.response, message)) {
            return Err(TableError::new(&message.place, format!("no request of its own has the key {key}")));
        }
    }
    apis.sort_by_key(|api| api.key);
    Ok(apis)
}
