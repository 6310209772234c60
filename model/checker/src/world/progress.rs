//! Bounded liveness: a state whose faults end gets on.
//!
//! From the state, cuts are healed, processes started, and everything is done in turn: deliveries, syncs, metadata, and
//! timers only when nothing else is left, as time would have it. Within a bound a record that is written then must be
//! committed.

use std::sync::Arc;

use tribunal_common::timers;
use tribunal_contract::NodeId;
use tribunal_model::{Property, Violation};
use tribunal_quorum::QuorumRole;

use super::{Action, Budget, State, World};
use crate::config::Machines;
use crate::node::NOW;

/// Actions within which a healed world commits a record. The longest that was seen needs about a third.
const BOUND: usize = 600;

/// About so many events pass between two timeouts.
const RETRIES: usize = 13;

impl World {
    /// Whether the world gets on from `state` once its faults have ended; if not, the broken promise.
    pub fn gets_on(&self, state: &State) -> Option<Arc<Violation>> {
        let mut state = Self::unlimited(state);
        (state.cuts, state.budgets[Budget::Records as usize]) = (0, 1);
        let mut written = None;
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
            let Some(action) = self.calm(&state, turn) else { break };
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
    fn calm(&self, state: &State, turn: usize) -> Option<Action> {
        let mut actions = Vec::new();
        self.possible(state, &mut actions);
        let rank = |action: &Action| match action {
            Action::Start(_) => Some(0),
            Action::Deliver(_, _, 0) | Action::Metadata(_) | Action::Sync(..) => Some(1),
            Action::Heartbeat(_) => Some(2),
            Action::Timer(_, id, 0) => match id.class {
                timers::QUORUM_BACKOFF | timers::FETCHER_BACKOFF | timers::ALTER_PARTITION => Some(3),
                timers::QUORUM_CALL | timers::FETCHER_CALL => Some(4),
                timers::QUORUM_FETCH | timers::QUORUM_CHECK => Some(5),
                timers::QUORUM_ELECTION => Some(6),
                _ => None,
            },
            _ => None,
        };
        let mut best = actions.iter().filter_map(rank).min()?;
        // A call that is refused again and again takes time, and timeouts end: a dozen retries, then the longest wait.
        if best >= 3 && turn % RETRIES == RETRIES - 1 {
            best = actions.iter().filter_map(rank).filter(|rank| *rank >= 5).min().unwrap_or(best);
        }
        actions.retain(|action| rank(action) == Some(best));
        // One after the other, so that nobody is passed over for ever; of elections the first, for two candidates that
        // always stand together never win.
        Some(actions[if best == 6 { 0 } else { turn % actions.len() }])
    }
}
