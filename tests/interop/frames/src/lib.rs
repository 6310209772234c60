//! Judges that speak in frames, to live servers.
//!
//! `differential` sends the same requests to Apache Kafka and to us, and compares the answers field by field; `hostile`
//! sends a million bad frames to us, and watches what becomes of the server and of its other connections. Both make
//! their requests from the random values of the protocol's generator.

pub mod cases;
mod connection;
mod differences;
mod fields;
mod state;

pub use connection::{Connection, Outcome};
pub use differences::{Comparison, Differences, DifferencesError};
pub use fields::{Fields, fields};
pub use state::{SESSION, SetUpError, Side, TOPICS, TopicSpec, placeholder, set_up};
