//! The machines of the world: brokers, clients, and the one that sets the topics up.

use tribunal_common::Obs;
use tribunal_contract::{ConnId, Disk, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};
use tribunal_core::{Broker, BrokerInput};
use tribunal_protocol::Message;
use tribunal_sim::{Digest, Wire, stable_hash};

use super::app::App;
use crate::apps::{AdminApp, AdminInput, ConsumerApp, ConsumerInput, ProducerApp, ProducerInput};

/// A process of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// Creates the topics before the workload begins.
    Admin(AdminApp),
    /// An application of a test of one's own.
    App(App),
    /// A broker.
    Broker(Broker),
    /// A client that reads.
    Consumer(ConsumerApp),
    /// A client that writes.
    Producer(ProducerApp),
}

/// A command to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeInput {
    /// To the admin.
    Admin(AdminInput),
    /// To a broker.
    Broker(BrokerInput),
    /// To a consumer.
    Consumer(ConsumerInput),
    /// To a producer.
    Producer(ProducerInput),
}

/// What nodes exchange. Boxed, because a message changes hands often on its way and is large.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet(pub Box<Message>);

/// What nodes report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report(pub Obs);

impl Wire for Packet {
    fn wire_size(&self) -> usize {
        self.0.wire_size()
    }

    fn digest(&self) -> u64 {
        let (kind, version) = match &*self.0 {
            Message::Request { version, .. } => (0, *version),
            Message::Response { version, .. } => (1, *version),
        };
        (self.0.api_key() as u64) << 32 | (version as u64 & 0xffff) << 1 | kind
    }

    fn label(&self) -> &'static str {
        match &*self.0 {
            Message::Request { body, .. } => body.api_key().name(),
            Message::Response { body, .. } => body.api_key().name(),
        }
    }
}

impl Digest for Report {
    fn digest(&self) -> u64 {
        stable_hash(&self.0)
    }
}

/// The effects of a node, as its machine knows them. Costs nothing: the wrappers are transparent.
pub(super) struct Inner<'a, F>(pub(super) &'a mut F);

impl<F: Effects<Packet, Report>> Effects<Message, Obs> for Inner<'_, F> {
    #[inline]
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.0.send(conn, Packet(Box::new(msg)));
    }
    #[inline]
    fn close(&mut self, conn: ConnId) {
        self.0.close(conn);
    }
    #[inline]
    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.0.connect(peer, lane);
    }
    #[inline]
    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        self.0.set_timer(id, min, max);
    }
    #[inline]
    fn cancel_timer(&mut self, id: TimerId) {
        self.0.cancel_timer(id);
    }
    #[inline]
    fn observe(&mut self, observation: Obs) {
        self.0.observe(Report(observation));
    }
    #[inline]
    fn choose(&mut self, n: u32) -> u32 {
        self.0.choose(n)
    }
    #[inline]
    fn rare(&mut self, site: u8) -> bool {
        self.0.rare(site)
    }
    fn halt(&mut self, reason: &'static str) {
        self.0.halt(reason);
    }
}

impl Machine for Node {
    type Msg = Packet;
    type Input = NodeInput;
    type Obs = Report;

    fn step<D: Disk, F: Effects<Packet, Report>>(
        &mut self,
        now: Time,
        event: Event<Packet, NodeInput>,
        disk: &mut D,
        fx: &mut F,
    ) {
        let fx = &mut Inner(fx);
        match self {
            Node::Admin(admin) => {
                if let Some(event) = translate(event, |input| match input {
                    NodeInput::Admin(input) => Some(input),
                    _ => None,
                }) {
                    admin.step(now, event, disk, fx);
                }
            }
            Node::App(app) => {
                if let Some(event) = translate(event, |_| None) {
                    app.step(now, event, disk, fx);
                }
            }
            Node::Broker(broker) => {
                if let Some(event) = translate(event, |input| match input {
                    NodeInput::Broker(input) => Some(input),
                    _ => None,
                }) {
                    broker.step(now, event, disk, fx);
                }
            }
            Node::Consumer(consumer) => {
                if let Some(event) = translate(event, |input| match input {
                    NodeInput::Consumer(input) => Some(input),
                    _ => None,
                }) {
                    consumer.step(now, event, disk, fx);
                }
            }
            Node::Producer(producer) => {
                if let Some(event) = translate(event, |input| match input {
                    NodeInput::Producer(input) => Some(input),
                    _ => None,
                }) {
                    producer.step(now, event, disk, fx);
                }
            }
        }
    }
}

/// The event as the machine inside knows it; none for a command that is not for its kind.
#[inline]
pub(super) fn translate<C, I>(
    event: Event<Packet, C>,
    input: impl FnOnce(C) -> Option<I>,
) -> Option<Event<Message, I>> {
    Some(match event {
        Event::Start => Event::Start,
        Event::Timer(id) => Event::Timer(id),
        Event::Up { conn, peer, inbound } => Event::Up { conn, peer, inbound },
        Event::Refused { peer, lane } => Event::Refused { peer, lane },
        Event::Down { conn, peer } => Event::Down { conn, peer },
        Event::Msg { conn, peer, msg } => Event::Msg { conn, peer, msg: *msg.0 },
        Event::Synced { op, result } => Event::Synced { op, result },
        Event::Input(command) => Event::Input(input(command)?),
    })
}
