//! Bounded liveness: a state whose faults end gets on.
//!
//! From the state, cuts are healed, processes started, and everything is done in turn: deliveries, syncs, metadata; and
//! when nothing else is left, time passes until the next timer. Within a bound a record that is written then must be
//! committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_common::timers;
use tribunal_contract::{NodeId, TimerId};
use tribunal_model::Violation;

use super::{Action, Budget, State, World};
use crate::cluster::{Cluster, Next, Progress};
use crate::config::Machines;
use crate::node::NOW;

/// Timers of what is under way, and when each is due. Time passes only when there is nothing else to do, and is counted
/// in retries.
#[derive(Default)]
struct Clock {
    now: u32,
    due: BTreeMap<(NodeId, TimerId), u32>,
}

/// How long a timer runs, in retries. Kafka's ratios, roughly. What nodes draw at random elsewhere goes by the id here,
/// so that no two candidates stand together for ever.
fn length(node: NodeId, class: u8) -> u32 {
    match class {
        timers::SESSION => 18,
        timers::QUORUM_CALL | timers::FETCHER_CALL => 8,
        timers::QUORUM_FETCH | timers::QUORUM_CHECK => 12 + 2 * node.0,
        timers::QUORUM_ELECTION => 20 + 5 * node.0,
        _ => 1,
    }
}

impl Clock {
    /// The timer that is due next, of those that are set.
    fn next(&mut self, cluster: &impl Cluster, actions: &[Action]) -> Option<Action> {
        let set: BTreeMap<(NodeId, TimerId), Action> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Timer(node, id, 0) => Some(((*node, *id), *action)),
                _ => None,
            })
            .collect();
        self.due.retain(|timer, _| set.contains_key(timer));
        for (node, id) in set.keys() {
            if cluster.is_of_use(*id) {
                self.due.entry((*node, *id)).or_insert(self.now + length(*node, id.class));
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
        self.goes_on(state, |_, _| ())
    }

    /// The same; `happens` is told of every action, with the state before it.
    pub(crate) fn goes_on(&self, state: &State, happens: impl FnMut(&State, Action)) -> Option<Arc<Violation>> {
        self.healed().runs_on(state, happens)
    }

    fn runs_on(&self, state: &State, mut happens: impl FnMut(&State, Action)) -> Option<Arc<Violation>> {
        let mut state = Self::unlimited(state);
        state.cuts = 0;
        let (mut progress, mut clock) = (Progress::default(), Clock::default());
        for turn in 0..Progress::BOUND {
            // Another promise that breaks on the way is for the search to find.
            if state.violation.is_some() {
                return None;
            }
            match progress.next(&self.cluster(&state)) {
                Next::Committed => return None,
                Next::Wait => {}
                Next::Write(node) => {
                    state.budgets[Budget::Records as usize] = 1;
                    let write = match self.config.machines {
                        Machines::Quorum => Action::Append(node),
                        Machines::Replicas => Action::Produce(node),
                    };
                    happens(&state, write);
                    state = self.after(&state, write)?;
                    progress.wrote(node, &self.cluster(&state));
                }
            }
            let Some(action) = self.calm(&state, turn, &mut clock) else { break };
            happens(&state, action);
            state = self.after(&state, action)?;
        }
        Some(Arc::new(Progress::broken(NOW)))
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
        let Some(best) = actions.iter().filter_map(rank).min() else {
            return clock.next(&self.cluster(state), &actions);
        };
        actions.retain(|action| rank(action) == Some(best));
        // One after the other, so that nobody is passed over for ever.
        Some(actions[turn % actions.len()])
    }
}
