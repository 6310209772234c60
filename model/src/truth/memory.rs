//! Hashes the part of the truth that later verdicts depend on. Times, the node that was first, and facts that only
//! explain a violation are left out: with them, the checker would keep states apart that get the same verdicts.

use core::hash::{Hash, Hasher};

use super::committed::Committed;
use super::{Node, Partition, Quorum, Truth};

impl Hash for Truth {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.nodes, &self.partitions, &self.metadata, &self.quorum).hash(hasher);
    }
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.down, self.crashes.is_empty(), self.registered, self.unfenced, self.inactive).hash(hasher);
    }
}

impl Hash for Partition {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.id, self.removed, &self.replicas, &self.state, &self.committed).hash(hasher);
        (self.void_below, self.awaits_unclean_leader).hash(hasher);
        for reign in &self.reigns {
            (reign.epoch, reign.node).hash(hasher);
        }
    }
}

impl Hash for Committed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.log, self.end, self.highest, &self.by_epoch, &self.void).hash(hasher);
    }
}

impl Hash for Quorum {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.voters, &self.members, &self.elected).hash(hasher);
        for (epoch, (leader, _)) in &self.known {
            (epoch, leader).hash(hasher);
        }
        for (snapshot, (crc, _)) in &self.snapshots {
            (snapshot, crc).hash(hasher);
        }
    }
}
