//! One connection to a server: a frame out, a frame back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use tribunal_protocol::frame::LENGTH_BYTES;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// What a server does with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answers: the frame, without its length.
    Answer(Bytes),
    /// It closes the connection.
    Closed,
    /// It says nothing in the time allowed, and the connection stays.
    Silent,
}

/// A connection that opens itself again where the server closed it.
#[derive(Debug)]
pub struct Connection {
    to: SocketAddr,
    patience: Duration,
    stream: Option<TcpStream>,
}

impl Connection {
    /// To a server, which may take `patience` for an answer.
    pub fn new(to: SocketAddr, patience: Duration) -> Connection {
        Connection { to, patience, stream: None }
    }

    /// Sends a frame with its length, and waits for what comes of it.
    ///
    /// # Errors
    /// If there is no connection to be had, or the server answers with more than a frame may be.
    pub fn exchange(&mut self, frame: &[u8]) -> io::Result<Outcome> {
        self.exchange_within(frame, self.patience)
    }

    /// The same, with another time allowed.
    ///
    /// # Errors
    /// Those of [`Connection::exchange`].
    pub fn exchange_within(&mut self, frame: &[u8], patience: Duration) -> io::Result<Outcome> {
        let stream = self.open()?;
        stream.set_read_timeout(Some(patience))?;
        let outcome = stream.write_all(frame).and_then(|()| receive(stream));
        match outcome {
            Ok(answer) => Ok(Outcome::Answer(answer)),
            Err(error) => {
                // Whatever comes later belongs to this frame: the next one gets a connection of its own.
                self.stream = None;
                match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Outcome::Silent),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                        Ok(Outcome::Closed)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    fn open(&mut self) -> io::Result<&mut TcpStream> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.to, self.patience)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(self.patience))?;
                stream
            }
        };
        Ok(self.stream.insert(stream))
    }
}

fn receive(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_ANSWER {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("an answer of {length} bytes")));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer.into())
}
