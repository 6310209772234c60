//! The idle workload measures the cost of nodes that have nothing to do. Every node sends a heartbeat to one node every
//! 2 seconds and gets an answer, as brokers do with their controller.

use tribunal_contract::{ConnId, Disk, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};

use crate::{Config, Digest, Kernel, Wire};

const HEARTBEAT: Span = Span::from_secs(2);
const TIMER: TimerId = TimerId { class: 0, index: 0 };
const CONTROLLER: NodeId = NodeId(0);

/// The figures of one run of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleReport {
    /// Messages handed to machines: heartbeats and their answers.
    pub delivered: u64,
    /// Steps of machines.
    pub events: u64,
    /// Virtual time passed.
    pub simulated: Span,
    /// The rolling hash of the run.
    pub trace_hash: u64,
}

/// Runs `nodes` nodes and the one that they send to, for `simulated` virtual time.
pub fn run(nodes: u32, simulated: Span) -> IdleReport {
    let mut kernel = Kernel::new(Config::new(1), (), |node, _| {
        if node == CONTROLLER { Node::Controller } else { Node::Broker { conn: None } }
    });
    for _ in 0..=nodes {
        let node = kernel.add_node();
        kernel.start(node);
    }
    kernel.run_until(Time(simulated.as_nanos()));
    let stats = kernel.stats();
    IdleReport {
        delivered: stats.delivered,
        events: stats.events,
        simulated: stats.simulated,
        trace_hash: kernel.trace_hash(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Beat {
    Heartbeat,
    Answer,
}

impl Wire for Beat {
    fn wire_size(&self) -> usize {
        32
    }

    fn digest(&self) -> u64 {
        u64::from(*self == Beat::Answer)
    }

    fn label(&self) -> &'static str {
        match self {
            Beat::Heartbeat => "Heartbeat",
            Beat::Answer => "Answer",
        }
    }
}

/// The workload makes no observations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Nothing;

impl Digest for Nothing {
    fn digest(&self) -> u64 {
        0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Broker { conn: Option<ConnId> },
    Controller,
}

impl Machine for Node {
    type Msg = Beat;
    type Input = ();
    type Obs = Nothing;

    fn step<D: Disk, F: Effects<Beat, Nothing>>(&mut self, _: Time, event: Event<Beat, ()>, _: &mut D, fx: &mut F) {
        match (self, event) {
            (Node::Controller, Event::Msg { conn, msg: Beat::Heartbeat, .. }) => fx.send(conn, Beat::Answer),
            (Node::Broker { .. }, Event::Start) => {
                fx.connect(CONTROLLER, Lane(0));
                fx.set_timer(TIMER, Span::ZERO, HEARTBEAT);
            }
            (Node::Broker { conn }, Event::Up { conn: up, .. }) => *conn = Some(up),
            (Node::Broker { conn }, Event::Timer(_)) => {
                if let Some(conn) = *conn {
                    fx.send(conn, Beat::Heartbeat);
                }
                fx.set_timer(TIMER, HEARTBEAT, HEARTBEAT);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_nodes_cost_only_their_heartbeats() {
        let report = run(100, Span::from_secs(1_000));
        let beats = 100 * 500;
        assert!((2 * beats - 400..=2 * beats + 400).contains(&report.delivered), "{report:?}");
        assert!(report.events < 3 * beats + 1_000, "{report:?}");
    }
}
