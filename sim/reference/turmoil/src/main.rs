//! The echo workload on turmoil, over its TCP, at its smallest tick: `cargo run --release -p echo-turmoil [clients]
//! [requests]` prints messages per wall second as a line of JSON.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures wall time")]

use std::time::{Duration, Instant};

use tokio::spawn;
use turmoil::net;

#[path = "../../echo.rs"]
mod echo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (clients, requests) = echo::arguments(20_000);
    let each = requests.div_ceil(clients);
    let hop = Duration::from_millis(1);
    let mut sim = turmoil::Builder::new()
        .tick_duration(hop)
        .min_message_latency(hop)
        .max_message_latency(hop)
        .simulation_duration(Duration::from_secs(1_000_000))
        .rng_seed(1)
        .build();
    sim.host("b", || async { Ok(echo::back().await?) });
    sim.host("c", || async { Ok(echo::back().await?) });
    sim.host("a", || async { Ok(echo::front("b", "c").await?) });
    for client in 0..clients {
        sim.client(format!("client{client}"), async move { Ok(echo::client("a", each).await?) });
    }
    let start = Instant::now();
    sim.run()?;
    echo::report("turmoil", clients, each * clients, start.elapsed(), sim.elapsed());
    Ok(())
}
