//! The deterministic kernel: virtual clock, network, disk, crash and restart, trace.
