//! Every fault of the simulated world, as a value.
//!
//! The tables of [`disk`](crate::disk), `net` and `kernel::process` say which of them a replicated log must survive.

use tribunal_contract::{DiskError, Lane, NodeId};

use crate::Latency;

/// A fault, or the end of one. `Kernel::apply` performs it at the current time.
///
/// A fault that changes nothing, such as a crash of a node that is down, is allowed: `Kernel::apply` returns false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Kills the process. Its page cache survives, and its operating system closes its connections.
    Crash {
        /// The node.
        node: NodeId,
    },
    /// Cuts the host's power. Unsynced data is lost, and peers get no notice.
    PowerLoss {
        /// The node.
        node: NodeId,
    },
    /// Starts the process (and its host) again, as a new incarnation.
    Restart {
        /// The node.
        node: NodeId,
    },
    /// Stops the process from running. Its host keeps acknowledging the bytes that arrive.
    Pause {
        /// The node.
        node: NodeId,
    },
    /// Lets a paused process run on. It sees every event of the meantime, in order.
    Resume {
        /// The node.
        node: NodeId,
    },
    /// Cuts the link from one node to another.
    Partition {
        /// The node that sends.
        from: NodeId,
        /// The node that receives.
        to: NodeId,
        /// Whether the opposite direction is cut as well.
        both: bool,
    },
    /// Ends a partition.
    Heal {
        /// The node that sends.
        from: NodeId,
        /// The node that receives.
        to: NodeId,
        /// Whether the opposite direction is healed as well.
        both: bool,
    },
    /// Ends every partition.
    HealAll,
    /// Resets the connections between two nodes, opened by either of them. Bytes in flight are lost, except that those
    /// to the acceptor may arrive late (see `NetConfig::late_bytes_percent`).
    Reset {
        /// One of the nodes.
        a: NodeId,
        /// The other node.
        b: NodeId,
        /// The lane whose connections are reset. `None` is all lanes.
        lane: Option<Lane>,
    },
    /// Sets the offset of a node's clock from true time. The clock jumps at once.
    ClockOffset {
        /// The node.
        node: NodeId,
        /// Nanoseconds ahead of true time; negative is behind.
        nanos: i64,
    },
    /// Makes a node's clock run fast or slow from now on.
    ClockDrift {
        /// The node.
        node: NodeId,
        /// Millionths by which it runs fast; negative is slow.
        ppm: i32,
    },
    /// Kills the process after a number of further effects (sends, writes, syncs, timers), in the middle of a step.
    CrashAfter {
        /// The node.
        node: NodeId,
        /// The number of further effects.
        effects: u32,
        /// Whether its host loses power at the same time.
        power: bool,
    },
    /// Closes one node's end of its connections with a peer without notice. The peer notices when it sends, or when it
    /// probes an idle connection.
    HalfOpen {
        /// The node whose host forgets the connections.
        node: NodeId,
        /// Its peer, whose ends stay open.
        peer: NodeId,
    },
    /// Sets the latency of a link. `None` restores the default. Bytes already in flight keep their latency.
    LinkLatency {
        /// The node that sends.
        from: NodeId,
        /// The node that receives.
        to: NodeId,
        /// Whether the opposite direction changes as well.
        both: bool,
        /// The latency.
        latency: Option<Latency>,
    },
    /// Sets the bandwidth of a link. `None` restores the default.
    LinkBandwidth {
        /// The node that sends.
        from: NodeId,
        /// The node that receives.
        to: NodeId,
        /// Whether the opposite direction changes as well.
        both: bool,
        /// Bytes a second, at least 1.
        bytes_per_second: Option<u64>,
    },
    /// Makes a disk operation fail.
    DiskFail {
        /// The node.
        node: NodeId,
        /// The operation that fails.
        op: DiskOp,
        /// The error it returns.
        error: DiskError,
        /// The number of times it fails.
        repeat: Repeat,
    },
    /// Ends every `DiskFail` of a node.
    DiskHeal {
        /// The node.
        node: NodeId,
    },
    /// Sets the capacity of a disk. `None` lifts the limit. Data that is there already stays.
    DiskCapacity {
        /// The node.
        node: NodeId,
        /// The capacity in bytes.
        bytes: Option<u64>,
    },
    /// Flips bits of a byte on the medium. Every read returns them flipped until a truncation removes the byte.
    DiskCorrupt {
        /// The node.
        node: NodeId,
        /// The [stable hash](crate::stable_hash) of the file's path.
        path: u64,
        /// The position of the byte in the file.
        position: u64,
        /// The mask of the flipped bits; at least one is set.
        bits: u8,
    },
    /// Redirects the next write to a file into another file, over the bytes there. The bytes that it should have
    /// written read as zeros.
    DiskMisdirect {
        /// The node.
        node: NodeId,
        /// The [stable hash](crate::stable_hash) of the path of the file that the process writes to.
        from: u64,
        /// The stable hash of the path of the file in which the write lands.
        to: u64,
        /// The position in that file, in bytes.
        position: u64,
    },
    /// Removes all files from the disk of a node that is down, except those whose path begins with `kept`.
    DiskWipe {
        /// The node.
        node: NodeId,
        /// The prefix of the paths that stay, as if they were on another device. Empty keeps nothing.
        kept: &'static str,
    },
    /// Takes a snapshot of a disk, as a backup does.
    DiskSnapshot {
        /// The node.
        node: NodeId,
    },
    /// Restores the disk of a node that is down from its snapshot, except files whose path begins with `kept`.
    DiskRestore {
        /// The node.
        node: NodeId,
        /// The prefix of the paths that stay as they are, as if they were on another device. Empty keeps nothing.
        kept: &'static str,
    },
    /// Holds back the completions of syncs, or releases those that were held back.
    DiskStall {
        /// The node.
        node: NodeId,
        /// Whether syncs stall from now on.
        stalled: bool,
    },
    /// Makes every event take time, while later events wait. Zero restores the default.
    SlowCpu {
        /// The node.
        node: NodeId,
        /// Nanoseconds an event.
        nanos: u64,
    },
    /// Makes syncs slower (or faster) than configured.
    SyncLatency {
        /// The node.
        node: NodeId,
        /// Percent of the configured latency: 100 is normal, 1000 is ten times slower.
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

    /// The nodes that the fault affects.
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
    /// It strikes the next time only.
    Once,
    /// It strikes every time until `Fault::DiskHeal`.
    UntilHealed,
}
