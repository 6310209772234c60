//! The nodes that a fault strikes: brokers and clients by their role at that moment.

use std::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::keys::{Context, Value};
use super::nearest::suggestion;
use super::units::{quote, read_str, string_value};

/// A partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub index: u32,
}

/// One node or several, by what they are when the fault happens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Every broker.
    All,
    /// A broker that is up, chosen by the seed.
    Any,
    /// The broker of that id.
    Broker(u32),
    /// A client of a kind, counted from 0 over the workloads of that kind.
    Client(ClientKind, u32),
    /// Every client.
    Clients,
    /// The active controller.
    Controller,
    /// A follower of the partition, chosen by the seed.
    Follower(Partition),
    /// Every follower of the partition.
    Followers(Partition),
    /// Every in-sync replica of the partition, its leader too.
    Isr(Partition),
    /// The leader of the partition.
    Leader(Partition),
    /// Every broker on the rack.
    Rack(String),
    /// The node on which the fault's trigger came about. Only with [`Trigger::When`](super::Trigger::When).
    Subject,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientKind {
    /// Consumes.
    Consumer,
    /// Produces.
    Producer,
}

impl Target {
    /// The partition it speaks of.
    pub fn partition(&self) -> Option<&Partition> {
        match self {
            Target::Follower(p) | Target::Followers(p) | Target::Isr(p) | Target::Leader(p) => Some(p),
            _ => None,
        }
    }

    /// Whether it may be a broker, as opposed to a client.
    pub fn is_broker(&self) -> bool {
        !matches!(self, Target::Client(..) | Target::Clients)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.index)
    }
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClientKind::Consumer => "consumer",
            ClientKind::Producer => "producer",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::All => f.write_str("all"),
            Target::Any => f.write_str("any"),
            Target::Broker(id) => write!(f, "broker {id}"),
            Target::Client(kind, index) => write!(f, "client {kind} {index}"),
            Target::Clients => f.write_str("clients"),
            Target::Controller => f.write_str("controller"),
            Target::Follower(p) => write!(f, "follower:{p}"),
            Target::Followers(p) => write!(f, "followers:{p}"),
            Target::Isr(p) => write!(f, "isr:{p}"),
            Target::Leader(p) => write!(f, "leader:{p}"),
            Target::Rack(rack) => write!(f, "rack:{rack}"),
            Target::Subject => f.write_str("subject"),
        }
    }
}

/// A partition such as `orders/0`.
pub fn parse_partition(text: &str) -> Result<Partition, String> {
    let wrong = || "a partition is a topic and a number, such as \"orders/0\"".to_owned();
    let (topic, index) = text.trim().rsplit_once('/').ok_or_else(wrong)?;
    let index = index.parse::<u32>().map_err(|_| wrong())?;
    if topic.is_empty() { Err(wrong()) } else { Ok(Partition { topic: topic.to_owned(), index }) }
}

/// Whether a text can be the name of a rack.
pub(crate) fn rack_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A target such as `leader:orders/0`.
pub fn parse_target(text: &str) -> Result<Target, String> {
    let text = text.trim();
    if let Some((role, partition)) = text.split_once(':') {
        if role.trim() == "rack" {
            return match rack_name(partition.trim()) {
                true => Ok(Target::Rack(partition.trim().to_owned())),
                false => Err("a rack has a name, such as \"rack:a\"".to_owned()),
            };
        }
        let make = match role.trim() {
            "leader" => Target::Leader,
            "follower" => Target::Follower,
            "followers" => Target::Followers,
            "isr" => Target::Isr,
            role => return Err(suggestion(role, &["leader", "follower", "followers", "isr", "rack"])),
        };
        return parse_partition(partition).map(make);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["all"] => Ok(Target::All),
        ["any"] => Ok(Target::Any),
        ["clients"] => Ok(Target::Clients),
        ["controller"] => Ok(Target::Controller),
        ["subject"] => Ok(Target::Subject),
        ["broker", id] => id.parse().map(Target::Broker).map_err(|_| format!("`{id}` is not a broker id")),
        ["client", kind, index] => {
            let kind = match kind {
                "consumer" => ClientKind::Consumer,
                "producer" => ClientKind::Producer,
                kind => return Err(suggestion(kind, &["producer", "consumer"])),
            };
            index.parse().map(|index| Target::Client(kind, index)).map_err(|_| format!("`{index}` is not a number"))
        }
        ["leader" | "follower" | "followers" | "isr", ..] => {
            Err(format!("of which partition? such as \"{}:orders/0\"", words[0]))
        }
        ["rack", ..] => Err("which one? such as \"rack:a\"".into()),
        ["client", ..] => Err("which one? such as \"client producer 0\"".into()),
        ["broker", ..] => Err("which one? such as \"broker 2\"".into()),
        _ => Err(suggestion(
            text,
            &["broker 1", "leader:…", "follower:…", "controller", "subject", "any", "all", "clients"],
        )),
    }
}

string_value! {
    Partition, "a partition, such as \"orders/0\"", parse_partition, |p: &Partition| p.to_string();
    Target, "a target, such as \"broker 2\" or \"leader:orders/0\"", parse_target, |t: &Target| t.to_string();
}
