//! The table of error codes: `code NAME [retriable] # sentence` a line.

use super::lines::{Words, split};
use super::model::ErrorCode;
use super::table_error::TableError;

pub fn parse(file: &str, text: &str) -> Result<Vec<ErrorCode>, TableError> {
    let mut codes: Vec<ErrorCode> = Vec::new();
    for line in split(file, text)? {
        let mut words = Words::new(&line);
        let code = words.expect("the code")?;
        let code: i16 = code.parse().map_err(|_| words.error(format!("`{code}` is no error code")))?;
        let name = words.expect("the name")?.to_owned();
        let retriable = words.next_if(|word| word == "retriable").is_some();
        if let Some(word) = words.next() {
            return Err(words.error(format!("`{word}` means nothing here")));
        }
        let Some(sentence) = line.doc.clone().filter(|doc| !doc.is_empty()) else {
            return Err(words.error(format!("{name} lacks its sentence, after a `#`")));
        };
        if codes.last().is_some_and(|last| last.code + 1 != code) {
            return Err(words.error(format!("{code} does not follow the code above")));
        }
        if codes.iter().any(|other| other.name == name) {
            return Err(words.error(format!("a second {name}")));
        }
        codes.push(ErrorCode { code, name, retriable, sentence });
    }
    Ok(codes)
}
