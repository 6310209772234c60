//! Scenarios and plans as a library: what is read, what is refused, what is drawn from it.

mod catalog;
mod diagnostics;
mod plans;
mod records;
