//! A run in the formats of other tools.

mod edn;
mod json_lines;
mod perfetto;
mod shiviz;

use std::path::{Path, PathBuf};

use tribunal_sim::trace::Trace;

use crate::causal::CausalGraph;
use crate::report::Reading;
use crate::{ReportError, RunFolder};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A folder of CSV files, with units in their headers.
    Csv,
    /// A Jepsen history, as `jepsen.tests.kafka` has it.
    Edn,
    /// JSON Lines, each value with its `type`.
    Jsonl,
    /// Chrome's trace format, which Perfetto opens.
    Perfetto,
    /// A log with vector clocks, which ShiViz opens.
    Shiviz,
}

impl Format {
    /// The name of its file, or folder, in a run's folder.
    pub const fn file(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Edn => "history.edn",
            Format::Jsonl => "report.jsonl",
            Format::Perfetto => "perfetto.json",
            Format::Shiviz => "shiviz.log",
        }
    }
}

/// Writes a run in another format to `out`, or else into the run's folder. Returns the path.
///
/// # Errors
/// If the run cannot be read or the file cannot be written.
pub fn export(folder: &RunFolder, format: Format, out: Option<&Path>) -> Result<PathBuf, ReportError> {
    let out = out.map_or_else(|| folder.path().join(format.file()), Path::to_owned);
    let text = match format {
        Format::Csv => {
            let reading = Reading::of(folder)?;
            reading.series.write(&reading.data, &out)?;
            return Ok(out);
        }
        Format::Edn => edn::history(&folder.path().join("history.jsonl"))?,
        Format::Jsonl => json_lines::lines(&Reading::of(folder)?),
        Format::Perfetto => {
            let (reading, trace) = traced(folder)?;
            perfetto::trace_events(&reading, &trace, &CausalGraph::new(&trace))
        }
        Format::Shiviz => {
            let (reading, trace) = traced(folder)?;
            shiviz::log(&reading, &trace)
        }
    };
    std::fs::write(&out, text).map_err(ReportError::io(&out))?;
    Ok(out)
}

/// A run with its whole trace.
fn traced(folder: &RunFolder) -> Result<(Reading, Trace), ReportError> {
    let reading = Reading::of(folder)?;
    let path = folder.path().join("trace.bin");
    let trace = Trace::decode(&reading.trace).map_err(|error| ReportError::Corrupt { path, why: error.to_string() })?;
    Ok((reading, trace))
}

/// The name of a process.
fn name_of(reading: &Reading, node: tribunal_contract::NodeId) -> String {
    let known = reading.data.run.nodes.iter().find(|known| known.id == node.0);
    known.map_or_else(|| format!("node {}", node.0), |known| known.name.clone())
}
