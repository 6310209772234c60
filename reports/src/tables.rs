//! CSV tables with units in their headers.

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// A row of `series.csv`: the state of a replica at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// Simulated time in seconds.
    pub time_s: f64,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: u32,
    /// The broker of the replica.
    pub broker: u32,
    /// Whether it leads.
    pub leader: bool,
    /// Its leader epoch.
    pub leader_epoch: i32,
    /// Its log end offset.
    #[serde(rename = "log_end_offset_records")]
    pub log_end_offset: i64,
    /// Its high watermark.
    #[serde(rename = "high_watermark_records")]
    pub high_watermark: i64,
    /// The number of replicas in the ISR, if this replica leads.
    #[serde(rename = "isr_size_replicas")]
    pub isr_size: Option<u32>,
}

/// A row of `operations.csv`: an operation of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationRow {
    /// The name of the client.
    pub client: String,
    /// The kind of operation: `send`, `poll`, `assign`.
    pub operation: String,
    /// Simulated time in seconds at which it began.
    pub invoked_s: f64,
    /// Simulated time in seconds at which it was answered, if it was.
    pub completed_s: Option<f64>,
    /// The time between the two in milliseconds, if it was answered.
    pub latency_ms: Option<f64>,
    /// The outcome: `ok`, `info` (unknown) or `fail` (definitely not done).
    pub outcome: String,
    /// Topic.
    pub topic: String,
    /// Partition, if it is known.
    pub partition: Option<u32>,
    /// Its first offset, if it is known.
    pub offset: Option<i64>,
    /// The number of its records.
    #[serde(rename = "count_records")]
    pub records: u64,
    /// The error. Empty if there was none.
    pub error: String,
}

/// A CSV file of rows of one type, open for writing. It has a header even without rows.
#[derive(Debug)]
pub struct Table<R> {
    path: PathBuf,
    out: csv::Writer<File>,
    row: PhantomData<R>,
}

/// A row type with a known header, which a file without rows needs too.
trait Header {
    const HEADER: &'static [&'static str];
}

impl Header for SeriesRow {
    const HEADER: &'static [&'static str] = &[
        "time_s",
        "topic",
        "partition",
        "broker",
        "leader",
        "leader_epoch",
        "log_end_offset_records",
        "high_watermark_records",
        "isr_size_replicas",
    ];
}

impl Header for OperationRow {
    const HEADER: &'static [&'static str] = &[
        "client",
        "operation",
        "invoked_s",
        "completed_s",
        "latency_ms",
        "outcome",
        "topic",
        "partition",
        "offset",
        "count_records",
        "error",
    ];
}

#[expect(private_bounds, reason = "the tables there are, are listed here")]
impl<R: Serialize + Header> Table<R> {
    /// Creates a file and writes its header.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<Table<R>, ReportError> {
        let mut out = csv::WriterBuilder::new()
            .has_headers(false)
            .from_path(path)
            .map_err(|error| ReportError::csv(path, error))?;
        out.write_record(R::HEADER).map_err(|error| ReportError::csv(path, error))?;
        Ok(Table { path: path.to_owned(), out, row: PhantomData })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn push(&mut self, row: &R) -> Result<(), ReportError> {
        self.out.serialize(row).map_err(|error| ReportError::csv(&self.path, error))
    }

    /// Flushes the buffer and closes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.out.flush().map_err(ReportError::io(&self.path))
    }
}
