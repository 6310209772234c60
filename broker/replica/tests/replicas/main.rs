//! What replicas promise, with the test as network and controller.

mod agreement;
mod closing;
mod deleting;
mod fetching;
mod flushing;
mod isr;
mod planted;
mod producing;
mod sessions;
mod support;
