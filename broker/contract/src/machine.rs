//! The state machine.

use core::fmt::Debug;
use core::hash::Hash;

use crate::{Disk, Effects, Event, Time};

/// A deterministic state machine: a broker, a client, or an application under test.
///
/// `step` is the only way in. What it does depends on the state, the event, `now`, what the disk returned and what
/// `Effects::choose` answered, and on nothing else. It must not panic on any message from the network: a panic is a
/// bug in the machine, and every world reports it as a violation.
pub trait Machine: Clone + Eq + Hash + Debug {
    /// What it exchanges with other machines.
    type Msg;
    /// Commands from outside the network.
    type Input;
    /// What it reports for judging.
    type Obs;

    /// Handles one event. `now` is this node's wall clock; see [`Time`] for what it may be used for.
    fn step<D: Disk, F: Effects<Self::Msg, Self::Obs>>(
        &mut self,
        now: Time,
        event: Event<Self::Msg, Self::Input>,
        disk: &mut D,
        fx: &mut F,
    );
}
