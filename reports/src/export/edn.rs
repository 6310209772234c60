//! A Jepsen history with the operations of `jepsen.tests.kafka`, so that Jepsen's own checker can judge the run too.
//!
//! A Jepsen process has one operation at a time and none after an `:info`. Our producers have many records in flight,
//! so each send gets a free process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::ReportError;

/// The fields of a line of `history.jsonl` that the export needs.
#[derive(Debug, Deserialize)]
struct Line {
    time_s: f64,
    client: String,
    event: String,
    partition: String,
    record: Option<u64>,
    offset: Option<i64>,
    value: Option<String>,
    error: Option<String>,
    definite: Option<bool>,
}

/// A send in flight.
struct Send {
    process: u64,
    partition: String,
    value: String,
}

/// A poll whose records are still being collected. They share one client and one time.
struct Poll {
    client: String,
    time_s: f64,
    records: BTreeMap<String, Vec<(i64, String)>>,
}

#[derive(Default)]
struct History {
    out: String,
    index: u64,
    free: BTreeSet<u64>,
    processes: u64,
    consumers: BTreeMap<String, u64>,
    assigned: BTreeMap<String, BTreeSet<String>>,
    sends: BTreeMap<(String, u64), Send>,
    poll: Option<Poll>,
}

pub(super) fn history(path: &Path) -> Result<String, ReportError> {
    let file = BufReader::new(File::open(path).map_err(ReportError::io(path))?);
    let mut history = History::default();
    for (number, line) in file.lines().enumerate() {
        let line = line.map_err(ReportError::io(path))?;
        let line: Line = serde_json::from_str(&line).map_err(|error| ReportError::Corrupt {
            path: path.to_owned(),
            why: format!("line {}: {error}", number + 1),
        })?;
        history.take(line);
    }
    history.finish_poll();
    Ok(history.out)
}

impl History {
    fn take(&mut self, line: Line) {
        let goes_on = line.event == "polled"
            && self.poll.as_ref().is_some_and(|poll| poll.client == line.client && poll.time_s == line.time_s);
        if !goes_on {
            self.finish_poll();
        }
        match line.event.as_str() {
            "send" => self.send(line),
            "acknowledged" | "failed" => self.answer(line),
            "assigned" => self.assign(line),
            "polled" => {
                let (client, time_s) = (line.client, line.time_s);
                let poll = self.poll.get_or_insert_with(|| Poll { client, time_s, records: BTreeMap::new() });
                let record = (line.offset.unwrap_or(-1), line.value.unwrap_or_default());
                poll.records.entry(line.partition).or_default().push(record);
            }
            _ => {}
        }
    }

    fn fresh(&mut self) -> u64 {
        self.processes += 1;
        self.processes - 1
    }

    fn send(&mut self, line: Line) {
        let process = match self.free.pop_first() {
            Some(process) => process,
            None => self.fresh(),
        };
        let value = line.value.unwrap_or_default();
        let micro = format!("[[:send {} {}]]", string(&line.partition), string(&value));
        self.operation(line.time_s, ":invoke", process, ":send", &micro, None);
        let send = Send { process, partition: line.partition, value };
        self.sends.insert((line.client, line.record.unwrap_or_default()), send);
    }

    fn answer(&mut self, line: Line) {
        let Some(send) = self.sends.remove(&(line.client, line.record.unwrap_or_default())) else { return };
        let (key, value) = (string(&send.partition), string(&send.value));
        if line.event == "acknowledged" {
            let offset =
                line.offset.filter(|offset| *offset >= 0).map_or("nil".to_owned(), |offset| offset.to_string());
            let micro = format!("[[:send {key} [{offset} {value}]]]");
            self.operation(line.time_s, ":ok", send.process, ":send", &micro, None);
            self.free.insert(send.process);
            return;
        }
        let definite = line.definite == Some(true);
        let kind = if definite { ":fail" } else { ":info" };
        self.operation(line.time_s, kind, send.process, ":send", &format!("[[:send {key} {value}]]"), line.error);
        if definite {
            self.free.insert(send.process);
        }
    }

    fn consumer(&mut self, client: &str) -> u64 {
        if let Some(process) = self.consumers.get(client) {
            return *process;
        }
        let process = self.fresh();
        self.consumers.insert(client.to_owned(), process);
        process
    }

    fn assign(&mut self, line: Line) {
        let process = self.consumer(&line.client);
        let assigned = self.assigned.entry(line.client).or_default();
        assigned.insert(line.partition);
        let keys: Vec<String> = assigned.iter().map(|partition| string(partition)).collect();
        let value = format!("[{}]", keys.join(" "));
        self.operation(line.time_s, ":invoke", process, ":assign", &value, None);
        self.operation(line.time_s, ":ok", process, ":assign", &value, None);
    }

    fn finish_poll(&mut self) {
        let Some(poll) = self.poll.take() else { return };
        let process = self.consumer(&poll.client);
        let partitions = poll.records.iter().map(|(partition, records)| {
            let pairs = records.iter().map(|(offset, value)| format!("[{offset} {}]", string(value)));
            format!("{} [{}]", string(partition), pairs.collect::<Vec<_>>().join(" "))
        });
        let micro = format!("[[:poll {{{}}}]]", partitions.collect::<Vec<_>>().join(", "));
        self.operation(poll.time_s, ":invoke", process, ":poll", "[[:poll]]", None);
        self.operation(poll.time_s, ":ok", process, ":poll", &micro, None);
    }

    fn operation(&mut self, time_s: f64, kind: &str, process: u64, f: &str, value: &str, error: Option<String>) {
        let index = self.index;
        self.index += 1;
        let nanos = (time_s * 1e9).round() as i64;
        let error = error.map(|error| format!(", :error {}", string(&error))).unwrap_or_default();
        let _ = writeln!(
            self.out,
            "{{:index {index}, :time {nanos}, :type {kind}, :process {process}, :f {f}, :value {value}{error}}}"
        );
    }
}

/// A string in the syntax of EDN.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c => out.push(c),
        }
    }
    out + "\""
}
