//! A tiny model of replication that is right, as in the KIP-320 specification, and tells what its brokers would report.
//!
//! One partition, brokers 1 to 3, batches of one record, a controller that commits at once and brokers that learn of it
//! late. Each [`Flaw`] is a way in which Kafka was wrong once, or might be.

use tribunal_common::{BatchMark, Obs, PartitionState};

use super::ORDERS;

/// What is wrong with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// KIP-101: a follower truncates to its own high watermark.
    TruncatesToHighWatermark,
    /// KIP-320: a leader answers followers of other epochs, which do not truncate.
    Unfenced,
    /// A replica joins the ISR before it has the leader's epoch start.
    JoinsEarly,
    /// A replica outside the ISR is elected, and not said to be.
    ElectsAnyone,
    /// The high watermark follows the leader's own log end.
    CommitsAlone,
    /// A broker that lost power stays in the ISR.
    KeepsTheLossy,
    /// KIP-903: a replica joins the ISR by what its former incarnation had.
    MistakesIncarnations,
}

/// A stream of numbers that depends on its seed only.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }
}

/// What happens to a world: a report, or a process that ends or starts.
#[derive(Clone, Debug)]
pub enum Happening {
    Reports(u32, Obs),
    Crash(u32, bool),
    Start(u32),
}

#[derive(Clone)]
struct Broker {
    up: bool,
    lossy: bool,
    /// Leader epoch and content of each record.
    log: Vec<(i32, u32)>,
    high_watermark: i64,
    /// The state it has learned of, as an index into the metadata; none before the first.
    learned: usize,
    /// As a leader: the log ends that followers have asked from, in this epoch.
    asked_from: [i64; 3],
    epoch_start: i64,
}

pub struct Cluster {
    flaw: Flaw,
    chance: Chance,
    brokers: Vec<Broker>,
    metadata: Vec<PartitionState>,
    offset: i64,
    next_content: u32,
    pub told: Vec<Happening>,
}

impl Cluster {
    /// Lets `steps` things happen, picked by `seed`.
    pub fn run(flaw: Flaw, seed: u64, steps: usize) -> Vec<Happening> {
        let broker = Broker {
            up: true,
            lossy: false,
            log: Vec::new(),
            high_watermark: 0,
            learned: 0,
            asked_from: [-1; 3],
            epoch_start: 0,
        };
        let first = PartitionState {
            partition: ORDERS,
            replicas: vec![1, 2, 3],
            isr: vec![1, 2, 3],
            elr: Vec::new(),
            leader: 1,
            leader_epoch: 0,
            partition_epoch: 0,
            unclean: false,
        };
        let mut cluster = Cluster {
            flaw,
            chance: Chance::new(seed),
            brokers: vec![broker; 3],
            metadata: Vec::new(),
            offset: 0,
            next_content: 0,
            told: Vec::new(),
        };
        (1..=3).for_each(|broker| cluster.unfence(broker, true));
        cluster.metadata.push(first.clone());
        cluster.reports(0, Obs::PartitionCommitted { offset: 0, state: first });
        (0..3).for_each(|b| cluster.become_as_told(b, -1));
        for _ in 0..steps {
            cluster.step();
        }
        cluster.told
    }

    fn step(&mut self) {
        let b = self.chance.below(3);
        match self.chance.below(40) {
            0..=7 => self.append(b),
            8..=25 => self.fetch(b),
            26..=29 => self.learn(b),
            30..=31 => self.shrink(b),
            32..=34 => self.expand(b),
            35 => self.fence(b),
            36 => self.elect(),
            37 => self.crash(b),
            _ => self.start(b),
        }
    }

    fn reports(&mut self, broker: usize, obs: Obs) {
        self.told.push(Happening::Reports(broker as u32 + 1, obs));
    }

    fn state(&self) -> PartitionState {
        self.metadata[self.metadata.len() - 1].clone()
    }

    /// The controller commits a change, which broker 1's node hears of first.
    fn commit(&mut self, mut state: PartitionState) {
        state.partition_epoch += 1;
        self.offset += 1;
        self.metadata.push(state.clone());
        self.reports(0, Obs::PartitionCommitted { offset: self.offset, state });
    }

    fn known(&self, b: usize) -> &PartitionState {
        &self.metadata[self.brokers[b].learned]
    }

    fn is_leader(&self, b: usize) -> bool {
        self.brokers[b].up && self.known(b).leader == b as i32 + 1
    }

    fn end(&self, b: usize) -> i64 {
        self.brokers[b].log.len() as i64
    }

    fn push(&mut self, b: usize, record: (i32, u32)) {
        let base = self.end(b);
        self.brokers[b].log.push(record);
        let batch = BatchMark { base, last: base, epoch: record.0, crc: record.1 };
        self.reports(b, Obs::Appended { log: ORDERS, batch });
    }

    fn truncate(&mut self, b: usize, end: i64) {
        if end < self.end(b) {
            self.brokers[b].log.truncate(end as usize);
            self.reports(b, Obs::Truncated { log: ORDERS, end });
            let high_watermark = self.brokers[b].high_watermark.min(end);
            self.brokers[b].high_watermark = high_watermark;
        }
    }

    fn append(&mut self, b: usize) {
        if self.is_leader(b) {
            self.next_content += 1;
            let record = (self.known(b).leader_epoch, self.next_content);
            self.push(b, record);
            self.advance(b);
        }
    }

    /// The leader's high watermark: what every member of the ISR it knows has asked beyond.
    fn advance(&mut self, b: usize) {
        let mut end = self.end(b);
        if self.flaw != Flaw::CommitsAlone {
            for id in self.known(b).isr.iter().filter(|id| **id != b as i32 + 1) {
                end = end.min(self.brokers[b].asked_from[*id as usize - 1]);
            }
        }
        if end > self.brokers[b].high_watermark {
            self.brokers[b].high_watermark = end;
            self.reports(b, Obs::HighWatermark { partition: ORDERS, value: end, leader: true });
        }
    }

    fn fetch(&mut self, f: usize) {
        let leader = self.known(f).leader;
        if !self.brokers[f].up || leader < 0 || leader == f as i32 + 1 {
            return;
        }
        let l = leader as usize - 1;
        let same_epoch = self.known(l).leader_epoch == self.known(f).leader_epoch;
        if !self.is_leader(l) || !(same_epoch || self.flaw == Flaw::Unfenced) {
            return;
        }
        let common = self.brokers[f].log.iter().zip(&self.brokers[l].log).take_while(|(a, b)| a == b).count() as i64;
        if common < self.end(f) && !matches!(self.flaw, Flaw::TruncatesToHighWatermark | Flaw::Unfenced) {
            return self.truncate(f, common);
        }
        self.brokers[l].asked_from[f] = self.end(f).min(self.end(l));
        self.advance(l);
        let records = self.chance.below(3);
        for _ in 0..records {
            if let Some(record) = self.brokers[l].log.get(self.brokers[f].log.len()).copied() {
                self.push(f, record);
            }
        }
        let value = self.brokers[l].high_watermark.min(self.end(f));
        if value != self.brokers[f].high_watermark {
            self.brokers[f].high_watermark = value;
            self.reports(f, Obs::HighWatermark { partition: ORDERS, value, leader: false });
        }
    }

    /// A broker hears of the next change of the metadata.
    fn learn(&mut self, b: usize) {
        if self.brokers[b].up && self.brokers[b].learned + 1 < self.metadata.len() {
            let before = self.known(b).leader_epoch;
            self.brokers[b].learned += 1;
            self.become_as_told(b, before);
        }
    }

    fn become_as_told(&mut self, b: usize, before: i32) {
        let state = self.known(b).clone();
        if state.leader_epoch == before {
            if self.is_leader(b) {
                self.advance(b);
            }
            return;
        }
        let end = self.end(b);
        if state.leader == b as i32 + 1 {
            (self.brokers[b].asked_from, self.brokers[b].epoch_start) = ([-1; 3], end);
            self.reports(b, Obs::LeaderStarted { partition: ORDERS, epoch: state.leader_epoch, end });
            self.advance(b);
        } else {
            let follows = Obs::FollowerStarted { partition: ORDERS, epoch: state.leader_epoch, leader: state.leader };
            self.reports(b, follows);
            if self.flaw == Flaw::TruncatesToHighWatermark {
                self.truncate(b, self.brokers[b].high_watermark);
            }
        }
    }

    /// Whether a leader may change the ISR: the controller knows it, and it knows the newest state.
    fn is_current(&self, b: usize) -> bool {
        self.is_leader(b) && self.brokers[b].learned + 1 == self.metadata.len()
    }

    fn shrink(&mut self, b: usize) {
        let mut state = self.state();
        let out = self.chance.below(3);
        if self.is_current(b) && out != b && state.isr.contains(&(out as i32 + 1)) {
            state.isr.retain(|id| *id != out as i32 + 1);
            self.commit(state);
            self.brokers[b].learned += 1;
            self.advance(b);
        }
    }

    fn expand(&mut self, b: usize) {
        let mut state = self.state();
        let new = self.chance.below(3);
        let id = new as i32 + 1;
        if !self.is_current(b) || state.isr.contains(&id) || !self.brokers[new].up {
            return;
        }
        let leader = &self.brokers[b];
        let needed = if self.flaw == Flaw::JoinsEarly { 0 } else { leader.high_watermark.max(leader.epoch_start) };
        if leader.asked_from[new] >= needed {
            state.isr.push(id);
            self.commit(state);
            self.brokers[b].learned += 1;
            self.brokers[new].lossy = false;
        }
    }

    /// The controller takes a broker out, rightly or not, and elects another leader if it led.
    fn fence(&mut self, b: usize) {
        let (mut state, id) = (self.state(), b as i32 + 1);
        let led = state.leader == id;
        if state.isr.len() > 1 {
            state.isr.retain(|member| *member != id);
        } else if !led || self.brokers[b].up {
            return;
        }
        if led {
            (state.leader, state.leader_epoch) = (self.candidate(&state, id), state.leader_epoch + 1);
        }
        if state != self.state() {
            self.commit(state);
        }
    }

    fn candidate(&mut self, state: &PartitionState, not: i32) -> i32 {
        let any = self.flaw == Flaw::ElectsAnyone;
        let fit = |id: &i32| *id != not && self.brokers[*id as usize - 1].up && (any || state.isr.contains(id));
        (1..=3).rev().find(fit).unwrap_or(-1)
    }

    fn elect(&mut self) {
        let mut state = self.state();
        let leader = self.candidate(&state, state.leader);
        if leader > 0 {
            if !state.isr.contains(&leader) {
                state.isr = vec![leader];
            }
            (state.leader, state.leader_epoch) = (leader, state.leader_epoch + 1);
            self.commit(state);
        }
    }

    fn crash(&mut self, b: usize) {
        if !self.brokers[b].up {
            return;
        }
        // The last in sync is taken to flush: losing its records would be no fault of replication.
        let power_lost = self.state().isr != [b as i32 + 1] && self.chance.below(2) == 0;
        self.brokers[b].up = false;
        self.told.push(Happening::Crash(b as u32 + 1, power_lost));
        if power_lost {
            let kept = self.chance.below(self.brokers[b].log.len() + 1);
            self.brokers[b].log.truncate(kept);
            self.brokers[b].lossy = true;
            if self.flaw != Flaw::KeepsTheLossy {
                // The controller learns of it before it could elect this broker.
                self.fence(b);
            }
        }
    }

    fn unfence(&mut self, broker: i32, registers: bool) {
        let (offset, epoch) = (self.offset + 1, self.offset + 1);
        self.offset += 2;
        if registers {
            self.reports(0, Obs::BrokerRegistered { offset, broker, epoch });
        }
        self.reports(0, Obs::BrokerUnfenced { offset: offset + 1, broker });
    }

    fn start(&mut self, b: usize) {
        let id = b as i32 + 1;
        if self.brokers[b].up {
            return;
        }
        self.told.push(Happening::Start(b as u32 + 1));
        if self.flaw != Flaw::MistakesIncarnations {
            self.brokers.iter_mut().for_each(|leader| leader.asked_from[b] = -1);
        }
        let kept = self.chance.below(self.brokers[b].log.len() + 1);
        let log = self.brokers[b].log.split_off(kept);
        self.reports(b, Obs::LogOpened { log: ORDERS, start: 0, kept: kept as i64 });
        log.into_iter().for_each(|record| self.push(b, record));
        let led = self.state().leader == id;
        (self.brokers[b].up, self.brokers[b].high_watermark) = (true, 0);
        let mut state = self.state();
        if led || state.leader < 0 && state.isr.contains(&id) {
            (state.leader, state.leader_epoch) = (id, state.leader_epoch + 1);
            self.commit(state);
        }
        self.unfence(id, true);
        self.brokers[b].learned = self.metadata.len() - 1;
        self.become_as_told(b, i32::MIN);
    }
}
