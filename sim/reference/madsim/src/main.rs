//! The echo workload on madsim, over its TCP. Only a build with `--cfg madsim` holds it, in a target directory of its
//! own:
//!
//! ```text
//! cargo run --release -p echo-madsim --target-dir target/madsim \
//!     --config "build.rustflags=['--cfg','madsim']" -- [clients] [requests]
//! ```
//!
//! or, with this alias in `.cargo/config.toml`, `cargo echo-madsim [clients] [requests]`:
//!
//! ```text
//! [alias]
//! echo-madsim = ["run", "--release", "-p", "echo-madsim", "--target-dir", "target/madsim",
//!     "--config", "build.rustflags=['--cfg','madsim']", "--"]
//! ```
//!
//! It prints messages per wall second as a line of JSON. A `RUSTFLAGS` variable overrides `build.rustflags`; the
//! program then says so and fails, so that a bench cannot take its silence for a result.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures wall time")]

#[cfg(madsim)]
#[path = "../../echo.rs"]
mod echo;

#[cfg(madsim)]
use {tokio::net, tokio::spawn};

#[cfg(not(madsim))]
fn main() {
    eprintln!("built without --cfg madsim (is RUSTFLAGS set? it overrides build.rustflags)");
    std::process::exit(2);
}

#[cfg(madsim)]
fn main() {
    use madsim::runtime::Runtime;
    use std::time::{Duration, Instant};

    let (clients, requests) = echo::arguments(100_000);
    let each = requests.div_ceil(clients);
    let mut config = madsim::Config::default();
    // The range is half open and may not be empty.
    config.net.send_latency = Duration::from_millis(1)..Duration::from_nanos(1_000_001);
    let runtime = Runtime::with_seed_and_config(1, config);
    let host = |n: u64| {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n as u32);
        runtime.create_node().ip(ip.into()).build()
    };
    const A: &str = "10.0.0.1";
    const B: &str = "10.0.0.2";
    const C: &str = "10.0.0.3";
    host(1).spawn(echo::front(B, C));
    host(2).spawn(echo::back());
    host(3).spawn(echo::back());
    let clients_of: Vec<_> = (0..clients).map(|client| host(4 + client)).collect();
    let start = Instant::now();
    let simulated = runtime.block_on(async move {
        let begin = madsim::time::Instant::now();
        // The listeners come first.
        madsim::time::sleep(Duration::from_millis(10)).await;
        let tasks: Vec<_> = clients_of.iter().map(|node| node.spawn(echo::client(A, each))).collect();
        for task in tasks {
            task.await.expect("the client lives").expect("the client is answered");
        }
        begin.elapsed()
    });
    echo::report("madsim", clients, each * clients, start.elapsed(), simulated);
}
