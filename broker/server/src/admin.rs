//! Topics that are to exist when the brokers are ready.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use tribunal_protocol::{ApiKey, ErrorCode, Frames, ResponseBody, Str, decode_response, encode_request};

/// CreateTopics version.
const VERSION: i16 = 7;
/// Longest answer.
const MAX_ANSWER: usize = 1 << 20;
/// How long the controller may take.
const TIMEOUT_MS: i32 = 10_000;

/// A topic to create: `NAME[:PARTITIONS[:REPLICATION]]`; what is left out is the broker's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Partitions; -1 for the broker's default.
    pub partitions: i32,
    /// Replication factor; -1 for the broker's default.
    pub replication: i16,
}

impl std::str::FromStr for NewTopic {
    type Err = String;

    fn from_str(text: &str) -> Result<NewTopic, String> {
        let mut parts = text.split(':');
        let name = parts.next().filter(|name| !name.is_empty()).ok_or("a topic needs a name, as in orders:3:3")?;
        let mut number = |what: &str| match parts.next() {
            None => Ok(-1),
            Some(part) => match part.parse::<i16>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("`{part}` is no number of {what}: NAME:PARTITIONS:REPLICATION, as in orders:3:3")),
            },
        };
        let (partitions, replication) = (number("partitions")?, number("replicas")?);
        if parts.next().is_some() {
            return Err("too many colons: NAME:PARTITIONS:REPLICATION, as in orders:3:3".into());
        }
        Ok(NewTopic { name: name.into(), partitions: i32::from(partitions), replication })
    }
}

/// Why a topic was not created.
#[derive(Debug)]
pub enum CreateError {
    /// The broker could not be reached, or does not make sense.
    Io(io::Error),
    /// The broker refuses.
    Refused {
        /// Which topic.
        topic: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreateError::Io(error) => write!(f, "cannot create topics: {error}"),
            CreateError::Refused { topic, why } => write!(f, "cannot create the topic {topic}: {why}"),
        }
    }
}

impl std::error::Error for CreateError {}

impl From<io::Error> for CreateError {
    fn from(error: io::Error) -> CreateError {
        CreateError::Io(error)
    }
}

/// Creates topics, as a client would. Those that exist stay as they are.
pub async fn create_topics(broker: SocketAddr, topics: &[NewTopic]) -> Result<(), CreateError> {
    if topics.is_empty() {
        return Ok(());
    }
    let topic = |topic: &NewTopic| CreatableTopic {
        name: Str::from(topic.name.as_str()),
        num_partitions: topic.partitions,
        replication_factor: topic.replication,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: topics.iter().map(topic).collect(),
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    };
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let client = Str::from_static("tribunal");
    let frame =
        encode_request(0, Some(&client), VERSION, &request.into()).map_err(|error| invalid(error.to_string()))?;
    let mut stream = TcpStream::connect(broker).await?;
    stream.write_all(&frame).await?;
    let mut frames = Frames::new(MAX_ANSWER);
    let answer = loop {
        if let Some(answer) = frames.next_frame().map_err(|error| invalid(error.to_string()))? {
            break answer;
        }
        if stream.read_buf(frames.received()).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    };
    let answer = decode_response(answer, ApiKey::CreateTopics, VERSION).map_err(|error| invalid(error.to_string()))?;
    let ResponseBody::CreateTopics(answer) = answer.1 else {
        return Err(invalid("an answer to another request".into()).into());
    };
    for topic in answer.topics {
        match ErrorCode::from_code(topic.error_code) {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
            error => {
                let why = topic.error_message.map_or_else(|| error.sentence().to_owned(), String::from);
                return Err(CreateError::Refused { topic: topic.name.into(), why });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_name_and_two_numbers_of_which_each_may_be_left_out() {
        let topic = |name: &str, partitions, replication| Ok(NewTopic { name: name.into(), partitions, replication });
        assert_eq!("orders:3:2".parse(), topic("orders", 3, 2));
        assert_eq!("orders:3".parse(), topic("orders", 3, -1));
        assert_eq!("orders".parse(), topic("orders", -1, -1));
        for wrong in ["", ":3:3", "orders:0", "orders:x:3", "orders:3:3:3", "orders:-1", "orders:3:99999"] {
            assert!(wrong.parse::<NewTopic>().is_err(), "{wrong}");
        }
    }
}
