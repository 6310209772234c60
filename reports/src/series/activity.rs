//! The activity of disks and links and the times processes were down, read from the trace as a stream.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tribunal_contract::{NodeId, SyncOp};
use tribunal_sim::trace::{TraceError, TraceEvent, TraceKind, TraceReader};

use crate::data::Bins;
use crate::run::RunRecord;

/// The activity of disks and links, and the times processes were down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// The syncs of each broker's disk, by bin.
    pub syncs: BTreeMap<String, Vec<SyncBin>>,
    /// The traffic between processes, by bin. Links without traffic are left out.
    pub links: Vec<LinkSeries>,
    /// The times at which processes were down.
    pub down: Vec<Down>,
    /// The number of messages sent.
    pub sent: u64,
    /// The number of messages delivered.
    pub delivered: u64,
}

/// Syncs that ended in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SyncBin {
    /// The number of syncs.
    pub count: u64,
    /// The sum of their durations, in milliseconds.
    pub total_ms: f64,
    /// The longest duration, in milliseconds.
    pub slowest_ms: f64,
    /// The largest number under way at once.
    pub queue: u64,
}

/// The traffic from one process to another.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSeries {
    /// The name of the sender.
    pub from: String,
    /// The name of the receiver.
    pub to: String,
    /// The bytes in each bin, frames included.
    pub bytes: Vec<u64>,
    /// The number of messages over the whole run.
    pub messages: u64,
}

/// A time in which a process was down.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// The name of the process.
    pub node: String,
    /// The time at which it went down, in simulated seconds.
    pub from_s: f64,
    /// The time at which it started again, in simulated seconds. `None` if it did not.
    pub until_s: Option<f64>,
    /// Whether its host had no power.
    pub power_lost: bool,
}

impl Activity {
    /// Reads a trace.
    ///
    /// # Errors
    /// If this version cannot read the trace.
    pub fn read(trace: &[u8], run: &RunRecord, bins: Bins) -> Result<Activity, TraceError> {
        let mut gathering = Gathering::new(run, bins);
        for event in TraceReader::new(trace)? {
            gathering.take(&event?);
        }
        Ok(gathering.finish())
    }
}

/// The state of reading the trace.
struct Gathering<'r> {
    run: &'r RunRecord,
    bins: Bins,
    out: Activity,
    /// The start times of the syncs under way, in the order of requests.
    asked: HashMap<(NodeId, SyncOp), VecDeque<f64>>,
    under_way: BTreeMap<NodeId, u64>,
    syncs: BTreeMap<NodeId, Vec<SyncBin>>,
    links: BTreeMap<(NodeId, NodeId), (Vec<u64>, u64)>,
    down: BTreeMap<NodeId, (f64, bool)>,
}

impl<'r> Gathering<'r> {
    fn new(run: &'r RunRecord, bins: Bins) -> Gathering<'r> {
        Gathering {
            run,
            bins,
            out: Activity::default(),
            asked: HashMap::new(),
            under_way: BTreeMap::new(),
            syncs: BTreeMap::new(),
            links: BTreeMap::new(),
            down: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: &TraceEvent) {
        let time_s = (event.at.0 as f64 - self.run.zero_ns as f64) / 1e9;
        let node = event.node;
        match event.kind {
            TraceKind::Sent { conn, bytes, .. } => {
                self.out.sent += 1;
                let to = if conn.initiator == node { conn.acceptor } else { conn.initiator };
                let count = self.bins.count;
                let (all, messages) = self.links.entry((node, to)).or_insert_with(|| (vec![0; count], 0));
                if time_s >= 0.0 {
                    all[self.bins.of_time(time_s)] += u64::from(bytes);
                    *messages += 1;
                }
            }
            TraceKind::Delivered { .. } => self.out.delivered += 1,
            TraceKind::SyncAsked { op } => {
                self.asked.entry((node, op)).or_default().push_back(time_s);
                let under_way = self.under_way.entry(node).or_default();
                *under_way += 1;
                let queue = *under_way;
                let bin = self.sync_bin(node, time_s);
                bin.queue = bin.queue.max(queue);
            }
            TraceKind::Synced { op, .. } => {
                if let Some(asked_s) = self.asked.get_mut(&(node, op)).and_then(VecDeque::pop_front) {
                    let under_way = self.under_way.entry(node).or_default();
                    *under_way = under_way.saturating_sub(1);
                    let took_ms = (time_s - asked_s) * 1e3;
                    let bin = self.sync_bin(node, time_s);
                    bin.count += 1;
                    bin.total_ms += took_ms;
                    bin.slowest_ms = bin.slowest_ms.max(took_ms);
                }
            }
            TraceKind::Crashed | TraceKind::Halted => self.goes_down(node, time_s, false),
            TraceKind::PowerLost => self.goes_down(node, time_s, true),
            TraceKind::Started { .. } => {
                if let Some((from_s, power_lost)) = self.down.remove(&node) {
                    let node = self.name(node);
                    self.out.down.push(Down { node, from_s, until_s: Some(time_s), power_lost });
                }
            }
            _ => {}
        }
    }

    fn goes_down(&mut self, node: NodeId, time_s: f64, power_lost: bool) {
        self.down.entry(node).or_insert((time_s, power_lost)).1 |= power_lost;
        self.asked.retain(|(asker, _), _| *asker != node);
        self.under_way.remove(&node);
    }

    fn sync_bin(&mut self, node: NodeId, time_s: f64) -> &mut SyncBin {
        let count = self.bins.count;
        let bins = self.syncs.entry(node).or_insert_with(|| vec![SyncBin::default(); count]);
        &mut bins[self.bins.of_time(time_s)]
    }

    fn name(&self, node: NodeId) -> String {
        let known = self.run.nodes.iter().find(|known| known.id == node.0);
        known.map_or_else(|| format!("node {}", node.0), |known| known.name.clone())
    }

    fn finish(mut self) -> Activity {
        for (node, (from_s, power_lost)) in std::mem::take(&mut self.down) {
            let node = self.name(node);
            self.out.down.push(Down { node, from_s, until_s: None, power_lost });
        }
        self.out.down.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        for (node, bins) in std::mem::take(&mut self.syncs) {
            let node = self.name(node);
            self.out.syncs.insert(node, bins);
        }
        for ((from, to), (bytes, messages)) in std::mem::take(&mut self.links) {
            if messages > 0 {
                let (from, to) = (self.name(from), self.name(to));
                self.out.links.push(LinkSeries { from, to, bytes, messages });
            }
        }
        self.out
    }
}
