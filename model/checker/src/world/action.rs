//! What can happen next.

use core::fmt;

use tribunal_common::timers;
use tribunal_contract::{ConnId, NodeId, TimerId};

/// One thing that happens. `Deliver` and `Timer` carry how the machine's `choose` is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A voter that leads appends a record.
    Append(NodeId),
    /// The process of a node is killed.
    Crash(NodeId),
    /// Two nodes are cut off from each other.
    Cut(NodeId, NodeId),
    /// What is first on its way to one end of a connection arrives: to the acceptor, or to the initiator.
    Deliver(ConnId, bool, u16),
    /// An administrator asks for the preferred leaders.
    ElectPreferred,
    /// The sync at this position of a node's disk fails.
    FailSync(NodeId, u8),
    /// The controller hears from a broker that was fenced.
    Heartbeat(NodeId),
    /// A cut ends.
    Heal(NodeId, NodeId),
    /// A broker applies what has been committed next.
    Metadata(NodeId),
    /// The host of a node loses power.
    PowerLoss(NodeId),
    /// A client produces a record to this broker, which leads as far as it knows.
    Produce(NodeId),
    /// A connection is reset; whether bytes on their way to the acceptor are lost too.
    Reset(ConnId, bool),
    /// A voter takes a snapshot.
    Snapshot(NodeId),
    /// The process of a node starts again, and if it is a broker, registers.
    Start(NodeId),
    /// The sync at this position of a node's disk completes.
    Sync(NodeId, u8),
    /// A timer of a node fires.
    Timer(NodeId, TimerId, u16),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conn = |conn: &ConnId| format!("b{}→b{} {}", conn.initiator.0, conn.acceptor.0, lane(conn.lane.0));
        match self {
            Action::Append(node) => write!(f, "b{} appends a record", node.0),
            Action::Crash(node) => write!(f, "b{} crashes", node.0),
            Action::Cut(a, b) => write!(f, "b{} and b{} are cut off from each other", a.0, b.0),
            Action::Deliver(on, true, _) => {
                write!(f, "b{} hears from b{} ({})", on.acceptor.0, on.initiator.0, conn(on))
            }
            Action::Deliver(on, false, _) => {
                write!(f, "b{} is answered by b{} ({})", on.initiator.0, on.acceptor.0, conn(on))
            }
            Action::ElectPreferred => f.write_str("an administrator asks for preferred leaders"),
            Action::FailSync(node, at) => write!(f, "sync {at} of b{} fails", node.0),
            Action::Heartbeat(node) => write!(f, "the controller hears from b{}", node.0),
            Action::Heal(a, b) => write!(f, "b{} and b{} reach each other again", a.0, b.0),
            Action::Metadata(node) => write!(f, "b{} applies the next metadata", node.0),
            Action::PowerLoss(node) => write!(f, "b{} loses power", node.0),
            Action::Produce(node) => write!(f, "a client produces to b{}", node.0),
            Action::Reset(on, lost) => {
                write!(f, "{} is reset{}", conn(on), if *lost { ", requests lost" } else { "" })
            }
            Action::Snapshot(node) => write!(f, "b{} takes a snapshot", node.0),
            Action::Start(node) => write!(f, "b{} starts", node.0),
            Action::Sync(node, at) => write!(f, "sync {at} of b{} completes", node.0),
            Action::Timer(node, id, _) if id.class == timers::SESSION => {
                write!(f, "b{}: session of b{} expires", node.0, id.index)
            }
            Action::Timer(node, id, _) => write!(f, "b{}: {} {}", node.0, timer(id.class), id.index),
        }
    }
}

/// What a lane is for.
pub fn lane(lane: u8) -> &'static str {
    use tribunal_common::lanes;
    match tribunal_contract::Lane(lane) {
        lanes::QUORUM => "quorum",
        lanes::QUORUM_FETCH => "metadata fetch",
        lanes::CONTROL => "alter partition",
        lanes::REPLICA_FETCH => "fetch",
        lanes::EPOCH_LOOKUP => "epoch lookup",
        _ => "other",
    }
}

/// What a timer is for.
pub fn timer(class: u8) -> &'static str {
    match class {
        timers::QUORUM_ELECTION => "election timeout",
        timers::QUORUM_FETCH => "no word from the leader",
        timers::QUORUM_CHECK => "no word from a majority",
        timers::QUORUM_BACKOFF => "calls again",
        timers::QUORUM_PARKED => "a parked metadata fetch has waited",
        timers::QUORUM_CALL => "call timed out",
        timers::REPLICA_LAG => "lag check",
        timers::FETCH_PARKED => "a parked fetch has waited",
        timers::FETCHER_BACKOFF => "fetches again",
        timers::FETCHER_CALL => "fetch timed out",
        timers::ALTER_PARTITION => "alters the partition again",
        timers::CHECKPOINT => "checkpoint",
        _ => "timer",
    }
}
