//! The machines that are checked: parts of a broker as they ship, each with its connection table and nothing around it.
//!
//! A part is a [`Machine`] of the contract, so the kernel runs it too: that is how counterexamples are replayed.

mod broker;
mod controller;
mod voter;

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use tribunal_common::{BrokerConfig, Fx, Io, Member, Net, Obs};
use tribunal_contract::{Disk, Effects, Event, Machine, Time};
use tribunal_controller::MetadataImage;
use tribunal_protocol::{Message, MetadataRecord};
use tribunal_records::{BatchBuilder, BatchOptions};

use crate::hash::Fingerprint;
use crate::remembered::Once;

pub use broker::Replica;
pub use controller::{Active, TOPIC};
pub use voter::Voter;

/// Metadata records that were committed together, with their offsets.
pub type MetadataBatch = Arc<Vec<(i64, MetadataRecord)>>;

/// A command from outside the network: a client's operation, or what a part that is not in the configuration would do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartInput {
    /// To a voter: append the record of this number, if it leads.
    Append(u8),
    /// To a replica: what has been committed next.
    Metadata(MetadataBatch),
    /// To a replica: a client produces the record of this number.
    Produce(u8),
    /// To a replica: it is registered under this epoch, and this is the committed metadata.
    Registered(i64, MetadataImage),
    /// To the controller: a process registers, as which incarnation, after which broker epoch it stopped in order.
    Register(i32, u8, i64),
    /// To the controller: a broker that has applied the metadata below an offset says that it lives.
    Heartbeat(i32, i64),
    /// To the controller: an administrator wants the preferred leader back.
    ElectPreferred,
    /// To a voter: take a snapshot.
    Snapshot,
}

/// One of the machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The active controller, whose log commits at once.
    Controller(Host<Option<Active>>),
    /// A broker's partition replicas.
    Replica(Host<Option<Replica>>),
    /// A member of the controller quorum.
    Voter(Host<Option<Voter>>),
}

/// A machine and what stands around it in any broker. Both are shared with other states of the node until they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<T> {
    cfg: Arc<BrokerConfig>,
    net: Arc<Net>,
    part: Arc<T>,
}

/// What parts are made of, each of it once.
#[derive(Default)]
pub(crate) struct Pieces {
    nets: Once<Arc<Net>>,
    controllers: Once<Arc<Option<Active>>>,
    replicas: Once<Arc<Option<Replica>>>,
    voters: Once<Arc<Option<Voter>>>,
}

/// Of the configuration only the incarnation ever changes.
impl<T: Hash> Hash for Host<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.cfg.incarnation, &self.net, &self.part).hash(hasher);
    }
}

impl<T> Host<Option<T>> {
    fn new(cfg: BrokerConfig) -> Host<Option<T>> {
        let net = Net::new(cfg.node());
        Host { cfg: Arc::new(cfg), net: Arc::new(net), part: Arc::new(None) }
    }

    fn made_of(&self, nets: &mut Once<Arc<Net>>, parts: &mut Once<Arc<Option<T>>>) -> Host<Option<T>>
    where
        T: Hash,
    {
        Host {
            cfg: Arc::clone(&self.cfg),
            net: nets.same(Fingerprint::of(&self.net), &self.net),
            part: parts.same(Fingerprint::of(&self.part), &self.part),
        }
    }

    /// The machine, once started.
    pub fn get(&self) -> Option<&T> {
        Option::as_ref(&self.part)
    }
}

impl Part {
    /// The controller of `replicas` brokers, on a node of its own.
    pub fn controller(cfg: BrokerConfig) -> Part {
        Part::Controller(Host::new(cfg))
    }

    /// A broker.
    pub fn replica(cfg: BrokerConfig) -> Part {
        Part::Replica(Host::new(cfg))
    }

    /// A voter.
    pub fn voter(cfg: BrokerConfig) -> Part {
        Part::Voter(Host::new(cfg))
    }

    /// An equal part that is made of what is known.
    pub(crate) fn made_of(&self, known: &mut Pieces) -> Part {
        let nets = &mut known.nets;
        match self {
            Part::Controller(host) => Part::Controller(host.made_of(nets, &mut known.controllers)),
            Part::Replica(host) => Part::Replica(host.made_of(nets, &mut known.replicas)),
            Part::Voter(host) => Part::Voter(host.made_of(nets, &mut known.voters)),
        }
    }

    /// The controller, if it is one and has started.
    pub fn as_controller(&self) -> Option<&Active> {
        if let Part::Controller(host) = self { host.get() } else { None }
    }

    /// The replicas, if it is a broker and has started.
    pub fn as_replica(&self) -> Option<&Replica> {
        if let Part::Replica(host) = self { host.get() } else { None }
    }

    /// The voter, if it is one and has started.
    pub fn as_voter(&self) -> Option<&Voter> {
        if let Part::Voter(host) = self { host.get() } else { None }
    }

    /// Its configuration.
    pub fn config(&self) -> &BrokerConfig {
        match self {
            Part::Controller(host) => &host.cfg,
            Part::Replica(host) => &host.cfg,
            Part::Voter(host) => &host.cfg,
        }
    }
}

/// How a part begins.
trait Open: Member<Input = PartInput> + Sized {
    fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Self, String>;
}

#[allow(private_bounds, reason = "how a part begins is nobody else's business")]
impl<T: Open + Clone> Host<Option<T>> {
    fn step<D: Disk, F: Fx>(&mut self, now: Time, event: Event<Message, PartInput>, disk: &mut D, fx: &mut F) {
        let Host { cfg, net, part } = self;
        let (net, part) = (Arc::make_mut(net), Arc::make_mut(part));
        let mut io = Io { cfg, now, disk, fx, net };
        if let Event::Start = event {
            match T::open(&mut io) {
                Ok(opened) => part.insert(opened).handle(event, &mut io),
                // A node that cannot start keeps no promise of liveness; it is for the properties to say so.
                Err(_) => io.fx.halt("the disk cannot be read"),
            }
        } else if let Some(part) = part {
            part.handle(event, &mut io);
        }
    }
}

impl Machine for Part {
    type Msg = Message;
    type Input = PartInput;
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, PartInput>,
        disk: &mut D,
        fx: &mut F,
    ) {
        match self {
            Part::Controller(host) => host.step(now, event, disk, fx),
            Part::Replica(host) => host.step(now, event, disk, fx),
            Part::Voter(host) => host.step(now, event, disk, fx),
        }
    }
}

/// The value of the record of this number.
fn value(number: u8) -> Bytes {
    Bytes::from(format!("r{number}"))
}

/// A batch with the record of this number alone.
fn batch(number: u8) -> Bytes {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    batch.append(0, None, Some(&value(number)), &[]);
    batch.build()
}
