//! What the parts of a broker share: lanes, timer classes, observations, planted bugs.
