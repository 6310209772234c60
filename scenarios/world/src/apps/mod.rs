//! Applications: machines that use a client library and do what a workload says.
//!
//! Their configurations are plain values that a plan fills in. What they do is reported by the library's observations;
//! they count only what a runner must know to steer a run.

mod admin;
mod consumer;
mod producer;
#[cfg(test)]
mod tests;
mod values;

pub use admin::{AdminApp, AdminAppConfig, AdminInput};
pub use consumer::{ConsumerApp, ConsumerAppConfig, ConsumerInput};
pub use producer::{DueRecord, Generated, ProducerApp, ProducerAppConfig, ProducerCounters, ProducerInput, Source};
pub use values::{ValueFormat, Values, generated_key};
