//! The state graph in a browser: stateright's Explorer, with states as people read them.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use stateright::Model;

use crate::search::Checked;
use crate::world::World;

/// Serves the states of `world` at `address`, such as `localhost:3000`. Returns only if it cannot.
///
/// # Errors
///
/// If the address cannot be listened at.
pub fn explore(world: Arc<World>, address: &str) -> std::io::Result<()> {
    // The Explorer would panic where this is an error.
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    drop(std::net::TcpListener::bind(&addresses[..])?);
    let _ = Checked::new(world).checker().serve(&addresses[..]);
    Ok(())
}
