//! The end of all faults, before the liveness phase.

use tribunal_contract::NodeId;
use tribunal_language::plan::Plan;
use tribunal_sim::{Fault as KernelFault, Mode};

use super::faults::{Faults, SimKernel};

impl Faults {
    /// Ends every fault but what the plan wants to stay: brokers that do not start again.
    pub(super) fn heal(&mut self, plan: &Plan, kernel: &mut SimKernel) {
        self.log.heal(plan, kernel.now());
        self.tasks.iter_mut().for_each(|task| *task = None);
        self.cuts.clear();
        kernel.apply(KernelFault::HealAll);
        let clients: Vec<NodeId> = self.producers.iter().chain(&self.consumers).copied().collect();
        for (i, &from) in self.brokers.clone().iter().enumerate() {
            for &to in self.brokers[i + 1..].iter().chain(&clients) {
                kernel.apply(KernelFault::LinkLatency { from, to, both: true, latency: None });
                kernel.apply(KernelFault::LinkBandwidth { from, to, both: true, bytes_per_second: None });
            }
        }
        // A fault's subject may be a client.
        for &node in self.brokers.iter().chain(&clients) {
            kernel.apply(KernelFault::Resume { node });
            kernel.apply(KernelFault::SlowCpu { node, nanos: 0 });
            kernel.apply(KernelFault::ClockDrift { node, ppm: 0 });
        }
        for node in self.brokers.clone() {
            kernel.apply(KernelFault::DiskHeal { node });
            kernel.apply(KernelFault::SyncLatency { node, percent: 100 });
            kernel.apply(KernelFault::DiskStall { node, stalled: false });
            kernel.apply(KernelFault::DiskCapacity { node, bytes: None });
        }
        self.revive_all(kernel);
    }

    /// Starts every node that has stopped since, as an operator would in the end; also a node that was to stay down, if
    /// a partition has no other replica.
    pub(super) fn revive_all(&mut self, kernel: &mut SimKernel) {
        let needed = |node: &NodeId| self.atlas.is_missed(kernel, *node);
        let missed: Vec<NodeId> = self.buried.iter().copied().filter(needed).collect();
        for node in missed {
            self.buried.retain(|buried| *buried != node);
            self.atlas.rise(node);
        }
        for node in self.brokers.clone() {
            let comes = !self.buried.contains(&node) && !self.absent.contains(&node);
            if comes && matches!(kernel.mode(node), Mode::Down | Mode::Off) {
                kernel.apply(KernelFault::Restart { node });
            }
        }
    }
}
