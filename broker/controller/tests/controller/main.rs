//! The controller's promises, one test each.

mod admin;
mod alter_partition;
mod elections;
mod failover;
mod fencing;
mod heartbeats;
mod images;
mod reassignments;
mod registrations;
mod state_machine;
mod support;
mod topics;
mod without_elr;
