//! Whether a cluster gets on in the kernel from where a counterexample of the checker has left it: faults end, what is
//! down starts, and everything under way happens in turn; when nothing else is left, the next timer fires. The checker's own
//! order comes first, because another order may get on.

use tribunal_checker::Step;
use tribunal_checker::cluster::{Cluster, Next, Progress};
use tribunal_checker::parts::PartInput;
use tribunal_contract::NodeId;
use tribunal_model::Violation;
use tribunal_sim::Fault;

use super::script::Stage;

impl Stage {
    /// The broken promise, if nothing is committed within the bound. A run that ends by another violation breaks no
    /// promise of this kind. What happens is first what the checker had happen, as far as that is possible here; then the
    /// kernel chooses.
    pub(super) fn goes_on(&mut self, schedule: &[Step]) -> Option<Violation> {
        self.heal();
        let mut progress = Progress::default();
        let mut schedule = schedule.iter();
        for _ in 0..Progress::BOUND {
            if self.kernel.stop().is_some() {
                return None;
            }
            let next = progress.next(self);
            if next == Next::Committed {
                return None;
            }
            if let Some(step) = schedule.next() {
                match self.goes_on_by(step, &mut progress) {
                    Ok(()) => continue,
                    // Here something else has happened before.
                    Err(_) => schedule = [].iter(),
                }
            }
            if let Next::Write(node) = next {
                self.input(node, Progress::record(&self.config));
                progress.wrote(node, self);
            }
            if !self.calm() {
                break;
            }
        }
        Some(Progress::broken(self.kernel.now()))
    }

    fn goes_on_by(&mut self, step: &Step, progress: &mut Progress) -> Result<(), String> {
        let began = self.kernel.now();
        self.perform(step)?;
        self.faults.note(step, began, self.kernel.now());
        if let Step::Append { node, .. } | Step::Produce { node, .. } = step {
            progress.wrote(NodeId(*node), self);
        }
        Ok(())
    }

    fn heal(&mut self) {
        let nodes: Vec<NodeId> = self.members().chain(self.config.controller()).collect();
        for (at, from) in nodes.iter().enumerate() {
            for to in &nodes[at + 1..] {
                let began = self.kernel.now();
                self.kernel.apply(Fault::Heal { from: *from, to: *to, both: true });
                self.faults.note(&Step::Heal { a: from.0, b: to.0 }, began, self.kernel.now());
            }
        }
        self.settle();
    }

    /// What happens next when all is well: faults never, timers last. False if nothing can.
    fn calm(&mut self) -> bool {
        let members: Vec<NodeId> = self.members().collect();
        let happened = members.iter().any(|node| self.returns(*node))
            || self.kernel.happen_next()
            || members.iter().any(|node| self.is_told(*node))
            || members.iter().any(|node| self.is_heard_of(*node))
            || self.passes_time();
        self.settle();
        happened
    }

    fn returns(&mut self, node: NodeId) -> bool {
        let began = self.kernel.now();
        let returned = self.part(node).is_none() && self.may_start(node) && self.start(node).is_ok();
        if returned {
            self.faults.note(&Step::Start { node: node.0 }, began, self.kernel.now());
        }
        returned
    }

    fn is_told(&mut self, node: NodeId) -> bool {
        if self.config.controller().is_none() || self.part(node).is_none() {
            return false;
        }
        let Some(batch) = self.next_metadata(node) else { return false };
        self.input(node, PartInput::Metadata(batch));
        true
    }

    fn is_heard_of(&mut self, node: NodeId) -> bool {
        self.may_be_unfenced(node) && self.perform(&Step::Heartbeat { node: node.0 }).is_ok()
    }

    /// The next timer fires, of those that may and that are of use.
    fn passes_time(&mut self) -> bool {
        let next = self.kernel.next_timer(|_, id| self.config.fires(id.class) && self.is_of_use(id));
        next.is_some_and(|(node, id)| self.kernel.fire(node, id))
    }
}
