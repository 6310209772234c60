//! Which faults have happened, to which nodes, and until when, for the report. It never changes a run.

use tribunal_contract::{NodeId, Time};
use tribunal_language::plan::Plan;
use tribunal_language::{Action, After};

use crate::run::Struck;

/// A fault that has happened.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    /// Which of the plan's.
    pub(super) fault: usize,
    pub(super) began: Time,
    /// When the last of what it scheduled was done, or all was healed. None: it has no length, or goes on.
    pub(super) ended: Option<Time>,
    /// The nodes that each of its targets meant.
    meant: Vec<Vec<NodeId>>,
    /// The nodes that it struck.
    pub(super) nodes: Vec<NodeId>,
    /// The nodes that it was meant for and that the atlas spared.
    pub(super) spared: Vec<NodeId>,
    /// Whether it was to move a partition, and the atlas left that out.
    pub(super) moves_nothing: bool,
    /// How much of it is still to be done.
    due: u32,
}

impl Happened {
    /// Whether nothing of it was done.
    fn is_left_out(&self) -> bool {
        self.moves_nothing || self.nodes.is_empty() && !self.spared.is_empty()
    }
}

/// Every fault that has happened, in the order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultLog {
    happened: Vec<Happened>,
    /// The one that is being done or undone.
    current: Option<usize>,
}

impl FaultLog {
    /// A planned fault happens, and means these by its targets. What is scheduled until [`FaultLog::pause`] belongs to
    /// it.
    pub(super) fn begin(&mut self, now: Time, fault: usize, meant: Vec<Vec<NodeId>>) {
        self.current = Some(self.happened.len());
        self.happened.push(Happened {
            fault,
            began: now,
            ended: None,
            meant,
            nodes: Vec::new(),
            spared: Vec::new(),
            moves_nothing: false,
            due: 0,
        });
    }

    /// When each of the plan's faults began, after `zero`, and which nodes it meant.
    pub(super) fn struck(&self, zero: Time) -> Vec<Struck> {
        let struck = |happened: &Happened| Struck {
            fault: happened.fault,
            at: happened.began.since(zero),
            meant: happened.meant.clone(),
        };
        self.happened.iter().map(struck).collect()
    }

    /// Something that belongs to a fault is done.
    pub(super) fn resume(&mut self, of: Option<usize>) {
        self.current = of;
        if let Some(fault) = of.and_then(|of| self.happened.get_mut(of)) {
            fault.due -= 1;
        }
    }

    /// Something of the current fault is scheduled: says which fault.
    pub(super) fn goes_on(&mut self) -> Option<usize> {
        let current = self.current?;
        self.happened[current].due += 1;
        Some(current)
    }

    /// The current fault is done to these.
    pub(super) fn done_to(&mut self, nodes: &[NodeId]) {
        if let Some(fault) = self.current() {
            fault.nodes.extend(nodes);
            fault.nodes.sort_unstable();
            fault.nodes.dedup();
        }
    }

    /// The current fault is not done to this one.
    pub(super) fn spare(&mut self, node: NodeId) {
        if let Some(fault) = self.current()
            && !fault.spared.contains(&node)
        {
            fault.spared.push(node);
        }
    }

    /// The current fault moves no partition.
    pub(super) fn leave_move_out(&mut self) {
        if let Some(fault) = self.current() {
            fault.moves_nothing = true;
        }
    }

    fn current(&mut self) -> Option<&mut Happened> {
        self.happened.get_mut(self.current?)
    }

    /// No fault is being done any more; one that is undone now has ended.
    pub(super) fn pause(&mut self, now: Time) {
        let Some(fault) = self.current.take().and_then(|current| self.happened.get_mut(current)) else { return };
        if fault.due == 0 && fault.began < now {
            fault.ended = Some(now);
        }
    }

    /// All is healed: what was to be undone is, and what would have lasted ends, but for what healing leaves.
    pub(super) fn heal(&mut self, plan: &Plan, now: Time) {
        for fault in self.happened.iter_mut().filter(|fault| !fault.is_left_out()) {
            let action = &plan.faults[fault.fault].action;
            if fault.due > 0 || !(is_momentary(action) || outlasts_healing(action)) {
                fault.ended.get_or_insert(now);
            }
            fault.due = 0;
        }
    }

    /// Which of the plan's faults was the last to begin by then.
    pub(super) fn last_before(&self, until: Time) -> Option<usize> {
        self.happened.iter().rev().find(|fault| fault.began <= until).map(|fault| fault.fault)
    }

    /// The faults, once the run is over.
    pub(super) fn finish(&self, plan: &Plan, end: Time) -> Vec<Happened> {
        let mut all = self.happened.clone();
        let lasts = |fault: &Happened| !fault.is_left_out() && !is_momentary(&plan.faults[fault.fault].action);
        for fault in all.iter_mut().filter(|fault| lasts(fault)) {
            fault.ended.get_or_insert(end);
        }
        all
    }
}

/// Whether an action has no length.
fn is_momentary(action: &Action) -> bool {
    match action {
        Action::Disk(disk) => disk.once,
        Action::AlterTopic(_)
        | Action::Clock(_)
        | Action::Corrupt(_)
        | Action::DeleteRecords(_)
        | Action::Elect(_)
        | Action::Join(_)
        | Action::Reassign(_) => true,
        Action::Reset(_) | Action::Unregister(_) => true,
        _ => false,
    }
}

/// Whether healing leaves an action as it is.
fn outlasts_healing(action: &Action) -> bool {
    match action {
        Action::Crash { restart, .. } | Action::Shutdown { restart, .. } => *restart == After::Never,
        _ => false,
    }
}
