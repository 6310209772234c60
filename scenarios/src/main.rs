//! The `tribunal` command line.
fn main() {}
