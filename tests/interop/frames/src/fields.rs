//! A message as its fields, each with its path: what can be compared one by one.
//!
//! They are read from the message's `Debug` form, so none can be forgotten and an API that is new is compared at once.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// The leaves of a message: path, value. An element of an array is named by what it is of, `topics[orders]`, where it
/// says so, since Kafka leaves most orders open; where several say the same, by its turn among them:
/// `topics[orders#2]`. What is no struct is named by its place.
pub type Fields = BTreeMap<String, String>;

/// Fields that name the element that has them, in the order of preference.
const NAMES: &[&str] = &[
    "key",
    "name",
    "topic_name",
    "topic",
    "topic_id",
    "resource_name",
    "api_key",
    "node_id",
    "broker_id",
    "replica_id",
    "partition_index",
    "partition_id",
    "partition",
    "index",
    "log_dir",
];

/// The fields of a message. `rename` sees every leaf first: there an id becomes a name.
pub fn fields(message: &impl Debug, rename: &dyn Fn(&str) -> Option<String>) -> Fields {
    let text = format!("{message:?}");
    let mut parser = Parser { rest: &text, rename };
    let tree = parser.value();
    let mut fields = Fields::new();
    tree.flatten(&mut String::new(), &mut fields);
    fields
}

#[derive(Debug)]
enum Tree {
    Struct(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Leaf(String),
}

impl Tree {
    fn flatten(&self, path: &mut String, fields: &mut Fields) {
        let before = path.len();
        match self {
            Tree::Leaf(value) => {
                fields.insert(path.clone(), value.clone());
            }
            Tree::Struct(members) => {
                for (name, member) in members {
                    if before > 0 {
                        path.push('.');
                    }
                    path.push_str(name);
                    member.flatten(path, fields);
                    path.truncate(before);
                }
            }
            Tree::Array(elements) => {
                let mut taken: BTreeMap<String, u32> = BTreeMap::new();
                for (place, element) in elements.iter().enumerate() {
                    let mut name = match element {
                        Tree::Struct(_) => element.name().unwrap_or_default(),
                        _ => place.to_string(),
                    };
                    let count = taken.entry(name.clone()).or_default();
                    *count += 1;
                    if *count > 1 {
                        name = format!("{name}#{count}");
                    }
                    path.push('[');
                    path.push_str(&name);
                    path.push(']');
                    element.flatten(path, fields);
                    path.truncate(before);
                }
                fields.insert(format!("{path}.len"), elements.len().to_string());
            }
        }
    }

    fn name(&self) -> Option<String> {
        let Tree::Struct(members) = self else { return None };
        NAMES.iter().find_map(|name| match members.iter().find(|(member, _)| member == name)? {
            (_, Tree::Leaf(value)) if !matches!(&**value, "\"\"" | "None" | ZERO_ID) => {
                Some(value.trim_matches('"').to_owned())
            }
            _ => None,
        })
    }
}

/// How the id of no topic is written.
const ZERO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

struct Parser<'a> {
    rest: &'a str,
    rename: &'a dyn Fn(&str) -> Option<String>,
}

impl Parser<'_> {
    fn value(&mut self) -> Tree {
        if self.eat("[") {
            let mut elements = Vec::new();
            while !self.eat("]") {
                elements.push(self.value());
                self.eat(", ");
            }
            return Tree::Array(elements);
        }
        let word = self.leaf();
        if self.eat(" {") {
            let mut members = Vec::new();
            while !self.eat(" }") {
                self.eat(",");
                self.eat(" ");
                let name = self.leaf();
                assert!(self.eat(": "), "a member has a value: {:?}", self.rest);
                members.push((name, self.value()));
            }
            return Tree::Struct(members);
        }
        // `Some(value)`, and the variant of a body around its message.
        if self.eat("(") {
            let inner = self.value();
            assert!(self.eat(")"), "one value in parentheses: {:?}", self.rest);
            return inner;
        }
        Tree::Leaf((self.rename)(&word).unwrap_or(word))
    }

    /// A name, a number, or text in quotes.
    fn leaf(&mut self) -> String {
        let bytes = self.rest.as_bytes();
        let start = usize::from(bytes.first() == Some(&b'b') && bytes.get(1) == Some(&b'"'));
        let end = if bytes.get(start) == Some(&b'"') {
            let mut at = start + 1;
            while bytes[at] != b'"' {
                at += 1 + usize::from(bytes[at] == b'\\');
            }
            at + 1
        } else {
            bytes
                .iter()
                .position(|b| matches!(b, b',' | b' ' | b':' | b'{' | b'}' | b'(' | b')' | b'[' | b']'))
                .unwrap_or(bytes.len())
        };
        assert!(end > 0, "a value: {:?}", self.rest);
        let (leaf, rest) = self.rest.split_at(end);
        self.rest = rest;
        leaf.to_owned()
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tribunal_protocol::{ApiKey, ResponseBody, Sampler, Str, Uuid, messages};

    use super::*;

    #[test]
    fn elements_are_named_by_what_they_are_of() {
        let partition = |partition_index, error_code| messages::metadata_response::MetadataResponsePartition {
            partition_index,
            error_code,
            replica_nodes: vec![4, 5],
            ..Default::default()
        };
        let topic = messages::metadata_response::MetadataResponseTopic {
            name: Some(Str::from_static("a, \"b\" { [")),
            topic_id: Uuid(7),
            partitions: vec![partition(1, 6), partition(0, 0)],
            ..Default::default()
        };
        let response = messages::MetadataResponse { topics: vec![topic], ..Default::default() };
        let fields = fields(&response, &|leaf| (leaf == Uuid(7).to_string()).then(|| "id".to_owned()));
        let get = |path: &str| fields.get(path).map(String::as_str);
        assert_eq!(get(r#"topics[a, \"b\" { [].partitions[1].error_code"#), Some("6"));
        assert_eq!(get(r#"topics[a, \"b\" { [].partitions[0].replica_nodes[1]"#), Some("5"));
        assert_eq!(get(r#"topics[a, \"b\" { [].topic_id"#), Some("id"));
        assert_eq!(get("topics.len"), Some("1"));
        assert_eq!(get("cluster_id"), Some("None"));
    }

    #[test]
    fn every_response_of_the_generator_can_be_read() {
        for api in ApiKey::ALL {
            for seed in 0..200 {
                let version = api.versions().max;
                let body = ResponseBody::sample(api, version, &mut Sampler::new(seed));
                assert!(!fields(&body, &|_| None).is_empty());
            }
        }
    }
}
