//! What a machine may ask of its world, apart from the disk.

use crate::{ConnId, Lane, NodeId, Span, TimerId};

/// The world as a machine sees it during one step. Every call takes effect at once; nothing is returned as a list.
///
/// `M` is the message type, `O` what the machine reports for judging (see [`Effects::observe`]).
pub trait Effects<M, O> {
    /// Sends `msg` on `conn`. On a connection that is already gone it is silently lost, as with TCP; the loss shows
    /// as `Event::Down`.
    fn send(&mut self, conn: ConnId, msg: M);

    /// Closes `conn`. What was sent before still arrives; the peer then sees `Event::Down`, this machine does not.
    fn close(&mut self, conn: ConnId);

    /// Opens a connection to `peer` on `lane`. Ends in `Event::Up` or `Event::Refused`.
    fn connect(&mut self, peer: NodeId, lane: Lane);

    /// Fires `Event::Timer(id)` once, after a time the *world* picks in `min..=max`. Replaces a timer of the same id.
    /// Must be cheap: it happens on every fetch.
    fn set_timer(&mut self, id: TimerId, min: Span, max: Span);

    /// Forgets a timer; nothing happens if it is not set.
    fn cancel_timer(&mut self, id: TimerId);

    /// Reports what was touched, acknowledged or reached. Feeds invariants, history, `sometimes` and coverage; costs
    /// nothing in a world that does not judge.
    fn observe(&mut self, observation: O);

    /// Picks a number in `0..n`, where any choice is right and the machine does not care. `n` is at least 1.
    ///
    /// The simulator draws it from the seed, the checker explores every value, a server picks at random.
    fn choose(&mut self, n: u32) -> u32;

    /// Whether to take a rare path here: one that is as right as the usual one and seldom comes about by itself (as
    /// FoundationDB's BUGGIFY). `site` says which, by the machine's own list.
    ///
    /// The simulator decides by a hash of seed, node, site and how often it was asked there, if the run has that site
    /// switched on. Everywhere else, and in servers, the answer is no.
    #[inline]
    fn rare(&mut self, site: u8) -> bool {
        let _ = site;
        false
    }

    /// Ends this process on its own will, as `exit` does: after a controlled shutdown, or because it may not go on (all
    /// log directories failed). Nothing is delivered to it until the world starts it again. `reason` is for people.
    fn halt(&mut self, reason: &'static str);
}
