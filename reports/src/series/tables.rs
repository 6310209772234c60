//! The series as CSV files, with units in their headers.

use std::path::Path;

use super::Series;
use super::latency::Distribution;
use crate::ReportError;
use crate::data::Data;

/// A CSV file: its name, its header, its rows.
struct Sheet {
    name: &'static str,
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Series {
    /// Writes every series as a CSV file into a folder, which it creates.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, data: &Data, folder: &Path) -> Result<(), ReportError> {
        std::fs::create_dir_all(folder).map_err(ReportError::io(folder))?;
        let sheets = [
            self.latency_sheet(data),
            self.distribution_sheet(),
            self.rate_sheet(data),
            self.availability_sheet(data),
            self.windows_sheet(),
            self.recovery_sheet(data),
            self.faults_sheet(data),
            replicas_sheet(data),
            isr_sheet(data),
            elections_sheet(data),
            truncations_sheet(data),
            self.lag_sheet(data),
            self.disk_sheet(data),
            self.links_sheet(data),
        ];
        sheets.iter().try_for_each(|sheet| sheet.write(folder))
    }

    fn latency_sheet(&self, data: &Data) -> Sheet {
        let row = |bin: &super::BinQuantiles| {
            let mut row = vec![decimal(data.bins.start_s(bin.bin)), bin.count.to_string()];
            row.extend(bin.quantiles_ms.map(decimal));
            row
        };
        Sheet {
            name: "latency.csv",
            header: &["start_s", "sends", "p50_ms", "p95_ms", "p99_ms", "max_ms"],
            rows: self.latency.by_bin.iter().map(row).collect(),
        }
    }

    fn distribution_sheet(&self) -> Sheet {
        let rows = |name: &'static str, distribution: &Distribution| -> Vec<Vec<String>> {
            let of = |&(ms, share): &(f64, f64)| vec![name.to_owned(), decimal(ms), decimal(share)];
            distribution.empirical.iter().map(of).collect()
        };
        let mut all = rows("send", &self.latency.send);
        all.extend(rows("delivery", &self.latency.delivery));
        Sheet { name: "distribution.csv", header: &["operation", "latency_ms", "share"], rows: all }
    }

    fn rate_sheet(&self, data: &Data) -> Sheet {
        let rows = self.rate.all.iter().flat_map(|series| {
            series.per_second.iter().enumerate().map(|(bin, rate)| {
                let start = decimal(data.bins.start_s(bin));
                vec![start, series.kind.clone(), series.outcome.name().to_owned(), decimal(*rate)]
            })
        });
        Sheet { name: "rate.csv", header: &["start_s", "operation", "outcome", "records_per_s"], rows: rows.collect() }
    }

    fn availability_sheet(&self, data: &Data) -> Sheet {
        let availability = &self.availability;
        let named = availability.partitions.iter().map(|share| ("partition", share));
        let named = named.chain(availability.clients.iter().map(|share| ("client", share)));
        let rows = named.chain([("all", &availability.overall)]).flat_map(|(of, share)| {
            (0..data.bins.count).filter(|bin| share.sends[*bin] > 0).map(move |bin| {
                let start = decimal(data.bins.start_s(bin));
                let counts = [share.sends[bin], share.ok[bin]].map(|count| count.to_string());
                let [sends, ok] = counts;
                vec![start, of.to_owned(), share.name.clone(), sends, ok]
            })
        });
        Sheet {
            name: "availability.csv",
            header: &["start_s", "of", "name", "sends", "acknowledged"],
            rows: rows.collect(),
        }
    }

    fn windows_sheet(&self) -> Sheet {
        let rows = self.availability.windows.iter().map(|window| {
            let times = [window.start_s, window.end_s, window.length_s()].map(decimal);
            [vec![window.partition.clone()], times.to_vec()].concat()
        });
        Sheet { name: "unavailable.csv", header: &["partition", "start_s", "end_s", "length_s"], rows: rows.collect() }
    }

    fn recovery_sheet(&self, data: &Data) -> Sheet {
        let rows = self.recovery.rows.iter().map(|row| {
            let fault = &data.faults[row.fault];
            vec![
                decimal(fault.began_s),
                fault.kind.clone(),
                row.partition.clone(),
                row.before.map(|before| before.to_string()).unwrap_or_default(),
                row.leader.to_string(),
                row.epoch.to_string(),
                decimal(row.leader_s),
                row.acknowledged_s.map(decimal).unwrap_or_default(),
                row.full_isr_s.map(decimal).unwrap_or_default(),
            ]
        });
        Sheet {
            name: "recovery.csv",
            header: &[
                "fault_s",
                "fault",
                "partition",
                "leader_before",
                "leader",
                "leader_epoch",
                "to_leader_s",
                "to_first_acknowledgement_s",
                "to_full_isr_s",
            ],
            rows: rows.collect(),
        }
    }

    fn faults_sheet(&self, data: &Data) -> Sheet {
        let rows = data.faults.iter().zip(&self.recovery.effects).map(|(fault, effect)| {
            vec![
                fault.fault.to_string(),
                fault.kind.clone(),
                fault.nodes.join(" "),
                decimal(fault.began_s),
                fault.ended_s.map(decimal).unwrap_or_default(),
                effect.elections.to_string(),
                effect.isr_shrinks.to_string(),
                effect.failed.to_string(),
                effect.unknown.to_string(),
                decimal(effect.slowest_ms),
                decimal(effect.unavailable_s),
            ]
        });
        Sheet {
            name: "faults.csv",
            header: &[
                "fault",
                "kind",
                "nodes",
                "began_s",
                "ended_s",
                "elections",
                "isr_shrinks",
                "sends_failed",
                "sends_unknown",
                "slowest_send_ms",
                "unavailable_s",
            ],
            rows: rows.collect(),
        }
    }

    fn lag_sheet(&self, data: &Data) -> Sheet {
        let rows = self.lag.all.iter().flat_map(|series| {
            series.records.iter().enumerate().filter_map(|(bin, records)| {
                let end = decimal(data.bins.start_s(bin + 1));
                Some(vec![end, series.consumer.clone(), series.partition.clone(), (*records)?.to_string()])
            })
        });
        Sheet { name: "lag.csv", header: &["end_s", "consumer", "partition", "lag_records"], rows: rows.collect() }
    }

    fn disk_sheet(&self, data: &Data) -> Sheet {
        let rows = self.activity.syncs.iter().flat_map(|(broker, bins)| {
            bins.iter().enumerate().filter(|(_, bin)| bin.count + bin.queue > 0).map(move |(n, bin)| {
                let mean_ms = bin.total_ms / bin.count.max(1) as f64;
                let start = decimal(data.bins.start_s(n));
                let counts = [bin.count, bin.queue].map(|count| count.to_string()).to_vec();
                [vec![start, broker.clone()], counts, vec![decimal(mean_ms), decimal(bin.slowest_ms)]].concat()
            })
        });
        Sheet {
            name: "disk.csv",
            header: &["start_s", "broker", "syncs", "queue_syncs", "mean_ms", "slowest_ms"],
            rows: rows.collect(),
        }
    }

    fn links_sheet(&self, data: &Data) -> Sheet {
        let rows = self.activity.links.iter().flat_map(|link| {
            link.bytes.iter().enumerate().filter(|(_, bytes)| **bytes > 0).map(|(bin, bytes)| {
                let start = decimal(data.bins.start_s(bin));
                vec![start, link.from.clone(), link.to.clone(), bytes.to_string()]
            })
        });
        Sheet { name: "links.csv", header: &["start_s", "from", "to", "sent_bytes"], rows: rows.collect() }
    }
}

fn replicas_sheet(data: &Data) -> Sheet {
    let rows = data.replicas.all.iter().flat_map(|replica| {
        (0..data.bins.count).map(|bin| {
            vec![
                decimal(data.bins.start_s(bin + 1)),
                replica.partition.clone(),
                replica.broker.to_string(),
                replica.log_end[bin].to_string(),
                replica.high_watermark[bin].to_string(),
            ]
        })
    });
    Sheet {
        name: "replicas.csv",
        header: &["end_s", "partition", "broker", "log_end_offset_records", "high_watermark_records"],
        rows: rows.collect(),
    }
}

fn isr_sheet(data: &Data) -> Sheet {
    let row = |change: &crate::replicas::IsrChange| {
        vec![decimal(change.time_s), change.partition.clone(), change.size.to_string()]
    };
    Sheet {
        name: "isr.csv",
        header: &["time_s", "partition", "isr_size_replicas"],
        rows: data.replicas.isr.iter().map(row).collect(),
    }
}

fn elections_sheet(data: &Data) -> Sheet {
    let rows = data.replicas.leader_starts.iter().map(|start| {
        vec![decimal(start.time_s), start.partition.clone(), start.broker.to_string(), start.epoch.to_string()]
    });
    Sheet { name: "elections.csv", header: &["time_s", "partition", "leader", "leader_epoch"], rows: rows.collect() }
}

fn truncations_sheet(data: &Data) -> Sheet {
    let rows = data.replicas.truncations.iter().map(|cut| {
        let offsets = [cut.from, cut.to].map(|offset| offset.to_string()).to_vec();
        [vec![decimal(cut.time_s), cut.partition.clone(), cut.broker.to_string()], offsets].concat()
    });
    Sheet {
        name: "truncations.csv",
        header: &["time_s", "partition", "broker", "from_records", "to_records"],
        rows: rows.collect(),
    }
}

impl Sheet {
    fn write(&self, folder: &Path) -> Result<(), ReportError> {
        let path = folder.join(self.name);
        let wrong = |error| ReportError::csv(&path, error);
        let mut out = csv::Writer::from_path(&path).map_err(wrong)?;
        out.write_record(self.header).map_err(wrong)?;
        for row in &self.rows {
            out.write_record(row).map_err(wrong)?;
        }
        out.flush().map_err(ReportError::io(&path))
    }
}

/// A figure to the millionth of its unit, without trailing zeros.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}
