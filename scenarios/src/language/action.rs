//! What a fault does.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_contract::Span;

use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::member_action::{Decommission, Join, Reassign, Unregister};
use super::target::{Partition, Target};
use super::units::{After, Offset, SpanRange, quote, read_str, word_value};

/// What a fault does, and when it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A broker's clock jumps.
    Clock(Clock),
    /// A broker's process dies.
    Crash {
        /// Which one, and how.
        what: Crash,
        /// When it starts again.
        restart: After,
    },
    /// A broker leaves for good, once others hold what it holds.
    Decommission(Decommission),
    /// Operations of a broker's disk fail.
    Disk(DiskFault),
    /// The controller is asked to elect a leader.
    Elect(Elect),
    /// A broker starts for the first time.
    Join(Join),
    /// Nodes cannot reach each other.
    Partition {
        /// Which ones.
        what: Cut,
        /// When they can again.
        heal: After,
    },
    /// A broker's process stands still; its connections stay open.
    Pause {
        /// Which one.
        what: Pause,
        /// How long.
        lasts: Span,
    },
    /// A partition moves to other replicas, or stays after all.
    Reassign(Reassign),
    /// Open connections are reset; both sides may connect again at once.
    Reset(Reset),
    /// Every broker in turn is stopped and started.
    RollingRestart(RollingRestart),
    /// A broker asks to leave, moves its leaders away and stops.
    Shutdown {
        /// Which one.
        what: Shutdown,
        /// When it starts again.
        restart: After,
    },
    /// A broker's disk takes longer.
    SlowDisk {
        /// Which one, and how much.
        what: SlowDisk,
        /// How long.
        lasts: Span,
    },
    /// Messages between nodes take longer.
    SlowLink {
        /// Which ones, and how much.
        what: SlowLink,
        /// How long.
        lasts: Span,
    },
    /// A broker is forgotten.
    Unregister(Unregister),
}

/// Whether what a node has not synced survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Power {
    /// Only the process dies: the page cache stays.
    #[default]
    Kept,
    /// The machine loses power: what was not synced is lost, the last unsynced write may be torn.
    Lost,
}

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

/// A disk operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DiskOperation {
    /// Writing.
    #[default]
    Append,
    /// Reading.
    Read,
    /// Making durable.
    Sync,
}

/// Which replica an election is to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Election {
    /// The preferred one, if it is in sync.
    #[default]
    Preferred,
    /// Any that is alive.
    Unclean,
}

/// How a rolling restart stops a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Stop {
    /// By controlled shutdown.
    #[default]
    Clean,
    /// By killing the process; the page cache stays.
    Kill,
    /// By cutting power.
    PowerLoss,
}

/// `crash = { broker, power }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crash {
    /// Which broker.
    pub broker: Target,
    /// What survives.
    pub power: Power,
}

/// `pause = { broker }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pause {
    /// Which broker.
    pub broker: Target,
}

/// `shutdown = { broker }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shutdown {
    /// Which broker.
    pub broker: Target,
}

/// `partition = { isolate | groups, direction, clients }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cut {
    /// Who is cut off from all other brokers.
    pub isolate: Option<Target>,
    /// Groups that cannot reach each other; who is in none reaches everyone. Exactly one of this and `isolate`.
    pub groups: Option<Vec<Vec<Target>>>,
    /// Which way, from the isolated node or the first group.
    pub direction: Direction,
    /// Whether clients too are cut off from the isolated node.
    pub clients: bool,
}

/// `reset = { between }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reset {
    /// Whose connections with each other.
    pub between: [Target; 2],
}

/// `rolling_restart = { every, down, stop }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RollingRestart {
    /// From one broker's stop to the next one's.
    pub every: Span,
    /// How long each is down.
    pub down: Span,
    /// How each is stopped.
    pub stop: Stop,
}

/// `clock = { broker, offset }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    /// Which broker.
    pub broker: Target,
    /// By how much the clock jumps.
    pub offset: Offset,
}

/// `disk = { broker, fail, once }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiskFault {
    /// Whose disk.
    pub broker: Target,
    /// What fails.
    pub fail: DiskOperation,
    /// Whether only the next such operation fails, or all from now on.
    pub once: bool,
}

/// `slow_disk = { broker, factor }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlowDisk {
    /// Whose disk.
    pub broker: Target,
    /// How many times longer a sync takes.
    pub factor: u32,
}

/// `slow_link = { between, latency }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlowLink {
    /// Between whom, both ways.
    pub between: [Target; 2],
    /// How long a message takes.
    pub latency: SpanRange,
}

/// `elect = { partition, kind }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Elect {
    /// Of which partition.
    pub partition: Partition,
    /// Which replica.
    pub kind: Election,
}

impl Action {
    /// Whom it names.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Action::Clock(clock) => vec![&clock.broker],
            Action::Crash { what, .. } => vec![&what.broker],
            Action::Disk(disk) => vec![&disk.broker],
            Action::Decommission(leaving) => vec![&leaving.broker],
            Action::Elect(_) | Action::Reassign(_) | Action::RollingRestart(_) => Vec::new(),
            Action::Join(join) => vec![&join.broker],
            Action::Unregister(gone) => vec![&gone.broker],
            Action::Partition { what, .. } => {
                what.isolate.iter().chain(what.groups.iter().flatten().flatten()).collect()
            }
            Action::Pause { what, .. } => vec![&what.broker],
            Action::Reset(reset) => reset.between.iter().collect(),
            Action::Shutdown { what, .. } => vec![&what.broker],
            Action::SlowDisk { what, .. } => vec![&what.broker],
            Action::SlowLink { what, .. } => what.between.iter().collect(),
        }
    }

    /// The key that names it in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Clock(_) => "clock",
            Action::Crash { .. } => "crash",
            Action::Decommission(_) => "decommission",
            Action::Disk(_) => "disk",
            Action::Elect(_) => "elect",
            Action::Join(_) => "join",
            Action::Partition { .. } => "partition",
            Action::Pause { .. } => "pause",
            Action::Reassign(_) => "reassign",
            Action::Reset(_) => "reset",
            Action::RollingRestart(_) => "rolling_restart",
            Action::Shutdown { .. } => "shutdown",
            Action::SlowDisk { .. } => "slow_disk",
            Action::SlowLink { .. } => "slow_link",
            Action::Unregister(_) => "unregister",
        }
    }
}

macro_rules! tables {
    ($($type:ident, $form:literal, |$this:ident, $v:ident| $keys:block;)*) => {$(
        impl Keys for $type {
            fn keys<V: Visitor>(&mut self, $v: &mut V) {
                let $this = self;
                $keys
            }
        }
        impl Value for $type {
            const FORM: &'static str = $form;
            fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<$type> {
                read_inline(cx, path, value, Self::FORM)
            }
            fn write(&self) -> Option<String> {
                Some(write_inline(self))
            }
        }
    )*};
}

macro_rules! defaults {
    ($($type:ident $default:expr;)*) => {
        $(impl Default for $type { fn default() -> $type { $default } })*
    };
}

pub(super) use {defaults, tables};

defaults! {
    Crash Crash { broker: Target::Any, power: Power::Kept };
    Pause Pause { broker: Target::Any };
    Shutdown Shutdown { broker: Target::Any };
    Reset Reset { between: [Target::Any, Target::Any] };
    RollingRestart RollingRestart { every: Span::from_secs(5), down: Span::from_secs(1), stop: Stop::Clean };
    Clock Clock { broker: Target::Any, offset: Offset(0) };
    DiskFault DiskFault { broker: Target::Any, fail: DiskOperation::Append, once: true };
    SlowDisk SlowDisk { broker: Target::Any, factor: 10 };
    SlowLink SlowLink { between: [Target::Any, Target::Any], latency: SpanRange::exactly(Span::from_millis(100)) };
}

tables! {
    Crash, "a table such as { broker = \"leader:orders/0\", power = \"lost\" }", |this, v| {
        v.required("broker", "Whose process dies.", &mut this.broker);
        v.key("power", "\"kept\": the page cache stays; \"lost\": what was not synced is gone.", &mut this.power);
    };
    Pause, "a table such as { broker = \"controller\" }", |this, v| {
        v.required("broker", "Whose process stands still.", &mut this.broker);
    };
    Shutdown, "a table such as { broker = \"broker 2\" }", |this, v| {
        v.required("broker", "Who leaves with the controller's consent.", &mut this.broker);
    };
    Cut, "a table such as { isolate = \"leader:orders/0\" }", |this, v| {
        v.key("isolate", "Who is cut off from all other brokers.", &mut this.isolate);
        v.key("groups", "Or groups that cannot reach each other.", &mut this.groups);
        v.key(
            "direction",
            "What the isolated node (or the first group) cannot do: hear (\"in\"), be heard (\"out\"), or \"both\".",
            &mut this.direction,
        );
        v.key("clients", "With `isolate`: whether clients cannot reach it either.", &mut this.clients);
    };
    Reset, "a table such as { between = [\"broker 1\", \"broker 2\"] }", |this, v| {
        v.required("between", "Whose connections with each other.", &mut this.between);
    };
    RollingRestart, "a table such as { every = \"5s\", stop = \"clean\" }", |this, v| {
        v.key("every", "From one broker's stop to the next one's.", &mut this.every);
        v.key("down", "How long each is down.", &mut this.down);
        v.key("stop", "How each is stopped: \"clean\", \"kill\" or \"power-loss\".", &mut this.stop);
    };
    Clock, "a table such as { broker = \"broker 2\", offset = \"-2s\" }", |this, v| {
        v.required("broker", "Whose clock jumps.", &mut this.broker);
        v.required("offset", "By how much, forward or back.", &mut this.offset);
    };
    DiskFault, "a table such as { broker = \"broker 2\", fail = \"sync\" }", |this, v| {
        v.required("broker", "Whose disk.", &mut this.broker);
        v.required("fail", "What fails: \"append\", \"read\" or \"sync\".", &mut this.fail);
        v.key("once", "Only the next such operation, or all from now on.", &mut this.once);
    };
    SlowDisk, "a table such as { broker = \"broker 2\", factor = 20 }", |this, v| {
        v.required("broker", "Whose disk.", &mut this.broker);
        v.key("factor", "How many times longer a sync takes.", &mut this.factor);
    };
    SlowLink, "a table such as { between = [\"broker 1\", \"broker 2\"], latency = \"50ms..200ms\" }", |this, v| {
        v.required("between", "Between whom, both ways.", &mut this.between);
        v.key("latency", "How long a message takes.", &mut this.latency);
    };
    Elect, "a table such as { partition = \"orders/0\" }", |this, v| {
        v.required("partition", "Of which partition.", &mut this.partition);
        v.key("kind", "The \"preferred\" replica, or \"unclean\": any that is alive.", &mut this.kind);
    };
}

word_value! {
    Power, "\"kept\" or \"lost\"", { "kept" => Power::Kept, "lost" => Power::Lost };
    Direction, "\"both\", \"in\" or \"out\"", {
        "both" => Direction::Both, "in" => Direction::In, "out" => Direction::Out,
    };
    DiskOperation, "\"append\", \"read\" or \"sync\"", {
        "append" => DiskOperation::Append, "read" => DiskOperation::Read, "sync" => DiskOperation::Sync,
    };
    Election, "\"preferred\" or \"unclean\"", { "preferred" => Election::Preferred, "unclean" => Election::Unclean };
    Stop, "\"clean\", \"kill\" or \"power-loss\"", {
        "clean" => Stop::Clean, "kill" => Stop::Kill, "power-loss" => Stop::PowerLoss,
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
