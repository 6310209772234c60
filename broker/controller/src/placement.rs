//! Where replicas of a new topic go: in stripes over racks and brokers.

use std::collections::BTreeMap;

use tribunal_protocol::Str;

/// A broker that may get replicas.
#[derive(Clone, Debug)]
pub(crate) struct UsableBroker {
    pub id: i32,
    pub rack: Option<Str>,
    pub fenced: bool,
}

/// Brokers of a rack that are taken in turn. With each round of placement the turn begins one further.
#[derive(Debug, Default)]
struct BrokerList {
    brokers: Vec<i32>,
    taken: usize,
    start: usize,
    round: usize,
}

impl BrokerList {
    fn next(&mut self, round: usize) -> Option<i32> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.round != round {
            self.round = round;
            self.taken = 0;
            self.start += 1;
        }
        if self.taken == self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.start + self.taken) % self.brokers.len()];
        self.taken += 1;
        Some(broker)
    }
}

#[derive(Debug, Default)]
struct Rack {
    unfenced: BrokerList,
    fenced: BrokerList,
}

struct Placer<'a, C> {
    racks: Vec<Rack>,
    unfenced: usize,
    /// Rack at which the next partition begins.
    start: usize,
    round: usize,
    choose: &'a mut C,
}

/// Assigns `replication_factor` of `brokers` to each of `partitions`, preferred leader first. The leader is unfenced,
/// the others are on as many racks as can be, on fenced brokers only where the unfenced ones of the rack are used up.
/// `choose` gives a number below its argument. The error says in Kafka's words why it cannot be done.
pub(crate) fn place<C: FnMut(u32) -> u32>(
    brokers: &[UsableBroker],
    partitions: i32,
    replication_factor: i16,
    choose: &mut C,
) -> Result<Vec<Vec<i32>>, String> {
    let unfenced = brokers.iter().filter(|broker| !broker.fenced).count();
    if unfenced == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    if replication_factor as usize > brokers.len() {
        let count = brokers.len();
        return Err(format!(
            "The target replication factor of {replication_factor} cannot be reached because only {count} broker(s) are \
             registered."
        ));
    }
    let mut racks: BTreeMap<&Option<Str>, Rack> = BTreeMap::new();
    for broker in brokers {
        let rack = racks.entry(&broker.rack).or_default();
        let list = if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced };
        list.brokers.push(broker.id);
    }
    let mut racks: Vec<Rack> = racks.into_values().collect();
    for rack in &mut racks {
        rack.unfenced.start = choose_below(choose, rack.unfenced.brokers.len());
        rack.fenced.start = choose_below(choose, rack.fenced.brokers.len());
    }
    let start = choose_below(choose, racks.len());
    let mut placer = Placer { racks, unfenced, start, round: 0, choose };
    Ok((0..partitions).map(|_| placer.next(replication_factor as usize)).collect())
}

impl<C: FnMut(u32) -> u32> Placer<'_, C> {
    fn next(&mut self, replicas: usize) -> Vec<i32> {
        // After as many rounds as there are unfenced brokers the same assignments would come again.
        if self.round == self.unfenced && self.unfenced > 1 {
            self.shuffle();
            self.round = 0;
        }
        let count = self.racks.len();
        let mut placed = Vec::with_capacity(replicas);
        let mut leader_rack = None;
        for offset in 0..count {
            let rack = (self.start + offset) % count;
            if let Some(broker) = self.racks[rack].unfenced.next(self.round) {
                placed.push(broker);
                leader_rack = Some(rack);
                break;
            }
        }
        let mut rack = self.start % count;
        // Callers ask for no more replicas than brokers, so each turn over all racks places at least one.
        while placed.len() < replicas {
            if leader_rack == Some(rack) {
                leader_rack = None;
            } else {
                let Rack { unfenced, fenced } = &mut self.racks[rack];
                placed.extend(unfenced.next(self.round).or_else(|| fenced.next(self.round)));
            }
            rack = (rack + 1) % count;
        }
        self.round += 1;
        self.start = (self.start + 1) % count;
        placed
    }

    fn shuffle(&mut self) {
        shuffle(&mut self.racks, self.choose);
        for rack in &mut self.racks {
            shuffle(&mut rack.unfenced.brokers, self.choose);
            shuffle(&mut rack.fenced.brokers, self.choose);
        }
    }
}

fn shuffle<T, C: FnMut(u32) -> u32>(items: &mut [T], choose: &mut C) {
    for last in (1..items.len()).rev() {
        items.swap(last, choose_below(choose, last + 1));
    }
}

fn choose_below<C: FnMut(u32) -> u32>(choose: &mut C, n: usize) -> usize {
    // A choice between one and one is none, and would only widen what a checker explores.
    if n > 1 { choose(n as u32) as usize % n } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn brokers(racks: &[Option<&'static str>]) -> Vec<UsableBroker> {
        let broker = |(id, rack): (i32, &Option<&'static str>)| UsableBroker {
            id,
            rack: rack.map(Str::from_static),
            fenced: false,
        };
        (0..).zip(racks).map(broker).collect()
    }

    #[test]
    fn replicas_go_to_as_many_racks_as_there_are() {
        let brokers = brokers(&[Some("a"), Some("a"), Some("b"), Some("b"), Some("c"), Some("c")]);
        for replicas in place(&brokers, 12, 3, &mut |n| n / 2).unwrap() {
            let racks: BTreeSet<_> = replicas.iter().map(|id| &brokers[*id as usize].rack).collect();
            assert_eq!(racks.len(), 3, "{replicas:?}");
        }
    }

    #[test]
    fn each_round_begins_one_broker_further() {
        let brokers = brokers(&[None, None, None]);
        let placed = place(&brokers, 3, 3, &mut |_| 1).unwrap();
        assert_eq!(placed, [[1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }

    #[test]
    fn one_unfenced_broker_leads_everything() {
        let mut brokers = brokers(&[None, None, None]);
        brokers[0].fenced = true;
        brokers[2].fenced = true;
        for replicas in place(&brokers, 10, 3, &mut |_| 0).unwrap() {
            assert_eq!(replicas[0], 1);
        }
    }

    proptest! {
        #[test]
        fn every_placement_is_of_distinct_brokers_led_by_an_unfenced_one(
            racks in prop::collection::vec((0..4_usize, any::<bool>()), 1..9),
            partitions in 1..40,
            factor in 1..9_i16,
            seed: u32,
        ) {
            let names = [None, Some("a"), Some("b"), Some("c")];
            let mut all = brokers(&racks.iter().map(|(rack, _)| names[*rack]).collect::<Vec<_>>());
            for (broker, (_, fenced)) in all.iter_mut().zip(&racks) {
                broker.fenced = *fenced;
            }
            let possible = all.iter().any(|broker| !broker.fenced) && factor as usize <= all.len();
            let mut state = seed;
            let placed = place(&all, partitions, factor, &mut |n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) % n
            });
            prop_assert_eq!(placed.is_ok(), possible);
            for replicas in placed.into_iter().flatten() {
                let distinct: BTreeSet<_> = replicas.iter().collect();
                prop_assert_eq!(distinct.len(), factor as usize);
                prop_assert!(!all[replicas[0] as usize].fenced);
            }
        }
    }
}
