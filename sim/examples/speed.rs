//! How fast the kernel is: `cargo run --release -p tribunal-sim --example speed [echo requests] [echo-1|echo-16|idle]`.
//! With a workload named only that one runs, so that a profile or `time` sees nothing else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "measures wall time around the kernel")]

use std::time::Instant;

use tribunal_contract::Span;

const ROUNDS: usize = 5;

fn main() {
    let requests = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    let only = std::env::args().nth(2);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    for clients in [1, 16] {
        if !wanted(&format!("echo-{clients}")) {
            continue;
        }
        let rates = median(|| {
            let report = tribunal_sim::echo::run(clients, requests);
            (report.delivered as f64, report.max_queue)
        });
        println!("echo, {clients:>2} clients: {:>6.2} M messages/s (at most {} pending)", rates.0 / 1e6, rates.1);
    }
    if !wanted("idle") {
        return;
    }
    let simulated = Span::from_secs(20_000);
    let rates = median(|| (simulated.as_secs_f64(), tribunal_sim::idle::run(100, simulated).events));
    println!("idle, 100 nodes: {:.0} simulated s/s ({} events)", rates.0, rates.1);
}

/// The median rate of some amount of work, and what one round of it said.
fn median<T>(mut work: impl FnMut() -> (f64, T)) -> (f64, T) {
    let mut rounds: Vec<(f64, T)> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let (amount, said) = work();
            (amount / start.elapsed().as_secs_f64(), said)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    rounds.swap_remove(ROUNDS / 2)
}
