//! The fault atlas leaves out damage that would leave no replica with all acknowledged records, so that every run has a
//! right answer. A scenario that wants to see such losses says `fault_atlas = false`.
//!
//! | damage | is done only if |
//! |---|---|
//! | a power loss, where writes are not flushed | the lost data can be spared (1) |
//! | a wiped disk, an old disk | the same |
//! | corruption, which is found later | the same |
//! | a failed sync | the same, until the power has been lost: the pages count as clean and are not on the medium |
//! | a crash, or a fault that will stop a broker | the same, as long as another member of the ISR is damaged (2) |
//! | a death: a crash or a shutdown without a restart | the broker can be spared for good (3) |
//! | a clean stop | no partition is left to a replica that cannot be relied on (4) |
//! | a reassignment | the brokers it names can be relied on (5) |
//! | its cancellation | no replica is damaged; until it is over none may be |
//!
//! 1. Every partition has another member of its ISR that is whole, and fewer replicas than its `min.insync.replicas`
//!    are damaged or have lost their eligibility.
//! 2. An unclean restart costs a replica its eligibility (KIP-966), and the damaged replica must not be the last
//!    eligible one. A disk that will fail, and a process that will die in mid-step, stop a broker later. A broker that
//!    is being unregistered may be so only after it has registered again; until then it is not relied on.
//! 3. The broker's disk may be lost; every partition has another member of its ISR that is whole, and has
//!    `min.insync.replicas` replicas alive, also where it is being moved to; and a majority of the voters survives.
//! 4. A damaged or dead replica that is still in the ISR or eligible is not left alone there. A clean stop of a broker
//!    that has not registered yet counts as a crash: the broker cannot say after which epoch it stopped, and its next
//!    start counts as unclean (Kafka writes epoch -1 into its marker then).
//! 5. `min.insync.replicas` of the named brokers are not dead, and fewer of them are damaged in a way that a copy does
//!    not repair, or may lose their eligibility. Until the reassignment is over they all count as replicas.
//!
//! The bound is `min.insync.replicas` because every committed record is on that many replicas, and no more can be relied
//! on: a replica that leaves an ISR which stays that large is not remembered as eligible, so an ISR of damaged replicas
//! must not become that large (KIP-966). A dead broker cannot return stale data. It only counts as unreliable while it
//! is in the ISR or eligible, and afterwards it is no replica at all.
//!
//! A replica is whole if it runs under its last registration and has no damage. A damaged replica is whole again once it
//! has registered again and is back in the ISR: it has fetched what it had lost. Everything that a quorum voter has
//! acknowledged must stay (voters are not replaced, no KIP-853): the metadata log is on a disk of its own that is neither
//! wiped nor corrupted, and it loses no power after a failed sync.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_common::{FlushPolicy, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_language::plan::Plan;
use tribunal_protocol::{Str, Uuid};

use super::build::ADMIN;
use super::faults::SimKernel;
use super::moves::Moves;
use super::node::Node;

/// Damage to a broker or its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Bytes are wrong, and nothing has noticed it yet.
    Corruption,
    /// The broker stops and never starts again.
    Death,
    /// Written data is lost.
    Lost,
    /// Unsynced data is lost.
    PowerLoss,
    /// A sync fails.
    SyncFailure,
    /// Nothing on the disk, but the broker may start again without having been shut down.
    Unclean,
}

/// Which replicas are not whole.
#[derive(Debug)]
pub(super) struct Atlas {
    on: bool,
    voters: BTreeSet<NodeId>,
    /// By topic name: whether every write is flushed, and the least ISR that acknowledges.
    topics: BTreeMap<Str, (bool, u32)>,
    ids: BTreeMap<Uuid, Str>,
    /// The broker epoch in which a replica was damaged.
    damaged: BTreeMap<(NodeId, TopicIdPartition), i64>,
    /// Brokers that have had a failed sync and not lost power since.
    unsynced: BTreeSet<NodeId>,
    /// Brokers that are to die in the middle of a step, and have not yet: what they register as until then counts for
    /// nothing. Whether what they have written may be gone then, of any partition.
    struck: BTreeMap<NodeId, bool>,
    /// Brokers that never start again.
    dead: BTreeSet<NodeId>,
    /// Brokers that were shut down, up to which broker epoch.
    stopping: BTreeMap<NodeId, i64>,
    moves: Moves,
    /// Brokers that a fault has stopped, or will at any time; up to which broker epoch.
    doomed: BTreeMap<NodeId, i64>,
    /// Brokers that the admin was asked to have forgotten, when; until it is known to be done.
    forgotten: BTreeMap<NodeId, Time>,
}

impl Atlas {
    pub(super) fn new(plan: &Plan) -> Atlas {
        let topic = |topic: &tribunal_language::Topic| {
            let flushed = topic.flush.unwrap_or(plan.cluster.flush) == FlushPolicy::EveryWrite;
            (Str::from(topic.name.as_str()), (flushed, topic.min_insync.min(topic.replication)))
        };
        Atlas {
            on: plan.cluster.fault_atlas,
            voters: plan.cluster.controller_ids().map(NodeId).collect(),
            topics: plan.topics.iter().map(topic).collect(),
            ids: BTreeMap::new(),
            damaged: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            struck: BTreeMap::new(),
            dead: BTreeSet::new(),
            stopping: BTreeMap::new(),
            moves: Moves::default(),
            doomed: BTreeMap::new(),
            forgotten: BTreeMap::new(),
        }
    }

    /// A fault stops `node`, now or later: the process of now, or `any` from now on.
    pub(super) fn doom(&mut self, kernel: &SimKernel, node: NodeId, any: bool) {
        let until = if any { i64::MAX } else { broker_epoch(kernel, node) };
        let known = self.doomed.entry(node).or_insert(until);
        *known = until.max(*known);
    }

    /// The admin will unregister `node`, which may take long and more than one request.
    pub(super) fn forget(&mut self, kernel: &SimKernel, node: NodeId) {
        self.forgotten.insert(node, kernel.now());
    }

    /// Looks at the admin's answers: a broker that it no longer asks about has been unregistered, under its present
    /// registration or an earlier one.
    fn look(&mut self, kernel: &SimKernel) {
        self.moves.settle(kernel);
        let Some(Node::Admin(admin)) = kernel.machine(ADMIN) else { return };
        // What it was asked at this very time may not have come to it yet.
        let done = |(node, asked): (&NodeId, &Time)| {
            (kernel.now() > *asked && !admin.unregisters(node.0 as i32)).then_some(*node)
        };
        let done: Vec<NodeId> = self.forgotten.iter().filter_map(done).collect();
        for node in done {
            self.forgotten.remove(&node);
            self.doom(kernel, node, false);
        }
    }

    /// `node` will die in the middle of one of its next steps, with the damage that was allowed: it `loses` what is
    /// written, or only its eligibility.
    pub(super) fn strike(&mut self, node: NodeId, loses: bool) {
        *self.struck.entry(node).or_default() |= loses;
    }

    /// `node` is down. If it was to die in the middle of a step it has done so under its registration of now.
    pub(super) fn fell(&mut self, kernel: &SimKernel, node: NodeId) {
        if let Some(loses) = self.struck.remove(&node) {
            // What it has come to hold since the fault was due is hit as well.
            let epoch = broker_epoch(kernel, node);
            self.damaged.iter_mut().filter(|((of, _), _)| *of == node).for_each(|(_, known)| *known = epoch);
            let held: Vec<_> = self.held(kernel, node).into_iter().filter(|_| loses).collect();
            self.damaged.extend(held.into_iter().map(|id| ((node, id), epoch)));
            self.doom(kernel, node, false);
        }
    }

    /// A fault that stops any process of `node` has ended.
    pub(super) fn spare(&mut self, kernel: &SimKernel, node: NodeId) {
        let until = broker_epoch(kernel, node);
        self.doomed.insert(node, until);
    }

    /// The topics have these ids.
    pub(super) fn name_topics(&mut self, ids: &BTreeMap<Str, Uuid>) {
        self.ids = ids.iter().map(|(name, id)| (*id, name.clone())).collect();
    }

    /// Whether the damage may be done to `node`; if so it is taken note of.
    pub(super) fn allows(&mut self, kernel: &SimKernel, node: NodeId, damage: Damage) -> bool {
        self.look(kernel);
        let hit: Vec<TopicIdPartition> = self.hit(kernel, node, damage);
        if self.on && !(self.is_survivable(kernel, node, damage, &hit) && self.may_stop(kernel, node)) {
            return false;
        }
        let epoch = broker_epoch(kernel, node);
        self.damaged.extend(hit.into_iter().map(|id| ((node, id), epoch)));
        if damage == Damage::Death {
            self.dead.insert(node);
            self.doom(kernel, node, true);
        }
        if matches!(damage, Damage::Lost | Damage::PowerLoss | Damage::Unclean) {
            self.doom(kernel, node, false);
        }
        match damage {
            Damage::SyncFailure => self.unsynced.insert(node),
            Damage::PowerLoss => self.unsynced.remove(&node),
            Damage::Corruption | Damage::Death | Damage::Lost | Damage::Unclean => false,
        };
        true
    }

    /// Whether `node` may be shut down; if so it is taken note of.
    pub(super) fn allows_clean_stop(&mut self, kernel: &SimKernel, node: NodeId) -> bool {
        self.look(kernel);
        let is_left_to_others = |state: &PartitionState| {
            let id = state.partition;
            let members = state.isr.iter().chain(&state.elr).map(|&member| NodeId(member as u32));
            let mut others = members.clone().filter(|&member| member != node);
            let bad = |member| self.dead.contains(&member) || self.is_damaged(kernel, member, id);
            members.clone().any(|member| member == node)
                && others.clone().any(bad)
                && !others.any(|member| self.is_whole(kernel, member, id) && self.stays(kernel, member))
        };
        if self.on && kernel.judge().partitions.values().any(is_left_to_others) {
            return false;
        }
        if !is_registered(kernel, node) {
            if self.on && !self.may_stop(kernel, node) {
                return false;
            }
            self.doom(kernel, node, false);
        }
        self.stopping.insert(node, broker_epoch(kernel, node));
        true
    }

    /// Whether `node` was not shut down, or has come back since.
    fn stays(&self, kernel: &SimKernel, node: NodeId) -> bool {
        self.stopping.get(&node).is_none_or(|&until| broker_epoch(kernel, node) > until)
    }

    /// Whether a partition may be moved to these replicas, or back to those it had; if so it is taken note of. Not back
    /// while a replica is damaged: those that were added go at once, and may be all that is whole.
    pub(super) fn allows_move(&mut self, kernel: &SimKernel, id: TopicIdPartition, to: Option<&[i32]>) -> bool {
        self.look(kernel);
        let whole = |node| !self.is_damaged(kernel, node, id);
        let may = !self.on
            || match to {
                Some(replicas) => self.leaves_enough(id, replicas, None) && self.can_be_left_to(kernel, id, replicas),
                None => self.moves.replicas(kernel, id).into_iter().all(whole),
            };
        if let Some(topic) = self.ids.get(&id.topic).filter(|_| may) {
            self.moves.begin(kernel, id, topic.clone(), to);
        }
        may
    }

    /// Whether fewer than `min.insync.replicas` of these will be suspect once all of them are in sync.
    fn can_be_left_to(&self, kernel: &SimKernel, id: TopicIdPartition, replicas: &[i32]) -> bool {
        let is_suspect = |node: &NodeId| {
            let known = self.damaged.get(&(*node, id));
            !self.dead.contains(node)
                && (self.is_leaving(kernel, *node)
                    || self.is_spoilt(kernel, *node)
                    || known.is_some_and(|&epoch| broker_epoch(kernel, *node) <= epoch))
        };
        let suspects = replicas.iter().map(|&replica| NodeId(replica as u32)).filter(is_suspect).count();
        suspects < replicas.len().min(self.settings(id).1 as usize)
    }

    /// Whether `min.insync.replicas` of these are not dead, once `dies` is.
    fn leaves_enough(&self, id: TopicIdPartition, replicas: &[i32], dies: Option<NodeId>) -> bool {
        let nodes = replicas.iter().map(|&replica| NodeId(replica as u32));
        let alive = nodes.filter(|node| Some(*node) != dies && !self.dead.contains(node)).count();
        alive >= replicas.len().min(self.settings(id).1 as usize)
    }

    /// Whether the cluster can go on for good without `node`.
    fn may_die(&self, kernel: &SimKernel, node: NodeId) -> bool {
        let left = self.voters.iter().filter(|&&voter| voter != node && !self.dead.contains(&voter)).count();
        let quorum = !self.voters.contains(&node) || left > self.voters.len() / 2;
        let is_left =
            |id, replicas: &[i32]| !replicas.contains(&(node.0 as i32)) || self.leaves_enough(id, replicas, Some(node));
        quorum
            && kernel.judge().partitions.values().all(|state| {
                let id = state.partition;
                is_left(id, &state.replicas) && self.moves.targets(id).all(|replicas| is_left(id, replicas))
            })
    }

    /// Whether a partition has no leader for want of `node`, which is dead: when it died others had all that it had,
    /// but whoever is away for a moment before anybody has noticed leaves the ISR to the dead. It comes back with all
    /// of it.
    pub(super) fn is_missed(&self, kernel: &SimKernel, node: NodeId) -> bool {
        let lacks = |state: &PartitionState| {
            let mut eligible = state.isr.iter().chain(&state.elr).map(|&member| NodeId(member as u32));
            let held = state.replicas.contains(&(node.0 as i32));
            held && state.leader < 0 && eligible.all(|member| self.dead.contains(&member))
        };
        self.on && self.dead.contains(&node) && kernel.judge().partitions.values().any(lacks)
    }

    /// A dead broker starts again.
    pub(super) fn rise(&mut self, node: NodeId) {
        self.dead.remove(&node);
    }

    /// The partitions whose replicas on `node` the damage hits.
    fn hit(&self, kernel: &SimKernel, node: NodeId, damage: Damage) -> Vec<TopicIdPartition> {
        let suffers = |id: &TopicIdPartition| match damage {
            Damage::Corruption | Damage::Death | Damage::Lost | Damage::SyncFailure => true,
            Damage::PowerLoss => self.unsynced.contains(&node) || !self.settings(*id).0,
            Damage::Unclean => false,
        };
        self.held(kernel, node).into_iter().filter(suffers).collect()
    }

    /// The partitions that `node` has a replica of, or may be about to.
    fn held(&self, kernel: &SimKernel, node: NodeId) -> Vec<TopicIdPartition> {
        let ids = kernel.judge().partitions.keys().copied();
        ids.filter(|id| self.moves.replicas(kernel, *id).contains(&node)).collect()
    }

    fn is_survivable(&self, kernel: &SimKernel, node: NodeId, damage: Damage, hit: &[TopicIdPartition]) -> bool {
        let loses_power = matches!(damage, Damage::Death | Damage::Lost | Damage::PowerLoss);
        if loses_power && self.voters.contains(&node) && self.unsynced.contains(&node) {
            return false;
        }
        let dies = damage == Damage::Death;
        if dies && !self.may_die(kernel, node) {
            return false;
        }
        hit.iter().all(|&id| {
            let enough = dies || self.suspects_beside(kernel, node, id) + 1 < self.min_isr(kernel, id);
            let others = in_sync(kernel, id).into_iter().filter(|&other| other != node);
            let whole = |other| self.is_whole(kernel, other, id) && (!dies || self.stays(kernel, other));
            enough && others.into_iter().any(whole)
        })
    }

    /// How many replicas cannot be relied on, apart from that of `node`: they are damaged, or lose their eligibility.
    fn suspects_beside(&self, kernel: &SimKernel, node: NodeId, id: TopicIdPartition) -> usize {
        let leaving = |other| self.is_leaving(kernel, other) && !self.dead.contains(&other);
        let suspect = |&other: &NodeId| self.is_damaged(kernel, other, id) || leaving(other);
        self.others(kernel, node, id).filter(suspect).count()
    }

    /// The replicas of a partition, apart from that of `node`.
    fn others(&self, kernel: &SimKernel, node: NodeId, id: TopicIdPartition) -> impl Iterator<Item = NodeId> {
        self.moves.replicas(kernel, id).into_iter().filter(move |&other| other != node)
    }

    /// The smallest ISR that acknowledges, or that remains when a reassignment is cancelled: added replicas leave at once.
    fn min_isr(&self, kernel: &SimKernel, id: TopicIdPartition) -> usize {
        if self.moves.is_taken_back(id) {
            return 1;
        }
        let held = kernel.judge().partitions.get(&id).map_or(0, |state| state.replicas.len());
        let least = self.moves.targets(id).map(<[i32]>::len).fold(held, usize::min);
        least.min(self.settings(id).1 as usize)
    }

    /// Whether an unclean restart of `node` leaves none of its partitions to a damaged replica.
    fn may_stop(&self, kernel: &SimKernel, node: NodeId) -> bool {
        kernel.judge().partitions.values().all(|state| {
            let id = state.partition;
            let mut eligible = state.isr.iter().chain(&state.elr).map(|&id| NodeId(id as u32));
            // A replica out of sync counts too: an earlier fetch may still bring it in and cost others their eligibility.
            let loses = self.moves.replicas(kernel, id).contains(&node);
            if !loses || !self.others(kernel, node, id).any(|other| self.is_damaged(kernel, other, id)) {
                return true;
            }
            let enough = self.suspects_beside(kernel, node, id) + 1 < self.min_isr(kernel, id);
            enough && eligible.any(|other| other != node && self.is_whole(kernel, other, id))
        })
    }

    /// Whether `node` was stopped uncleanly and has not registered since, or will be.
    fn is_leaving(&self, kernel: &SimKernel, node: NodeId) -> bool {
        self.struck.contains_key(&node)
            || self.forgotten.contains_key(&node)
            || self.doomed.get(&node).is_some_and(|&until| broker_epoch(kernel, node) <= until)
    }

    /// Whether a member of the ISR has all that it should have, and cannot lose its eligibility.
    fn is_whole(&self, kernel: &SimKernel, node: NodeId, id: TopicIdPartition) -> bool {
        is_registered(kernel, node) && !self.is_leaving(kernel, node) && !self.is_damaged(kernel, node, id)
    }

    fn is_damaged(&self, kernel: &SimKernel, node: NodeId, id: TopicIdPartition) -> bool {
        if self.dead.contains(&node) {
            let state = kernel.judge().partitions.get(&id);
            return state
                .is_some_and(|state| state.isr.iter().chain(&state.elr).any(|&member| member == node.0 as i32));
        }
        let in_sync = || kernel.judge().partitions.get(&id).is_some_and(|state| state.isr.contains(&(node.0 as i32)));
        let healed = |&epoch: &i64| !self.struck.contains_key(&node) && broker_epoch(kernel, node) > epoch && in_sync();
        !self.damaged.get(&(node, id)).is_none_or(healed) || self.is_spoilt(kernel, node)
    }

    /// Whether `node` has damage that no registration and no copy mends, or is about to.
    fn is_spoilt(&self, kernel: &SimKernel, node: NodeId) -> bool {
        self.struck.get(&node).is_some_and(|&loses| loses)
            || self.unsynced.contains(&node)
            || kernel.disk(node).is_rotten()
    }

    fn settings(&self, id: TopicIdPartition) -> (bool, u32) {
        self.ids.get(&id.topic).and_then(|name| self.topics.get(name)).copied().unwrap_or((false, 1))
    }
}

/// The ISR as all agree: by the newest committed state that is known, as its leader has it, and as that has asked for
/// it to become.
fn in_sync(kernel: &SimKernel, id: TopicIdPartition) -> Vec<NodeId> {
    let Some(state) = kernel.judge().partitions.get(&id) else { return Vec::new() };
    let leader = match u32::try_from(state.leader).ok().and_then(|leader| kernel.machine(NodeId(leader))) {
        Some(Node::Broker(broker)) => broker.replicas().and_then(|replicas| replicas.get(id)),
        _ => None,
    };
    let agreed = |member: &&i32| {
        leader.is_none_or(|partition| {
            let asked = partition.leading().and_then(|leading| leading.pending.as_ref());
            partition.isr.contains(*member)
                && asked.is_none_or(|pending| pending.members.iter().any(|(id, _)| id == *member))
        })
    };
    state.isr.iter().filter(agreed).map(|&member| NodeId(member as u32)).collect()
}

/// Whether `node` runs, and under the newest registration of it.
fn is_registered(kernel: &SimKernel, node: NodeId) -> bool {
    match kernel.machine(node) {
        Some(Node::Broker(broker)) => {
            broker.replicas().is_some_and(|replicas| replicas.broker_epoch() == broker_epoch(kernel, node))
        }
        _ => false,
    }
}

/// The newest registration of `node` that any broker knows of.
fn broker_epoch(kernel: &SimKernel, node: NodeId) -> i64 {
    let known = kernel.machines().iter().filter_map(|(_, machine)| match machine {
        Node::Broker(broker) => broker.image()?.broker(node.0 as i32).map(|registration| registration.epoch),
        _ => None,
    });
    known.max().unwrap_or(-1)
}
