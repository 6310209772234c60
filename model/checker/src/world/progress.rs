//! Bounded liveness: a state whose faults end gets on.
//!
//! From the state, cuts are healed, processes started, and everything is done in turn: deliveries, syncs, metadata; and
//! when nothing else is left, time passes until the next timer. Within a bound a record that is written then must be
//! committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_common::timers;
use tribunal_contract::{NodeId, TimerId};
use tribunal_model::{Property, Violation};
use tribunal_quorum::QuorumRole;

use super::{Action, Budget, State, World};
use crate::config::Machines;
use crate::node::NOW;

/// Actions within which a healed world commits a record. The longest that was seen needs about a third.
const BOUND: usize = 600;

/// Timers of what is under way, and when each is due. Time passes only when there is nothing else to do, and is counted
/// in retries.
#[derive(Default)]
struct Clock {
    now: u32,
    due: BTreeMap<(NodeId, TimerId), u32>,
}

/// How long a timer runs, in retries; none if it is of no use once all is well. Kafka's ratios, roughly. What nodes draw
/// at random elsewhere goes by the id here, so that no two candidates stand together for ever.
fn length(state: &State, node: NodeId, id: TimerId) -> Option<u32> {
    match id.class {
        // Whoever is there is heard of in time.
        timers::SESSION if !state.is_up(NodeId(id.index)) => Some(18),
        timers::QUORUM_BACKOFF | timers::FETCHER_BACKOFF | timers::ALTER_PARTITION => Some(1),
        timers::QUORUM_CALL | timers::FETCHER_CALL => Some(8),
        timers::QUORUM_FETCH | timers::QUORUM_CHECK => Some(12 + 2 * node.0),
        timers::QUORUM_ELECTION => Some(20 + 5 * node.0),
        _ => None,
    }
}

impl Clock {
    /// The timer that is due next, of those that are set.
    fn next(&mut self, state: &State, actions: &[Action]) -> Option<Action> {
        let set: BTreeMap<(NodeId, TimerId), Action> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Timer(node, id, 0) => Some(((*node, *id), *action)),
                _ => None,
            })
            .collect();
        self.due.retain(|timer, _| set.contains_key(timer));
        for (node, id) in set.keys() {
            if let Some(length) = length(state, *node, *id) {
                self.due.entry((*node, *id)).or_insert(self.now + length);
            }
        }
        let (timer, due) = self.due.iter().min_by_key(|(_, due)| **due).map(|(timer, due)| (*timer, *due))?;
        self.now = self.now.max(due);
        self.due.remove(&timer);
        set.get(&timer).copied()
    }
}

impl World {
    /// Whether the world gets on from `state` once its faults have ended; if not, the broken promise.
    pub fn gets_on(&self, state: &State) -> Option<Arc<Violation>> {
        self.healed().goes_on(state)
    }

    fn goes_on(&self, state: &State) -> Option<Arc<Violation>> {
        let mut state = Self::unlimited(state);
        (state.cuts, state.budgets[Budget::Records as usize]) = (0, 1);
        let (mut written, mut clock) = (None, Clock::default());
        for turn in 0..BOUND {
            if state.violation.is_some() {
                return state.violation;
            }
            match written {
                None => written = self.write(&mut state),
                Some((node, end)) => match self.committed(&state, node) {
                    Some(committed) if committed >= end => return None,
                    // Another leader has taken over, and what was written may be gone: that is no failure to get on.
                    None => (written, state.budgets[Budget::Records as usize]) = (None, 1),
                    Some(_) => {}
                },
            }
            let Some(action) = self.calm(&state, turn, &mut clock) else { break };
            state = self.after(&state, action)?;
        }
        let detail = format!("after faults have ended, nothing is committed within {BOUND} events");
        let violation = Violation {
            property: Property::NoProgress,
            partition: None,
            at: NOW,
            node: None,
            detail,
            cause: Vec::new(),
        };
        Some(Arc::new(violation))
    }

    /// A client writes to the leader, once there is one that can commit. Tells to whom, and what must be committed.
    fn write(&self, state: &mut State) -> Option<(NodeId, i64)> {
        let (node, action) = self.members().find_map(|id| {
            let part = state.nodes[id.index()].part.as_ref()?;
            match self.config.machines {
                Machines::Quorum => part.as_voter()?.quorum().is_active().then_some((id, Action::Append(id))),
                Machines::Replicas => {
                    let leader = self.leader(state)?;
                    let partition = part.as_replica()?.replicas().iter().next()?;
                    (leader == (id, partition.leader_epoch)).then_some((id, Action::Produce(id)))
                }
            }
        })?;
        *state = self.after(state, action)?;
        let part = state.nodes[node.index()].part.as_ref()?;
        let end = match (part.as_voter(), part.as_replica()) {
            (Some(voter), _) => voter.quorum().log_end(),
            (_, Some(replica)) => replica.replicas().iter().next()?.log.end_offset(),
            _ => return None,
        };
        Some((node, end))
    }

    /// The partition's leader and its epoch, as the controller has it.
    fn leader(&self, state: &State) -> Option<(NodeId, i32)> {
        let active = state.nodes[self.controller()?.index()].part.as_ref()?.as_controller()?;
        let (_, partition) = active.image().partitions().next()?;
        (partition.leader >= 0).then_some((NodeId(partition.leader as u32), partition.leader_epoch))
    }

    /// The end of what `node` has committed, if it leads still.
    fn committed(&self, state: &State, node: NodeId) -> Option<i64> {
        let part = state.nodes[node.index()].part.as_ref()?;
        match (part.as_voter(), part.as_replica()) {
            (Some(voter), _) => (voter.quorum().role() == QuorumRole::Leader).then(|| voter.quorum().high_watermark()),
            (_, Some(replica)) => {
                let partition = replica.replicas().iter().next()?;
                (self.leader(state)? == (node, partition.leader_epoch)).then_some(partition.high_watermark)
            }
            _ => None,
        }
    }

    /// What happens next when all is well: faults never, timers last.
    fn calm(&self, state: &State, turn: usize, clock: &mut Clock) -> Option<Action> {
        let mut actions = Vec::new();
        self.possible(state, &mut actions);
        let rank = |action: &Action| match action {
            Action::Start(_) => Some(0),
            Action::Deliver(_, _, 0) | Action::Metadata(_) | Action::Sync(..) => Some(1),
            Action::Heartbeat(_) => Some(2),
            _ => None,
        };
        let Some(best) = actions.iter().filter_map(rank).min() else { return clock.next(state, &actions) };
        actions.retain(|action| rank(action) == Some(best));
        // One after the other, so that nobody is passed over for ever.
        Some(actions[turn % actions.len()])
    }
}
