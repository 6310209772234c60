//! Acceptance: scenarios, determinism, planted bugs, the command line.
