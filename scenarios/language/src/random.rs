//! `random = { … }`: faults to be drawn from the seed.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_contract::Span;

use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::units::{SpanRange, quote, read_str, word_value};

/// Faults that a seed draws: which kinds, how often, how long they last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RandomFaults {
    /// What may happen, each as likely as the others; one named twice is twice as likely.
    pub kinds: Vec<FaultKind>,
    /// Mean time from one fault to the next (exponentially distributed).
    pub mean_interval: Span,
    /// No fault before this.
    pub from: Span,
    /// No fault from then on; none is the end of the safety phase.
    pub until: Option<Span>,
    /// How long a stopped broker is down.
    pub restart_after: SpanRange,
    /// How long a partition, a pause, a slow disk or link lasts.
    pub heal_after: SpanRange,
    /// The most brokers that are down or paused at a time.
    pub max_down: u32,
    /// Whether each seed draws its own rate, and leaves some kinds out altogether.
    pub swarm: bool,
    /// The line of the scenario that it comes from, from 1.
    pub line: u32,
}

/// A kind of fault that can be drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A clock jumps by up to 5 s, either way, or drifts.
    Clock,
    /// Bytes of a log rot, or are written over.
    Corrupt,
    /// A process dies, the power stays.
    Crash,
    /// An operation of a disk fails, once or until healed.
    Disk,
    /// An election of the preferred leader.
    Elect,
    /// A cut that comes and goes.
    Flap,
    /// A disk has little room left.
    FullDisk,
    /// Connections of which one end is gone.
    HalfOpen,
    /// A process dies between two effects of one step.
    MidStepCrash,
    /// A process dies, and its disk comes back as it was when the workload began.
    OldDisk,
    /// A broker, a partition's leader or the controller is isolated, in both directions or in one; or brokers are cut
    /// into groups, or in a shape.
    Partition,
    /// A process stands still.
    Pause,
    /// A machine loses power.
    PowerLoss,
    /// A partition moves to other brokers, or a reassignment is cancelled.
    Reassign,
    /// The connections between two brokers are reset.
    Reset,
    /// A process stops and starts again and again.
    RestartLoop,
    /// A controlled shutdown.
    Shutdown,
    /// A slow processor.
    SlowCpu,
    /// A slow disk.
    SlowDisk,
    /// A slow link, or a narrow one.
    SlowLink,
    /// A disk that completes no syncs for a while.
    StallDisk,
    /// A process dies, and its disk comes back empty.
    WipedDisk,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 22] = [
        FaultKind::Clock,
        FaultKind::Corrupt,
        FaultKind::Crash,
        FaultKind::Disk,
        FaultKind::Elect,
        FaultKind::Flap,
        FaultKind::FullDisk,
        FaultKind::HalfOpen,
        FaultKind::MidStepCrash,
        FaultKind::OldDisk,
        FaultKind::Partition,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::Reassign,
        FaultKind::Reset,
        FaultKind::RestartLoop,
        FaultKind::Shutdown,
        FaultKind::SlowCpu,
        FaultKind::SlowDisk,
        FaultKind::SlowLink,
        FaultKind::StallDisk,
        FaultKind::WipedDisk,
    ];
}

impl Default for RandomFaults {
    fn default() -> RandomFaults {
        RandomFaults {
            kinds: Vec::new(),
            mean_interval: Span::from_secs(4),
            from: Span::from_secs(1),
            until: None,
            restart_after: SpanRange { min: Span::from_millis(100), max: Span::from_secs(5) },
            heal_after: SpanRange { min: Span::from_millis(100), max: Span::from_secs(5) },
            max_down: 1,
            swarm: false,
            line: 0,
        }
    }
}

impl Keys for RandomFaults {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required(
            "kinds",
            "Kinds of faults to draw; a kind named twice is twice as likely. Kinds: clock, corrupt, crash, disk, elect, flap, \
             full_disk, half_open, mid_step_crash, old_disk, partition, pause, power_loss, reassign, reset, \
             restart_loop, shutdown, slow_cpu, slow_disk, slow_link, stall_disk, wiped_disk.",
            &mut self.kinds,
        );
        v.key("mean_interval", "Mean time from one fault to the next.", &mut self.mean_interval);
        v.key("from", "No fault strikes before this time.", &mut self.from);
        v.key("until", "No fault strikes from this time on; the end of the safety phase if left out.", &mut self.until);
        v.key("restart_after", "Time that a stopped broker is down.", &mut self.restart_after);
        v.key("heal_after", "Length of a partition, a pause, a slow disk or link.", &mut self.heal_after);
        v.key("max_down", "Maximum number of brokers that are down or paused at a time.", &mut self.max_down);
        v.key(
            "swarm",
            "Whether each seed draws its own rate around `mean_interval` and leaves out some kinds.",
            &mut self.swarm,
        );
    }
}

impl Value for RandomFaults {
    const FORM: &'static str = "a table such as { kinds = [\"crash\"], mean_interval = \"4s\" }";

    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<RandomFaults> {
        let before = cx.diagnostics.0.len();
        let random: RandomFaults = read_inline(cx, path, value, Self::FORM)?;
        if random.kinds.is_empty() && cx.diagnostics.0.len() == before {
            cx.error_at(&format!("{path}.kinds"), "no kind of fault", "name at least one");
        }
        Some(random)
    }

    fn write(&self) -> Option<String> {
        Some(write_inline(self))
    }
}

word_value! {
    FaultKind, "a kind of fault", {
        "clock" => FaultKind::Clock,
        "corrupt" => FaultKind::Corrupt,
        "crash" => FaultKind::Crash,
        "disk" => FaultKind::Disk,
        "elect" => FaultKind::Elect,
        "flap" => FaultKind::Flap,
        "full_disk" => FaultKind::FullDisk,
        "half_open" => FaultKind::HalfOpen,
        "mid_step_crash" => FaultKind::MidStepCrash,
        "old_disk" => FaultKind::OldDisk,
        "partition" => FaultKind::Partition,
        "pause" => FaultKind::Pause,
        "power_loss" => FaultKind::PowerLoss,
        "reassign" => FaultKind::Reassign,
        "reset" => FaultKind::Reset,
        "restart_loop" => FaultKind::RestartLoop,
        "shutdown" => FaultKind::Shutdown,
        "slow_cpu" => FaultKind::SlowCpu,
        "slow_disk" => FaultKind::SlowDisk,
        "slow_link" => FaultKind::SlowLink,
        "stall_disk" => FaultKind::StallDisk,
        "wiped_disk" => FaultKind::WipedDisk,
    };
}
