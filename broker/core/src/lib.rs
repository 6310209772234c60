//! The broker as one state machine: connections, request routing, and its parts composed.
