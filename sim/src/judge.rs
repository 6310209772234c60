//! What the kernel asks of the types it runs, and who judges the run.

use core::convert::Infallible;

use tribunal_contract::{Machine, NodeId, Time};

/// What the network and the trace need to know of a message.
pub trait Wire {
    /// The message's length in bytes on a real wire, frame included. Asked only where bandwidth is limited.
    fn wire_size(&self) -> usize;

    /// A cheap fingerprint for the trace hash: its kind and size, say. Must not depend on addresses or the platform.
    fn digest(&self) -> u64;

    /// The name of its kind, for people. Asked only while a trace is recorded.
    fn label(&self) -> &'static str;
}

/// A fingerprint that is the same on every machine. See [`crate::stable_hash`] for an easy one.
pub trait Digest {
    /// The fingerprint.
    fn digest(&self) -> u64;
}

/// Sees what machines report, and stops the run at the first broken promise.
///
/// Times are virtual: since the start of the run, the same for all nodes.
pub trait Judge<M: Machine> {
    /// What a broken promise looks like.
    type Violation;

    /// A machine called `Effects::observe`. It is in the middle of a step.
    fn observe(&mut self, at: Time, node: NodeId, observation: &M::Obs);

    /// An event of `node` that made at least one observation is over, and `machines` are as it left them.
    fn after_event(&mut self, at: Time, node: NodeId, machines: Machines<'_, M>) -> Result<(), Self::Violation> {
        let _ = (at, node, machines);
        Ok(())
    }

    /// Asked after `after_event`: whether `run_until` is to return, so that the caller can act at this very point.
    fn interrupts(&mut self) -> bool {
        false
    }

    /// A process started or ended.
    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        let _ = (at, node, change);
    }
}

/// Judges nothing.
impl<M: Machine> Judge<M> for () {
    type Violation = Infallible;
    #[inline]
    fn observe(&mut self, _: Time, _: NodeId, _: &M::Obs) {}
}

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// It was killed; the page cache is kept.
    Crashed,
    /// It ended itself, giving this reason.
    Halted(&'static str),
    /// Its host lost power, and the disk what was not synced.
    PowerLost,
    /// It starts, as this incarnation (from 0).
    Started(u32),
}

/// The machines of a run, by node. A node that is down has none.
#[derive(Debug)]
pub struct Machines<'a, M>(pub(crate) &'a [Option<M>]);

impl<M> Clone for Machines<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Machines<'_, M> {}

impl<'a, M> Machines<'a, M> {
    /// The machine of `node`, if its process is there (running or paused).
    #[inline]
    pub fn get(self, node: NodeId) -> Option<&'a M> {
        self.0.get(node.index())?.as_ref()
    }

    /// Every process that is there, by ascending node.
    pub fn iter(self) -> impl Iterator<Item = (NodeId, &'a M)> {
        self.0.iter().enumerate().filter_map(|(i, m)| Some((NodeId(i as u32), m.as_ref()?)))
    }

    /// The number of nodes, whether or not their processes are there.
    pub const fn nodes(self) -> usize {
        self.0.len()
    }
}

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<V> {
    /// The judge found a broken promise.
    Violation(V),
    /// Code panicked: a violation by definition.
    Panic {
        /// The node whose machine was in a step, or `None` if the panic came from the judge, the factory or the kernel.
        node: Option<NodeId>,
        /// The panic's message.
        message: String,
    },
}
