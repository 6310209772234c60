//! The promises that each observation can break, in the order of the checks: the most telling violation comes first.

use tribunal_common::{ClientObs, Obs, PartitionState, QuorumRole, TopicIdPartition};
use tribunal_contract::{NodeId, Time};

use super::quorum::{
    election_safety, leader_completeness as quorum_completeness, log_matching as quorum_matching,
    majority_reached_high_watermark as majority, monotonic_epoch, monotonic_high_watermark as quorum_monotonic,
    single_leader, snapshot_at_log_start, state_machine_safety, vote_safety,
};
use super::replication::{
    deleted_as_asked, elr_holds_high_watermark, high_watermark_not_below_start, high_watermark_within_log,
    isr_joined_by_active, isr_within_replicas, leader_completeness, log_contiguous, log_matching, monotonic_epochs,
    monotonic_high_watermark, no_committed_record_lost, one_leader_per_epoch, replaced_replicas_held, strong_isr,
    valid_high_watermark,
};
use super::{Invariants, Verdict};
use crate::truth::{Cut, QUORUM, Reign, Role, Snapshot};

/// The kinds of metadata records about brokers, to tell them apart at one offset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BrokerRecord {
    Registered = 1,
    Fenced,
    Unfenced,
    ShuttingDown,
    Unregistered,
}

impl Invariants {
    #[inline]
    pub(super) fn judge(&mut self, at: Time, node: NodeId, obs: &Obs) -> Verdict {
        match obs {
            Obs::Appended { log, batch } => {
                let p = self.truth.index(*log);
                let contiguous = log_contiguous::check(&self.truth, p, at, node, batch);
                self.truth.partitions[p].append(node, *batch);
                if p != QUORUM {
                    return contiguous.and_then(|()| high_watermark_not_below_start::check(&self.truth, p, at, node));
                }
                contiguous
                    .and(snapshot_at_log_start::due(&self.truth, at, node))
                    .and_then(|()| quorum_matching::check(&self.truth, at, node, batch))
            }
            Obs::HighWatermark { partition, value, leader } => {
                self.high_watermark(at, node, *partition, *value, *leader)
            }
            Obs::Client(client) => self.client(at, node, client),
            other => self.rare(at, node, other),
        }
    }

    fn client(&mut self, at: Time, node: NodeId, client: &ClientObs) -> Verdict {
        match client {
            ClientObs::Polled { partition, offset, timestamp, key, value } => {
                let p = self.truth.index(*partition);
                self.reads.check(&self.truth, p, at, node, *offset, *timestamp, key.as_deref(), value.as_deref())
            }
            ClientObs::Acknowledged { partition, offset, .. } if *offset >= 0 && self.acks_all.contains(&node) => {
                let p = self.truth.index(*partition);
                no_committed_record_lost::check_acknowledged(&self.truth, p, at, node, *offset)
            }
            _ => Ok(()),
        }
    }

    fn high_watermark(&mut self, at: Time, node: NodeId, id: TopicIdPartition, value: i64, leader: bool) -> Verdict {
        let p = self.truth.index(id);
        let within = high_watermark_within_log::check(&self.truth, p, at, node, value);
        if self.truth.partitions[p].removed {
            return Ok(());
        }
        if !leader {
            self.truth.partitions[p].replica_mut(node).high_watermark = value;
            return within.and_then(|()| log_matching::check(&self.truth, p, at, node, value));
        }
        let monotonic = monotonic_high_watermark::check(&self.truth, p, at, node, value);
        let partition = &mut self.truth.partitions[p];
        let epoch = partition.leads(node).unwrap_or(-1);
        let replica = partition.replica_mut(node);
        (replica.high_watermark, replica.exposed) = (value, value.max(replica.exposed));
        if epoch < partition.void_below || partition.awaits_unclean_leader {
            return within.and(monotonic);
        }
        let matching =
            log_matching::check(&self.truth, p, at, node, value.min(self.truth.partitions[p].committed.end()));
        if matching.is_err() {
            self.truth.partitions[p].rebase(node);
        }
        self.truth.partitions[p].expose(node, value, epoch, at);
        within
            .and(monotonic)
            .and(matching)
            .and_then(|()| valid_high_watermark::check(&self.truth, p, at, node, value))
            .and_then(|()| strong_isr::check_all(&self.truth, p, at, value))
            .and_then(|()| elr_holds_high_watermark::check_all(&self.truth, p, at, value))
    }

    fn rare(&mut self, at: Time, node: NodeId, obs: &Obs) -> Verdict {
        match obs {
            Obs::LogOpened { log, start, kept } => {
                let p = self.truth.index(*log);
                self.truth.partitions[p].open(node, *start, *kept);
                if p == QUORUM {
                    snapshot_at_log_start::begins(&mut self.truth, node, *start);
                }
                Ok(())
            }
            Obs::Truncated { log, end } => {
                let p = self.truth.index(*log);
                self.truth.partitions[p].truncate(node, *end);
                self.cut(at, node, p, *end)
            }
            Obs::LogStart { log, start, emptied: false } => {
                let p = self.truth.index(*log);
                if p == QUORUM {
                    self.truth.partitions[p].replica_mut(node).log.start_at(*start);
                    snapshot_at_log_start::begins(&mut self.truth, node, *start);
                    return Ok(());
                }
                let forward = deleted_as_asked::moves(&self.truth, p, at, node, *start);
                self.truth.partitions[p].begin_at(node, *start);
                forward
            }
            Obs::RecordsDeleted { partition, before, start } => {
                let p = self.truth.index(*partition);
                deleted_as_asked::check(&self.truth, p, at, node, (*before, *start))
            }
            Obs::LogStart { log, start, emptied: true } => {
                let p = self.truth.index(*log);
                self.truth.partitions[p].restart(node, *start);
                if p == QUORUM {
                    snapshot_at_log_start::begins(&mut self.truth, node, *start);
                    return Ok(());
                }
                self.cut(at, node, p, *start)
            }
            Obs::LogDeleted { log } => {
                let p = self.truth.index(*log);
                self.truth.partitions[p].delete(node);
                self.cut(at, node, p, 0)
            }
            Obs::LeaderStarted { partition, epoch, end } => self.leader_started(at, node, *partition, *epoch, *end),
            Obs::FollowerStarted { partition, epoch, .. } => {
                let p = self.truth.index(*partition);
                self.truth.partitions[p].replica_mut(node).start(Role::Follower, *epoch);
                self.member(at, node, p)
            }
            Obs::PartitionCommitted { offset, state } => self.partition_committed(at, node, *offset, state),
            Obs::TopicRemoved { offset, topic } => {
                let news = self.truth.metadata.topic_removed(*topic, *offset);
                for p in self.truth.topic_partitions(*topic).collect::<Vec<_>>() {
                    self.truth.partitions[p].removed = true;
                }
                state_machine_safety::check(&self.truth, at, node, *offset, news)
            }
            Obs::BrokerRegistered { offset, broker, epoch } => {
                self.broker(at, node, *broker, *offset, BrokerRecord::Registered, *epoch)
            }
            Obs::BrokerFenced { offset, broker } => self.broker(at, node, *broker, *offset, BrokerRecord::Fenced, 0),
            Obs::BrokerUnfenced { offset, broker } => {
                self.broker(at, node, *broker, *offset, BrokerRecord::Unfenced, 0)
            }
            Obs::BrokerUnregistered { offset, broker } => {
                self.broker(at, node, *broker, *offset, BrokerRecord::Unregistered, 0)
            }
            Obs::ControlledShutdown { offset, broker } => {
                self.broker(at, node, *broker, *offset, BrokerRecord::ShuttingDown, 0)
            }
            Obs::QuorumRoleChanged { role, epoch, leader } => self.quorum_role(at, node, *role, *epoch, *leader),
            Obs::VoteGranted { epoch, candidate, pre_vote: false } => {
                vote_safety::check(&mut self.truth, at, node, *epoch, *candidate)
            }
            Obs::QuorumHighWatermark { value } => self.quorum_high_watermark(at, node, *value),
            Obs::SnapshotTaken { end, epoch, crc } | Obs::SnapshotInstalled { end, epoch, crc } => {
                let snapshot = Snapshot { end: *end, epoch: *epoch, crc: *crc };
                let covered = snapshot_at_log_start::check(&mut self.truth, at, node, snapshot);
                state_machine_safety::check_snapshot(&mut self.truth, at, node, snapshot).and(covered)
            }
            _ => Ok(()),
        }
    }

    fn leader_started(&mut self, at: Time, node: NodeId, id: TopicIdPartition, epoch: i32, end: i64) -> Verdict {
        let p = self.truth.index(id);
        let alone = one_leader_per_epoch::check(&self.truth, p, at, node, epoch);
        let reported = log_contiguous::check_end(&self.truth, p, at, node, end);
        let partition = &mut self.truth.partitions[p];
        let replica = partition.replica_mut(node);
        if replica.role != (Role::Leader { epoch }) {
            replica.exposed = -1;
        }
        replica.start(Role::Leader { epoch }, epoch);
        if partition.removed || epoch < partition.void_below {
            return alone.and(reported);
        }
        let mut complete = Ok(());
        if partition.awaits_unclean_leader {
            partition.awaits_unclean_leader = false;
            self.truth.partitions[p].rebase(node);
        } else {
            complete = leader_completeness::check(&self.truth, p, at, node, epoch);
        }
        self.truth.partitions[p].reigns.push(Reign { at, node, epoch, end });
        if complete.is_err() && epoch > self.truth.partitions[p].committed.epoch() {
            self.truth.partitions[p].rebase(node);
        }
        alone.and(complete).and(reported)
    }

    fn partition_committed(&mut self, at: Time, node: NodeId, offset: i64, state: &PartitionState) -> Verdict {
        use crate::truth::News;
        let p = self.truth.index(state.partition);
        let news = self.truth.metadata.partition(offset, state);
        state_machine_safety::check(&self.truth, at, node, offset, news)?;
        if news != News::Newest {
            return Ok(());
        }
        let before = self.truth.partitions[p].state.take();
        let before = before.as_ref().map(|(_, state)| state);
        let sound = monotonic_epochs::check(&self.truth, p, at, node, before, state)
            .and_then(|()| one_leader_per_epoch::check_committed(&self.truth, p, at, node, before, state))
            .and_then(|()| isr_within_replicas::check(&self.truth, p, at, node, state))
            .and_then(|()| isr_joined_by_active::check(&self.truth, p, at, node, before, state));
        let replaced = before.is_some_and(|before| before.replicas.iter().any(|id| !state.replicas.contains(id)));
        let elected = state.leader >= 0 && before.is_none_or(|before| before.leader_epoch != state.leader_epoch);
        let partition = &mut self.truth.partitions[p];
        if let Some(before) = before {
            partition.reassigned(&before.replicas, state);
        }
        if state.unclean {
            (partition.void_below, partition.awaits_unclean_leader) = (state.leader_epoch, true);
        }
        partition.state = Some((offset, state.clone()));
        if partition.awaits_unclean_leader {
            return sound;
        }
        let end = partition.committed.end();
        let holds = if elected { leader_completeness::check_elected(&self.truth, p, at, state) } else { Ok(()) }
            .and_then(|()| strong_isr::check_all(&self.truth, p, at, end))
            .and_then(|()| elr_holds_high_watermark::check_all(&self.truth, p, at, end))
            .and_then(|()| if replaced { replaced_replicas_held::check(&self.truth, p, at, node) } else { Ok(()) });
        if holds.is_ok() {
            for id in &state.isr {
                let node = NodeId(*id as u32);
                if self.truth.answers(p, node) {
                    self.truth.partitions[p].replica_mut(node).end_before_power_loss = None;
                }
            }
        }
        sound.and(holds)
    }

    fn broker(&mut self, at: Time, node: NodeId, id: i32, offset: i64, record: BrokerRecord, epoch: i64) -> Verdict {
        use crate::truth::News;
        let news = self.truth.metadata.broker(id, offset, record as u64, epoch);
        state_machine_safety::check(&self.truth, at, node, offset, news)?;
        if news != News::Newest || id < 0 {
            return Ok(());
        }
        let subject = NodeId(id as u32);
        let broker = self.truth.node_mut(subject);
        // A second registration in the same broker epoch only adds details: the broker stays fenced or unfenced as it
        // was.
        if record != BrokerRecord::Registered || broker.epoch != epoch {
            broker.inactive = record != BrokerRecord::Unfenced;
        }
        match record {
            BrokerRecord::Registered => {
                (broker.registered, broker.unfenced, broker.epoch) = (true, false, epoch);
            }
            BrokerRecord::Unfenced if broker.registered => {
                broker.unfenced = true;
                if !broker.crashes.is_empty() {
                    return (1..self.truth.partitions.len()).try_for_each(|p| self.member(at, subject, p));
                }
            }
            BrokerRecord::Unfenced | BrokerRecord::Fenced | BrokerRecord::ShuttingDown | BrokerRecord::Unregistered => {
            }
        }
        Ok(())
    }

    /// `node`'s replica is held to its promises from now on: checks those that were suspended while it was not.
    fn member(&self, at: Time, node: NodeId, p: usize) -> Verdict {
        let partition = &self.truth.partitions[p];
        if partition.removed || partition.awaits_unclean_leader {
            return Ok(());
        }
        let end = partition.committed.end();
        strong_isr::check_one(&self.truth, p, at, node, end)
            .and_then(|()| elr_holds_high_watermark::check_one(&self.truth, p, at, node, end))
    }

    /// `node` truncated its log to `end`.
    fn cut(&mut self, at: Time, node: NodeId, p: usize, end: i64) -> Verdict {
        if end >= self.truth.partitions[p].committed.end() || self.truth.partitions[p].removed {
            return Ok(());
        }
        self.truth.partitions[p].cuts.push(Cut { at, node, end });
        if p == QUORUM {
            return majority::check(&self.truth, at, node, self.truth.partitions[QUORUM].committed.end());
        }
        if self.truth.partitions[p].awaits_unclean_leader {
            return Ok(());
        }
        no_committed_record_lost::check_cut(&self.truth, p, at, node).and_then(|()| self.member(at, node, p))
    }

    fn quorum_role(&mut self, at: Time, node: NodeId, role: QuorumRole, epoch: i32, leader: i32) -> Verdict {
        let onward = monotonic_epoch::check(&mut self.truth, at, node, epoch);
        let due = snapshot_at_log_start::due(&self.truth, at, node);
        self.truth.quorum.member(node).role = role;
        let replica = self.truth.partitions[QUORUM].replica_mut(node);
        replica.settling = false;
        replica.role = if role == QuorumRole::Leader { Role::Leader { epoch } } else { Role::Follower };
        let mut verdict = onward.and(due);
        if role == QuorumRole::Candidate {
            verdict = verdict.and(vote_safety::check(&mut self.truth, at, node, epoch, node.0 as i32));
        }
        if role == QuorumRole::Leader {
            verdict = verdict
                .and(election_safety::check(&mut self.truth, at, node, epoch))
                .and(quorum_completeness::check(&self.truth, at, node, epoch));
            let end = self.truth.partitions[QUORUM].log_end(node);
            self.truth.partitions[QUORUM].reigns.push(Reign { at, node, epoch, end });
        }
        if leader >= 0 {
            verdict = verdict.and(single_leader::check(&mut self.truth, at, node, epoch, leader));
        }
        verdict
    }

    fn quorum_high_watermark(&mut self, at: Time, node: NodeId, value: i64) -> Verdict {
        let partition = &self.truth.partitions[QUORUM];
        let leads = partition.leads(node);
        let known = value.min(partition.committed.end());
        let verdict = quorum_monotonic::check(&self.truth, at, node, value, leads)
            .and(high_watermark_within_log::check(&self.truth, QUORUM, at, node, value))
            .and(snapshot_at_log_start::due(&self.truth, at, node))
            .and(quorum_matching::check_committed(&self.truth, at, node, known));
        self.truth.partitions[QUORUM].replica_mut(node).high_watermark = value;
        let Some(epoch) = leads else { return verdict };
        if verdict.is_ok() {
            self.truth.partitions[QUORUM].expose(node, value, epoch, at);
        }
        verdict.and_then(|()| majority::check(&self.truth, at, node, value))
    }
}
