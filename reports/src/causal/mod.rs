//! The causes of an event: the happens-before graph of a trace, and the few steps of it that explain a violation.
//!
//! [`CausalGraph`] is built from a trace alone and does not interpret its events. [`Story`] adds the observations of
//! brokers and clients, and picks the relevant steps from the cone of a violation: acknowledgements, crashes, and
//! elections with their log end offsets.

mod graph;
mod story;

pub use graph::{CausalGraph, Cause};
pub use story::{ChainStep, Question, Story, chain_line};
