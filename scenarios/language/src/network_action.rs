//! What faults do to the network.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_contract::Span;

use super::action::{defaults, tables};
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::target::Target;
use super::units::{SpanRange, quote, read_str, word_value};

/// Which way a cut goes, seen from the isolated node or the first group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Nothing passes.
    #[default]
    Both,
    /// It does not hear the others, but they hear it.
    In,
    /// It hears the others, but they do not hear it.
    Out,
}

/// Which brokers are cut from which, where a seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Two groups that reach each other over one broker alone.
    Bridge,
    /// Two groups, as equal as they can be.
    Halves,
    /// Every broker reaches a majority, and no two the same one.
    MajoritiesRing,
}

/// `partition = { isolate | groups | shape, direction, clients, flap }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cut {
    /// The node that is cut off from all other brokers.
    pub isolate: Option<Target>,
    /// Groups that cannot reach each other; a node in no group reaches every node.
    pub groups: Option<Vec<Vec<Target>>>,
    /// All brokers, cut in this way. Exactly one of this, `isolate` and `groups`.
    pub shape: Option<Shape>,
    /// Which way, from the isolated node or the first group.
    pub direction: Direction,
    /// Whether clients too are cut off from the isolated node.
    pub clients: bool,
    /// The cut comes and goes, each for so long.
    pub flap: Option<Span>,
}

/// `reset = { between, half_open }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reset {
    /// The two nodes whose connections are reset.
    pub between: [Target; 2],
    /// Only the first learns of it; the second finds out when it sends.
    pub half_open: bool,
}

/// `slow_link = { between, latency, bandwidth }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlowLink {
    /// The two nodes, in both directions.
    pub between: [Target; 2],
    /// How long a message takes.
    pub latency: SpanRange,
    /// Bytes a second; messages queue for it.
    pub bandwidth: Option<u64>,
}

defaults! {
    Reset Reset { between: [Target::Any, Target::Any], half_open: false };
    SlowLink SlowLink {
        between: [Target::Any, Target::Any],
        latency: SpanRange::exactly(Span::from_millis(100)),
        bandwidth: None,
    };
}

tables! {
    Cut, "a table such as { isolate = \"leader:orders/0\" }", |this, v| {
        v.key("isolate", "The node that is cut off from all other brokers.", &mut this.isolate);
        v.key("groups", "Or groups of nodes that cannot reach each other.", &mut this.groups);
        v.key(
            "shape",
            "Or all brokers: in \"halves\", in halves with a \"bridge\" between them, or as a \"majorities-ring\".",
            &mut this.shape,
        );
        v.key(
            "direction",
            "What the isolated node (or the first group) cannot do: receive (\"in\"), send (\"out\"), or \"both\".",
            &mut this.direction,
        );
        v.key("clients", "With `isolate`: whether clients cannot reach the node either.", &mut this.clients);
        v.key("flap", "Time after which the cut ends and after which it returns, again and again.", &mut this.flap);
    };
    Reset, "a table such as { between = [\"broker 1\", \"broker 2\"] }", |this, v| {
        v.required("between", "Two nodes whose connections with each other are reset.", &mut this.between);
        v.key(
            "half_open",
            "Only the first node learns of it; the second finds out when it sends, or in the end.",
            &mut this.half_open,
        );
    };
    SlowLink, "a table such as { between = [\"broker 1\", \"broker 2\"], latency = \"50ms..200ms\" }", |this, v| {
        v.required("between", "Two nodes, in both directions.", &mut this.between);
        v.key("latency", "How long a message takes.", &mut this.latency);
        v.key("bandwidth", "Bytes a second, for which messages queue; unchanged if left out.", &mut this.bandwidth);
    };
}

word_value! {
    Direction, "\"both\", \"in\" or \"out\"", {
        "both" => Direction::Both, "in" => Direction::In, "out" => Direction::Out,
    };
    Shape, "\"bridge\", \"halves\" or \"majorities-ring\"", {
        "bridge" => Shape::Bridge, "halves" => Shape::Halves, "majorities-ring" => Shape::MajoritiesRing,
    };
}

impl Value for [Target; 2] {
    const FORM: &'static str = "two targets, such as [\"broker 1\", \"broker 2\"]";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<[Target; 2]> {
        let before = cx.diagnostics.0.len();
        let targets: Vec<Target> = Vec::read(cx, path, value)?;
        let found = targets.len();
        if let Ok(two) = <[Target; 2]>::try_from(targets) {
            return Some(two);
        }
        if cx.diagnostics.0.len() == before {
            cx.error(value.span(), format!("expected {}", Self::FORM), format!("there are {found}"));
        }
        None
    }
    fn write(&self) -> Option<String> {
        self.to_vec().write()
    }
}
