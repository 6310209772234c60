//! Neighbours of a scenario: one or two things changed.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tribunal_contract::Span;
use tribunal_language::plan::Stream;
use tribunal_language::{Fault, Scenario, ScenarioFault, Trigger};

use super::space::{self, Shape};

/// A neighbour of a scenario of the space, drawn by the seed: always the same one.
pub(super) fn neighbour(parent: &Scenario, seed: u64, name: &str) -> Scenario {
    let mut stream = Stream::new(seed, "neighbour", 0);
    let mut child = Scenario { name: name.to_owned(), ..parent.clone() };
    let changes = 1 + stream.below(3);
    for change in 0..changes {
        change_one(&mut child, &mut stream, seed.wrapping_add(change));
    }
    space::make_right(&mut child);
    child
}

fn change_one(child: &mut Scenario, stream: &mut Stream, seed: u64) {
    let faults = child.faults.len() as u64;
    match stream.below(10) {
        // Nothing but the seed: other latencies, other choices.
        0 => {}
        1 if faults > 1 => {
            child.faults.remove(stream.below(faults) as usize);
        }
        2 | 3 if faults < MAX_FAULTS => {
            let fault = fresh(child, seed);
            let place = stream.below(faults + 1) as usize;
            child.faults.insert(place, fault);
        }
        4 if faults > 0 => {
            let place = stream.below(faults) as usize;
            child.faults[place] = fresh(child, seed);
        }
        5 if faults > 1 => {
            let (a, b) = (stream.below(faults) as usize, stream.below(faults) as usize);
            swap_actions(&mut child.faults, a, b);
        }
        6 => child.cluster.truncation = space::draw(seed, &child.name).cluster.truncation,
        7 => {
            // Another cluster of the same shape.
            let other = space::draw(seed, &child.name).cluster;
            let cluster = &mut child.cluster;
            (cluster.session_timeout, cluster.heartbeat_interval) = (other.session_timeout, other.heartbeat_interval);
            (cluster.replica_lag, cluster.leader_rebalance) = (other.replica_lag, other.leader_rebalance);
            (cluster.latency, cluster.sync_latency) = (other.latency, other.sync_latency);
        }
        _ if faults > 0 => {
            let place = stream.below(faults) as usize;
            shift(&mut child.faults[place], stream);
        }
        _ => {}
    }
}

/// The most faults that adding may lead to.
const MAX_FAULTS: u64 = 12;
/// No fault is moved before this, or after that.
const TIMES: (Span, Span) = (Span::from_millis(200), Span::from_secs(9));

/// A fault that is new, at a time near one of those there are.
fn fresh(child: &Scenario, seed: u64) -> ScenarioFault {
    let shape = Shape::of(child);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let drawn = space::gene(&shape).new_tree(&mut runner).map(|tree| tree.current());
    let gene = drawn.unwrap_or_else(|reason| unreachable!("the space rejects nothing: {reason}"));
    let mut stream = Stream::new(seed, "neighbour", 1);
    let times = child.faults.iter().filter_map(|fault| match fault {
        ScenarioFault::Once(Fault { trigger: Trigger::At(at), .. }) => Some(*at),
        _ => None,
    });
    let times: Vec<Span> = times.collect();
    let near = if times.is_empty() { Span::from_secs(1) } else { *stream.pick(&times) };
    let mut fault = ScenarioFault::Once(gene.on_the_clock(near));
    shift(&mut fault, &mut stream);
    fault
}

/// Moves a fault a little, or a lot.
fn shift(fault: &mut ScenarioFault, stream: &mut Stream) {
    let ScenarioFault::Once(fault) = fault else { return };
    let most = [20, 200, 2_000][stream.below(3) as usize];
    let by = Span::from_millis(stream.below(most));
    let back = stream.percent(50);
    match &mut fault.trigger {
        Trigger::At(at) => {
            let moved = if back { Span(at.0.saturating_sub(by.0)) } else { *at + by };
            *at = moved.clamp(TIMES.0, TIMES.1);
        }
        Trigger::When(_) => fault.after = if back { Span(fault.after.0.saturating_sub(by.0)) } else { by },
    }
}

fn swap_actions(faults: &mut [ScenarioFault], a: usize, b: usize) {
    let (a, b) = (a.min(b), a.max(b));
    if a == b {
        return;
    }
    let (head, tail) = faults.split_at_mut(b);
    // Only a fault that has a trigger knows the trigger's subject.
    if let (ScenarioFault::Once(first), ScenarioFault::Once(second)) = (&mut head[a], &mut tail[0])
        && matches!((&first.trigger, &second.trigger), (Trigger::At(_), Trigger::At(_)))
    {
        std::mem::swap(&mut first.action, &mut second.action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_valid_and_always_the_same() {
        for seed in 0..300 {
            let parent = space::draw(seed / 10, "parent");
            let child = neighbour(&parent, seed, "child");
            assert_eq!(neighbour(&parent, seed, "child"), child);
            let read = space::written(&child, "child.toml");
            assert!(read.is_ok(), "seed {seed}: {}\n{}", read.unwrap_err(), child.to_toml());
        }
    }
}
