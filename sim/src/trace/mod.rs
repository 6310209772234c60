//! The trace of a run: always a rolling hash, and on request a list of all events.
//!
//! The hash takes in every event as four words: the time, the kind and node, and two words of the kind. With `fold` and
//! the constants of the seed module, `e = fold(w0 ^ P0, w1 ^ P1) + fold(w2 ^ P1, w3 ^ P2)` and `h = fold(h ^ e, P0)`.
//! The hash leaves out labels, which are for readers, and `Sent` and `SyncAsked`, which exist only while a trace is
//! recorded.

mod codec;

use tribunal_contract::{ConnId, Lane, NodeId, SyncOp, Time, TimerId};

pub use codec::{TraceError, TraceReader};

use crate::seed::{P0, P1, P2, fold};

/// One event of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceEvent {
    /// The virtual time since the start of the run.
    pub at: Time,
    /// The event's number, from 0. An entry that is no event ([`TraceKind::is_event`]) has the next event's number.
    pub seq: u64,
    /// The node. A fault of a link has one of its two nodes, and one of no node has [`TraceEvent::NO_NODE`].
    pub node: NodeId,
    /// The kind of the event.
    pub kind: TraceKind,
}

/// The kind of an event; its subject is the node of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceKind {
    /// Its process was killed.
    Crashed,
    /// A message was handed to it.
    Delivered {
        /// The connection.
        conn: ConnId,
        /// The message's kind, in [`Trace::labels`].
        label: u16,
        /// The message's `Wire::digest`.
        digest: u64,
    },
    /// It learned that a connection is gone.
    Down {
        /// The connection.
        conn: ConnId,
    },
    /// A fault was applied.
    Fault {
        /// The fault's name, in [`Trace::labels`].
        label: u16,
        /// The digest of the whole fault.
        digest: u64,
    },
    /// Its process ended itself.
    Halted,
    /// It received a command from the caller.
    Input,
    /// It made an observation.
    Observed {
        /// The observation's `Digest::digest`.
        digest: u64,
    },
    /// Its host lost power.
    PowerLost,
    /// An attempt to connect failed.
    Refused {
        /// The node that was called.
        peer: NodeId,
        /// The lane of the attempt.
        lane: Lane,
    },
    /// It sent a message. Messages of a connection arrive in this order, up to the loss of the connection.
    Sent {
        /// The connection.
        conn: ConnId,
        /// The message's kind, in [`Trace::labels`].
        label: u16,
        /// Its length on a real wire, frame included.
        bytes: u32,
    },
    /// Its process started.
    Started {
        /// The incarnation, from 0.
        incarnation: u32,
    },
    /// It asked for a sync.
    SyncAsked {
        /// The sync.
        op: SyncOp,
    },
    /// It learned of the end of a sync.
    Synced {
        /// The sync.
        op: SyncOp,
        /// Whether the sync succeeded.
        ok: bool,
    },
    /// A timer fired.
    Timer {
        /// The timer.
        id: TimerId,
    },
    /// It learned that a connection is open.
    Up {
        /// The connection.
        conn: ConnId,
        /// Whether the other end opened it.
        inbound: bool,
    },
}

impl TraceKind {
    /// Whether it is an event of the run. Events are in the hash, whether or not the run is recorded.
    pub const fn is_event(&self) -> bool {
        !matches!(self, TraceKind::Sent { .. } | TraceKind::SyncAsked { .. })
    }
}

impl TraceEvent {
    /// Stands for the node of a fault that affects no particular node.
    pub const NO_NODE: NodeId = NodeId(u32::MAX);

    #[inline]
    fn words(&self) -> [u64; 4] {
        let conn_word = |conn: ConnId| u64::from(conn.initiator.0) << 32 | u64::from(conn.acceptor.0);
        let attempt_word = |conn: ConnId| u64::from(conn.attempt) << 8 | u64::from(conn.lane.0);
        let (code, a, b) = match self.kind {
            TraceKind::Crashed => (0, 0, 0),
            TraceKind::Delivered { conn, label: _, digest } => {
                (1, conn_word(conn), attempt_word(conn).wrapping_mul(P0) ^ digest)
            }
            TraceKind::Down { conn } => (2, conn_word(conn), attempt_word(conn)),
            TraceKind::Fault { label: _, digest } => (3, digest, 0),
            TraceKind::Halted => (4, 0, 0),
            TraceKind::Input => (5, 0, 0),
            TraceKind::Observed { digest } => (6, digest, 0),
            TraceKind::PowerLost => (7, 0, 0),
            TraceKind::Refused { peer, lane } => (8, peer.0.into(), lane.0.into()),
            TraceKind::Sent { conn, label: _, bytes: _ } => (13, conn_word(conn), attempt_word(conn)),
            TraceKind::Started { incarnation } => (9, incarnation.into(), 0),
            TraceKind::SyncAsked { op } => (14, u64::from(op.class) << 32 | u64::from(op.index), 0),
            TraceKind::Synced { op, ok } => (10, u64::from(op.class) << 32 | u64::from(op.index), ok.into()),
            TraceKind::Timer { id } => (11, id.class.into(), id.index.into()),
            TraceKind::Up { conn, inbound } => (12, conn_word(conn), attempt_word(conn) << 1 | u64::from(inbound)),
        };
        [self.at.0, u64::from(self.node.0) << 8 | code, a, b]
    }
}

/// The rolling hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rolling(u64);

impl Rolling {
    const START: Rolling = Rolling(P2);

    #[inline]
    fn take(&mut self, event: &TraceEvent) {
        let [w0, w1, w2, w3] = event.words();
        let e = fold(w0 ^ P0, w1 ^ P1).wrapping_add(fold(w2 ^ P1, w3 ^ P2));
        self.0 = fold(self.0 ^ e, P0);
    }
}

/// A recorded trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Trace {
    /// The labels that events refer to by index.
    pub labels: Vec<String>,
    /// Every event, in order.
    pub events: Vec<TraceEvent>,
}

impl Trace {
    /// The trace hash of the run that was recorded.
    pub fn hash(&self) -> u64 {
        let mut rolling = Rolling::START;
        for event in self.events.iter().filter(|event| event.kind.is_event()) {
            rolling.take(event);
        }
        rolling.0
    }

    fn label(&mut self, label: &str) -> u16 {
        let found = self.labels.iter().position(|known| known == label).unwrap_or_else(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        });
        u16::try_from(found).unwrap_or(u16::MAX)
    }
}

/// Collects events as they happen.
#[derive(Debug)]
pub(crate) struct Tracer {
    rolling: Rolling,
    seq: u64,
    record: Option<Box<Trace>>,
}

impl Tracer {
    pub(crate) fn new(record: bool) -> Tracer {
        Tracer { rolling: Rolling::START, seq: 0, record: record.then(Box::default) }
    }

    #[inline]
    pub(crate) fn emit(&mut self, at: u64, node: NodeId, kind: TraceKind) {
        let event = TraceEvent { at: Time(at), seq: self.seq, node, kind };
        self.seq += 1;
        self.rolling.take(&event);
        if let Some(trace) = &mut self.record {
            trace.events.push(event);
        }
    }

    /// Notes a sent message while recording. `message` gives its label and its length.
    #[inline]
    pub(crate) fn sent(
        &mut self,
        at: u64,
        node: NodeId,
        conn: ConnId,
        message: impl FnOnce() -> (&'static str, usize),
    ) {
        if let Some(trace) = &mut self.record {
            let (label, bytes) = message();
            let (label, bytes) = (trace.label(label), u32::try_from(bytes).unwrap_or(u32::MAX));
            let kind = TraceKind::Sent { conn, label, bytes };
            trace.events.push(TraceEvent { at: Time(at), seq: self.seq, node, kind });
        }
    }

    /// Notes a request for a sync while recording.
    #[inline]
    pub(crate) fn sync_asked(&mut self, at: u64, node: NodeId, op: SyncOp) {
        if let Some(trace) = &mut self.record {
            trace.events.push(TraceEvent { at: Time(at), seq: self.seq, node, kind: TraceKind::SyncAsked { op } });
        }
    }

    /// The index of a label. Calls `label` only while recording.
    #[inline]
    pub(crate) fn label(&mut self, label: impl FnOnce() -> &'static str) -> u16 {
        match &mut self.record {
            Some(trace) => trace.label(label()),
            None => 0,
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.rolling.0
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.record.as_deref()
    }
}
