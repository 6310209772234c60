//! What a fault does.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_common::TruncationMode;
use tribunal_contract::Span;

use super::disk_action::{Corrupt, DiskFault, DiskLoss, FullDisk, SlowDisk, StallDisk};
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::member_action::{Decommission, Join, Reassign, Unregister};
use super::network_action::{Cut, Reset, SlowLink};
use super::target::{Partition, Target};
use super::topic_action::{AlterTopic, DeleteRecords};
use super::units::{After, Offset, quote, read_str, word_value};

/// What a fault does, and when it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A topic has other settings from now on.
    AlterTopic(AlterTopic),
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
    /// Records at the beginning of a partition are deleted.
    DeleteRecords(DeleteRecords),
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
            Action::AlterTopic(_) => "alter_topic",
            Action::Clock(_) => "clock",
            Action::Corrupt(_) => "corrupt",
            Action::Crash { .. } => "crash",
            Action::Decommission(_) => "decommission",
            Action::DeleteRecords(_) => "delete_records",
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
    Elect, "a table such as { partition = \"orders/0\" }", |this, v| {
        v.required("partition", "The partition.", &mut this.partition);
        v.key("kind", "\"preferred\" elects the preferred replica, \"unclean\" any that is alive.", &mut this.kind);
    };
}

word_value! {
    Power, "\"kept\" or \"lost\"", { "kept" => Power::Kept, "lost" => Power::Lost };
    Election, "\"preferred\" or \"unclean\"", { "preferred" => Election::Preferred, "unclean" => Election::Unclean };
    Stop, "\"clean\", \"kill\" or \"power-loss\"", {
        "clean" => Stop::Clean, "kill" => Stop::Kill, "power-loss" => Stop::PowerLoss,
    };
}
