//! A hand-made history, told event by event.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

pub mod cluster;

use bytes::Bytes;
use tribunal_common::{BatchMark, ClientObs, METADATA_LOG, Obs, PartitionState, QuorumRole, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_model::{Invariants, ModelConfig, Names, Property, Violation};
use tribunal_protocol::Uuid;

/// The partition that tests are about.
pub const ORDERS: TopicIdPartition = TopicIdPartition { topic: Uuid(77), partition: 0 };

/// A producer with acks=all.
pub const PRODUCER: u32 = 8;

pub fn appended(log: TopicIdPartition, offset: i64, epoch: i32, crc: u32) -> Obs {
    Obs::Appended { log, batch: BatchMark { base: offset, last: offset, epoch, crc } }
}

/// The batch of one record that every replica has at `offset` of `epoch`.
pub fn append(offset: i64, epoch: i32) -> Obs {
    appended(ORDERS, offset, epoch, 1_000 * epoch as u32 + offset as u32)
}

pub fn leads(epoch: i32, end: i64) -> Obs {
    Obs::LeaderStarted { partition: ORDERS, epoch, end }
}

pub fn follows(epoch: i32, leader: i32) -> Obs {
    Obs::FollowerStarted { partition: ORDERS, epoch, leader }
}

pub fn exposes(value: i64) -> Obs {
    Obs::HighWatermark { partition: ORDERS, value, leader: true }
}

pub fn learns(value: i64) -> Obs {
    Obs::HighWatermark { partition: ORDERS, value, leader: false }
}

pub fn truncates(end: i64) -> Obs {
    Obs::Truncated { log: ORDERS, end }
}

pub fn opens(kept: i64) -> Obs {
    Obs::LogOpened { log: ORDERS, start: 0, kept }
}

/// Metadata offset and partition epoch are one number, for short.
pub fn committed(offset: i64, leader: i32, epoch: i32, isr: &[i32]) -> Obs {
    let state = PartitionState {
        partition: ORDERS,
        replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
        elr: Vec::new(),
        leader,
        leader_epoch: epoch,
        partition_epoch: offset as i32,
        unclean: false,
    };
    Obs::PartitionCommitted { offset, state }
}

/// The same with something else about it.
pub fn with(obs: Obs, change: impl FnOnce(&mut PartitionState)) -> Obs {
    match obs {
        Obs::PartitionCommitted { offset, mut state } => {
            change(&mut state);
            Obs::PartitionCommitted { offset, state }
        }
        other => other,
    }
}

pub fn polled(offset: i64, value: &str) -> Obs {
    Obs::Client(ClientObs::Polled {
        partition: ORDERS,
        offset,
        timestamp: 0,
        key: None,
        value: Some(Bytes::from(value.to_owned())),
    })
}

pub fn quorum_append(offset: i64, epoch: i32) -> Obs {
    appended(METADATA_LOG, offset, epoch, 1_000 * epoch as u32 + offset as u32)
}

pub fn role(role: QuorumRole, epoch: i32, leader: i32) -> Obs {
    Obs::QuorumRoleChanged { role, epoch, leader }
}

pub fn votes(epoch: i32, candidate: i32) -> Obs {
    Obs::VoteGranted { epoch, candidate, pre_vote: false }
}

pub fn quorum_high_watermark(value: i64) -> Obs {
    Obs::QuorumHighWatermark { value }
}

/// A run of brokers 1 to 3. Time passes by a millisecond an event.
pub struct Trial {
    pub invariants: Invariants,
    now: u64,
}

impl Trial {
    pub fn new() -> Trial {
        let mut names = Names::default();
        names.topic(ORDERS.topic, "orders");
        let config = ModelConfig { voters: vec![1, 2, 3], acks_all: vec![NodeId(PRODUCER)], names };
        Trial { invariants: Invariants::new(config), now: 0 }
    }

    /// Broker 1 leads orders/0 in epoch 1, with 2 and 3 in sync.
    pub fn replicated() -> Trial {
        let mut trial = Trial::new();
        trial.holds(1, committed(1, 1, 1, &[1, 2, 3]));
        trial.holds(1, leads(1, 0));
        trial.holds(2, follows(1, 1));
        trial.holds(3, follows(1, 1));
        trial
    }

    /// The same, with records below `end` on every replica and below its high watermark.
    pub fn with_records(end: i64) -> Trial {
        let mut trial = Trial::replicated();
        for offset in 0..end {
            (1..=3).for_each(|node| trial.holds(node, append(offset, 1)));
        }
        trial.holds(1, exposes(end));
        trial.holds(2, learns(end));
        trial.holds(3, learns(end));
        trial
    }

    /// Broker 1 leads the quorum in epoch 1; all have the metadata below `end`, committed.
    pub fn quorum(end: i64) -> Trial {
        let mut trial = Trial::new();
        trial.holds(1, role(QuorumRole::Candidate, 1, -1));
        trial.holds(2, votes(1, 1));
        trial.holds(1, role(QuorumRole::Leader, 1, 1));
        trial.holds(2, role(QuorumRole::Follower, 1, 1));
        trial.holds(3, role(QuorumRole::Follower, 1, 1));
        for offset in 0..end {
            (1..=3).for_each(|node| trial.holds(node, quorum_append(offset, 1)));
        }
        (1..=3).for_each(|node| trial.holds(node, quorum_high_watermark(end)));
        trial
    }

    pub fn now(&mut self) -> Time {
        self.now += 1_000_000;
        Time(self.now)
    }

    pub fn tell(&mut self, node: u32, obs: &Obs) -> Result<(), Box<Violation>> {
        let at = self.now();
        self.invariants.observe(at, NodeId(node), obs)
    }

    /// Every invariant must hold after this.
    #[track_caller]
    pub fn holds(&mut self, node: u32, obs: Obs) {
        if let Err(violation) = self.tell(node, &obs) {
            panic!("{obs:?} breaks {}: {}", violation.property, violation.detail);
        }
    }

    /// This must break `property`, and a sentence about it is returned.
    #[track_caller]
    pub fn breaks(&mut self, node: u32, obs: Obs, property: Property) -> Violation {
        match self.tell(node, &obs) {
            Ok(()) => panic!("{obs:?} breaks nothing"),
            Err(violation) => {
                assert_eq!(violation.property, property, "{}", violation.detail);
                *violation
            }
        }
    }

    pub fn crash(&mut self, node: u32, power_lost: bool) {
        let at = self.now();
        self.invariants.on_crash(at, NodeId(node), power_lost);
    }

    pub fn start(&mut self, node: u32) {
        self.invariants.on_start(NodeId(node));
    }
}
