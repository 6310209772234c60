//! Faults that wait for something to happen.

use std::collections::BTreeMap;

use tribunal_common::{ClientObs, Obs, PartitionState, TopicIdPartition};
use tribunal_contract::NodeId;
use tribunal_language::plan::Plan;
use tribunal_language::{Condition, Partition, Trigger};

/// A fault whose condition has come true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fired {
    /// Index of the fault in the plan.
    pub(super) fault: usize,
    /// The node at which it came true.
    pub(super) subject: NodeId,
}

#[derive(Clone, Debug)]
struct Armed {
    fault: usize,
    condition: Condition,
    partition: Option<TopicIdPartition>,
    count: u64,
}

/// What is known of the partitions when something is observed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    /// The newest committed state of each.
    pub(super) partitions: &'a BTreeMap<TopicIdPartition, PartitionState>,
    /// The state that this observation has replaced, if it has.
    pub(super) before: Option<&'a PartitionState>,
}

/// Conditions that have not come true yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Triggers {
    armed: Vec<Armed>,
    fired: Vec<Fired>,
    /// Nodes that a condition's `of` means; resolved by the runner, since it may change.
    pub(super) of: BTreeMap<usize, Vec<NodeId>>,
}

impl Triggers {
    pub(super) fn new(plan: &Plan) -> Triggers {
        let armed = plan.faults.iter().enumerate().filter_map(|(fault, planned)| match &planned.trigger {
            Trigger::At(_) => None,
            Trigger::When(condition) => Some(Armed { fault, condition: condition.clone(), partition: None, count: 0 }),
        });
        Triggers { armed: armed.collect(), fired: Vec::new(), of: BTreeMap::new() }
    }

    /// Topic ids are known only once topics are created.
    pub(super) fn resolve(&mut self, id: impl Fn(&Partition) -> Option<TopicIdPartition>) {
        for armed in &mut self.armed {
            armed.partition = armed.condition.partition().and_then(&id);
        }
    }

    pub(super) fn has_fired(&self) -> bool {
        !self.fired.is_empty()
    }

    pub(super) fn take_fired(&mut self) -> Vec<Fired> {
        std::mem::take(&mut self.fired)
    }

    /// Looks whether this observation makes a condition true. `scene` is what is known of the partitions.
    #[inline]
    pub(super) fn observe(&mut self, node: NodeId, obs: &Obs, scene: Scene<'_>) {
        if !self.armed.is_empty() {
            self.judge(node, obs, scene);
        }
    }

    fn judge(&mut self, node: NodeId, obs: &Obs, scene: Scene<'_>) {
        let Triggers { armed, fired, of } = self;
        armed.retain_mut(|armed| {
            let hit = armed.hit(node, obs, scene, of.get(&armed.fault).map(Vec::as_slice));
            let Some(subject) = hit else { return true };
            fired.push(Fired { fault: armed.fault, subject });
            false
        });
    }
}

impl Armed {
    /// The node at which the condition comes true by this observation.
    fn hit(&mut self, node: NodeId, obs: &Obs, scene: Scene<'_>, of: Option<&[NodeId]>) -> Option<NodeId> {
        let before = scene.before;
        let ours = |id: &TopicIdPartition| self.partition == Some(*id);
        let (happened, subject) = match (&self.condition, obs) {
            (Condition::Acknowledged { .. }, Obs::Client(ClientObs::Acknowledged { partition, .. })) => {
                (ours(partition), node)
            }
            (Condition::Fetch { .. }, Obs::Appended { log, .. }) => {
                // A follower appends what it has fetched; a leader is not counted.
                let leads = scene.partitions.get(log).is_some_and(|state| state.leader == node.0 as i32);
                (ours(log) && !leads, node)
            }
            (Condition::HighWatermark { at_least, .. }, Obs::HighWatermark { partition, value, leader: true }) => {
                return (ours(partition) && *value >= *at_least as i64).then_some(node);
            }
            (Condition::IsrExpanded { .. }, Obs::PartitionCommitted { state, .. }) => {
                let grew = before.is_some_and(|before| state.isr.iter().any(|id| !before.isr.contains(id)));
                (ours(&state.partition) && grew, leader_of(state, node))
            }
            (Condition::IsrShrunk { .. }, Obs::PartitionCommitted { state, .. }) => {
                let shrank = before.is_some_and(|before| before.isr.iter().any(|id| !state.isr.contains(id)));
                (ours(&state.partition) && shrank, leader_of(state, node))
            }
            (Condition::LeaderElected { .. }, Obs::LeaderStarted { partition, .. }) => (ours(partition), node),
            (Condition::Observed { event, .. }, obs) => {
                (*event == obs.kind() && of.is_none_or(|of| of.contains(&node)), node)
            }
            _ => (false, node),
        };
        if !happened {
            return None;
        }
        self.count += 1;
        let wanted = match &self.condition {
            Condition::Acknowledged { at_least, .. } => *at_least,
            Condition::Fetch { count, .. }
            | Condition::IsrExpanded { count, .. }
            | Condition::IsrShrunk { count, .. }
            | Condition::LeaderElected { count, .. }
            | Condition::Observed { count, .. } => u64::from(*count),
            Condition::HighWatermark { .. } => 1,
        };
        (self.count >= wanted).then_some(subject)
    }
}

fn leader_of(state: &PartitionState, node: NodeId) -> NodeId {
    if state.leader >= 0 { NodeId(state.leader as u32) } else { node }
}
