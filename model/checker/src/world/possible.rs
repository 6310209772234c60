//! Which actions are possible.

use tribunal_common::timers;
use tribunal_contract::{ConnId, NodeId};
use tribunal_quorum::QuorumRole;

use super::{Action, Budget, State, World};
use crate::cluster::Cluster;
use crate::config::{Machines, Until};
use crate::node::Happening;

impl World {
    /// Everything that can happen next in `state`. Nothing after a broken promise, nor where the configuration ends.
    pub fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        if state.violation.is_some() || self.ends(state) {
            return;
        }
        for wire in &state.wires {
            for (at, way) in wire.ways.iter().enumerate() {
                if !way.items.is_empty() && !state.is_cut(wire.conn.initiator, wire.conn.acceptor) {
                    self.choices(state, wire.receiver(at), wire.conn, at, actions);
                }
            }
        }
        // At the start voters are alike but for their ids, and none of them cares for the order of ids: whoever moves
        // first may as well be the first.
        let movers = if self.is_symmetric(state) { 1 } else { state.nodes.len() };
        for id in 0..movers {
            self.of_node(state, NodeId(id as u32), actions);
        }
        if state.left(Budget::Resets) > 0 {
            for wire in &state.wires {
                actions.push(Action::Reset(wire.conn, false));
                if !wire.ways[0].items.is_empty() {
                    actions.push(Action::Reset(wire.conn, true));
                }
            }
        }
        self.of_links(state, actions);
        match self.config.machines {
            Machines::Quorum => self.of_voters(state, actions),
            Machines::Replicas => self.of_brokers(state, actions),
        }
    }

    fn ends(&self, state: &State) -> bool {
        let leads = |id: NodeId| {
            let voter = state.nodes[id.index()].part.as_ref().and_then(|part| part.as_voter());
            voter.is_some_and(|voter| voter.quorum().role() == QuorumRole::Leader)
        };
        match self.config.until {
            Some(Until::Leader) => self.members().any(leads),
            None => false,
        }
    }

    /// Whether nothing has happened yet and all nodes are the same.
    fn is_symmetric(&self, state: &State) -> bool {
        self.config.machines == Machines::Quorum && state.wires.is_empty() && state.budgets == self.config.budgets
    }

    /// A delivery, in as many ways as the receiver may choose from.
    fn choices(&self, state: &State, to: NodeId, conn: ConnId, way: usize, actions: &mut Vec<Action>) {
        let Some(wire) = state.wires.iter().find(|wire| wire.conn == conn) else { return };
        let msg = Happening::Msg(conn, wire.sender(way), wire.ways[way].items[0].clone());
        let choices = self.step(state, to, &msg, 0).choices;
        actions.extend((0..choices).map(|choice| Action::Deliver(conn, way == 0, choice)));
    }

    fn of_node(&self, state: &State, id: NodeId, actions: &mut Vec<Action>) {
        let node = &state.nodes[id.index()];
        if node.part.is_none() {
            if self.cluster(state).may_start(id) {
                actions.push(Action::Start(id));
            }
            return;
        }
        for timer in &node.timers {
            if self.config.timer_budget(timer.class).is_none_or(|budget| state.left(budget) > 0)
                && self.is_telling(state, *timer)
            {
                let choices = self.step(state, id, &Happening::Timer(*timer), 0).choices;
                actions.extend((0..choices).map(|choice| Action::Timer(id, *timer, choice)));
            }
        }
        for at in node.disk.open_syncs() {
            actions.push(Action::Sync(id, at as u8));
            if state.left(Budget::FailedSyncs) > 0 {
                actions.push(Action::FailSync(id, at as u8));
            }
        }
        if Some(id) == self.controller() {
            return;
        }
        if state.left(Budget::Crashes) > 0 {
            actions.push(Action::Crash(id));
        }
        if state.left(Budget::PowerLosses) > 0 {
            actions.push(Action::PowerLoss(id));
        }
    }

    /// Whether the firing of a timer tells anybody anything: the session of a broker that is fenced does not.
    fn is_telling(&self, state: &State, timer: tribunal_contract::TimerId) -> bool {
        timer.class != timers::SESSION || !self.cluster(state).is_fenced(NodeId(timer.index))
    }

    fn of_links(&self, state: &State, actions: &mut Vec<Action>) {
        if state.cuts == 0 && state.left(Budget::Cuts) == 0 {
            return;
        }
        let nodes = state.nodes.len() as u32;
        for (a, b) in (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (NodeId(a), NodeId(b)))) {
            if state.is_cut(a, b) {
                actions.push(Action::Heal(a, b));
            } else if state.left(Budget::Cuts) > 0 {
                actions.push(Action::Cut(a, b));
            }
        }
    }

    fn of_voters(&self, state: &State, actions: &mut Vec<Action>) {
        for id in self.members() {
            let Some(voter) = state.nodes[id.index()].part.as_ref().and_then(|part| part.as_voter()) else { continue };
            let quorum = voter.quorum();
            if state.left(Budget::Records) > 0 && quorum.role() == QuorumRole::Leader {
                actions.push(Action::Append(id));
            }
            let anew = quorum.view().snapshot_end.unwrap_or(0) < quorum.high_watermark();
            if state.left(Budget::Snapshots) > 0 && !quorum.is_taking_snapshot() && anew {
                actions.push(Action::Snapshot(id));
            }
        }
    }

    fn of_brokers(&self, state: &State, actions: &mut Vec<Action>) {
        for id in self.members() {
            let Some(broker) = state.nodes[id.index()].part.as_ref().and_then(|part| part.as_replica()) else {
                continue;
            };
            if !state.feeds[id.index()].is_empty() {
                actions.push(Action::Metadata(id));
            }
            let leads = broker.replicas().iter().any(|partition| partition.leading().is_some());
            if state.left(Budget::Records) > 0 && leads {
                actions.push(Action::Produce(id));
            }
            if self.cluster(state).may_be_unfenced(id) {
                actions.push(Action::Heartbeat(id));
            }
        }
        if state.left(Budget::PreferredElections) > 0 {
            actions.push(Action::ElectPreferred);
        }
    }
}
