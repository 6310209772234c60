//! The enum of error codes.

use super::code::Code;
use super::model::ErrorCode;
use super::names::camel;

pub fn all(codes: &[ErrorCode]) -> String {
    let mut out = Code::default();
    out.line("/// What went wrong, as Kafka's error codes say it.");
    out.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    out.line("#[repr(i16)]");
    out.line("pub enum ErrorCode {");
    for code in codes {
        out.line(format!("/// {} `{}`: {}", code.code, code.name, code.sentence));
        out.line(format!("{} = {},", camel(&code.name), code.code));
    }
    out.line("}");
    out.line("");
    out.line("impl ErrorCode {");
    out.line("/// Every code, ascending.");
    let all: Vec<_> = codes.iter().map(|code| format!("Self::{}", camel(&code.name))).collect();
    out.line(format!("pub const ALL: [ErrorCode; {}] = [{}];", codes.len(), all.join(", ")));
    out.line("");
    out.line(
        "/// The error of a code; a code that is not known is an `UnknownServerError`, as clients of Kafka take it.",
    );
    out.line("pub const fn from_code(code: i16) -> ErrorCode {");
    out.line("match code {");
    for code in codes.iter().filter(|code| code.code != -1) {
        out.line(format!("{} => Self::{},", code.code, camel(&code.name)));
    }
    out.lines(["_ => Self::UnknownServerError,", "}", "}", ""]);
    out.line("/// Kafka's name, such as `NOT_LEADER_OR_FOLLOWER`.");
    on_self(&mut out, "pub const fn name(self) -> &'static str", codes, |code| format!("{:?}", code.name));
    out.line("/// What it means, in a sentence.");
    on_self(&mut out, "pub const fn sentence(self) -> &'static str", codes, |code| format!("{:?}", code.sentence));
    out.line("/// Whether the same request may succeed later.");
    out.line("pub const fn is_retriable(self) -> bool {");
    let retriable: Vec<_> =
        codes.iter().filter(|code| code.retriable).map(|code| format!("Self::{}", camel(&code.name))).collect();
    out.line(format!("matches!(self, {})", retriable.join(" | ")));
    out.lines(["}", "}"]);
    out.into_text()
}

fn on_self(out: &mut Code, signature: &str, codes: &[ErrorCode], value: impl Fn(&ErrorCode) -> String) {
    out.line(format!("{signature} {{"));
    out.line("match self {");
    for code in codes {
        out.line(format!("Self::{} => {},", camel(&code.name), value(code)));
    }
    out.lines(["}", "}", ""]);
}
