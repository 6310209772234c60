//! The echo workload measures the cost of a message. It is the kernel's benchmark; `reference/turmoil` and
//! `reference/madsim` run the same workload.
//!
//! A client asks A; A asks B and C; both answer; A answers. One request is 6 messages of 128 bytes over hops of 1 ms,
//! and each client has one request in flight. Every client is a node of its own, and all messages travel over ordinary
//! connections.

use tribunal_contract::{ConnId, Disk, Effects, Event, Lane, Machine, NodeId, Span, Time};

use crate::{Config, Digest, Kernel, Latency, Wire};

/// Bytes of one message.
pub const MESSAGE_BYTES: usize = 128;

/// Messages of one request.
pub const MESSAGES_PER_REQUEST: u64 = 6;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);
const FIRST_CLIENT: u32 = 3;

/// The figures of one run of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoReport {
    /// Messages handed to machines.
    pub delivered: u64,
    /// Steps of machines.
    pub events: u64,
    /// The largest number of queue entries pending at once.
    pub max_queue: usize,
    /// Requests answered, over all clients.
    pub requests: u64,
    /// Virtual time from the start to the last answer.
    pub simulated: Span,
    /// The rolling hash of the run.
    pub trace_hash: u64,
}

/// Runs `clients` clients until each has had `requests / clients` requests answered, rounded up.
pub fn run(clients: u32, requests: u64) -> EchoReport {
    let clients = clients.max(1);
    let each = requests.div_ceil(clients.into());
    let mut config = Config::new(1);
    config.net.latency = Latency::fixed(Span::from_millis(1));
    let mut kernel = Kernel::new(config, (), move |node, _| match node {
        A => Role::Front(Front {
            backends: [None; 2],
            clients: vec![None; clients as usize],
            answers: vec![0; clients as usize],
        }),
        B | C => Role::Back,
        _ => Role::Client { left: each },
    });
    for _ in 0..FIRST_CLIENT + clients {
        let node = kernel.add_node();
        if node < NodeId(FIRST_CLIENT) {
            kernel.start(node);
        }
    }
    // The clients begin once A has its connections to B and C.
    kernel.run_until(Time::from_millis(10));
    for client in 0..clients {
        kernel.start(NodeId(FIRST_CLIENT + client));
    }
    // A connection, the answers, and one request's worth to spare.
    let limit = 10 + 2 + 4 * (each + 1);
    kernel.run_until(Time::from_millis(limit));
    let stats = kernel.stats();
    EchoReport {
        delivered: stats.delivered,
        events: stats.events,
        max_queue: stats.max_queue,
        requests: stats.delivered / MESSAGES_PER_REQUEST,
        simulated: stats.simulated,
        trace_hash: kernel.trace_hash(),
    }
}

/// A message of 128 bytes: the client, the number of its request, and padding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Echo {
    client: u32,
    request: u64,
    body: [u8; MESSAGE_BYTES - 16],
}

impl Wire for Echo {
    fn wire_size(&self) -> usize {
        MESSAGE_BYTES
    }

    #[inline]
    fn digest(&self) -> u64 {
        u64::from(self.client) << 40 ^ self.request
    }

    fn label(&self) -> &'static str {
        "Echo"
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Client { left: u64 },
    Front(Front),
    Back,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Front {
    backends: [Option<ConnId>; 2],
    clients: Vec<Option<ConnId>>,
    /// Answers of the backends to each client's request.
    answers: Vec<u8>,
}

/// The workload makes no observations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Nothing;

impl Digest for Nothing {
    fn digest(&self) -> u64 {
        0
    }
}

impl Machine for Role {
    type Msg = Echo;
    type Input = ();
    type Obs = Nothing;

    #[inline]
    fn step<D: Disk, F: Effects<Echo, Nothing>>(&mut self, _: Time, event: Event<Echo, ()>, _: &mut D, fx: &mut F) {
        match (self, event) {
            (Role::Client { left }, Event::Msg { conn, mut msg, .. }) => {
                *left -= 1;
                if *left > 0 {
                    msg.request += 1;
                    fx.send(conn, msg);
                }
            }
            (Role::Front(front), Event::Msg { conn, msg, .. }) => front.message(conn, msg, fx),
            (Role::Back, Event::Msg { conn, msg, .. }) => fx.send(conn, msg),
            (Role::Client { .. }, Event::Start) => fx.connect(A, Lane(0)),
            (Role::Client { .. }, Event::Up { conn, .. }) => {
                let client = conn.initiator.0 - FIRST_CLIENT;
                fx.send(conn, Echo { client, request: 0, body: [7; MESSAGE_BYTES - 16] });
            }
            (Role::Front(_), Event::Start) => {
                fx.connect(B, Lane(0));
                fx.connect(C, Lane(0));
            }
            (Role::Front(front), Event::Up { conn, peer, inbound: false }) => {
                front.backends[usize::from(peer == C)] = Some(conn);
            }
            (Role::Front(front), Event::Up { conn, peer, inbound: true }) => {
                front.clients[(peer.0 - FIRST_CLIENT) as usize] = Some(conn);
            }
            _ => {}
        }
    }
}

impl Front {
    #[inline]
    fn message<F: Effects<Echo, Nothing>>(&mut self, conn: ConnId, msg: Echo, fx: &mut F) {
        if conn.initiator != A {
            if let [Some(b), Some(c)] = self.backends {
                fx.send(b, msg.clone());
                fx.send(c, msg);
            }
            return;
        }
        let client = msg.client as usize;
        self.answers[client] += 1;
        if self.answers[client] == 2 {
            self.answers[client] = 0;
            if let Some(conn) = self.clients[client] {
                fx.send(conn, msg);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_six_messages_and_four_hops() {
        for clients in [1, 16] {
            let report = run(clients, 800);
            assert_eq!(report.requests, 800);
            assert_eq!(report.delivered, 4_800);
            assert_eq!(report, run(clients, 800));
        }
        assert_eq!(size_of::<Echo>(), MESSAGE_BYTES);
    }
}
