//! CSV tables with units in their headers.

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// A replica at a moment: a row of `series.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// Simulated time.
    pub time_s: f64,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: u32,
    /// Which broker's replica.
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
    /// How many replicas are in sync, where the replica leads.
    #[serde(rename = "isr_size_replicas")]
    pub isr_size: Option<u32>,
}

/// An operation of a client: a row of `operations.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationRow {
    /// Which client.
    pub client: String,
    /// What it did: `send`, `poll`, `assign`.
    pub operation: String,
    /// Simulated time at which it began.
    pub invoked_s: f64,
    /// Simulated time at which it was answered, if it was.
    pub completed_s: Option<f64>,
    /// From one to the other.
    pub latency_ms: Option<f64>,
    /// How it ended: `ok`, `info` (unknown) or `fail` (definitely not done).
    pub outcome: String,
    /// Topic.
    pub topic: String,
    /// Partition, if it is known.
    pub partition: Option<u32>,
    /// The first offset it speaks of, if it is known.
    pub offset: Option<i64>,
    /// How many records it speaks of.
    #[serde(rename = "count_records")]
    pub records: u64,
    /// The error, if there was one.
    pub error: String,
}

/// A CSV file of rows of one type that is being written. The header is there even if there are no rows.
#[derive(Debug)]
pub struct Table<R> {
    path: PathBuf,
    out: csv::Writer<File>,
    row: PhantomData<R>,
}

/// A row whose header is known without one.
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
    /// Begins a file with its header.
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

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.out.flush().map_err(ReportError::io(&self.path))
    }
}
