//! Kafka's replication in the abstract, after hachikuji's TLA+ specification of KIP-320: one partition, a controller
//! whose state is changed atomically, followers that read their leader's log as it is.
//!
//! It knows nothing of our code. Its numbers of states are known from other checkers, which is how the search is
//! checked; and what our replicas do can be held against its steps.

mod steps;

use stateright::{Checker, Model, Property};

/// Most replicas, records and epochs that a state has room for.
const REPLICAS: usize = 3;
const RECORDS: usize = 2;
const EPOCHS: usize = 4;

/// How large the space is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kip320 {
    /// Epochs are 0 to this one.
    pub max_leader_epoch: u8,
}

/// A record: who wrote it when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The how-manyth record of all.
    pub id: u8,
    /// Epoch of the leader that wrote it.
    pub epoch: u8,
}

/// Leader, epoch and ISR, as the controller tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaderAndIsr {
    /// Epoch; none before the first election.
    pub epoch: Option<u8>,
    /// Who leads.
    pub leader: Option<u8>,
    /// Bit `n`: replica `n` is in sync.
    pub isr: u8,
}

/// A replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaState {
    /// Its log, without gaps.
    pub log: [Option<Record>; RECORDS],
    /// What it knows of leader and ISR.
    pub known: LeaderAndIsr,
    /// High watermark.
    pub hw: u8,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Abstract {
    /// The replicas.
    pub replicas: [ReplicaState; REPLICAS],
    /// What the controller has decided last.
    pub quorum: LeaderAndIsr,
    /// Everything it has ever told, by epoch: any of it may still arrive.
    pub told: [Option<LeaderAndIsr>; EPOCHS],
    /// Records written so far.
    pub written: u8,
}

impl ReplicaState {
    /// The log end offset.
    pub fn end(&self) -> u8 {
        self.log.iter().flatten().count() as u8
    }

    fn has(&self, offset: u8) -> bool {
        offset < self.end()
    }
}

impl Abstract {
    fn presumes_leadership(&self, replica: usize) -> bool {
        self.replicas[replica].known.leader == Some(replica as u8)
    }

    fn follows(&self, follower: usize, leader: usize) -> bool {
        self.presumes_leadership(leader)
            && self.replicas[follower].known.leader == Some(leader as u8)
            && self.replicas[follower].known.epoch == self.replicas[leader].known.epoch
    }

    fn is_true_leader(&self, leader: usize) -> bool {
        self.quorum.leader == Some(leader as u8)
            && self.presumes_leadership(leader)
            && self.replicas[leader].known.epoch == self.quorum.epoch
    }

    /// StrongIsr: everything below any presumed leader's high watermark is in the log of every member of the ISR.
    pub fn strong_isr(&self) -> bool {
        (0..REPLICAS).filter(|leader| self.presumes_leadership(*leader)).all(|leader| {
            let ReplicaState { log, hw, .. } = self.replicas[leader];
            let in_sync = (0..REPLICAS).filter(|member| self.quorum.isr >> member & 1 == 1);
            let same = |member: usize| {
                (0..hw as usize).all(|at| log[at].is_some() && log[at] == self.replicas[member].log[at])
            };
            in_sync.into_iter().all(same)
        })
    }
}

impl Model for Kip320 {
    type State = Abstract;
    type Action = Abstract;

    fn init_states(&self) -> Vec<Abstract> {
        let nothing = LeaderAndIsr { epoch: None, leader: None, isr: 0 };
        let replica = ReplicaState { log: [None; RECORDS], known: nothing, hw: 0 };
        let quorum = LeaderAndIsr { isr: (1 << REPLICAS) - 1, ..nothing };
        vec![Abstract { replicas: [replica; REPLICAS], quorum, told: [None; EPOCHS], written: 0 }]
    }

    /// An action is the state after it.
    fn actions(&self, state: &Abstract, actions: &mut Vec<Abstract>) {
        steps::all(state, self.max_leader_epoch, &mut |_, next| actions.push(next));
    }

    fn next_state(&self, _: &Abstract, next: Abstract) -> Option<Abstract> {
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Kip320>> {
        vec![Property::always("strong-isr", |_, state: &Abstract| state.strong_isr())]
    }
}

impl Kip320 {
    /// All distinct states.
    ///
    /// # Panics
    ///
    /// If StrongIsr does not hold in one of them.
    pub fn distinct_states(self) -> usize {
        let checker = self.checker().spawn_dfs().join();
        checker.assert_properties();
        checker.unique_state_count()
    }
}
