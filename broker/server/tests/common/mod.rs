//! Brokers in a temporary folder, and a client that says what it sends byte by byte.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use tribunal_protocol::messages::metadata_request::MetadataRequestTopic;
use tribunal_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use tribunal_protocol::messages::{FetchRequest, MetadataRequest, ProduceRequest};
use tribunal_protocol::{ApiKey, Bytes, ErrorCode, RequestBody, ResponseBody, Str, decode_response, encode_request};
use tribunal_records::{BatchBuilder, BatchOptions, Batches};
use tribunal_server::{Cluster, ClusterConfig};

/// Longer than anything here takes on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Does what waits.
pub fn block_on<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

/// Starts `brokers` brokers with data in `folder` and waits until they serve.
pub fn start(brokers: u16, folder: &Path) -> Cluster {
    start_with(brokers, folder, |_| ())
}

/// [`start`], with other settings.
pub fn start_with(brokers: u16, folder: &Path, change: impl FnOnce(&mut ClusterConfig)) -> Cluster {
    let mut config = ClusterConfig::local(brokers, "127.0.0.1:0".parse().unwrap(), folder).unwrap();
    change(&mut config);
    let cluster = Cluster::start(config).unwrap();
    block_on(cluster.ready(PATIENCE)).unwrap();
    cluster
}

/// Where the first broker of a cluster listens.
pub fn first(cluster: &Cluster) -> SocketAddr {
    cluster.addresses().next().unwrap().1
}

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    next: i32,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, next: 0 }
    }

    /// The frame of a request, and its correlation id.
    pub fn frame(&mut self, version: i16, body: impl Into<RequestBody>) -> (i32, Bytes) {
        self.next += 1;
        let client = Str::from_static("test");
        (self.next, encode_request(self.next, Some(&client), version, &body.into()).unwrap())
    }

    /// Sends a request and waits for its answer.
    pub fn call(&mut self, version: i16, body: impl Into<RequestBody>) -> ResponseBody {
        let body = body.into();
        let api = body.api_key();
        let (id, frame) = self.frame(version, body);
        self.stream.write_all(&frame).unwrap();
        let (answered, body) = self.answer(api, version).expect("an answer");
        assert_eq!(answered, id);
        body
    }

    /// The next answer, with its correlation id; none if the broker has closed the connection.
    pub fn answer(&mut self, api: ApiKey, version: i16) -> Option<(i32, ResponseBody)> {
        let frame = self.answer_frame()?;
        let (header, body) = decode_response(frame, api, version).unwrap();
        Some((header.correlation_id, body))
    }

    /// The next answer's frame, without its length.
    pub fn answer_frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "neither an answer nor an end");
                return None;
            }
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some(Bytes::from(frame))
    }

    /// Creates a topic.
    pub fn create(&mut self, name: &str, partitions: i32, replication_factor: i16) {
        let topic = CreatableTopic {
            name: Str::from(name),
            num_partitions: partitions,
            replication_factor,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let ResponseBody::CreateTopics(answer) = self.call(7, request) else { panic!("another answer") };
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    }

    /// Where the leader of a partition listens, once there is one.
    pub fn leader(&mut self, topic: &str, partition: i32) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let wanted = MetadataRequestTopic { name: Some(Str::from(topic)), ..Default::default() };
            let request =
                MetadataRequest { topics: Some(vec![wanted]), allow_auto_topic_creation: false, ..Default::default() };
            let ResponseBody::Metadata(answer) = self.call(12, request) else { panic!("another answer") };
            let found = answer.topics[0].partitions.iter().find(|found| found.partition_index == partition);
            let leader = found.and_then(|found| answer.brokers.iter().find(|broker| broker.node_id == found.leader_id));
            if let Some(leader) = leader {
                return format!("{}:{}", &*leader.host, leader.port).parse().unwrap();
            }
            assert!(Instant::now() < deadline, "no leader of {topic}/{partition}: {answer:?}");
            std::thread::yield_now();
        }
    }

    /// Produces one batch and returns its offset, or the error.
    pub fn produce(&mut self, topic: &str, acks: i16, values: &[&str]) -> Result<i64, ErrorCode> {
        let ResponseBody::Produce(answer) = self.call(9, produce(topic, acks, batch(values))) else {
            panic!("another answer")
        };
        let partition = &answer.responses[0].partition_responses[0];
        match ErrorCode::from_code(partition.error_code) {
            ErrorCode::None => Ok(partition.base_offset),
            error => Err(error),
        }
    }

    /// Produces until it is acknowledged: a broker that has just become leader may not know it yet.
    pub fn produce_at_last(&mut self, topic: &str, values: &[&str]) -> i64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.produce(topic, -1, values) {
                Ok(offset) => return offset,
                Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
            }
            std::thread::yield_now();
        }
    }

    /// Values of partition 0 from the start up to the high watermark.
    pub fn values(&mut self, topic: &str) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            let ResponseBody::Fetch(answer) = self.call(11, fetch(topic, values.len() as i64, 1 << 20)) else {
                panic!("another answer")
            };
            let partition = &answer.responses[0].partitions[0];
            assert_eq!(partition.error_code, 0);
            for batch in Batches::new(partition.records.clone().unwrap_or_default()) {
                for record in batch.unwrap().records().unwrap() {
                    let value = record.unwrap().value.unwrap();
                    values.push(String::from_utf8(value.to_vec()).unwrap());
                }
            }
            if values.len() as i64 >= partition.high_watermark {
                return values;
            }
        }
    }
}

/// A batch of these values.
pub fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

/// A Produce request, version 9, to partition 0.
pub fn produce(topic: &str, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(records) };
    let topic = TopicProduceData { name: Str::from(topic), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() }
}

/// A Fetch request, version 11, of partition 0.
pub fn fetch(topic: &str, offset: i64, max_bytes: i32) -> FetchRequest {
    let wanted = FetchPartition { fetch_offset: offset, partition_max_bytes: max_bytes, ..Default::default() };
    let topic = FetchTopic { topic: Str::from(topic), partitions: vec![wanted], ..Default::default() };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, max_bytes, topics: vec![topic], ..Default::default() }
}
