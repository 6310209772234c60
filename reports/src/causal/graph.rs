//! The happens-before graph of a trace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::astar;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef, Reversed};
use tribunal_contract::{ConnId, NodeId};
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};

/// The reason that one event happens before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A process ended, and the other end of its connection learned of it.
    Ended,
    /// A message connects its sending to its receipt, or an opened connection to the answer.
    Message,
    /// Both are events of one node, one directly after the other.
    Order,
}

/// The happens-before relation of a trace (Lamport 1978). Events are named by their index in [`Trace::events`].
///
/// Events of one node happen one after the other, a message is sent before it is received, and the end of a process
/// comes before its peers learn of it. A fault of no node happens before nothing.
#[derive(Clone, Debug)]
pub struct CausalGraph {
    graph: DiGraph<(), Cause>,
}

impl CausalGraph {
    /// Builds the graph of a recorded trace, in time and memory proportional to its events.
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

    /// The number of events.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether the trace was empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indexes of an event and of all events before it, ascending. Empty if there is no such event.
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

    /// The immediate causes of an event, each with its reason.
    pub fn causes(&self, event: usize) -> impl Iterator<Item = (usize, Cause)> + '_ {
        let edges = self.graph.edges_directed(NodeIndex::new(event), Direction::Incoming);
        edges.map(|edge| (edge.source().index(), *edge.weight()))
    }

    /// The event that sent the message which `event` receives. `None` if it receives none.
    pub fn sent_at(&self, event: usize) -> Option<usize> {
        self.causes(event).find(|(_, cause)| *cause == Cause::Message).map(|(sent, _)| sent)
    }

    /// The events that sent messages which were never received.
    pub fn lost<'t>(&'t self, trace: &'t Trace) -> impl Iterator<Item = usize> + 't {
        let sent = trace.events.iter().enumerate().filter(|(_, event)| matches!(event.kind, TraceKind::Sent { .. }));
        sent.map(|(index, _)| index).filter(|&index| {
            let out = self.graph.edges_directed(NodeIndex::new(index), Direction::Outgoing);
            !out.map(|edge| *edge.weight()).any(|cause| cause == Cause::Message)
        })
    }

    /// The path with the fewest messages from one event to a later one, including both. `None` if the first does not
    /// happen before the second.
    pub fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        if from > to || to >= self.len() {
            return None;
        }
        // The search goes backwards, since an event has few causes and many effects.
        let (start, goal) = (NodeIndex::new(to), NodeIndex::new(from));
        let cost = |cause: &Cause| u32::from(*cause != Cause::Order);
        let (_, mut path) =
            astar(Reversed(&self.graph), start, |node| node == goal, |edge| cost(edge.weight()), |_| 0)?;
        path.reverse();
        Some(path.into_iter().map(NodeIndex::index).collect())
    }

    /// Whether `first` happens before `second`. If not, they are concurrent or in the opposite order.
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

/// The earlier events that may be causes of later ones.
#[derive(Default)]
struct Open {
    last: BTreeMap<NodeId, NodeIndex>,
    /// The sendings of messages in flight, by connection and sender.
    sent: BTreeMap<(ConnId, NodeId), VecDeque<NodeIndex>>,
    /// The events at which ends of connections opened.
    up: BTreeMap<(ConnId, NodeId), NodeIndex>,
    /// The latest end of each node's process.
    ended: BTreeMap<NodeId, NodeIndex>,
    /// Connections whose other end is gone. Their messages can no longer be matched.
    gone: BTreeSet<(ConnId, NodeId)>,
}

impl Open {
    /// The cause of an event other than the previous event of its node.
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
                // Each end learns of it once, and only if the process ended while the connection was open.
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
    fn a_cone_holds_sendings_and_no_concurrent_events() {
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
    fn a_process_end_precedes_its_notices_and_loses_messages_in_flight() {
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
    fn events_are_found_by_number_across_unnumbered_entries() {
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
