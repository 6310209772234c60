//! The happens-before graph of a trace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::astar;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef, Reversed};
use tribunal_contract::{ConnId, NodeId};
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};

/// Why one event happens before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A process ended, and the other end of its connection learned of it.
    Ended,
    /// A message, from where it was sent to where it was received; or the answer to opening a connection.
    Message,
    /// Both are of one node, next to each other.
    Order,
}

/// Which events of a trace happen before which (Lamport 1978). Events are known by their index in [`Trace::events`].
///
/// Events of one node happen one after the other, a message is sent before it is received, and the end of a process
/// comes before its peers learn of it. A fault that is about no node is before nothing.
#[derive(Clone, Debug)]
pub struct CausalGraph {
    graph: DiGraph<(), Cause>,
}

impl CausalGraph {
    /// The graph of a recorded trace. Takes time and memory in proportion to its events.
    pub fn new(trace: &Trace) -> CausalGraph {
        let mut graph = DiGraph::with_capacity(trace.events.len(), 2 * trace.events.len());
        let mut open = Open::default();
        for event in &trace.events {
            let here = graph.add_node(());
            if event.node == TraceEvent::NO_NODE {
                continue;
            }
            if let Some(before) = open.last.insert(event.node, here) {
                graph.add_edge(before, here, Cause::Order);
            }
            if let Some((before, cause)) = open.other_cause(event, here) {
                graph.add_edge(before, here, cause);
            }
        }
        CausalGraph { graph }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether the trace was empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything that happens before an event, and the event: indexes, ascending. Empty for an index that is none.
    pub fn cone(&self, event: usize) -> Vec<usize> {
        if event >= self.len() {
            return Vec::new();
        }
        let reversed = Reversed(&self.graph);
        let mut search = Dfs::new(reversed, NodeIndex::new(event));
        let mut cone: Vec<usize> = std::iter::from_fn(|| search.next(reversed)).map(NodeIndex::index).collect();
        cone.sort_unstable();
        cone
    }

    /// What happens immediately before an event, with why.
    pub fn causes(&self, event: usize) -> impl Iterator<Item = (usize, Cause)> + '_ {
        let edges = self.graph.edges_directed(NodeIndex::new(event), Direction::Incoming);
        edges.map(|edge| (edge.source().index(), *edge.weight()))
    }

    /// Where the message that an event receives was sent; none if it receives none.
    pub fn sent_at(&self, event: usize) -> Option<usize> {
        self.causes(event).find(|(_, cause)| *cause == Cause::Message).map(|(sent, _)| sent)
    }

    /// Messages that were sent and never received.
    pub fn lost<'t>(&'t self, trace: &'t Trace) -> impl Iterator<Item = usize> + 't {
        let sent = trace.events.iter().enumerate().filter(|(_, event)| matches!(event.kind, TraceKind::Sent { .. }));
        sent.map(|(index, _)| index).filter(|&index| {
            let out = self.graph.edges_directed(NodeIndex::new(index), Direction::Outgoing);
            !out.map(|edge| *edge.weight()).any(|cause| cause == Cause::Message)
        })
    }

    /// The way from one event to a later one with the fewest messages, both ends in it; none if the first does not
    /// happen before the second.
    pub fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        if from > to || to >= self.len() {
            return None;
        }
        // Backwards, since an event has few causes and many effects.
        let (start, goal) = (NodeIndex::new(to), NodeIndex::new(from));
        let cost = |cause: &Cause| u32::from(*cause != Cause::Order);
        let (_, mut path) =
            astar(Reversed(&self.graph), start, |node| node == goal, |edge| cost(edge.weight()), |_| 0)?;
        path.reverse();
        Some(path.into_iter().map(NodeIndex::index).collect())
    }

    /// Whether one event happens before another. Where it does not, they are concurrent or the other way round.
    pub fn happens_before(&self, first: usize, second: usize) -> bool {
        first < second && self.cone(second).binary_search(&first).is_ok()
    }
}

/// The index in [`Trace::events`] of the event with that [`TraceEvent::seq`].
pub(super) fn index_of(trace: &Trace, seq: u64) -> Option<usize> {
    let from = trace.events.partition_point(|event| event.seq < seq);
    let index = from + trace.events[from..].iter().position(|event| event.kind.is_event())?;
    (trace.events[index].seq == seq).then_some(index)
}

/// What has happened so far and may be the cause of something later.
#[derive(Default)]
struct Open {
    last: BTreeMap<NodeId, NodeIndex>,
    /// Messages on their way, by connection and sender.
    sent: BTreeMap<(ConnId, NodeId), VecDeque<NodeIndex>>,
    /// Where an end of a connection opened.
    up: BTreeMap<(ConnId, NodeId), NodeIndex>,
    /// Where a node's process ended last.
    ended: BTreeMap<NodeId, NodeIndex>,
    /// Connections whose other end is gone: what they carry is not known any more.
    gone: BTreeSet<(ConnId, NodeId)>,
}

impl Open {
    /// The cause of an event that is not in its own node's order.
    fn other_cause(&mut self, event: &TraceEvent, here: NodeIndex) -> Option<(NodeIndex, Cause)> {
        let node = event.node;
        match event.kind {
            TraceKind::Crashed | TraceKind::Halted | TraceKind::PowerLost => {
                self.ended.insert(node, here);
                None
            }
            TraceKind::Sent { conn, .. } => {
                self.sent.entry((conn, node)).or_default().push_back(here);
                None
            }
            TraceKind::Delivered { conn, .. } => {
                let sent = self.sent.get_mut(&(conn, other_end(conn, node)))?.pop_front()?;
                Some((sent, Cause::Message))
            }
            TraceKind::Up { conn, inbound } => {
                self.up.insert((conn, node), here);
                let acceptor = self.up.get(&(conn, conn.acceptor)).filter(|_| !inbound)?;
                Some((*acceptor, Cause::Message))
            }
            TraceKind::Down { conn } => {
                let opened = self.up.remove(&(conn, node));
                let ended = *self.ended.get(&other_end(conn, node))?;
                // Each end learns of it once, and only of an end that came while the connection was open.
                let ours = self.gone.insert((conn, node)) && opened.is_none_or(|opened| opened < ended);
                ours.then_some((ended, Cause::Ended))
            }
            _ => None,
        }
    }
}

fn other_end(conn: ConnId, node: NodeId) -> NodeId {
    if node == conn.acceptor { conn.initiator } else { conn.acceptor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tribunal_contract::{Lane, Time};

    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const CONN: ConnId = ConnId { initiator: A, acceptor: B, lane: Lane(0), attempt: 0 };
    const SENT: TraceKind = TraceKind::Sent { conn: CONN, label: 0, bytes: 0 };
    const DELIVERED: TraceKind = TraceKind::Delivered { conn: CONN, label: 0, digest: 0 };

    fn trace(events: &[(NodeId, TraceKind)]) -> Trace {
        let mut seq = 0;
        let events = events.iter().enumerate().map(|(at, &(node, kind))| {
            let event = TraceEvent { at: Time(at as u64), seq, node, kind };
            seq += u64::from(kind.is_event());
            event
        });
        Trace { labels: vec!["Fetch".to_owned()], events: events.collect() }
    }

    #[test]
    fn a_message_is_received_after_it_is_sent_and_what_is_concurrent_is_not_in_the_cone() {
        let trace = trace(&[
            (A, TraceKind::Input),
            (A, SENT),
            (B, TraceKind::Input),
            (A, TraceKind::Input),
            (B, DELIVERED),
            (B, TraceKind::Halted),
        ]);
        let graph = CausalGraph::new(&trace);
        assert_eq!(graph.cone(5), [0, 1, 2, 4, 5]);
        assert_eq!(graph.sent_at(4), Some(1));
        assert!(graph.happens_before(0, 5) && !graph.happens_before(3, 5) && !graph.happens_before(5, 0));
        assert_eq!(graph.path(0, 5), Some(vec![0, 1, 4, 5]));
        assert_eq!(graph.path(2, 3), None);
        assert_eq!(graph.cone(99), [0usize; 0]);
    }

    #[test]
    fn the_end_of_a_process_is_before_its_peers_learn_of_it_and_what_was_in_flight_is_lost() {
        let trace = trace(&[
            (B, TraceKind::Up { conn: CONN, inbound: true }),
            (A, TraceKind::Up { conn: CONN, inbound: false }),
            (A, SENT),
            (A, TraceKind::Crashed),
            (B, TraceKind::Down { conn: CONN }),
        ]);
        let graph = CausalGraph::new(&trace);
        assert_eq!(graph.causes(4).collect::<Vec<_>>(), [(3, Cause::Ended), (0, Cause::Order)]);
        assert_eq!(graph.lost(&trace).collect::<Vec<_>>(), [2]);
        assert!(graph.happens_before(0, 1), "the acceptor is there before its answer arrives");
    }

    #[test]
    fn events_are_found_by_their_number_whatever_was_sent_between_them() {
        let trace = trace(&[(A, TraceKind::Input), (A, SENT), (A, SENT), (B, DELIVERED)]);
        assert_eq!((index_of(&trace, 0), index_of(&trace, 1), index_of(&trace, 2)), (Some(0), Some(3), None));
    }

    proptest! {
        #[test]
        fn causes_come_first_and_cones_are_closed(kinds in prop::collection::vec((0u32..3, 0u8..6), 0..60)) {
            let kind = |code| match code {
                0 => SENT,
                1 => DELIVERED,
                2 => TraceKind::Crashed,
                3 => TraceKind::Down { conn: CONN },
                4 => TraceKind::Up { conn: CONN, inbound: true },
                _ => TraceKind::Input,
            };
            let events: Vec<_> = kinds.iter().map(|&(node, code)| (NodeId(node), kind(code))).collect();
            let graph = CausalGraph::new(&trace(&events));
            for event in 0..graph.len() {
                let cone = graph.cone(event);
                prop_assert_eq!(cone.last(), Some(&event));
                for &member in &cone {
                    for (cause, _) in graph.causes(member) {
                        prop_assert!(cause < member && cone.binary_search(&cause).is_ok());
                    }
                }
            }
        }
    }
}
