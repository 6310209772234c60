//! What led to an event: the happens-before graph of a trace, and the few steps of it that tell the story.
//!
//! [`CausalGraph`] knows a trace and nothing of what its events mean. [`Story`] knows what brokers and clients reported
//! at them as well, and picks from the cone of a violation who acknowledged, who crashed, who was elected with what log
//! end.

mod graph;
mod story;

pub use graph::{CausalGraph, Cause};
pub use story::{ChainStep, Question, Story, chain_line};
