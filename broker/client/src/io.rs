//! What a client is handed for one event.

use tribunal_contract::Time;

/// The world for the length of one event. A client needs no disk.
#[derive(Debug)]
pub struct ClientIo<'a, F> {
    /// This node's wall clock. It stamps records and decides nothing.
    pub now: Time,
    /// Messages, timers, observations, choices.
    pub fx: &'a mut F,
}
