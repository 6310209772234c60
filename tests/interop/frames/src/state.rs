//! The state that both servers are brought into, by the same requests.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use tribunal_protocol::messages::delete_topics_request::DeleteTopicState;
use tribunal_protocol::messages::metadata_request::MetadataRequestTopic;
use tribunal_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, DescribeLogDirsRequest, MetadataRequest};
use tribunal_protocol::{RequestBody, ResponseBody, Str, Uuid, decode_response, encode_request};

use crate::cases::produce;
use crate::connection::{Connection, Outcome};

/// A topic of the state.
#[derive(Clone, Copy, Debug)]
pub struct TopicSpec {
    /// Its name.
    pub name: &'static str,
    /// Its partitions, each with one replica.
    pub partitions: i32,
    /// Its settings, beside that nothing is ever deleted from it.
    pub config: &'static [(&'static str, &'static str)],
}

const fn topic(name: &'static str, partitions: i32, config: &'static [(&'static str, &'static str)]) -> TopicSpec {
    TopicSpec { name, partitions, config }
}

/// The topics. The last one is deleted again: its id is one that the servers knew.
pub const TOPICS: &[TopicSpec] = &[
    topic("plain", 3, &[]),
    topic("strict", 1, &[("min.insync.replicas", "2")]),
    topic("small", 1, &[("max.message.bytes", "1000")]),
    topic("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]),
    topic("empty", 1, &[]),
    topic("victim", 3, &[]),
    topic("packed", 1, &[]),
    topic("trimmed", 2, &[]),
    topic("grown", 1, &[]),
    topic(DOOMED, 1, &[]),
];
const DOOMED: &str = "doomed";

/// Both servers choose topic ids of their own. Requests are made with these, and each server gets its own instead.
pub fn placeholder(topic: &str) -> Uuid {
    let index = TOPICS.iter().position(|spec| spec.name == topic).expect("a topic of the state");
    Uuid(0x5452_4942_554e_414c_9e37_79b9_7f4a_7c00 + index as u128)
}

/// Both servers choose ids of fetch sessions of their own. Requests are made with this, and each server gets instead
/// the id of the session that it opened last.
pub const SESSION: i32 = 0x7365_7373;

/// How long a server may take for anything here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server in the state.
#[derive(Debug)]
pub struct Side {
    /// The connection that cases go over.
    pub connection: Connection,
    ids: BTreeMap<Uuid, Uuid>,
    session: i32,
    /// What to say for an id of this server, and for its host and port.
    names: BTreeMap<String, String>,
}

impl Side {
    /// A request's bytes with this server's topic ids, and its session.
    pub fn localize(&self, frame: &Bytes) -> Bytes {
        let mut bytes = frame.to_vec();
        for (placeholder, id) in &self.ids {
            replace(&mut bytes, &placeholder.to_bytes(), &id.to_bytes());
        }
        replace(&mut bytes, &SESSION.to_be_bytes(), &self.session.to_be_bytes());
        bytes.into()
    }

    /// Takes note of the session that an answer opens.
    pub fn note_session(&mut self, id: i32) {
        if id != 0 {
            self.session = id;
        }
    }

    /// The name of a leaf that differs by nature: `<id of plain>`.
    pub fn rename(&self, leaf: &str) -> Option<String> {
        self.names.get(leaf).cloned()
    }
}

fn replace(bytes: &mut [u8], wanted: &[u8], by: &[u8]) {
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(wanted.len()).position(|window| window == wanted) {
        bytes[from + at..from + at + wanted.len()].copy_from_slice(by);
        from += at + wanted.len();
    }
}

/// Why a server is not in the state.
#[derive(Debug)]
pub enum SetUpError {
    /// The connection failed.
    Io(io::Error),
    /// The server answered otherwise than it must.
    Refused(String),
}

impl fmt::Display for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetUpError::Io(error) => write!(f, "{error}"),
            SetUpError::Refused(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for SetUpError {}

impl From<io::Error> for SetUpError {
    fn from(error: io::Error) -> SetUpError {
        SetUpError::Io(error)
    }
}

/// Brings a fresh server of one broker into the state.
///
/// # Errors
/// If it cannot be reached, or refuses what every Kafka takes.
pub fn set_up(address: SocketAddr, patience: Duration) -> Result<Side, SetUpError> {
    let mut connection = Connection::new(address, PATIENCE);
    let ids = create(&mut connection)?;
    let cluster_id = await_leaders(&mut connection)?;
    let log_dir = log_dir(&mut connection)?;
    let names = ids.iter().map(|(name, id)| (id.to_string(), format!("<id of {name}>")));
    let mut side = Side {
        connection,
        names: names
            .chain([
                (address.port().to_string(), "<port>".to_owned()),
                (format!("{cluster_id:?}"), "<cluster id>".to_owned()),
                (format!("{log_dir:?}"), "<log dir>".to_owned()),
            ])
            .collect(),
        session: SESSION,
        ids: ids.iter().map(|(name, id)| (placeholder(name), *id)).collect(),
    };
    for body in produce::seeds() {
        let frame = side.localize(&encode(PRODUCE_VERSION, &body));
        let ResponseBody::Produce(answer) = ask(&mut side.connection, PRODUCE_VERSION, &body, &frame)? else {
            unreachable!("decoded as the answer to Produce")
        };
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        if let Some(refused) = partitions.into_iter().find(|partition| partition.error_code != 0) {
            return Err(SetUpError::Refused(format!("the first records are refused: {refused:?}")));
        }
    }
    side.connection = Connection::new(address, patience);
    Ok(side)
}

const CREATE_VERSION: i16 = 7;
const DELETE_VERSION: i16 = 6;
const LOG_DIRS_VERSION: i16 = 4;
const METADATA_VERSION: i16 = 12;
const PRODUCE_VERSION: i16 = 13;

fn create(connection: &mut Connection) -> Result<Vec<(&'static str, Uuid)>, SetUpError> {
    let config = |(name, value): (&'static str, &'static str)| CreatableTopicConfig {
        name: Str::from_static(name),
        value: Some(Str::from_static(value)),
    };
    let topics = TOPICS.iter().map(|spec| CreatableTopic {
        name: Str::from_static(spec.name),
        num_partitions: spec.partitions,
        replication_factor: 1,
        configs: spec.config.iter().copied().chain([("retention.ms", "-1")]).map(config).collect(),
        ..Default::default()
    });
    let body = CreateTopicsRequest { topics: topics.collect(), timeout_ms: 10_000, ..Default::default() }.into();
    let ResponseBody::CreateTopics(created) = call(connection, CREATE_VERSION, &body)? else {
        unreachable!("decoded as the answer to CreateTopics")
    };
    let mut ids = Vec::new();
    for topic in &created.topics {
        let spec = TOPICS.iter().find(|spec| spec.name == &*topic.name && topic.error_code == 0);
        let spec = spec.ok_or_else(|| SetUpError::Refused(format!("a topic is refused: {topic:?}")))?;
        ids.push((spec.name, topic.topic_id));
    }
    let doomed = DeleteTopicState { name: Some(Str::from_static(DOOMED)), ..Default::default() };
    let body = DeleteTopicsRequest { topics: vec![doomed], timeout_ms: 10_000, ..Default::default() }.into();
    match call(connection, DELETE_VERSION, &body)? {
        ResponseBody::DeleteTopics(deleted) if deleted.responses.iter().all(|topic| topic.error_code == 0) => Ok(ids),
        refused => Err(SetUpError::Refused(format!("the deletion is refused: {refused:?}"))),
    }
}

/// Waits until every partition has a leader here, and the deleted topic is gone. Gives the cluster's id.
fn await_leaders(connection: &mut Connection) -> Result<Str, SetUpError> {
    let deadline = Instant::now() + PATIENCE;
    let named =
        |spec: &TopicSpec| MetadataRequestTopic { name: Some(Str::from_static(spec.name)), ..Default::default() };
    let body: RequestBody = MetadataRequest {
        topics: Some(TOPICS.iter().map(named).collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    }
    .into();
    loop {
        let ResponseBody::Metadata(answer) = call(connection, METADATA_VERSION, &body)? else {
            unreachable!("decoded as the answer to Metadata")
        };
        let ready = answer.topics.iter().all(|topic| match topic.name.as_deref() {
            Some(DOOMED) => topic.error_code != 0,
            _ => !topic.partitions.is_empty() && topic.partitions.iter().all(|partition| partition.error_code == 0),
        });
        if ready {
            return answer.cluster_id.ok_or_else(|| SetUpError::Refused("the cluster has no id".to_owned()));
        }
        if Instant::now() > deadline {
            return Err(SetUpError::Refused(format!("no leaders after {PATIENCE:?}: {answer:?}")));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The one log directory.
fn log_dir(connection: &mut Connection) -> Result<Str, SetUpError> {
    let body = DescribeLogDirsRequest { topics: Some(Vec::new()) }.into();
    let ResponseBody::DescribeLogDirs(answer) = call(connection, LOG_DIRS_VERSION, &body)? else {
        unreachable!("decoded as the answer to DescribeLogDirs")
    };
    let first = answer.results.into_iter().next();
    first.map(|result| result.log_dir).ok_or_else(|| SetUpError::Refused("there is no log directory".to_owned()))
}

fn encode(version: i16, body: &RequestBody) -> Bytes {
    encode_request(0, None, version, body).expect("a request that its version can carry")
}

fn call(connection: &mut Connection, version: i16, body: &RequestBody) -> Result<ResponseBody, SetUpError> {
    ask(connection, version, body, &encode(version, body))
}

fn ask(
    connection: &mut Connection,
    version: i16,
    body: &RequestBody,
    frame: &[u8],
) -> Result<ResponseBody, SetUpError> {
    let api = body.api_key();
    match connection.exchange(frame)? {
        Outcome::Answer(answer) => match decode_response(answer, api, version) {
            Ok((_, body)) => Ok(body),
            Err(error) => Err(SetUpError::Refused(format!("{} {version}: {error}", api.name()))),
        },
        outcome => Err(SetUpError::Refused(format!("{} {version}: {outcome:?}", api.name()))),
    }
}
