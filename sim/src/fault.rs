//! Everything that can go wrong, as a value.
//!
//! What a replicated log must survive of it: see the tables of [`disk`](crate::disk), of `net` and of
//! `kernel::process`.

use tribunal_contract::{DiskError, Lane, NodeId};

use crate::Latency;

/// A fault, or the end of one. `Kernel::apply` performs it at the current time.
///
/// A fault that changes nothing (a crash of a node that is down) is allowed and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Kills the process. Its page cache survives, the operating system closes its connections.
    Crash {
        /// Of which node.
        node: NodeId,
    },
    /// Cuts the host's power: unsynced data is lost, and peers are told nothing.
    PowerLoss {
        /// Of which node.
        node: NodeId,
    },
    /// Starts the process (and its host) again, as a new incarnation.
    Restart {
        /// Of which node.
        node: NodeId,
    },
    /// Stops the process from running; its host keeps acknowledging what arrives.
    Pause {
        /// Of which node.
        node: NodeId,
    },
    /// Lets a paused process run on: it sees everything that came up meanwhile, in order.
    Resume {
        /// Of which node.
        node: NodeId,
    },
    /// Lets nothing through from one node to another.
    Partition {
        /// From this node.
        from: NodeId,
        /// To this node.
        to: NodeId,
        /// Whether the way back is cut as well.
        both: bool,
    },
    /// Ends a partition.
    Heal {
        /// From this node.
        from: NodeId,
        /// To this node.
        to: NodeId,
        /// Whether the way back is healed as well.
        both: bool,
    },
    /// Ends every partition.
    HealAll,
    /// Resets the connections between two nodes, whoever opened them. What is in flight is lost, except that bytes to
    /// the acceptor may arrive late (see `NetConfig::late_bytes_percent`).
    Reset {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// Only connections of this lane.
        lane: Option<Lane>,
    },
    /// Sets how far a node's clock is ahead of (or behind) true time. It jumps at once.
    ClockOffset {
        /// Of which node.
        node: NodeId,
        /// Nanoseconds; negative is behind.
        nanos: i64,
    },
    /// Makes a node's clock run fast or slow from now on.
    ClockDrift {
        /// Of which node.
        node: NodeId,
        /// Millionths; negative is slow.
        ppm: i32,
    },
    /// Kills the process once it has had so many more effects (sends, writes, syncs, timers), in the middle of a step.
    CrashAfter {
        /// Of which node.
        node: NodeId,
        /// Effects.
        effects: u32,
        /// Whether the power goes with it.
        power: bool,
    },
    /// Closes the end of one node of its connections with another, which is not told: it finds out when it sends, or
    /// when it probes an idle connection.
    HalfOpen {
        /// The node whose host forgets the connections.
        node: NodeId,
        /// Its peer, whose ends stay open.
        peer: NodeId,
    },
    /// Gives a link its own latency, or with `None` the default again. Bytes already in flight keep theirs.
    LinkLatency {
        /// From this node.
        from: NodeId,
        /// To this node.
        to: NodeId,
        /// Whether the way back changes as well.
        both: bool,
        /// The latency.
        latency: Option<Latency>,
    },
    /// Gives a link its own bandwidth in bytes a second, or with `None` the default again.
    LinkBandwidth {
        /// From this node.
        from: NodeId,
        /// To this node.
        to: NodeId,
        /// Whether the way back changes as well.
        both: bool,
        /// Bytes a second, at least 1.
        bytes_per_second: Option<u64>,
    },
    /// Makes a disk operation fail.
    DiskFail {
        /// On which node.
        node: NodeId,
        /// Which operation.
        op: DiskOp,
        /// How.
        error: DiskError,
        /// How often.
        repeat: Repeat,
    },
    /// Ends every `DiskFail` of a node.
    DiskHeal {
        /// On which node.
        node: NodeId,
    },
    /// Limits what fits on a disk, or with `None` lifts the limit. What is there already stays.
    DiskCapacity {
        /// On which node.
        node: NodeId,
        /// Bytes.
        bytes: Option<u64>,
    },
    /// Makes the medium flip bits of a byte, now and whenever it is read, until the byte is cut off.
    DiskCorrupt {
        /// On which node.
        node: NodeId,
        /// The [stable hash](crate::stable_hash) of the file's path.
        path: u64,
        /// Which byte.
        position: u64,
        /// Which bits, at least one.
        bits: u8,
    },
    /// Sends the next write to a file into another one, over what is there. What should have been written is read as
    /// zeros.
    DiskMisdirect {
        /// On which node.
        node: NodeId,
        /// The [stable hash](crate::stable_hash) of the path of the file that is written to.
        from: u64,
        /// That of the file in which the write lands.
        to: u64,
        /// Where in it.
        position: u64,
    },
    /// Takes everything off the disk of a node that is down, but files whose path begins with `kept`.
    DiskWipe {
        /// On which node.
        node: NodeId,
        /// What stays, as if it were on another device; empty for nothing.
        kept: &'static str,
    },
    /// Keeps what a disk holds, as a backup does.
    DiskSnapshot {
        /// On which node.
        node: NodeId,
    },
    /// Brings a disk of a node that is down back to its snapshot, but files whose path begins with `kept`.
    DiskRestore {
        /// On which node.
        node: NodeId,
        /// What stays as it is, as if it were on another device; empty for nothing.
        kept: &'static str,
    },
    /// Holds the completions of syncs back, or lets those that were held go.
    DiskStall {
        /// On which node.
        node: NodeId,
        /// Whether it stalls.
        stalled: bool,
    },
    /// Makes every event take time: what comes up meanwhile waits. Zero is the default again.
    SlowCpu {
        /// Of which node.
        node: NodeId,
        /// Nanoseconds an event.
        nanos: u64,
    },
    /// Makes syncs slower (or faster) than configured.
    SyncLatency {
        /// On which node.
        node: NodeId,
        /// In 100ths of the configured latency: 100 is normal, 1000 ten times slower.
        percent: u32,
    },
}

impl Fault {
    /// The fault's name, as traces show it.
    pub const fn label(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "Crash",
            Fault::PowerLoss { .. } => "PowerLoss",
            Fault::Restart { .. } => "Restart",
            Fault::Pause { .. } => "Pause",
            Fault::Resume { .. } => "Resume",
            Fault::Partition { .. } => "Partition",
            Fault::Heal { .. } => "Heal",
            Fault::HealAll => "HealAll",
            Fault::Reset { .. } => "Reset",
            Fault::ClockOffset { .. } => "ClockOffset",
            Fault::ClockDrift { .. } => "ClockDrift",
            Fault::CrashAfter { .. } => "CrashAfter",
            Fault::HalfOpen { .. } => "HalfOpen",
            Fault::DiskCorrupt { .. } => "DiskCorrupt",
            Fault::DiskMisdirect { .. } => "DiskMisdirect",
            Fault::DiskWipe { .. } => "DiskWipe",
            Fault::DiskSnapshot { .. } => "DiskSnapshot",
            Fault::DiskRestore { .. } => "DiskRestore",
            Fault::DiskHeal { .. }
            | Fault::DiskCapacity { bytes: None, .. }
            | Fault::DiskStall { stalled: false, .. } => "DiskHeal",
            Fault::DiskStall { .. } => "DiskStall",
            Fault::SlowCpu { .. } => "SlowCpu",
            Fault::LinkLatency { .. } => "LinkLatency",
            Fault::LinkBandwidth { .. } => "LinkBandwidth",
            Fault::DiskFail { .. } => "DiskFail",
            Fault::DiskCapacity { .. } => "DiskCapacity",
            Fault::SyncLatency { .. } => "SyncLatency",
        }
    }

    /// The nodes it is about.
    pub const fn nodes(&self) -> [Option<NodeId>; 2] {
        match *self {
            Fault::Crash { node }
            | Fault::PowerLoss { node }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::ClockDrift { node, .. }
            | Fault::ClockOffset { node, .. }
            | Fault::CrashAfter { node, .. }
            | Fault::DiskCorrupt { node, .. }
            | Fault::DiskMisdirect { node, .. }
            | Fault::DiskRestore { node, .. }
            | Fault::DiskSnapshot { node }
            | Fault::DiskStall { node, .. }
            | Fault::DiskWipe { node, .. }
            | Fault::SlowCpu { node, .. }
            | Fault::DiskFail { node, .. }
            | Fault::DiskHeal { node }
            | Fault::DiskCapacity { node, .. }
            | Fault::SyncLatency { node, .. } => [Some(node), None],
            Fault::Partition { from, to, .. }
            | Fault::Heal { from, to, .. }
            | Fault::LinkLatency { from, to, .. }
            | Fault::LinkBandwidth { from, to, .. } => [Some(from), Some(to)],
            Fault::Reset { a, b, .. } | Fault::HalfOpen { node: a, peer: b } => [Some(a), Some(b)],
            Fault::HealAll => [None, None],
        }
    }
}

/// A disk operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskOp {
    /// `Disk::append`.
    Append,
    /// `Disk::create`.
    Create,
    /// `Disk::open`.
    Open,
    /// `Disk::read`.
    Read,
    /// `Disk::remove`.
    Remove,
    /// `Disk::rename`.
    Rename,
    /// `Disk::sync` and `Disk::sync_dir`, on completion.
    Sync,
    /// `Disk::truncate`.
    Truncate,
}

/// How often an injected failure strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repeat {
    /// The next time only.
    Once,
    /// Every time until `Fault::DiskHeal`.
    UntilHealed,
}
