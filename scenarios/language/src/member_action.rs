//! Actions that change the members of the cluster and the replicas of partitions.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_contract::Span;

use super::action::{defaults, tables};
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::target::{Partition, Target};

/// `decommission = { broker, look }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decommission {
    /// Which broker.
    pub broker: Target,
    /// How often it is looked whether it may go.
    pub look: Span,
}

/// `join = { broker }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    /// Which broker.
    pub broker: Target,
}

/// `reassign = { partition, replicas, cancel }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Reassign {
    /// Which partition.
    pub partition: Partition,
    /// The replicas wanted, preferred leader first.
    pub replicas: Vec<u32>,
    /// Whether what is under way is cancelled instead.
    pub cancel: bool,
}

/// `unregister = { broker }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unregister {
    /// Which broker.
    pub broker: Target,
}

defaults! {
    Decommission Decommission { broker: Target::Any, look: Span::from_millis(500) };
    Join Join { broker: Target::Any };
    Unregister Unregister { broker: Target::Any };
}

tables! {
    Decommission, "a table such as { broker = \"broker 4\" }", |this, v| {
        v.required("broker", "The broker that leaves for good: its partitions move, it shuts down, it is unregistered.", &mut this.broker);
        v.key("look", "Interval at which the admin client checks whether its partitions have moved.", &mut this.look);
    };
    Join, "a table such as { broker = \"broker 4\" }", |this, v| {
        v.required("broker", "The broker that starts for the first time; one of the last `join_later` brokers.", &mut this.broker);
    };
    Reassign, "a table such as { partition = \"orders/0\", replicas = [4, 2, 3] }", |this, v| {
        v.required("partition", "The partition.", &mut this.partition);
        v.key("replicas", "Ids of the brokers that will hold it, preferred leader first.", &mut this.replicas);
        v.key("cancel", "Whether the reassignment under way is cancelled instead.", &mut this.cancel);
    };
    Unregister, "a table such as { broker = \"broker 4\" }", |this, v| {
        v.required(
            "broker",
            "The broker that is unregistered, whether its partitions have moved or not. A running broker registers again.",
            &mut this.broker,
        );
    };
}
