//! Ground truth: what all nodes together have reported, and the quorum invariants over it.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_common::{BatchMark, Obs, QuorumRole};
use tribunal_quorum::QuorumView;

use super::node::Node;

#[derive(Clone, Debug, Default)]
struct Log {
    batches: Vec<BatchMark>,
    /// What stands for everything below the first batch.
    chain_at_start: u64,
    start: i64,
}

#[derive(Default)]
struct Seen {
    log: Log,
    /// Greatest epoch ever reported, over all incarnations.
    epoch: i32,
    /// Of this incarnation.
    hw: i64,
    memory_epoch: i32,
    /// What is durable, over all incarnations.
    flushed: i64,
    leads: Option<i32>,
}

/// What the invariants need to know.
pub struct Truth {
    voters: usize,
    nodes: Vec<Seen>,
    leaders: BTreeMap<i32, usize>,
    /// For (last offset, epoch) the hash of the log up to there: equal at all nodes (LogMatching).
    chains: BTreeMap<(i64, i32), u64>,
    /// Committed batches by base offset.
    committed: BTreeMap<i64, BatchMark>,
    /// The longest applied history.
    history: Vec<Bytes>,
    /// Whether a vote is looked for on disk when it is answered.
    pub votes_are_durable: bool,
    /// What has been reached.
    pub reached: BTreeMap<&'static str, usize>,
}

fn mix(chain: u64, mark: &BatchMark) -> u64 {
    let word = (mark.base as u64) << 40 ^ (mark.last as u64) << 20 ^ (mark.epoch as u64) << 52 ^ u64::from(mark.crc);
    (chain ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
}

impl Truth {
    pub fn new(nodes: usize, voters: usize) -> Truth {
        Truth {
            voters,
            nodes: (0..nodes).map(|_| Seen::default()).collect(),
            leaders: BTreeMap::new(),
            chains: BTreeMap::new(),
            committed: BTreeMap::new(),
            history: Vec::new(),
            votes_are_durable: true,
            reached: BTreeMap::new(),
        }
    }

    pub fn history(&self) -> &[Bytes] {
        &self.history
    }

    /// How many leaders there have been.
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// What a node reports, in order.
    pub fn observe(&mut self, at: usize, obs: &Obs, node: &Node) {
        *self.reached.entry(obs.name()).or_default() += 1;
        let seen = &mut self.nodes[at];
        match obs {
            Obs::LogOpened { start, kept, .. } => {
                // Only what is committed may lie below the start of a log.
                let before = self.committed.values().find(|b| b.last == *start - 1);
                seen.log.chain_at_start = match before {
                    Some(mark) => self.chains[&(mark.last, mark.epoch)],
                    None => 0,
                };
                assert!(*start == 0 || before.is_some(), "node {at} begins at {start}, which is not committed");
                seen.log.batches.retain(|b| b.base >= *start && b.last < *kept);
                seen.log.start = *start;
                (seen.hw, seen.memory_epoch) = (0, 0);
            }
            Obs::Appended { batch, .. } => {
                let log = &mut seen.log;
                let end = log.batches.last().map_or(log.start, |b| b.last + 1);
                assert_eq!(batch.base, end, "node {at} appends with a hole");
                log.batches.push(*batch);
                let chain = log.batches.iter().fold(log.chain_at_start, mix);
                let known = *self.chains.entry((batch.last, batch.epoch)).or_insert(chain);
                assert_eq!(known, chain, "LogMatching: node {at} has another log up to {batch:?}");
            }
            Obs::Truncated { end, .. } => {
                seen.log.batches.retain(|b| b.last < *end);
                seen.flushed = seen.flushed.min(*end);
            }
            Obs::LogStart { start, emptied, .. } => {
                let base = seen.log.batches.partition_point(|b| b.last < *start);
                if !emptied {
                    seen.log.chain_at_start = seen.log.batches[..base].iter().fold(seen.log.chain_at_start, mix);
                    seen.log.batches.drain(..base);
                } else {
                    seen.log.batches.clear();
                    seen.flushed = *start;
                }
                seen.log.start = *start;
            }
            Obs::SnapshotInstalled { end, epoch, .. } => {
                let chain = self.chains.get(&(end - 1, *epoch)).expect("a snapshot ends where a batch ended");
                seen.log.chain_at_start = *chain;
            }
            Obs::QuorumRoleChanged { role, epoch, .. } => {
                assert!(*epoch >= seen.epoch, "MonotonicEpoch: node {at} goes from {} to {epoch}", seen.epoch);
                seen.epoch = *epoch;
                if *role == QuorumRole::Leader {
                    self.leads(at, *epoch);
                }
            }
            Obs::VoteGranted { epoch, candidate, pre_vote: false } if self.votes_are_durable => {
                let text = node.disk.durable("__cluster_metadata-0/quorum-state").expect("a vote is on disk");
                let json: serde_json::Value = serde_json::from_slice(text).expect("quorum-state is JSON");
                let number = |name: &str| json[name].as_i64().expect("a number") as i32;
                let kept = number("leaderEpoch") > *epoch
                    || number("leaderEpoch") == *epoch && number("votedId") == *candidate;
                assert!(kept, "node {at} answers a vote for {candidate} in {epoch} that it may forget");
            }
            Obs::QuorumHighWatermark { value } => {
                assert!(*value >= seen.hw, "MonotonicHighWatermark: node {at} from {} to {value}", seen.hw);
                seen.hw = *value;
            }
            _ => {}
        }
    }

    fn leads(&mut self, at: usize, epoch: i32) {
        let first = *self.leaders.entry(epoch).or_insert(at);
        assert_eq!(first, at, "ElectionSafety: two leaders in epoch {epoch}");
        if self.nodes[at].leads == Some(epoch) {
            return;
        }
        self.nodes[at].leads = Some(epoch);
        let log = &self.nodes[at].log;
        for (base, mark) in self.committed.range(log.start..) {
            if mark.epoch < epoch {
                let has = log.batches.binary_search_by_key(base, |b| b.base).is_ok_and(|i| log.batches[i] == *mark);
                assert!(has, "LeaderCompleteness: node {at} leads {epoch} without {mark:?}");
            }
        }
    }

    /// After every event of a node that is up.
    pub fn look(&mut self, at: usize, view: QuorumView, node: &mut Node) {
        let seen = &mut self.nodes[at];
        assert!(view.epoch >= seen.memory_epoch, "MonotonicEpoch in memory: node {at}");
        assert!(view.high_watermark >= seen.hw, "MonotonicHighWatermark: node {at}");
        assert!(view.high_watermark <= view.log_end, "node {at}: {view:?}");
        let end = seen.log.batches.last().map_or(seen.log.start, |b| b.last + 1);
        assert_eq!((view.log_start, view.log_end), (seen.log.start, end), "node {at} did not report its log");
        seen.memory_epoch = view.epoch;
        seen.hw = view.high_watermark;
        let names = tribunal_contract::Disk::list(&mut node.disk, "__cluster_metadata-0").expect("the disk works");
        let snapshots = names.iter().filter(|n| n.ends_with(".checkpoint"));
        let ends: Vec<i64> = snapshots.map(|n| n[..20].parse().expect("20 digits")).collect();
        let kept = ends.iter().copied().fold(view.log_end, i64::max);
        assert!(kept >= seen.flushed, "node {at} has lost what was durable below {}: {view:?}", seen.flushed);
        seen.flushed = seen.flushed.max(view.flushed);
        if view.role == QuorumRole::Leader {
            self.leads(at, view.epoch);
        }
        self.commit(at, view.high_watermark);
        let covered = view.log_start == 0 || ends.contains(&view.log_start);
        assert!(covered, "SnapshotAtLogStart: node {at}: {view:?} {names:?}");
        for (mine, truth) in node.app.values.iter().zip(&self.history) {
            assert_eq!(mine, truth, "StateMachineSafety: node {at} applied something else");
        }
        if node.app.values.len() > self.history.len() {
            self.history.clone_from(&node.app.values);
        }
    }

    fn commit(&mut self, at: usize, hw: i64) {
        let below = self.nodes[at].log.batches.iter().take_while(|b| b.last < hw);
        let mut new = false;
        for mark in below {
            match self.committed.get(&mark.base) {
                Some(known) => assert_eq!(known, mark, "StateMachineSafety: node {at} commits another batch"),
                None => {
                    self.committed.insert(mark.base, *mark);
                    new = true;
                }
            }
        }
        if new {
            let have = self.nodes[..self.voters].iter().filter(|n| n.flushed >= hw).count();
            assert!(have > self.voters / 2, "MajorityReachedHighWatermark: {have} of {} have {hw}", self.voters);
        }
    }
}
