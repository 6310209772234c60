//! The contents of `operations.csv`: the operations of clients, at 48 bytes each, so that a million fit in memory.

use std::collections::HashMap;
use std::path::Path;

use crate::ReportError;
use crate::run::{Role, RunRecord};

/// The outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The operation was done.
    Ok,
    /// It is unknown whether the operation was done.
    Info,
    /// The operation was definitely not done.
    Fail,
}

impl Outcome {
    /// All outcomes, in the order of legends.
    pub const ALL: [Outcome; 3] = [Outcome::Ok, Outcome::Info, Outcome::Fail];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Info => "info",
            Outcome::Fail => "fail",
        }
    }
}

/// An operation of a client. Times are simulated seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// The time at which it began.
    pub invoked_s: f64,
    /// The time at which it was answered. Infinity if it was not.
    pub completed_s: f64,
    /// Its first offset. -1 if it is not known.
    pub offset: i64,
    /// The number of its records.
    pub records: u32,
    /// The index of the client in [`Operations::clients`].
    pub client: u16,
    /// The index of the kind in [`Operations::kinds`].
    pub kind: u16,
    /// The index of the partition in [`Operations::partitions`]. [`Operation::NO_PARTITION`] if it is not known.
    pub partition: u16,
    /// The index of the error in [`Operations::errors`]. 0 is none.
    pub error: u16,
    /// Its outcome.
    pub outcome: Outcome,
}

impl Operation {
    /// Stands for a partition that is not known.
    pub const NO_PARTITION: u16 = u16::MAX;

    /// Its latency in milliseconds. Infinite if it was not answered.
    pub fn latency_ms(&self) -> f64 {
        (self.completed_s - self.invoked_s) * 1e3
    }
}

/// The operations of a run's clients, ordered by their end.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    /// Every operation.
    pub all: Vec<Operation>,
    /// The names of clients.
    pub clients: Vec<String>,
    /// Whether each client is part of the workload. The prober and the auditor are not.
    pub in_workload: Vec<bool>,
    /// The names of the kinds of operations: `send`, `poll`.
    pub kinds: Vec<String>,
    /// The names of partitions: `orders/0`.
    pub partitions: Vec<String>,
    /// The names of errors. The first is empty and means none.
    pub errors: Vec<String>,
}

/// Names numbered in the order of their first use.
#[derive(Default)]
struct Interned {
    names: Vec<String>,
    numbers: HashMap<Vec<u8>, u16>,
}

impl Interned {
    fn number(&mut self, name: &[u8]) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.names.len()).ok().filter(|number| *number != u16::MAX)?;
        self.names.push(String::from_utf8_lossy(name).into_owned());
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }
}

impl Operations {
    /// Reads the file. The result is empty if the file does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or a row is not an operation.
    pub fn read(path: &Path, run: &RunRecord) -> Result<Operations, ReportError> {
        if !path.exists() {
            return Ok(Operations::default());
        }
        let mut reader = csv::Reader::from_path(path).map_err(|error| ReportError::csv(path, error))?;
        let corrupt = |row: &csv::ByteRecord, what: &str| ReportError::Corrupt {
            path: path.to_owned(),
            why: format!("line {}: {what}", row.position().map_or(0, csv::Position::line)),
        };
        let [mut clients, mut kinds, mut partitions, mut errors]: [Interned; 4] = Default::default();
        errors.number(b"");
        let mut all = Vec::new();
        let mut row = csv::ByteRecord::new();
        let mut name = Vec::new();
        while reader.read_byte_record(&mut row).map_err(|error| ReportError::csv(path, error))? {
            let field = |n: usize| row.get(n).unwrap_or_default();
            let too_many = |what: &str| corrupt(&row, &format!("more than {} {what}", u16::MAX));
            let partition = if field(7).is_empty() {
                Operation::NO_PARTITION
            } else {
                name.clear();
                name.extend_from_slice(field(6));
                name.push(b'/');
                name.extend_from_slice(field(7));
                partitions.number(&name).ok_or_else(|| too_many("partitions"))?
            };
            let time = |n: usize| match field(n) {
                b"" => Some(f64::INFINITY),
                text => number(text),
            };
            let (Some(invoked_s), Some(completed_s)) = (time(2), time(3)) else {
                return Err(corrupt(&row, "not a time"));
            };
            let outcome = match field(5) {
                b"ok" => Outcome::Ok,
                b"info" => Outcome::Info,
                b"fail" => Outcome::Fail,
                other => {
                    let what = format!("`{}` is no outcome", String::from_utf8_lossy(other));
                    return Err(corrupt(&row, &what));
                }
            };
            all.push(Operation {
                invoked_s,
                completed_s,
                offset: number(field(8)).unwrap_or(-1),
                records: number(field(9)).unwrap_or(1),
                client: clients.number(field(0)).ok_or_else(|| too_many("clients"))?,
                kind: kinds.number(field(1)).ok_or_else(|| too_many("kinds of operation"))?,
                partition,
                error: errors.number(field(10)).ok_or_else(|| too_many("errors"))?,
                outcome,
            });
        }
        let workload = |name: &String| {
            let role = run.nodes.iter().find(|node| &node.name == name).map(|node| node.role);
            !matches!(role, Some(Role::Admin | Role::Auditor | Role::Prober))
        };
        Ok(Operations {
            all,
            in_workload: clients.names.iter().map(workload).collect(),
            clients: clients.names,
            kinds: kinds.names,
            partitions: partitions.names,
            errors: errors.names,
        })
    }

    /// The index of a kind of operation. `None` if there is no such operation.
    pub fn kind(&self, name: &str) -> Option<u16> {
        self.kinds.iter().position(|kind| kind == name).map(|n| n as u16)
    }

    /// The operations of one kind by clients of the workload.
    pub fn of_kind<'o>(&'o self, name: &str) -> impl Iterator<Item = &'o Operation> + use<'o> {
        let kind = self.kind(name);
        self.all.iter().filter(move |op| Some(op.kind) == kind && self.in_workload[usize::from(op.client)])
    }

    /// The indexes of the partitions, in the order of their names.
    pub fn sorted_partitions(&self) -> Vec<u16> {
        let mut order: Vec<u16> = (0..self.partitions.len() as u16).collect();
        order.sort_by_key(|n| partition_order(&self.partitions[usize::from(*n)]));
        order
    }
}

/// The sort key of a partition's name: by topic, then by number.
pub(crate) fn partition_order(name: &str) -> (String, u32) {
    match name.rsplit_once('/') {
        Some((topic, number)) => (topic.to_owned(), number.parse().unwrap_or(0)),
        None => (name.to_owned(), 0),
    }
}

/// Parses a number in ASCII.
pub(crate) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
