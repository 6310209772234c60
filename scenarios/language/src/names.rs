//! Names of planted bugs, as they are typed.

use tribunal_common::Bug;

use super::nearest::nearest;

/// The planted bug of that id, or what is wrong with it.
///
/// # Errors
/// If there is none, with the nearest one that there is.
pub fn parse_bug(id: &str) -> Result<Bug, String> {
    Bug::from_id(id).ok_or_else(|| match nearest(id, Bug::ALL.iter().map(|bug| bug.id())) {
        Some(near) => format!("unknown bug; did you mean {near}?"),
        None => "unknown bug; `tribunal list bugs` lists them".into(),
    })
}
