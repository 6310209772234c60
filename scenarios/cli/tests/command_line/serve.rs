//! `tribunal serve` as a process: what it prints, how it ends, what survives its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::tempdir;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use tribunal_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use tribunal_protocol::messages::{FetchRequest, ProduceRequest};
use tribunal_protocol::{Bytes, RequestBody, ResponseBody, Str, decode_response, encode_request};
use tribunal_records::{BatchBuilder, BatchOptions, Batches};

use super::support::{TRIBUNAL, err};

/// Brokers in a process that ends with the test.
struct Served {
    process: Child,
    out: BufReader<ChildStdout>,
    bootstrap: Vec<SocketAddr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(TRIBUNAL);
    command.arg("serve").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn serve(data: &Path, arguments: &[&str]) -> Served {
    let mut all = vec!["--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    all.extend_from_slice(arguments);
    let mut process = command(&all).stderr(Stdio::inherit()).spawn().unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let (_, bootstrap) = line.trim().split_once("bootstrap.servers=").expect("a line that says it is ready");
    let bootstrap = bootstrap.split(',').map(|address| address.parse().unwrap()).collect();
    Served { process, out, bootstrap }
}

impl Served {
    /// Ends it by a signal and returns its exit code, none if the signal itself ended it.
    fn signal(mut self, signal: &str) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let code = self.process.wait().unwrap().code();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "it prints one line");
        code
    }
}

fn call(broker: SocketAddr, version: i16, body: impl Into<RequestBody>) -> ResponseBody {
    let body = body.into();
    let mut stream = TcpStream::connect(broker).unwrap();
    stream.write_all(&encode_request(1, None, version, &body).unwrap()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).unwrap();
    decode_response(Bytes::from(frame), body.api_key(), version).unwrap().1
}

/// Produces with acks=all and returns the offset that was acknowledged.
fn produce(broker: SocketAddr, value: &str) -> Option<i64> {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    batch.append(0, None, Some(value.as_bytes()), &[]);
    let data = PartitionProduceData { index: 0, records: Some(batch.build()) };
    let topic = TopicProduceData { name: Str::from("t"), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
    let ResponseBody::Produce(answer) = call(broker, 9, request) else { panic!("another answer") };
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code == 0).then_some(partition.base_offset)
}

/// The values of all records; none while the broker does not lead.
fn values(broker: SocketAddr) -> Option<Vec<String>> {
    let mut all = Vec::new();
    // One answer does not go beyond a segment.
    loop {
        match values_from(broker, all.len() as i64)? {
            more if more.is_empty() => return Some(all),
            more => all.extend(more),
        }
    }
}

/// The values of some records from this offset on.
fn values_from(broker: SocketAddr, fetch_offset: i64) -> Option<Vec<String>> {
    let wanted = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: Str::from("t"), partitions: vec![wanted], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let ResponseBody::Fetch(answer) = call(broker, 11, request) else { panic!("another answer") };
    let partition = &answer.responses[0].partitions[0];
    if partition.error_code != 0 {
        return None;
    }
    let batches = Batches::new(partition.records.clone().unwrap_or_default());
    let records = batches.flat_map(|batch| batch.unwrap().records().unwrap());
    Some(records.map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()).collect())
}

/// What one of the brokers says at last.
fn at_last<T>(brokers: &[SocketAddr], mut ask: impl FnMut(SocketAddr) -> Option<T>) -> T {
    loop {
        if let Some(said) = brokers.iter().find_map(|broker| ask(*broker)) {
            return said;
        }
        std::thread::yield_now();
    }
}

/// With these arguments it ends at once, and says all of this.
fn is_refused(arguments: &[&str], code: i32, says: &[&str]) {
    let output = command(arguments).output().unwrap();
    let error = err(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    for part in says {
        assert!(error.contains(part), "{arguments:?} does not say `{part}`: {error}");
    }
}

#[test]
fn ctrl_c_closes_cleanly_and_the_data_stays() {
    let data = tempdir().unwrap();
    let served = serve(data.path(), &["--brokers", "3", "--create", "t:1:3"]);
    assert_eq!(served.bootstrap.len(), 3);
    assert_eq!(at_last(&served.bootstrap, |broker| produce(broker, "a")), 0);
    assert_eq!(served.signal("-INT"), Some(0));
    for broker in 1..=3 {
        let marker = data.path().join(format!("broker-{broker}")).join(".kafka_cleanshutdown");
        assert!(marker.exists(), "broker {broker} was not closed in order");
    }
    let served = serve(data.path(), &["--brokers", "3"]);
    assert_eq!(at_last(&served.bootstrap, values), ["a"]);
    assert_eq!(served.signal("-TERM"), Some(0));
}

#[test]
fn what_was_acknowledged_survives_kill_9_at_its_offset() {
    let data = tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..5 {
        let served = serve(data.path(), &["--brokers", "3", "--create", "t:1:3", "--config", "min.insync.replicas=2"]);
        for value in 0..20 {
            let value = format!("{round}.{value}");
            let offset = at_last(&served.bootstrap, |broker| produce(broker, &value));
            assert_eq!(offset, expected.len() as i64);
            expected.push(value);
        }
        assert_eq!(served.signal("-KILL"), None);
    }
    let served = serve(data.path(), &["--brokers", "3"]);
    assert_eq!(at_last(&served.bootstrap, values), expected);
}

#[test]
fn clients_are_given_what_is_advertised() {
    let data = tempdir().unwrap();
    let options = ["--brokers", "2", "--advertised", "kafka.example.com:19092", "--rack", "a,b"];
    let mut process = command(&["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0"])
        .args(options)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let served = Served { process, out, bootstrap: Vec::new() };
    assert!(line.ends_with("bootstrap.servers=kafka.example.com:19092,kafka.example.com:19093\n"), "{line}");
    assert_eq!(served.signal("-INT"), Some(0));
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let data = tempdir().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = file.to_str().unwrap();
    let cases: [(&[&str], i32, &[&str]); 18] = [
        (&["--listen", &taken], 1, &["in use", "--listen"]),
        (&["--listen", "127.0.0.1:0", "--data", file], 1, &["cannot use the folder", "--data"]),
        (&["--listen", "0.0.0.0:0"], 2, &["--allow-remote"]),
        (&["--listen", "9092"], 2, &["HOST:PORT"]),
        (&["--broker", "3"], 2, &["'--brokers'"]),
        (&["--config", "no.such.setting=1"], 2, &["message.max.bytes"]),
        (&["--config", "min.insync.replica=2"], 2, &["did you mean min.insync.replicas?"]),
        (&["--config", "message.max.bytes=many"], 2, &["`many` is no value for message.max.bytes"]),
        (&["--config", "log.retention.ms=0"], 2, &["log.retention.ms", "-1 for no limit, or a number from 1"]),
        (&["--config", "log.retention.hour=1"], 2, &["did you mean log.retention.hours?"]),
        (&["--config", "advertised.listeners=PLAINTEXT://h:1"], 2, &["--advertised HOST:PORT"]),
        (&["--config", "broker.rak=a"], 2, &["did you mean broker.rack?"]),
        (&["--advertised", "0.0.0.0:9092"], 2, &["no client can connect", "HOST:PORT"]),
        (&["--advertised", "h:65535", "--brokers", "2"], 2, &["no 2 ports"]),
        (&["--rack", "a,b", "--brokers", "3"], 2, &["2 racks for 3 brokers"]),
        (&["--create", "t:none"], 2, &["orders:3:3"]),
        (&["--node-id", "1", "--peers", "2@127.0.0.1:9092"], 2, &["--peers must name this broker too"]),
        (&["--listen", "127.0.0.1:65535", "--brokers", "2"], 2, &["no 2 ports"]),
    ];
    for (arguments, code, says) in cases {
        is_refused(arguments, code, says);
    }
}

#[test]
fn a_folder_of_another_cluster_or_of_another_broker_is_refused_with_what_to_do() {
    let data = tempdir().unwrap();
    let served = serve(data.path(), &[]);
    let port = served.bootstrap[0].port();
    assert_eq!(served.signal("-INT"), Some(0));
    let (mine, folder) = (format!("2@127.0.0.1:{port}"), data.path().join("broker-1"));
    let (data, folder) = (data.path().to_str().unwrap(), folder.to_str().unwrap());
    let other = "MkU3OEVBNTcwNTJENDM2Qg";
    let cases: [(&[&str], &[&str]); 2] = [
        (&["--listen", "127.0.0.1:0", "--data", data, "--cluster-id", other], &["of cluster", other, "--cluster-id"]),
        (&["--node-id", "2", "--peers", &mine, "--data", folder], &["of broker 1, not of broker 2", "--data"]),
    ];
    for (arguments, says) in cases {
        is_refused(arguments, 1, says);
    }
}

/// Sends two signals to a process, one right after the other.
fn twice(process: &Child, signal: &str) {
    let script = format!("kill {signal} {0}; kill {signal} {0}", process.id());
    assert!(Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).spawn().unwrap().wait().is_ok());
}

#[test]
fn a_signal_sent_twice_closes_the_logs() {
    for signal in ["-INT", "-TERM"] {
        let data = tempdir().unwrap();
        let mut served = serve(data.path(), &["--brokers", "3", "--create", "t:9:3"]);
        twice(&served.process, signal);
        assert_eq!(served.process.wait().unwrap().code(), Some(0), "{signal}");
        let marker = data.path().join("broker-1/.kafka_cleanshutdown");
        assert!(marker.exists(), "{signal}: the logs were not closed");
    }
}

/// A cluster of three processes, each a broker. The ports are free when this returns, and taken at once.
fn processes(data: &Path) -> Vec<Served> {
    let held: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(held);
    let peers: Vec<String> = ports.iter().zip(1..).map(|(port, id)| format!("{id}@127.0.0.1:{port}")).collect();
    let peers = peers.join(",");
    let mut all = Vec::new();
    for (id, port) in (1..).zip(ports) {
        let (id, folder) = (id.to_string(), data.join(format!("broker-{id}")));
        let arguments = ["--node-id", &id, "--peers", &peers, "--data", folder.to_str().unwrap()];
        let mut process = command(&arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        all.push(Served { process, out, bootstrap: vec![SocketAddr::from(([127, 0, 0, 1], port))] });
    }
    for served in &mut all {
        let mut line = String::new();
        served.out.read_line(&mut line).unwrap();
        assert!(line.starts_with("ready: "), "{line}");
    }
    all
}

#[test]
fn the_last_broker_without_a_quorum_closes_its_logs_and_ends() {
    let data = tempdir().unwrap();
    let mut brokers = processes(data.path());
    let last = brokers.pop().unwrap();
    assert_eq!(brokers.pop().unwrap().signal("-KILL"), None);
    assert_eq!(brokers.pop().unwrap().signal("-INT"), Some(0));
    assert_eq!(last.signal("-INT"), Some(0));
    assert!(data.path().join("broker-3/.kafka_cleanshutdown").exists(), "the logs were not closed");
}

#[test]
fn old_data_is_not_started_with_another_quorum() {
    let data = tempdir().unwrap();
    let served = serve(data.path(), &["--brokers", "3", "--create", "t:1:3", "--config", "min.insync.replicas=2"]);
    assert_eq!(at_last(&served.bootstrap, |broker| produce(broker, "a")), 0);
    assert_eq!(served.signal("-INT"), Some(0));
    let folder = data.path().to_str().unwrap();
    for brokers in ["1", "2"] {
        let arguments = ["--listen", "127.0.0.1:0", "--data", folder, "--brokers", brokers];
        is_refused(&arguments, 1, &["voters [1, 2, 3]", "start the same brokers as before"]);
    }
    // One new folder of three is fetched again; two would be a majority without metadata.
    std::fs::remove_dir_all(data.path().join("broker-2")).unwrap();
    let served = serve(data.path(), &["--brokers", "3", "--config", "min.insync.replicas=2"]);
    // A leader that was a follower knows the high watermark once its followers have fetched.
    let found = at_last(&served.bootstrap, |broker| values(broker).filter(|values| !values.is_empty()));
    assert_eq!(found, ["a"]);
    assert_eq!(served.signal("-INT"), Some(0));
    for lost in ["broker-1", "broker-3"] {
        std::fs::remove_dir_all(data.path().join(lost)).unwrap();
    }
    let arguments = ["--listen", "127.0.0.1:0", "--data", folder, "--brokers", "3"];
    is_refused(&arguments, 1, &["folders of brokers [1, 3] are new", "--allow-empty-voters"]);
    assert!(!data.path().join("broker-1").exists(), "nothing is touched");
    let served = serve(data.path(), &["--brokers", "3", "--allow-empty-voters"]);
    assert_eq!(served.bootstrap.len(), 3);
}

#[test]
fn a_damaged_quorum_state_is_refused_by_name_and_without_ready() {
    let data = tempdir().unwrap();
    assert_eq!(serve(data.path(), &["--create", "t"]).signal("-INT"), Some(0));
    std::fs::write(data.path().join("broker-1/__cluster_metadata-0/quorum-state"), "").unwrap();
    let output = command(&["--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    let error = err(&output);
    for part in ["broker-1/__cluster_metadata-0/quorum-state", "the file is empty", "restore the file"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_refused_log_ends_the_start_before_ready() {
    let data = tempdir().unwrap();
    let served = serve(data.path(), &["--create", "t"]);
    assert_eq!(at_last(&served.bootstrap, |broker| produce(broker, "a")), 0);
    assert_eq!(served.signal("-INT"), Some(0));
    let log = data.path().join("broker-1/t-0/00000000000000000000.log");
    std::fs::write(&log, "").unwrap();
    let output = command(&["--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(err(&output).contains("t-0"), "{}", err(&output));
}
