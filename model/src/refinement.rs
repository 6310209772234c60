//! Conformance: every step of a replica is allowed by the abstract model of replication (hachikuji's specification of
//! KIP-320).
//!
//! The model's steps are atomic: a follower reads the current log of its leader. Our steps take time, so each observed
//! step is compared with the past. Three things are remembered for this: the states that the controller committed, by
//! epoch; the *line* of each epoch, which is its leader's log and only grows; and how far each follower has *agreed*
//! with that line.
//!
//! | observed | the step, and when it is allowed |
//! |---|---|
//! | a leader starts | BecomeLeader: the controller made it leader |
//! | a follower starts | the first half of BecomeFollower: the controller made it follower |
//! | a follower truncates its log | the other half: it keeps all records that are in its epoch's line |
//! | a leader appends | LeaderWrite: in its own epoch |
//! | a follower appends | FollowerFetch: its log is then a prefix of its epoch's line |
//! | a leader's high watermark moves | IncHighWatermark: all of an ISR of its epoch have agreed that far |
//! | the ISR grows | LeaderExpandIsr: the new member has agreed to the high watermark and to the start of the epoch |
//! | a new epoch | ControllerElectLeader, ControllerShrinkIsr: the leader was in the ISR (or eligible, KIP-966) |
//!
//! The model has no power losses, no unclean elections, no reassignments and no emptied logs. Once one of these happens
//! to a partition, the partition is no longer checked.

use std::collections::BTreeMap;

use tribunal_common::{BatchMark, METADATA_LOG, Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};

use crate::{Names, Property, Violation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It has opened its log and has no role yet.
    Opening,
    Follower(i32),
    Leader(i32),
}

#[derive(Clone, Debug)]
struct Replica {
    log: Vec<BatchMark>,
    /// The log before it was last opened. The opened log must still hold all of it.
    before: Vec<BatchMark>,
    role: Role,
    /// Its high watermark, if it leads.
    hw: i64,
}

/// One leader epoch.
#[derive(Clone, Debug, Default)]
struct Epoch {
    leader: i32,
    /// The leader's log and the log end offset at which the leader started; none before it has started.
    line: Option<(Vec<BatchMark>, i64)>,
    /// Every ISR that the controller committed in this epoch.
    isrs: Vec<Vec<i32>>,
    /// For each follower, the end offset of the longest prefix of the line that it has held.
    agreed: BTreeMap<i32, i64>,
    /// The logs of followers that moved to another epoch before this epoch's leader started. The leader may still
    /// receive a fetch of theirs once it starts.
    gone: BTreeMap<i32, Vec<BatchMark>>,
}

#[derive(Clone, Debug, Default)]
struct Partition {
    state: Option<PartitionState>,
    epochs: BTreeMap<i32, Epoch>,
    replicas: BTreeMap<i32, Replica>,
    /// Whether something has happened that the model does not have. The partition is then no longer checked.
    outside: bool,
}

/// Judges every observation by the abstract model.
#[derive(Clone, Debug, Default)]
pub struct Refinement {
    partitions: BTreeMap<TopicIdPartition, Partition>,
    steps: u64,
}

type Allowed = Result<(), String>;

impl Refinement {
    /// The state before the first observation.
    pub fn new() -> Refinement {
        Refinement::default()
    }

    /// Number of observed steps that were mapped to a step of the model.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A process has lost its unsynced data, or its whole disk. The model has no such step.
    pub fn on_loss(&mut self, node: NodeId) {
        let id = node.0 as i32;
        self.partitions.values_mut().filter(|p| p.replicas.contains_key(&id)).for_each(|p| p.outside = true);
    }

    /// Takes in an observation that `node` reported. An error is a step that the model does not allow. The partition is
    /// then no longer checked.
    pub fn observe(&mut self, at: Time, node: NodeId, obs: &Obs, names: &Names) -> Result<(), Box<Violation>> {
        let Some(id) = partition_of(obs).filter(|id| *id != METADATA_LOG) else { return Ok(()) };
        let partition = self.partitions.entry(id).or_default();
        if partition.outside {
            return Ok(());
        }
        self.steps += 1;
        let Err(why) = partition.step(node.0 as i32, obs) else { return Ok(()) };
        partition.outside = true;
        let detail = format!("{}: {} {why}", names.of_partition(id), names.of_node(node));
        let (property, cause) = (Property::RefinesKip320, Vec::new());
        Err(Box::new(Violation { property, partition: Some(id), at, node: Some(node), detail, cause }))
    }
}

fn partition_of(obs: &Obs) -> Option<TopicIdPartition> {
    match obs {
        Obs::LogOpened { log, .. }
        | Obs::Appended { log, .. }
        | Obs::Truncated { log, .. }
        | Obs::LogStart { log, .. }
        | Obs::LogDeleted { log } => Some(*log),
        Obs::LeaderStarted { partition, .. }
        | Obs::FollowerStarted { partition, .. }
        | Obs::HighWatermark { partition, .. } => Some(*partition),
        Obs::PartitionCommitted { state, .. } => Some(state.partition),
        _ => None,
    }
}

fn end(log: &[BatchMark]) -> i64 {
    log.last().map_or(0, |batch| batch.last + 1)
}

/// The end offset of the longest common prefix of two logs.
fn common(a: &[BatchMark], b: &[BatchMark]) -> i64 {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    end(&a[..same])
}

impl Replica {
    fn new() -> Replica {
        Replica { log: Vec::new(), before: Vec::new(), role: Role::Opening, hw: 0 }
    }
}

impl Partition {
    fn replica(&mut self, node: i32) -> &mut Replica {
        self.replicas.entry(node).or_insert_with(Replica::new)
    }

    fn step(&mut self, node: i32, obs: &Obs) -> Allowed {
        match obs {
            Obs::LogOpened { start, kept, .. } => {
                self.leave(node);
                let replica = self.replica(node);
                replica.role = Role::Opening;
                replica.before = core::mem::take(&mut replica.log);
                replica.log = replica.before.iter().take_while(|batch| batch.last < *kept).copied().collect();
                self.outside |= *start > 0;
                Ok(())
            }
            Obs::LogStart { .. } | Obs::LogDeleted { .. } => {
                self.outside = true;
                Ok(())
            }
            Obs::LeaderStarted { epoch, .. } => self.leads(node, *epoch),
            Obs::FollowerStarted { epoch, leader, .. } => self.follows(node, *epoch, *leader),
            Obs::Appended { batch, .. } => self.append(node, *batch),
            Obs::Truncated { end, .. } => self.cut(node, *end),
            Obs::HighWatermark { value, leader: true, .. } => self.advance(node, *value),
            Obs::HighWatermark { .. } => Ok(()),
            Obs::PartitionCommitted { state, .. } => self.committed(state),
            _ => Ok(()),
        }
    }

    /// Checks that no record was lost while the process was down.
    fn opened(&mut self, node: i32) {
        let replica = self.replica(node);
        let before = core::mem::take(&mut replica.before);
        let lost = replica.role == Role::Opening && common(&before, &replica.log) < end(&before);
        self.outside |= lost;
    }

    fn told(&self, epoch: i32, leader: i32) -> Allowed {
        match self.epochs.get(&epoch) {
            Some(told) if told.leader == leader => Ok(()),
            Some(told) => Err(format!(
                "takes b{leader} for the leader of epoch {epoch}, and the controller named b{}",
                told.leader
            )),
            None => Err(format!("knows epoch {epoch}, which the controller has not begun")),
        }
    }

    fn leads(&mut self, node: i32, epoch: i32) -> Allowed {
        self.opened(node);
        self.told(epoch, node)?;
        self.leave(node);
        let replica = self.replica(node);
        (replica.role, replica.hw) = (Role::Leader(epoch), 0);
        let log = replica.log.clone();
        if let Some(begun) = self.epochs.get_mut(&epoch)
            && begun.line.is_none()
        {
            let start = end(&log);
            let agree = |gone: &Vec<BatchMark>| (common(gone, &log) == end(gone)).then(|| end(gone));
            begun.agreed = begun.gone.iter().filter_map(|(&node, gone)| Some((node, agree(gone)?))).collect();
            begun.line = Some((log, start));
        }
        let followers: Vec<i32> = self.replicas.keys().copied().collect();
        followers.into_iter().for_each(|follower| self.agree(follower));
        Ok(())
    }

    fn follows(&mut self, node: i32, epoch: i32, leader: i32) -> Allowed {
        self.opened(node);
        self.told(epoch, leader)?;
        self.leave(node);
        self.replica(node).role = Role::Follower(epoch);
        self.agree(node);
        Ok(())
    }

    /// A follower leaves its epoch. The leader of that epoch may not have started yet, and a fetch of the follower may
    /// still be on the way to it.
    fn leave(&mut self, node: i32) {
        if let Some(Replica { log, role: Role::Follower(epoch), .. }) = self.replicas.get(&node)
            && let Some(Epoch { line: None, gone, .. }) = self.epochs.get_mut(epoch)
        {
            gone.insert(node, log.clone());
        }
    }

    /// Records how far a follower agrees with its epoch's line, if its whole log is a prefix of the line.
    fn agree(&mut self, node: i32) {
        let Some(Replica { log, role: Role::Follower(epoch), .. }) = self.replicas.get(&node) else { return };
        let Some(epoch) = self.epochs.get_mut(epoch) else { return };
        if let Some((line, _)) = &epoch.line
            && common(log, line) == end(log)
        {
            let agreed = epoch.agreed.entry(node).or_default();
            *agreed = end(log).max(*agreed);
        }
    }

    fn append(&mut self, node: i32, batch: BatchMark) -> Allowed {
        let replica = self.replica(node);
        replica.log.push(batch);
        match replica.role {
            Role::Opening => Ok(()),
            Role::Leader(epoch) => {
                if batch.epoch != epoch {
                    return Err(format!("leads epoch {epoch} and appends in epoch {}", batch.epoch));
                }
                if let Some(Epoch { line: Some((line, _)), .. }) = self.epochs.get_mut(&epoch) {
                    line.push(batch);
                }
                Ok(())
            }
            Role::Follower(epoch) => {
                let log = &self.replicas[&node].log;
                let line = self.epochs.get(&epoch).and_then(|epoch| epoch.line.as_ref());
                let same = line.map_or(0, |(line, _)| common(log, line));
                if same < end(log) {
                    return Err(format!(
                        "appends offset {} in epoch {epoch}, and its log parts from that of the epoch's leader at {same}",
                        batch.base
                    ));
                }
                self.agree(node);
                Ok(())
            }
        }
    }

    fn cut(&mut self, node: i32, to: i64) -> Allowed {
        let replica = self.replica(node);
        let before = replica.log.clone();
        replica.log.retain(|batch| batch.last < to);
        match replica.role {
            Role::Opening => Ok(()),
            Role::Leader(epoch) => Err(format!("leads epoch {epoch} and cuts its log to {to}")),
            Role::Follower(epoch) => {
                let line = self.epochs.get(&epoch).and_then(|epoch| epoch.line.as_ref());
                let same = line.map_or(0, |(line, _)| common(&before, line));
                if to < same {
                    return Err(format!(
                        "cuts its log to {to} in epoch {epoch}, and up to {same} it is that of the epoch's leader"
                    ));
                }
                self.agree(node);
                Ok(())
            }
        }
    }

    fn advance(&mut self, node: i32, value: i64) -> Allowed {
        let replica = self.replica(node);
        replica.hw = value;
        let Role::Leader(epoch) = replica.role else { return Ok(()) };
        let Some(begun) = self.epochs.get(&epoch) else { return Ok(()) };
        let has = |member: &i32| *member == node || begun.agreed.get(member).is_some_and(|agreed| *agreed >= value);
        if begun.isrs.iter().any(|isr| isr.iter().all(has)) {
            return Ok(());
        }
        let newest = begun.isrs.last().map_or(&[][..], |isr| isr);
        let lacking: Vec<String> = newest.iter().filter(|member| !has(member)).map(|id| format!("b{id}")).collect();
        Err(format!(
            "exposes high watermark {value} in epoch {epoch}, which {} has not fetched in it",
            lacking.join(", ")
        ))
    }

    fn committed(&mut self, state: &PartitionState) -> Allowed {
        let Some(before) = self.state.clone() else {
            self.note(state);
            return Ok(());
        };
        if state.partition_epoch <= before.partition_epoch {
            return Ok(());
        }
        if state.unclean || state.replicas != before.replicas {
            self.outside = true;
            return Ok(());
        }
        self.note(state);
        if state.leader_epoch != before.leader_epoch {
            let may = state.leader < 0 || before.isr.contains(&state.leader) || before.elr.contains(&state.leader);
            return if may {
                Ok(())
            } else {
                Err(format!("learns that b{} leads, which was not in the ISR", state.leader))
            };
        }
        let joined: Vec<i32> = state.isr.iter().filter(|id| !before.isr.contains(id)).copied().collect();
        let Some(epoch) = self.epochs.get(&state.leader_epoch) else { return Ok(()) };
        // A leader that has not started did not ask for this ISR: its previous incarnation did, in the same epoch.
        let leading = self.replicas.get(&state.leader).filter(|r| r.role == Role::Leader(state.leader_epoch));
        let Some((leader, (_, start))) = leading.zip(epoch.line.as_ref()) else { return Ok(()) };
        for id in joined {
            let agreed = epoch.agreed.get(&id).copied().unwrap_or(-1);
            if agreed < leader.hw.max(*start) {
                return Err(format!(
                    "learns that b{id} is in the ISR of epoch {}, and it has the leader's log up to {agreed} only, where {} is needed",
                    state.leader_epoch,
                    leader.hw.max(*start)
                ));
            }
        }
        Ok(())
    }

    fn note(&mut self, state: &PartitionState) {
        let epoch = self.epochs.entry(state.leader_epoch).or_default();
        epoch.leader = state.leader;
        epoch.isrs.push(state.isr.clone());
        self.state = Some(state.clone());
    }
}
