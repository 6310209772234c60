//! The kernel alone, and beside others.

use std::time::Instant;

use tribunal_contract::Span;
use tribunal_sim::{echo, idle};

use super::references::Reference;
use super::{BenchError, Figure, Goal};

/// Requests of a round, over all clients: half a second or more.
const REQUESTS: u64 = 2_000_000;
const CLIENTS: [u32; 2] = [1, 16];
const MESSAGES: &str = "messages/wall s";

/// Measures the echo workload.
pub(super) fn measure(rounds: usize, references: bool, tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    // What must be built is built before anything is measured.
    let references: Vec<Reference> = if references { Reference::build_all()? } else { Vec::new() };
    for clients in CLIENTS {
        let name = |framework: &str| {
            let clients_are = if clients == 1 { "client" } else { "clients" };
            format!("echo, {clients} {clients_are}, {framework}")
        };
        let own = (0..rounds).map(|_| {
            let start = Instant::now();
            let report = echo::run(clients, REQUESTS);
            report.delivered as f64 / start.elapsed().as_secs_f64()
        });
        let own = Figure::new(name("tribunal"), MESSAGES, own.collect(), Some(Goal::AtLeast(12e6)));
        tell(&own);
        for reference in &references {
            let rates = (0..rounds).map(|_| reference.echo(clients)).collect::<Result<_, _>>()?;
            let other = Figure::new(name(reference.name), MESSAGES, rates, None);
            tell(&other);
            let ratio = own.median() / other.median();
            tell(&Figure::new(format!("  tribunal over {}", reference.name), "times", vec![ratio], None));
        }
    }
    Ok(())
}

/// Measures the kernel with nodes that do nothing but heartbeats.
pub(super) fn idle(rounds: usize, tell: &mut dyn FnMut(&Figure)) {
    let simulated = Span::from_secs(20_000);
    let rates = (0..rounds).map(|_| {
        let start = Instant::now();
        let report = idle::run(100, simulated);
        report.simulated.as_secs_f64() / start.elapsed().as_secs_f64()
    });
    tell(&Figure::new("idle, 100 bare nodes", "simulated s/wall s", rates.collect(), None));
}
