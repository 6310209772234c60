//! What a part of a broker is handed for one event.

use tribunal_contract::{Disk, Effects, Time};
use tribunal_protocol::Message;

use crate::{BrokerConfig, Net, Obs};

/// The effects of a broker's world.
pub trait Fx: Effects<Message, Obs> {}
impl<T: Effects<Message, Obs>> Fx for T {}

/// Everything outside a part's own state, for the length of one event.
pub struct Io<'a, D: Disk, F: Fx> {
    /// The broker's configuration.
    pub cfg: &'a BrokerConfig,
    /// This node's wall clock.
    pub now: Time,
    /// Files.
    pub disk: &'a mut D,
    /// Timers, observations, choices.
    pub fx: &'a mut F,
    /// Calls to peers and answers to requests.
    pub net: &'a mut Net,
}
