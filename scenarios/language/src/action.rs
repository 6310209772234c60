//! What a fault does.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_common::TruncationMode;
use tribunal_contract::Span;

use super::disk_action::{Corrupt, DiskFault, DiskLoss, FullDisk, SlowDisk, StallDisk};
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
    /// Bytes of a broker's logs are read wrong from now on.
    Corrupt(Corrupt),
    /// Operations of a broker's disk fail.
    Disk(DiskFault),
    /// The controller is asked to elect a leader.
    Elect(Elect),
    /// A broker starts for the first time.
    Join(Join),
    /// A broker's disk has little room left.
    FullDisk {
        /// Which one, and how much.
        what: FullDisk,
        /// How long.
        lasts: Span,
    },
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
    /// A broker stops and starts again and again.
    RestartLoop(RestartLoop),
    /// Every broker in turn is stopped and started.
    RollingRestart(RollingRestart),
    /// A broker asks to leave, moves its leaders away and stops.
    Shutdown {
        /// Which one.
        what: Shutdown,
        /// When it starts again.
        restart: After,
    },
    /// Every event takes a broker time.
    SlowCpu {
        /// Which one, and how much.
        what: SlowCpu,
        /// How long.
        lasts: Span,
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
    /// A broker's disk does not complete its syncs.
    StallDisk {
        /// Which one.
        what: StallDisk,
        /// How long.
        lasts: Span,
    },
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

/// `crash = { broker, power, disk, mid_step }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crash {
    /// Which broker.
    pub broker: Target,
    /// What survives.
    pub power: Power,
    /// What its disk comes back as.
    pub disk: DiskLoss,
    /// Whether it dies between two effects of one step.
    pub mid_step: bool,
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

/// `restart_loop = { broker, times, up, down, stop }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RestartLoop {
    /// Which broker.
    pub broker: Target,
    /// How many times it stops.
    pub times: u32,
    /// How long it is up in between.
    pub up: Span,
    /// How long it is down each time.
    pub down: Span,
    /// How it is stopped.
    pub stop: Stop,
}

/// `slow_cpu = { broker, event }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlowCpu {
    /// Which broker.
    pub broker: Target,
    /// How long an event takes.
    pub event: Span,
}

/// `rolling_restart = { every, down, stop, truncation }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RollingRestart {
    /// From one broker's stop to the next one's.
    pub every: Span,
    /// How long each is down.
    pub down: Span,
    /// How each is stopped.
    pub stop: Stop,
    /// An upgrade: what `truncation` of the cluster each has from then on.
    pub truncation: Option<TruncationMode>,
}

/// `clock = { broker, offset, drift_ppm }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    /// Which broker.
    pub broker: Target,
    /// By how much the clock jumps.
    pub offset: Offset,
    /// By how many millionths it runs fast from then on.
    pub drift_ppm: i32,
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

/// `elect = { partition, kind }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Elect {
    /// Of which partition.
    pub partition: Partition,
    /// Which replica.
    pub kind: Election,
}

impl Action {
    /// The key that names it in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Clock(_) => "clock",
            Action::Corrupt(_) => "corrupt",
            Action::Crash { .. } => "crash",
            Action::Decommission(_) => "decommission",
            Action::Disk(_) => "disk",
            Action::Elect(_) => "elect",
            Action::Join(_) => "join",
            Action::FullDisk { .. } => "full_disk",
            Action::Partition { .. } => "partition",
            Action::Pause { .. } => "pause",
            Action::Reassign(_) => "reassign",
            Action::Reset(_) => "reset",
            Action::RestartLoop(_) => "restart_loop",
            Action::RollingRestart(_) => "rolling_restart",
            Action::Shutdown { .. } => "shutdown",
            Action::SlowCpu { .. } => "slow_cpu",
            Action::SlowDisk { .. } => "slow_disk",
            Action::SlowLink { .. } => "slow_link",
            Action::Unregister(_) => "unregister",
            Action::StallDisk { .. } => "stall_disk",
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
    Crash Crash { broker: Target::Any, power: Power::Kept, disk: DiskLoss::Kept, mid_step: false };
    Pause Pause { broker: Target::Any };
    Shutdown Shutdown { broker: Target::Any };
    Reset Reset { between: [Target::Any, Target::Any], half_open: false };
    RestartLoop RestartLoop {
        broker: Target::Any,
        times: 5,
        up: Span::from_millis(500),
        down: Span::from_millis(200),
        stop: Stop::Kill,
    };
    RollingRestart RollingRestart {
        every: Span::from_secs(5),
        down: Span::from_secs(1),
        stop: Stop::Clean,
        truncation: None,
    };
    SlowCpu SlowCpu { broker: Target::Any, event: Span::from_millis(1) };
    Clock Clock { broker: Target::Any, offset: Offset(0), drift_ppm: 0 };
    SlowLink SlowLink {
        between: [Target::Any, Target::Any],
        latency: SpanRange::exactly(Span::from_millis(100)),
        bandwidth: None,
    };
}

tables! {
    Crash, "a table such as { broker = \"leader:orders/0\", power = \"lost\" }", |this, v| {
        v.required("broker", "The broker whose process dies.", &mut this.broker);
        v.key("power", "\"kept\": the page cache survives; \"lost\": unsynced data is lost, as by a power loss.", &mut this.power);
        v.key(
            "disk",
            "State of the disk at the restart: \"kept\", \"wiped\", or \"old\", as it was when the workload began. The \
             metadata log is on another disk.",
            &mut this.disk,
        );
        v.key("mid_step", "Whether the process dies between two effects of one step.", &mut this.mid_step);
    };
    Pause, "a table such as { broker = \"controller\" }", |this, v| {
        v.required("broker", "The broker whose process is paused.", &mut this.broker);
    };
    Shutdown, "a table such as { broker = \"broker 2\" }", |this, v| {
        v.required("broker", "The broker that leaves, with the controller's consent.", &mut this.broker);
    };
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
    RestartLoop, "a table such as { broker = \"broker 2\", times = 5 }", |this, v| {
        v.required("broker", "The broker that stops and starts.", &mut this.broker);
        v.key("times", "Number of stops.", &mut this.times);
        v.key("up", "Time that it is up in between.", &mut this.up);
        v.key("down", "Time that it is down, each time.", &mut this.down);
        v.key("stop", "How it is stopped: \"clean\", \"kill\" or \"power-loss\".", &mut this.stop);
    };
    SlowCpu, "a table such as { broker = \"broker 2\", event = \"1ms\" }", |this, v| {
        v.required("broker", "The broker that is slow.", &mut this.broker);
        v.key("event", "Time that it needs for every event.", &mut this.event);
    };
    RollingRestart, "a table such as { every = \"5s\", stop = \"clean\" }", |this, v| {
        v.key("every", "Time from one broker's stop to the next one's.", &mut this.every);
        v.key("down", "Time that each broker is down.", &mut this.down);
        v.key("stop", "How each broker is stopped: \"clean\", \"kill\" or \"power-loss\".", &mut this.stop);
        v.key("truncation", "An upgrade: value of the cluster's `truncation` that each broker starts with.", &mut this.truncation);
    };
    Clock, "a table such as { broker = \"broker 2\", offset = \"-2s\" }", |this, v| {
        v.required("broker", "The broker whose clock it is.", &mut this.broker);
        v.key("offset", "How far it jumps, forward or back.", &mut this.offset);
        v.key("drift_ppm", "How fast it runs from then on, in parts per million; negative is slow.", &mut this.drift_ppm);
    };
    SlowLink, "a table such as { between = [\"broker 1\", \"broker 2\"], latency = \"50ms..200ms\" }", |this, v| {
        v.required("between", "Two nodes, in both directions.", &mut this.between);
        v.key("latency", "How long a message takes.", &mut this.latency);
        v.key("bandwidth", "Bytes a second, for which messages queue; unchanged if left out.", &mut this.bandwidth);
    };
    Elect, "a table such as { partition = \"orders/0\" }", |this, v| {
        v.required("partition", "The partition.", &mut this.partition);
        v.key("kind", "\"preferred\" elects the preferred replica, \"unclean\" any that is alive.", &mut this.kind);
    };
}

word_value! {
    Power, "\"kept\" or \"lost\"", { "kept" => Power::Kept, "lost" => Power::Lost };
    Direction, "\"both\", \"in\" or \"out\"", {
        "both" => Direction::Both, "in" => Direction::In, "out" => Direction::Out,
    };
    Election, "\"preferred\" or \"unclean\"", { "preferred" => Election::Preferred, "unclean" => Election::Unclean };
    Shape, "\"bridge\", \"halves\" or \"majorities-ring\"", {
        "bridge" => Shape::Bridge, "halves" => Shape::Halves, "majorities-ring" => Shape::MajoritiesRing,
    };
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
