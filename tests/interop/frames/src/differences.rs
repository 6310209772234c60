//! The list of known differences, and what is compared against it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::fields::Fields;

/// One known difference: where it is, and why it is there. Each of the patterns may have `*` in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// The API's name, whole.
    api: String,
    /// The case's name.
    #[serde(default = "anything")]
    case: String,
    /// The field's path.
    field: String,
    /// Kafka's value.
    #[serde(default = "anything")]
    kafka: String,
    /// Ours.
    #[serde(default = "anything")]
    ours: String,
    reason: String,
}

fn anything() -> String {
    "*".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    difference: Vec<Known>,
}

/// Why there is no list.
#[derive(Clone, Debug)]
pub struct DifferencesError(String);

impl fmt::Display for DifferencesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DifferencesError {}

/// What a comparison of two answers found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Fields that both have, or one of them has.
    pub fields: usize,
    /// Differences that the list has.
    pub listed: usize,
    /// Differences that it has not: path, Kafka's value, ours.
    pub unlisted: Vec<(String, String, String)>,
}

/// The list, and which of it occurred.
#[derive(Clone, Debug)]
pub struct Differences {
    known: Vec<Known>,
    seen: BTreeSet<usize>,
}

/// What stands for the value of a field that one side lacks.
const ABSENT: &str = "absent";

impl Differences {
    /// Reads the list.
    ///
    /// # Errors
    /// If it cannot be read, is no TOML of this form, or has an entry without a reason.
    pub fn load(path: &Path) -> Result<Differences, DifferencesError> {
        let wrong = |why: String| DifferencesError(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let File { difference: known } = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match known.iter().find(|known| known.reason.trim().is_empty()) {
            Some(known) => Err(wrong(format!("{} {}: a difference has a reason", known.api, known.field))),
            None => Ok(Differences { known, seen: BTreeSet::new() }),
        }
    }

    /// Compares the answers to one case of an API.
    pub fn compare(&mut self, api: &str, case: &str, kafka: &Fields, ours: &Fields) -> Comparison {
        let mut found = Comparison::default();
        for path in kafka.keys().chain(ours.keys().filter(|path| !kafka.contains_key(*path))) {
            found.fields += 1;
            let value = |side: &Fields| side.get(path).map_or(ABSENT, String::as_str).to_owned();
            let (theirs, own) = (value(kafka), value(ours));
            if theirs == own {
                continue;
            }
            let listed = self.known.iter().position(|known| {
                let pairs = [(&*known.api, api), (&known.case, case), (&known.field, path), (&known.kafka, &theirs)];
                pairs.into_iter().chain([(&*known.ours, &*own)]).all(|(pattern, text)| matches(pattern, text))
            });
            match listed {
                Some(entry) => {
                    self.seen.insert(entry);
                    found.listed += 1;
                }
                None => found.unlisted.push((path.clone(), theirs, own)),
            }
        }
        found
    }

    /// Entries for APIs that were compared which did not occur: what they say is no longer so.
    pub fn unseen(&self, compared: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let unseen = move |index: &usize| !self.seen.contains(index) && compared(&self.known[*index].api);
        (0..self.known.len()).filter(unseen).map(|index| {
            let Known { api, case, field, kafka, ours, .. } = &self.known[index];
            format!("{api}, case {case}, field {field}, kafka {kafka}, ours {ours}")
        })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Whether a text is of a pattern, in which `*` stands for anything and everything else for itself.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &str) -> Differences {
        let File { difference: known } = toml::from_str(entries).unwrap();
        Differences { known, seen: BTreeSet::new() }
    }

    fn side(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    const ENTRY: &str = "[[difference]]\napi = \"Fetch\"\nfield = \"a*.error\"\nkafka = \"1\"\nreason = \"x\"\n";

    #[test]
    fn a_difference_that_is_not_listed_is_told_with_both_values() {
        let mut list = list(ENTRY);
        let found = list.compare("Fetch", "c", &side(&[("a.error", "2"), ("b", "1")]), &side(&[("a.error", "3")]));
        assert_eq!(found.fields, 2);
        let told = |path: &str, kafka: &str, ours: &str| (path.to_owned(), kafka.to_owned(), ours.to_owned());
        assert_eq!(found.unlisted, [told("a.error", "2", "3"), told("b", "1", "absent")]);
        assert_eq!(list.unseen(|_| true).count(), 1);
    }

    #[test]
    fn a_listed_difference_is_counted_and_seen() {
        let mut list = list(ENTRY);
        let found = list.compare("Fetch", "c", &side(&[("a[0].error", "1")]), &side(&[("a[0].error", "3")]));
        assert_eq!((found.listed, found.unlisted.len()), (1, 0));
        assert_eq!(list.unseen(|_| true).count(), 0);
    }

    #[test]
    fn an_entry_holds_for_its_api_alone() {
        let found = list(ENTRY).compare("Produce", "c", &side(&[("a.error", "1")]), &side(&[("a.error", "3")]));
        assert_eq!(found.unlisted.len(), 1);
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "ab", false),
            ("*b*d", "abcd", true),
            ("*b*d", "abce", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a[*].b", "a[orders].b", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
