//! Which topic names are allowed, and which two would collide.

use tribunal_protocol::Str;

/// Kafka's limit in bytes: with `-` and a partition number the name of a folder stays below 255.
const MAX_LENGTH: usize = 249;

/// What is wrong with a topic's name, in Kafka's words.
pub fn invalid_topic_name(name: &Str) -> Option<String> {
    let text = name.as_str();
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let why = match text {
        "" => "the empty string is not allowed".to_owned(),
        "." => "'.' is not allowed".to_owned(),
        ".." => "'..' is not allowed".to_owned(),
        _ if text.len() > MAX_LENGTH => {
            format!("the length of '{text}' is longer than the max allowed length {MAX_LENGTH}")
        }
        _ if !text.bytes().all(legal) => {
            format!("'{text}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return None,
    };
    Some(format!("Topic name is invalid: {why}"))
}

/// Whether two names are the same but for `.` and `_`, which metric names do not tell apart.
pub(crate) fn collide(a: &Str, b: &Str) -> bool {
    let unified = |c: &u8| if *c == b'.' { b'_' } else { *c };
    a.len() == b.len() && a.as_bytes().iter().map(unified).eq(b.as_bytes().iter().map(unified))
}
