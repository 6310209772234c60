//! The command line from outside: what it prints, how it ends, what it leaves. One binary, so that what waits in one
//! test lets another run.

mod checks;
mod hunts;
mod newcomer;
mod processes;
mod serve;
mod support;
mod usage;
