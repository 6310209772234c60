//! The success of sends by partition and by client, and the windows in which a partition acknowledged nothing.

use crate::data::Data;
use crate::operations::{Operation, Outcome, partition_order};

/// A partition is unavailable if it acknowledges nothing for this long, in seconds, while a record waits for it.
pub const UNAVAILABLE_AFTER_S: f64 = 0.5;

/// The success of sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Availability {
    /// The successes of all sends.
    pub overall: Share,
    /// The successes by partition.
    pub partitions: Vec<Share>,
    /// The successes by client.
    pub clients: Vec<Share>,
    /// The windows in which a partition acknowledged nothing while a record waited, in the order of time.
    pub windows: Vec<Window>,
}

/// The sends of a partition or client, by the bin in which they were due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    /// The name of the partition or client.
    pub name: String,
    /// The number of sends in each bin.
    pub sends: Vec<u64>,
    /// The number of those sends that were acknowledged, at any later time.
    pub ok: Vec<u64>,
}

impl Share {
    fn new(name: String, bins: usize) -> Share {
        Share { name, sends: vec![0; bins], ok: vec![0; bins] }
    }

    fn add(&mut self, bin: usize, ok: bool) {
        self.sends[bin] += 1;
        self.ok[bin] += u64::from(ok);
    }

    /// The share that succeeded over the whole run, from 0 to 1. `None` without sends.
    pub fn total(&self) -> Option<f64> {
        let sends: u64 = self.sends.iter().sum();
        (sends > 0).then(|| self.ok.iter().sum::<u64>() as f64 / sends as f64)
    }

    /// The share that succeeded in a bin, from 0 to 1. `None` without sends.
    pub fn in_bin(&self, bin: usize) -> Option<f64> {
        (self.sends[bin] > 0).then(|| self.ok[bin] as f64 / self.sends[bin] as f64)
    }
}

/// A time in which a partition acknowledged nothing while a record waited for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The partition.
    pub partition: String,
    /// The time of its beginning, in simulated seconds.
    pub start_s: f64,
    /// The time of its end, in simulated seconds.
    pub end_s: f64,
}

impl Window {
    /// Its length, in seconds.
    pub fn length_s(&self) -> f64 {
        self.end_s - self.start_s
    }
}

impl Availability {
    pub(super) fn of(data: &Data) -> Availability {
        let (ops, bins) = (&data.operations, data.bins);
        let shares = |names: &[String]| -> Vec<Share> {
            names.iter().map(|name| Share::new(name.clone(), bins.count)).collect()
        };
        let mut overall = Share::new("all".to_owned(), bins.count);
        let (mut partitions, mut clients) = (shares(&ops.partitions), shares(&ops.clients));
        let mut by_partition: Vec<Vec<&Operation>> = vec![Vec::new(); ops.partitions.len()];
        for op in ops.of_kind("send") {
            let (bin, ok) = (bins.of_time(op.invoked_s), op.outcome == Outcome::Ok);
            overall.add(bin, ok);
            clients[usize::from(op.client)].add(bin, ok);
            if let Some(partition) = partitions.get_mut(usize::from(op.partition)) {
                partition.add(bin, ok);
                by_partition[usize::from(op.partition)].push(op);
            }
        }
        let mut windows: Vec<Window> = by_partition
            .into_iter()
            .zip(&ops.partitions)
            .flat_map(|(sends, partition)| windows(sends, partition, data.run.end_s))
            .collect();
        windows.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then_with(|| a.partition.cmp(&b.partition)));
        let used = |share: &Share| share.sends.iter().any(|sends| *sends > 0);
        partitions.retain(used);
        clients.retain(used);
        partitions.sort_by_key(|share| partition_order(&share.name));
        clients.sort_by(|a, b| a.name.cmp(&b.name));
        Availability { overall, partitions, clients, windows }
    }

    /// The sum of a partition's windows, in seconds.
    pub fn unavailable_s(&self, partition: &str) -> f64 {
        self.windows.iter().filter(|window| window.partition == partition).map(Window::length_s).sum()
    }
}

/// The windows of one partition. A window lies between two acknowledgements and begins when the first record waits.
fn windows(mut sends: Vec<&Operation>, partition: &str, end_s: f64) -> Vec<Window> {
    let acknowledged = |op: &Operation| if op.outcome == Outcome::Ok { op.completed_s } else { f64::INFINITY };
    let mut acks: Vec<f64> = sends.iter().map(|op| acknowledged(op)).filter(|at| at.is_finite()).collect();
    acks.sort_by(f64::total_cmp);
    sends.sort_by(|a, b| a.invoked_s.total_cmp(&b.invoked_s));
    let (mut waiting, mut last, mut all) = (0, f64::NEG_INFINITY, Vec::new());
    // A record that was never acknowledged waits only until its failure is known.
    let answered = |op: &Operation| op.completed_s.min(end_s);
    for ack in acks.into_iter().chain([f64::INFINITY]) {
        while sends.get(waiting).is_some_and(|op| answered(op) <= last) {
            waiting += 1;
        }
        let Some(first) = sends.get(waiting) else { break };
        let start_s = first.invoked_s.max(last);
        let waited = || sends[waiting..].iter().map(|op| answered(op)).fold(start_s, f64::max);
        let end = if ack.is_finite() { ack } else { waited() };
        if end - start_s >= UNAVAILABLE_AFTER_S {
            all.push(Window { partition: partition.to_owned(), start_s, end_s: end });
        }
        last = ack;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(invoked_s: f64, completed_s: f64, outcome: Outcome) -> Operation {
        Operation {
            invoked_s,
            completed_s,
            offset: -1,
            records: 1,
            client: 0,
            kind: 0,
            partition: 0,
            error: 0,
            outcome,
        }
    }

    fn found(sends: &[Operation]) -> Vec<(f64, f64)> {
        let all = windows(sends.iter().collect(), "orders/0", 20.0);
        all.iter().map(|window| (window.start_s, window.end_s)).collect()
    }

    #[test]
    fn a_window_lasts_from_a_waiting_record_to_an_acknowledgement() {
        let quick = send(1.0, 1.1, Outcome::Ok);
        assert_eq!(found(&[quick, send(3.0, 5.0, Outcome::Ok), send(4.0, 5.0, Outcome::Ok)]), [(3.0, 5.0)]);
        assert_eq!(found(&[send(1.0, 6.0, Outcome::Ok), send(2.0, 2.1, Outcome::Ok)]), [(1.0, 2.1), (2.1, 6.0)]);
    }

    #[test]
    fn silence_without_a_waiting_record_is_no_window() {
        assert!(found(&[send(1.0, 1.1, Outcome::Ok), send(9.0, 9.1, Outcome::Ok)]).is_empty());
        assert!(found(&[]).is_empty());
    }

    #[test]
    fn an_unacknowledged_record_keeps_its_window_open() {
        let quick = send(1.0, 1.1, Outcome::Ok);
        assert_eq!(found(&[quick, send(2.0, 7.0, Outcome::Fail)]), [(2.0, 7.0)]);
        assert_eq!(found(&[quick, send(2.0, f64::INFINITY, Outcome::Info)]), [(2.0, 20.0)]);
    }
}
