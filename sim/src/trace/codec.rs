//! The bytes of a recorded trace: `tribunal` and a version, the trace hash, the labels, then the events. An event is
//! its kind, the time since the event before it, its node and the fields of its kind. Numbers are LEB128, digests and
//! the hash little-endian.

use tribunal_contract::{ConnId, Lane, NodeId, SyncOp, Time, TimerId};

use super::{Trace, TraceEvent, TraceKind};

const MAGIC: &[u8; 8] = b"tribunal";
const VERSION: u32 = 2;

/// The reason that bytes are not a trace that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceError {
    /// The bytes do not begin like a trace.
    NotATrace,
    /// The trace has another version.
    OtherVersion {
        /// The version found.
        found: u32,
    },
    /// The trace ends too early or holds an invalid value.
    Corrupt {
        /// The position of the mistake, in bytes from the start.
        position: usize,
    },
    /// The trace can be read, but the hash of its events is not the recorded one.
    HashMismatch {
        /// The hash that the trace records.
        recorded: u64,
        /// The hash of its events.
        found: u64,
    },
}

impl core::fmt::Display for TraceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            TraceError::NotATrace => write!(f, "not a trace"),
            TraceError::OtherVersion { found } => {
                write!(f, "a trace of version {found}; this build reads version {VERSION}")
            }
            TraceError::Corrupt { position } => write!(f, "corrupt trace at byte {position}"),
            TraceError::HashMismatch { recorded, found } => {
                write!(f, "corrupt trace: its events hash to {found:016x}, it says {recorded:016x}")
            }
        }
    }
}

impl core::error::Error for TraceError {}

impl Trace {
    /// The trace as bytes, for a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.events.len() * 16);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.hash().to_le_bytes());
        put(&mut out, self.labels.len() as u64);
        for label in &self.labels {
            put(&mut out, label.len() as u64);
            out.extend_from_slice(label.as_bytes());
        }
        put(&mut out, self.events.len() as u64);
        let mut last = 0;
        for event in &self.events {
            put_event(&mut out, event, last);
            last = event.at.0;
        }
        out
    }

    /// Reads what [`Trace::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Trace, TraceError> {
        let mut reader = TraceReader::new(bytes)?;
        let labels = core::mem::take(&mut reader.labels);
        let trace = Trace { labels, events: (&mut reader).collect::<Result<_, _>>()? };
        let (recorded, found) = (reader.recorded, trace.hash());
        if found == recorded { Ok(trace) } else { Err(TraceError::HashMismatch { recorded, found }) }
    }
}

/// Reads the events of a trace one by one, so that a long trace need not fit in memory. It does not check the hash.
#[derive(Debug)]
pub struct TraceReader<'a> {
    /// The labels that events refer to by index.
    pub labels: Vec<String>,
    /// The hash that the trace records.
    pub recorded: u64,
    input: Input<'a>,
    /// The number of events left.
    left: u64,
    at: u64,
    seq: u64,
}

impl<'a> TraceReader<'a> {
    /// Reads the header of what [`Trace::encode`] wrote.
    ///
    /// # Errors
    /// Fails if the bytes are no trace, or a trace of another version.
    pub fn new(bytes: &'a [u8]) -> Result<TraceReader<'a>, TraceError> {
        let mut input = Input { bytes, position: 0 };
        if input.array::<8>().ok().as_ref() != Some(MAGIC) {
            return Err(TraceError::NotATrace);
        }
        let found = u32::from_le_bytes(input.array()?);
        if found != VERSION {
            return Err(TraceError::OtherVersion { found });
        }
        let recorded = u64::from_le_bytes(input.array()?);
        let mut labels = Vec::new();
        for _ in 0..input.number()? {
            let len = input.number()?;
            let label = core::str::from_utf8(input.take(len)?).map_err(|_| input.corrupt())?;
            labels.push(label.to_owned());
        }
        let left = input.number()?;
        Ok(TraceReader { labels, recorded, input, left, at: 0, seq: 0 })
    }

    fn read(&mut self) -> Result<Option<TraceEvent>, TraceError> {
        if self.left == 0 {
            let whole = self.input.position == self.input.bytes.len();
            return if whole { Ok(None) } else { Err(self.input.corrupt()) };
        }
        let event = self.input.event(self.seq, self.at)?;
        (self.at, self.seq) = (event.at.0, self.seq + u64::from(event.kind.is_event()));
        self.left -= 1;
        Ok(Some(event))
    }
}

impl Iterator for TraceReader<'_> {
    type Item = Result<TraceEvent, TraceError>;

    /// The next event. An error is the last item.
    fn next(&mut self) -> Option<Result<TraceEvent, TraceError>> {
        let next = self.read();
        if next.is_err() {
            (self.left, self.input.position) = (0, self.input.bytes.len());
        }
        next.transpose()
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_conn(out: &mut Vec<u8>, conn: ConnId) {
    put(out, conn.initiator.0.into());
    put(out, conn.acceptor.0.into());
    out.push(conn.lane.0);
    put(out, conn.attempt.into());
}

fn put_event(out: &mut Vec<u8>, event: &TraceEvent, last: u64) {
    let code = event.words()[1] as u8;
    out.push(code);
    put(out, event.at.0.wrapping_sub(last));
    put(out, event.node.0.into());
    match event.kind {
        TraceKind::Crashed | TraceKind::Halted | TraceKind::Input | TraceKind::PowerLost => {}
        TraceKind::Delivered { conn, label, digest } => {
            put_conn(out, conn);
            put(out, label.into());
            out.extend_from_slice(&digest.to_le_bytes());
        }
        TraceKind::Down { conn } => put_conn(out, conn),
        TraceKind::Fault { label, digest } => {
            put(out, label.into());
            out.extend_from_slice(&digest.to_le_bytes());
        }
        TraceKind::Observed { digest } => out.extend_from_slice(&digest.to_le_bytes()),
        TraceKind::Refused { peer, lane } => {
            put(out, peer.0.into());
            out.push(lane.0);
        }
        TraceKind::Sent { conn, label, bytes } => {
            put_conn(out, conn);
            put(out, label.into());
            put(out, bytes.into());
        }
        TraceKind::Started { incarnation } => put(out, incarnation.into()),
        TraceKind::SyncAsked { op } => {
            out.push(op.class);
            put(out, op.index.into());
        }
        TraceKind::Synced { op, ok } => {
            out.push(op.class);
            put(out, op.index.into());
            out.push(ok.into());
        }
        TraceKind::Timer { id } => {
            out.push(id.class);
            put(out, id.index.into());
        }
        TraceKind::Up { conn, inbound } => {
            put_conn(out, conn);
            out.push(inbound.into());
        }
    }
}

#[derive(Debug)]
struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    const fn corrupt(&self) -> TraceError {
        TraceError::Corrupt { position: self.position }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], TraceError> {
        let rest = &self.bytes[self.position..];
        if len > rest.len() as u64 {
            return Err(self.corrupt());
        }
        self.position += len as usize;
        Ok(&rest[..len as usize])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TraceError> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| self.corrupt())
    }

    fn byte(&mut self) -> Result<u8, TraceError> {
        Ok(self.array::<1>()?[0])
    }

    fn number(&mut self) -> Result<u64, TraceError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.corrupt())
    }

    fn u32(&mut self) -> Result<u32, TraceError> {
        u32::try_from(self.number()?).map_err(|_| self.corrupt())
    }

    fn u16(&mut self) -> Result<u16, TraceError> {
        u16::try_from(self.number()?).map_err(|_| self.corrupt())
    }

    fn bool(&mut self) -> Result<bool, TraceError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt()),
        }
    }

    fn u64(&mut self) -> Result<u64, TraceError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn conn(&mut self) -> Result<ConnId, TraceError> {
        Ok(ConnId {
            initiator: NodeId(self.u32()?),
            acceptor: NodeId(self.u32()?),
            lane: Lane(self.byte()?),
            attempt: self.u32()?,
        })
    }

    fn event(&mut self, seq: u64, last: u64) -> Result<TraceEvent, TraceError> {
        let code = self.byte()?;
        let at = Time(last.wrapping_add(self.number()?));
        let node = NodeId(self.u32()?);
        let kind = match code {
            0 => TraceKind::Crashed,
            1 => TraceKind::Delivered { conn: self.conn()?, label: self.u16()?, digest: self.u64()? },
            2 => TraceKind::Down { conn: self.conn()? },
            3 => TraceKind::Fault { label: self.u16()?, digest: self.u64()? },
            4 => TraceKind::Halted,
            5 => TraceKind::Input,
            6 => TraceKind::Observed { digest: self.u64()? },
            7 => TraceKind::PowerLost,
            8 => TraceKind::Refused { peer: NodeId(self.u32()?), lane: Lane(self.byte()?) },
            9 => TraceKind::Started { incarnation: self.u32()? },
            10 => TraceKind::Synced { op: SyncOp { class: self.byte()?, index: self.u32()? }, ok: self.bool()? },
            11 => TraceKind::Timer { id: TimerId { class: self.byte()?, index: self.u32()? } },
            12 => TraceKind::Up { conn: self.conn()?, inbound: self.bool()? },
            13 => TraceKind::Sent { conn: self.conn()?, label: self.u16()?, bytes: self.u32()? },
            14 => TraceKind::SyncAsked { op: SyncOp { class: self.byte()?, index: self.u32()? } },
            _ => return Err(self.corrupt()),
        };
        Ok(TraceEvent { at, seq, node, kind })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn conn() -> impl Strategy<Value = ConnId> {
        (any::<u32>(), any::<u32>(), any::<u8>(), any::<u32>()).prop_map(|(i, a, lane, attempt)| ConnId {
            initiator: NodeId(i),
            acceptor: NodeId(a),
            lane: Lane(lane),
            attempt,
        })
    }

    fn kind() -> impl Strategy<Value = TraceKind> {
        prop_oneof![
            Just(TraceKind::Crashed),
            (conn(), any::<u16>(), any::<u64>()).prop_map(|(conn, label, digest)| TraceKind::Delivered {
                conn,
                label,
                digest
            }),
            conn().prop_map(|conn| TraceKind::Down { conn }),
            (any::<u16>(), any::<u64>()).prop_map(|(label, digest)| TraceKind::Fault { label, digest }),
            Just(TraceKind::Halted),
            Just(TraceKind::Input),
            any::<u64>().prop_map(|digest| TraceKind::Observed { digest }),
            Just(TraceKind::PowerLost),
            (any::<u32>(), any::<u8>())
                .prop_map(|(peer, lane)| TraceKind::Refused { peer: NodeId(peer), lane: Lane(lane) }),
            (conn(), any::<u16>(), any::<u32>()).prop_map(|(conn, label, bytes)| TraceKind::Sent {
                conn,
                label,
                bytes
            }),
            (any::<u8>(), any::<u32>()).prop_map(|(class, index)| TraceKind::SyncAsked { op: SyncOp { class, index } }),
            any::<u32>().prop_map(|incarnation| TraceKind::Started { incarnation }),
            (any::<u8>(), any::<u32>(), any::<bool>())
                .prop_map(|(class, index, ok)| TraceKind::Synced { op: SyncOp { class, index }, ok }),
            (any::<u8>(), any::<u32>()).prop_map(|(class, index)| TraceKind::Timer { id: TimerId { class, index } }),
            (conn(), any::<bool>()).prop_map(|(conn, inbound)| TraceKind::Up { conn, inbound }),
        ]
    }

    fn trace() -> impl Strategy<Value = Trace> {
        let events = prop::collection::vec((any::<u64>(), any::<u32>(), kind()), 0..40);
        (prop::collection::vec("[a-zA-Z é]{0,9}", 0..4), events).prop_map(|(labels, events)| Trace {
            labels,
            events: events
                .into_iter()
                .scan(0, |next, (at, node, kind)| {
                    let seq = *next;
                    *next += u64::from(kind.is_event());
                    Some(TraceEvent { at: Time(at), seq, node: NodeId(node), kind })
                })
                .collect(),
        })
    }

    proptest! {
        #[test]
        fn a_trace_is_read_as_it_was_written(trace in trace()) {
            prop_assert_eq!(Trace::decode(&trace.encode()), Ok(trace));
        }

        #[test]
        fn a_damaged_trace_is_an_error_or_differs_only_in_what_is_not_hashed(
            trace in trace(), position in any::<prop::sample::Index>(), flip in 1u8..,
        ) {
            let mut bytes = trace.encode();
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            if let Ok(read) = Trace::decode(&bytes) {
                prop_assert_eq!(read.hash(), trace.hash());
            }
        }

        #[test]
        fn a_cut_trace_is_an_error(trace in trace(), end in any::<prop::sample::Index>()) {
            let bytes = trace.encode();
            prop_assert!(Trace::decode(&bytes[..end.index(bytes.len())]).is_err());
        }

        #[test]
        fn hostile_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut hostile = Trace::default().encode();
            hostile.truncate(20);
            hostile.extend(bytes);
            let _ = Trace::decode(&hostile);
        }
    }

    #[test]
    fn a_trace_of_another_version_is_refused() {
        let mut bytes = Trace::default().encode();
        bytes[8] = 9;
        let error = Trace::decode(&bytes).unwrap_err();
        assert_eq!(error, TraceError::OtherVersion { found: 9 });
        assert_eq!(error.to_string(), "a trace of version 9; this build reads version 2");
        assert_eq!(Trace::decode(b"PK\x03\x04 a zip file"), Err(TraceError::NotATrace));
    }
}
