//! The traits that the kernel requires of messages, observations and the judge of a run.

use core::convert::Infallible;

use tribunal_contract::{Machine, NodeId, Time};

/// The properties of a message that the network and the trace use.
pub trait Wire {
    /// The message's length in bytes on a real wire, frame included. The kernel asks only where bandwidth is limited.
    fn wire_size(&self) -> usize;

    /// A cheap fingerprint for the trace hash, such as kind and size. It must not depend on addresses or the platform.
    fn digest(&self) -> u64;

    /// The readable name of its kind. The kernel asks only while it records a trace.
    fn label(&self) -> &'static str;
}

/// A fingerprint that is the same on every machine. [`crate::stable_hash`] is an easy way to make one.
pub trait Digest {
    /// The fingerprint.
    fn digest(&self) -> u64;
}

/// Receives the observations of machines, and stops the run at the first violation.
///
/// Times are virtual: they count from the start of the run and are the same for all nodes.
pub trait Judge<M: Machine> {
    /// The description of a violation.
    type Violation;

    /// Receives an observation that a machine made with `Effects::observe`, in the middle of its step.
    fn observe(&mut self, at: Time, node: NodeId, observation: &M::Obs);

    /// Called after each event of `node` that made an observation. `machines` are in the state after that event.
    fn after_event(&mut self, at: Time, node: NodeId, machines: Machines<'_, M>) -> Result<(), Self::Violation> {
        let _ = (at, node, machines);
        Ok(())
    }

    /// Whether `run_until` returns now, so that the caller can act between these two events. Asked after `after_event`.
    fn interrupts(&mut self) -> bool {
        false
    }

    /// Called when a process starts or ends.
    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        let _ = (at, node, change);
    }
}

/// The judge that finds no violations.
impl<M: Machine> Judge<M> for () {
    type Violation = Infallible;
    #[inline]
    fn observe(&mut self, _: Time, _: NodeId, _: &M::Obs) {}
}

/// The start or the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// It was killed. The page cache survives.
    Crashed,
    /// It ended itself for this reason.
    Halted(&'static str),
    /// Its host lost power, and the disk lost unsynced data.
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
    /// The machine of `node`, if its process is alive (running or paused).
    #[inline]
    pub fn get(self, node: NodeId) -> Option<&'a M> {
        self.0.get(node.index())?.as_ref()
    }

    /// The machines of all processes that are alive, by ascending node.
    pub fn iter(self) -> impl Iterator<Item = (NodeId, &'a M)> {
        self.0.iter().enumerate().filter_map(|(i, m)| Some((NodeId(i as u32), m.as_ref()?)))
    }

    /// The number of nodes, including those that are down.
    pub const fn nodes(self) -> usize {
        self.0.len()
    }
}

/// The reason that a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<V> {
    /// The judge found a violation.
    Violation(V),
    /// Code panicked, which always counts as a violation.
    Panic {
        /// The node whose machine was in a step, or `None` if the panic came from the judge, the factory or the kernel.
        node: Option<NodeId>,
        /// The panic's message.
        message: String,
    },
}
