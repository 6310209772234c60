//! A report of a small run that is made by hand: what its figures must be is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tribunal_contract::{ConnId, Lane, NodeId, SyncOp, Time};
use tribunal_reports::{
    FORMAT, FaultRecord, NodeRecord, OperationRow, RUN_FORMAT, Reading, ReportOptions, Role, RunFolder, RunRecord,
    SeriesRow, TopicRecord, VerdictRecord, write_report,
};
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};

const ZERO_NS: u64 = 1_000_000_000;

fn verdict() -> VerdictRecord {
    VerdictRecord {
        format: FORMAT,
        tribunal: "0.1.0".into(),
        scenario: "by-hand".into(),
        path: "by-hand.toml".into(),
        seed: "0x7".into(),
        verdict: "held".into(),
        violations: Vec::new(),
        expected: Vec::new(),
        allowed: Vec::new(),
        simulated_s: 11.0,
        wall_s: 0.1,
        operations: 24,
        faults: 1,
        trace_hash: "0x1".into(),
        other_hash: None,
        limit: None,
        notes: Vec::new(),
        reached: vec!["leader-elected".into()],
        bugs: Vec::new(),
        replay: "tribunal replay by-hand.toml --seed 0x7 --bug <none>".into(),
        folder: None,
    }
}

fn run() -> RunRecord {
    let node = |id, name: &str, role| NodeRecord { id, name: name.into(), role, controller: role == Role::Broker };
    RunRecord {
        format: RUN_FORMAT,
        about: "A promise of <two> words.".into(),
        zero_ns: ZERO_NS,
        healed_s: Some(9.0),
        end_s: 10.0,
        nodes: vec![
            node(1, "b1", Role::Broker),
            node(2, "b2", Role::Broker),
            node(3, "producer 0", Role::Producer),
            node(4, "consumer 0", Role::Consumer),
        ],
        topics: vec![TopicRecord { name: "orders".into(), partitions: 1, replication: 2, min_insync: 1 }],
        sometimes: vec!["leader-elected".into(), "isr-shrunk".into()],
        reached: BTreeMap::from([("leader-elected".into(), 2)]),
    }
}

/// A send every half second: those due from 3 s to 5 s wait for the new leader at 5 s, and one of them fails.
fn operations() -> Vec<OperationRow> {
    let send = |n: u32| {
        let due_s = f64::from(n) * 0.5;
        let waits = (3.0..5.0).contains(&due_s);
        let completed_s = if waits { 5.1 + f64::from(n) * 0.001 } else { due_s + 0.01 };
        let failed = n == 7;
        OperationRow {
            client: "producer 0".into(),
            operation: "send".into(),
            invoked_s: due_s,
            completed_s: Some(completed_s),
            latency_ms: Some((completed_s - due_s) * 1e3),
            outcome: if failed { "fail" } else { "ok" }.into(),
            topic: "orders".into(),
            partition: Some(0),
            offset: (!failed).then_some(i64::from(n) - i64::from(n > 7)),
            records: 1,
            error: if failed { "NOT_ENOUGH_REPLICAS" } else { "" }.into(),
        }
    };
    let mut rows: Vec<OperationRow> = (0..18).map(send).collect();
    rows.push(OperationRow {
        client: "consumer 0".into(),
        operation: "poll".into(),
        invoked_s: 9.5,
        completed_s: Some(9.5),
        latency_ms: Some(0.0),
        outcome: "ok".into(),
        topic: "orders".into(),
        partition: Some(0),
        offset: Some(0),
        records: 17,
        error: String::new(),
    });
    rows
}

fn series() -> Vec<SeriesRow> {
    let row = |time_s, broker, leader, leader_epoch, end, isr_size| SeriesRow {
        time_s,
        topic: "orders".into(),
        partition: 0,
        broker,
        leader,
        leader_epoch,
        log_end_offset: end,
        high_watermark: end,
        isr_size,
    };
    vec![
        row(-0.5, 1, true, 0, 0, Some(2)),
        row(2.5, 1, true, 0, 6, Some(2)),
        row(2.6, 2, false, 0, 6, None),
        row(5.0, 2, true, 1, 6, Some(1)),
        row(5.2, 2, true, 1, 9, Some(1)),
        row(7.0, 1, false, 1, 5, None),
        row(8.0, 2, true, 1, 17, Some(2)),
    ]
}

fn trace() -> Trace {
    let conn = ConnId { initiator: NodeId(3), acceptor: NodeId(1), lane: Lane(0), attempt: 0 };
    let op = SyncOp { class: 1, index: 0 };
    let events = [
        (0.1, 3, TraceKind::Sent { conn, label: 0, bytes: 100 }),
        (0.101, 1, TraceKind::Delivered { conn, label: 0, digest: 0 }),
        (0.2, 1, TraceKind::SyncAsked { op }),
        (0.204, 1, TraceKind::Synced { op, ok: true }),
        (3.0, 1, TraceKind::Crashed),
        (3.05, 3, TraceKind::Sent { conn, label: 0, bytes: 50 }),
        (6.0, 1, TraceKind::Started { incarnation: 1 }),
    ];
    let mut seq = 0;
    let event = |(at_s, node, kind): (f64, u32, TraceKind)| {
        let event = TraceEvent { at: Time(ZERO_NS + (at_s * 1e9) as u64), seq, node: NodeId(node), kind };
        seq += u64::from(kind.is_event());
        event
    };
    Trace { labels: vec!["Produce".into()], events: events.into_iter().map(event).collect() }
}

fn folder(test: &str) -> RunFolder {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report").join(test);
    let _ = fs::remove_dir_all(&path);
    let folder = RunFolder::create(&path).unwrap();
    folder.write_verdict(&verdict()).unwrap();
    folder.write_run(&run()).unwrap();
    folder.write_text("plan.toml", "# <plan>\n").unwrap();
    let mut table = folder.operations().unwrap();
    operations().iter().for_each(|row| table.push(row).unwrap());
    table.finish().unwrap();
    let mut table = folder.series().unwrap();
    series().iter().for_each(|row| table.push(row).unwrap());
    table.finish().unwrap();
    let mut faults = folder.faults().unwrap();
    faults
        .push(&FaultRecord {
            fault: 0,
            kind: "crash".into(),
            began_s: 3.0,
            ended_s: Some(6.0),
            nodes: vec!["b1".into()],
            spared: Vec::new(),
            text: "at = \"3s\"\n".into(),
        })
        .unwrap();
    faults
        .push(&FaultRecord {
            fault: 1,
            kind: "full_disk".into(),
            began_s: 3.5,
            ended_s: None,
            nodes: Vec::new(),
            spared: vec!["b2".into()],
            text: "at = \"3.5s\"\n".into(),
        })
        .unwrap();
    faults.finish().unwrap();
    folder.write_bytes("trace.bin", &trace().encode()).unwrap();
    folder
}

#[test]
fn figures_of_a_known_run_are_exact() {
    let Reading { series, data, .. } = Reading::of(&folder("figures")).unwrap();
    assert_eq!(series.latency.send.count, 17);
    assert!((series.latency.send.quantiles_ms[0] - 10.0).abs() < 0.02, "{:?}", series.latency.send.quantiles_ms);
    assert!((series.latency.send.quantiles_ms[3] - 2106.0).abs() < 3.0, "{:?}", series.latency.send.quantiles_ms);
    assert_eq!(series.latency.delivery.count, 17);
    let [window] = &series.availability.windows[..] else { panic!("{:?}", series.availability.windows) };
    assert!((window.start_s - 3.0).abs() < 1e-9 && (window.end_s - 5.01).abs() < 1e-9, "{window:?}");
    assert_eq!(series.availability.overall.total(), Some(17.0 / 18.0));
    let [row] = &series.recovery.rows[..] else { panic!("{:?}", series.recovery.rows) };
    assert_eq!((row.before, row.leader, row.epoch, row.leader_s), (Some(1), 2, 1, 2.0));
    assert!((row.acknowledged_s.unwrap() - 2.01).abs() < 1e-9 && row.full_isr_s == Some(5.0), "{row:?}");
    let effect = &series.recovery.effects[0];
    assert_eq!((effect.elections, effect.isr_shrinks, effect.failed, effect.unknown), (1, 1, 1, 0));
    assert_eq!(data.replicas.truncations.len(), 1, "b1 had 6 records and has 5");
    let last = *series.lag.all[0].records.last().unwrap();
    assert_eq!(last, Some(0), "the consumer has read all 17 records");
    let activity = &series.activity;
    assert_eq!((activity.sent, activity.delivered), (2, 1));
    let syncs: Vec<_> = activity.syncs["b1"].iter().filter(|bin| bin.count > 0).collect();
    assert!(syncs.len() == 1 && (syncs[0].slowest_ms - 4.0).abs() < 1e-6 && syncs[0].queue == 1, "{syncs:?}");
    assert_eq!(activity.down[0].until_s, Some(6.0));
}

#[test]
fn the_same_run_gives_the_same_report_bytes() {
    let (a, b) = (folder("bytes-a"), folder("bytes-b"));
    let options = ReportOptions { png: true };
    write_report(&a, options).unwrap();
    write_report(&b, options).unwrap();
    let mut compared = 0;
    for part in ["charts", "csv"] {
        for entry in fs::read_dir(a.path().join(part)).unwrap() {
            let name = entry.unwrap().file_name();
            let [one, other] = [&a, &b].map(|folder| fs::read(folder.path().join(part).join(&name)).unwrap());
            assert_eq!(one, other, "{name:?}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} files");
    let [one, other] = [&a, &b].map(|folder| fs::read_to_string(folder.path().join("report.html")).unwrap());
    assert_eq!(one, other);
}

#[test]
fn the_page_loads_nothing_and_escapes_all_texts() {
    let folder = folder("page");
    let path = write_report(&folder, ReportOptions::default()).unwrap();
    let page = fs::read_to_string(path).unwrap();
    for asks in ["src=\"http", "href=\"http", "@import", "url(", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(asks), "the page has {asks}");
    }
    assert!(page.contains("--bug &lt;none&gt;") && page.contains("# &lt;plan&gt;"));
    assert!(page.contains("A promise of &lt;two&gt; words."), "the promise stands on the page");
    assert!(page.contains("<li class=\"reached\">✓ leader-elected</li><li class=\"missed\">✗ isr-shrunk</li>"));
}

#[test]
fn an_unrecorded_run_has_a_report() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report").join("bare");
    let folder = RunFolder::create(&path).unwrap();
    let text = r#"{"property":"lost-write","detail":"orders/0 offset 3 is gone"}"#;
    let violations = vec![serde_json::from_str(text).unwrap()];
    folder.write_verdict(&VerdictRecord { verdict: "violated".into(), violations, ..verdict() }).unwrap();
    let page = fs::read_to_string(write_report(&folder, ReportOptions::default()).unwrap()).unwrap();
    assert!(page.contains(">FAIL</span>by-hand"));
    assert!(page.contains("<code>tribunal explain lost-write</code>"), "the page says where the property is explained");
}

#[test]
fn an_error_in_a_file_names_its_line() {
    let folder = folder("damaged");
    folder.write_text("faults.jsonl", "{}\n").unwrap();
    let said = Reading::of(&folder).unwrap_err().to_string();
    assert!(said.contains("faults.jsonl: line 1"), "{said}");
    folder.write_text("faults.jsonl", "").unwrap();
    folder.write_bytes("trace.bin", b"no trace").unwrap();
    let said = Reading::of(&folder).unwrap_err().to_string();
    assert!(said.ends_with("trace.bin: not a trace"), "{said}");
    fs::write(folder.path().join("operations.csv"), "client,operation\nproducer 0,send\n").unwrap();
    let said = Reading::of(&folder).unwrap_err().to_string();
    assert!(said.contains("operations.csv: line 2"), "{said}");
}
