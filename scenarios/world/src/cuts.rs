//! Cuts: which links they lie on, and their coming and going.

use tribunal_contract::{NodeId, Span, Time};
use tribunal_language::{Cut, Direction, Shape};
use tribunal_sim::{Fault as KernelFault, stable_hash};

use super::faults::{Faults, SimKernel, Task};

impl Faults {
    /// The directed links that a cut lies on.
    pub(super) fn links(
        &self,
        kernel: &SimKernel,
        cut: &Cut,
        subject: Option<NodeId>,
        chance: u64,
    ) -> Vec<(NodeId, NodeId)> {
        let groups: Vec<Vec<NodeId>> = match (&cut.isolate, &cut.groups) {
            (Some(target), _) => {
                let isolated = self.resolve(kernel, target, subject, chance);
                let clients = self.producers.iter().chain(&self.consumers).filter(|_| cut.clients);
                let others = self.brokers.iter().chain(clients).filter(|node| !isolated.contains(node));
                let others = others.copied().collect();
                vec![isolated, others]
            }
            (None, Some(groups)) => groups
                .iter()
                .map(|group| group.iter().flat_map(|t| self.resolve(kernel, t, subject, chance)).collect())
                .collect(),
            (None, None) => return cut.shape.map_or(Vec::new(), |shape| shaped(shape, self.shuffled(chance))),
        };
        let mut links = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            for (j, other) in groups.iter().enumerate() {
                let passes = match cut.direction {
                    Direction::Both => false,
                    // What the first group sends still arrives.
                    Direction::In => i == 0 || j != 0,
                    Direction::Out => i != 0,
                };
                if i == j || passes {
                    continue;
                }
                links.extend(group.iter().flat_map(|&from| other.iter().map(move |&to| (from, to))));
            }
        }
        links.retain(|(from, to)| from != to);
        links.sort_unstable();
        links.dedup();
        links
    }

    pub(super) fn cut(&mut self, kernel: &mut SimKernel, links: &[(NodeId, NodeId)]) {
        for &(from, to) in links {
            let count = self.cuts.entry((from, to)).or_insert(0);
            *count += 1;
            if *count == 1 {
                kernel.apply(KernelFault::Partition { from, to, both: false });
            }
        }
    }

    pub(super) fn uncut(&mut self, kernel: &mut SimKernel, links: &[(NodeId, NodeId)]) {
        for &(from, to) in links {
            if let Some(count) = self.cuts.get_mut(&(from, to)) {
                *count -= 1;
                if *count == 0 {
                    self.cuts.remove(&(from, to));
                    kernel.apply(KernelFault::Heal { from, to, both: false });
                }
            }
        }
    }

    /// The cut comes (or goes), and goes (or comes) after so long, until it is over.
    pub(super) fn flap(
        &mut self,
        kernel: &mut SimKernel,
        links: Vec<(NodeId, NodeId)>,
        cut: bool,
        every: Span,
        until: Option<Time>,
    ) {
        if cut {
            self.cut(kernel, &links);
        } else {
            self.uncut(kernel, &links);
        }
        let next = kernel.now() + every;
        match until {
            Some(until) if next >= until && cut => self.schedule(kernel, until, Task::Uncut(links)),
            Some(until) if next >= until => {}
            _ => self.schedule(kernel, next, Task::Flap { links, cut, every, until }),
        }
    }

    /// The brokers in an order that the seed decides.
    fn shuffled(&self, chance: u64) -> Vec<NodeId> {
        let mut brokers = self.brokers.clone();
        brokers.sort_by_key(|node| stable_hash(&(chance, node.0)));
        brokers
    }
}

/// The directed links that are cut.
fn shaped(shape: Shape, brokers: Vec<NodeId>) -> Vec<(NodeId, NodeId)> {
    let count = brokers.len();
    let half = count / 2;
    let apart = |a: usize, b: usize| match shape {
        // The last one in the order is the bridge, and reaches all.
        Shape::Bridge if a == count - 1 || b == count - 1 => false,
        Shape::Bridge => (a < (count - 1) / 2) != (b < (count - 1) / 2),
        Shape::Halves => (a < half) != (b < half),
        // On a ring, each reaches its neighbours on both sides, with itself a majority.
        Shape::MajoritiesRing => {
            let distance = a.abs_diff(b).min(count - a.abs_diff(b));
            distance > half.div_ceil(2)
        }
    };
    let all = || (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
    let mut links: Vec<_> =
        all().filter(|&(a, b)| a != b && apart(a, b)).map(|(a, b)| (brokers[a], brokers[b])).collect();
    links.sort_unstable();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(shape: Shape, count: u32) -> Vec<usize> {
        let links = shaped(shape, (0..count).map(NodeId).collect());
        let cut_off = |node: u32| links.iter().filter(|(from, _)| from.0 == node).count();
        (0..count).map(|node| count as usize - cut_off(node)).collect()
    }

    #[test]
    fn on_a_ring_everyone_reaches_a_majority_and_nobody_all() {
        assert_eq!(reach(Shape::MajoritiesRing, 5), [3; 5]);
        assert_eq!(reach(Shape::MajoritiesRing, 9), [5; 9]);
    }

    #[test]
    fn a_bridge_reaches_both_sides_and_no_side_the_other() {
        assert_eq!(reach(Shape::Bridge, 5), [3, 3, 3, 3, 5]);
        assert_eq!(reach(Shape::Bridge, 3), [2, 2, 3]);
    }

    #[test]
    fn halves_are_as_equal_as_they_can_be() {
        assert_eq!(reach(Shape::Halves, 5), [2, 2, 3, 3, 3]);
    }
}
