//! The contents of `series.csv`: the state of replicas over time. Offsets are kept at the end of each bin, so that
//! their size does not grow with the length of the run. Changes of leader and ISR and truncations are kept exactly.

use std::collections::BTreeMap;
use std::path::Path;

use crate::ReportError;
use crate::data::Bins;
use crate::operations::{number, partition_order};

/// A replica over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    /// The partition: `orders/0`.
    pub partition: String,
    /// The id of the broker.
    pub broker: u32,
    /// Its log end offset at the end of each bin.
    pub log_end: Vec<i64>,
    /// Its high watermark at the end of each bin.
    pub high_watermark: Vec<i64>,
}

/// The start of a replica as leader.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderStart {
    /// The time in simulated seconds.
    pub time_s: f64,
    /// The partition.
    pub partition: String,
    /// The id of the broker.
    pub broker: u32,
    /// The leader epoch.
    pub epoch: i32,
}

/// A leader epoch that a replica learns of.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochChange {
    /// The time in simulated seconds.
    pub time_s: f64,
    /// The partition.
    pub partition: String,
    /// The id of the broker.
    pub broker: u32,
    /// The epoch.
    pub epoch: i32,
    /// Whether the replica leads in this epoch.
    pub leads: bool,
}

/// A change of the size of a partition's ISR, as its leader knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct IsrChange {
    /// The time in simulated seconds.
    pub time_s: f64,
    /// The partition.
    pub partition: String,
    /// The new number of replicas in the ISR.
    pub size: u32,
}

/// A truncation of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Truncation {
    /// The time in simulated seconds.
    pub time_s: f64,
    /// The partition.
    pub partition: String,
    /// The id of the broker.
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
    /// Every start of a leader, in the order of time. Times before zero belong to the warm-up.
    pub leader_starts: Vec<LeaderStart>,
    /// Every leader epoch that a replica learned of.
    pub epochs: Vec<EpochChange>,
    /// Every change of an ISR's size.
    pub isr: Vec<IsrChange>,
    /// Every truncation of a log.
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

/// The newest leader of a partition.
#[derive(Clone, Copy)]
struct Leader {
    broker: u32,
    epoch: i32,
    isr: u32,
}

/// The state of reading the file.
struct Reading {
    bins: Bins,
    /// The number of bins sampled so far.
    sampled: usize,
    replicas: BTreeMap<(String, u32), (Now, Replica)>,
    leaders: BTreeMap<String, Leader>,
    out: Replicas,
}

impl Replicas {
    /// Reads the file. The result is empty if the file does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or a row is not the state of a replica.
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

    /// Handles the row of a leader. Only the newest epoch counts: an old leader may not know its successor yet.
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

    /// Ends a bin: keeps the current offsets as its sample.
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
