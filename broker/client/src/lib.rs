//! Producer and consumer as state machines of the contract.
