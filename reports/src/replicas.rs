//! `series.csv`, read: what replicas held over time. Offsets are kept at the end of each bin, changes of leader and ISR
//! and truncations exactly, so that the size does not follow the length of the run.

use std::collections::BTreeMap;
use std::path::Path;

use crate::ReportError;
use crate::data::Bins;
use crate::operations::{number, partition_order};

/// A replica over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    /// Of which partition: `orders/0`.
    pub partition: String,
    /// On which broker.
    pub broker: u32,
    /// Its log end offset at the end of each bin.
    pub log_end: Vec<i64>,
    /// Its high watermark at the end of each bin.
    pub high_watermark: Vec<i64>,
}

/// A replica begins to lead.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderStart {
    /// When, in simulated seconds.
    pub time_s: f64,
    /// Of which partition.
    pub partition: String,
    /// On which broker.
    pub broker: u32,
    /// In which leader epoch.
    pub epoch: i32,
}

/// A replica learns of a leader epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochChange {
    /// When, in simulated seconds.
    pub time_s: f64,
    /// Of which partition.
    pub partition: String,
    /// On which broker.
    pub broker: u32,
    /// The epoch.
    pub epoch: i32,
    /// Whether it leads in it.
    pub leads: bool,
}

/// The ISR of a partition, as its leader knows it, has another size.
#[derive(Clone, Debug, PartialEq)]
pub struct IsrChange {
    /// When, in simulated seconds.
    pub time_s: f64,
    /// Of which partition.
    pub partition: String,
    /// The size.
    pub size: u32,
}

/// A log was cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Truncation {
    /// When, in simulated seconds.
    pub time_s: f64,
    /// Of which partition.
    pub partition: String,
    /// On which broker.
    pub broker: u32,
    /// Its log end offset before.
    pub from: i64,
    /// Its log end offset after.
    pub to: i64,
}

/// The replicas of a run over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replicas {
    /// The partitions, by topic and number.
    pub partitions: Vec<String>,
    /// Every replica, by partition and broker.
    pub all: Vec<Replica>,
    /// The log end offset of each partition's leader at the end of each bin.
    pub leader_end: BTreeMap<String, Vec<i64>>,
    /// Every start of a leader, in the order of time; those before zero are of the warm-up.
    pub leader_starts: Vec<LeaderStart>,
    /// Every leader epoch that a replica learnt of.
    pub epochs: Vec<EpochChange>,
    /// Every change of an ISR's size.
    pub isr: Vec<IsrChange>,
    /// Every cut of a log.
    pub truncations: Vec<Truncation>,
}

/// A replica while the file is read.
#[derive(Clone, Copy, Default)]
struct Now {
    leader: bool,
    epoch: i32,
    end: i64,
    high_watermark: i64,
}

/// What a partition's newest leader is.
#[derive(Clone, Copy)]
struct Leader {
    broker: u32,
    epoch: i32,
    isr: u32,
}

/// What is known while the file is read.
struct Reading {
    bins: Bins,
    /// Bins that have been sampled.
    sampled: usize,
    replicas: BTreeMap<(String, u32), (Now, Replica)>,
    leaders: BTreeMap<String, Leader>,
    out: Replicas,
}

impl Replicas {
    /// Reads the file; it is empty if it is not there.
    ///
    /// # Errors
    /// If it cannot be read, or a row is not one of replicas.
    pub fn read(path: &Path, bins: Bins) -> Result<Replicas, ReportError> {
        if !path.exists() {
            return Ok(Replicas::default());
        }
        let mut reader = csv::Reader::from_path(path).map_err(|error| ReportError::csv(path, error))?;
        let mut reading =
            Reading { bins, sampled: 0, replicas: BTreeMap::new(), leaders: BTreeMap::new(), out: Replicas::default() };
        let mut row = csv::ByteRecord::new();
        while reader.read_byte_record(&mut row).map_err(|error| ReportError::csv(path, error))? {
            if reading.take(&row).is_none() {
                let line = row.position().map_or(0, csv::Position::line);
                return Err(ReportError::Corrupt { path: path.to_owned(), why: format!("line {line}: not a replica") });
            }
        }
        Ok(reading.finish())
    }
}

impl Reading {
    fn take(&mut self, row: &csv::ByteRecord) -> Option<()> {
        let field = |n: usize| row.get(n).unwrap_or_default();
        let time_s: f64 = number(field(0))?;
        while self.sampled + 1 < self.bins.count && time_s >= self.bins.start_s(self.sampled + 1) {
            self.sample();
        }
        let partition = format!("{}/{}", std::str::from_utf8(field(1)).ok()?, number::<u32>(field(2))?);
        let broker: u32 = number(field(3))?;
        let now = Now {
            leader: field(4) == b"true",
            epoch: number(field(5))?,
            end: number(field(6))?,
            high_watermark: number(field(7))?,
        };
        let isr: Option<u32> = number(field(8));
        let count = self.bins.count;
        let sampled = self.sampled;
        let (before, _) = self.replicas.entry((partition.clone(), broker)).or_insert_with(|| {
            let mut log_end = Vec::with_capacity(count);
            log_end.resize(sampled, 0);
            let replica = Replica { partition: partition.clone(), broker, high_watermark: log_end.clone(), log_end };
            (Now { epoch: -1, ..Now::default() }, replica)
        });
        let was = std::mem::replace(before, now);
        if now.end < was.end {
            let (from, to) = (was.end, now.end);
            self.out.truncations.push(Truncation { time_s, partition: partition.clone(), broker, from, to });
        }
        if (was.epoch, was.leader) != (now.epoch, now.leader) {
            let (epoch, leads) = (now.epoch, now.leader);
            self.out.epochs.push(EpochChange { time_s, partition: partition.clone(), broker, epoch, leads });
        }
        if now.leader && !(was.leader && was.epoch == now.epoch) {
            let epoch = now.epoch;
            self.out.leader_starts.push(LeaderStart { time_s, partition: partition.clone(), broker, epoch });
        }
        if now.leader {
            self.lead(time_s, partition, Leader { broker, epoch: now.epoch, isr: isr.unwrap_or(0) });
        }
        Some(())
    }

    /// A leader's row: only that of the newest epoch counts, for an old leader may not know yet that it is one.
    fn lead(&mut self, time_s: f64, partition: String, leader: Leader) {
        let known = self.leaders.get(&partition);
        if known.is_some_and(|known| known.epoch > leader.epoch) {
            return;
        }
        if leader.isr > 0 && known.is_none_or(|known| known.isr != leader.isr) {
            self.out.isr.push(IsrChange { time_s, partition: partition.clone(), size: leader.isr });
        }
        self.leaders.insert(partition, leader);
    }

    /// A bin is over.
    fn sample(&mut self) {
        for (now, replica) in self.replicas.values_mut() {
            replica.log_end.push(now.end);
            replica.high_watermark.push(now.high_watermark);
        }
        for (partition, leader) in &self.leaders {
            let end = self.replicas.get(&(partition.clone(), leader.broker)).map_or(0, |(now, _)| now.end);
            let ends = self.out.leader_end.entry(partition.clone()).or_default();
            ends.resize(self.sampled, 0);
            ends.push(end);
        }
        self.sampled += 1;
    }

    fn finish(mut self) -> Replicas {
        while self.sampled < self.bins.count {
            self.sample();
        }
        let mut out = self.out;
        out.all = self.replicas.into_values().map(|(_, replica)| replica).collect();
        out.all.sort_by_key(|replica| (partition_order(&replica.partition), replica.broker));
        out.partitions = out.all.iter().map(|replica| replica.partition.clone()).collect();
        out.partitions.dedup();
        out
    }
}
