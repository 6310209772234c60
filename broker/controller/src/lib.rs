//! The metadata image and the controller: registration, fencing, topics, partition leader election.
