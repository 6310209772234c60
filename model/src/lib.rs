//! What must hold: invariants on ground truth and validations of the history.
