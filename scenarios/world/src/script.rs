//! A counterexample of the checker, followed to the letter in the kernel: the same machines on the kernel's own network
//! and disks, judged by the same properties.

use tribunal_checker::cluster::Cluster;
use tribunal_checker::node::{NOW, Rules};
use tribunal_checker::parts::{MetadataBatch, Part, PartInput, TOPIC};
use tribunal_checker::{CheckConfig, Step};
use tribunal_common::Obs;
use tribunal_contract::{Disk, Effects, Event, Lane, Machine, NodeId, Time, TimerId};
use tribunal_model::{Invariants, ModelConfig, Property, Violation};
use tribunal_protocol::Str;
use tribunal_reports::RunFolder;
use tribunal_sim::{Config, Fault, Judge, Kernel, Lifecycle, Machines, Place, Stop};

use super::film::{Ended, Faults, Film, Recorded};
use super::node::{Inner, Packet, Report, translate};
use crate::Script;

/// What following a script came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A promise broke.
    Broke {
        /// The property, by name.
        property: String,
        /// How.
        detail: String,
        /// At which step, from 1.
        step: usize,
    },
    /// Every step was done and everything held.
    Held,
    /// A step was not possible.
    Lost {
        /// Which, from 1.
        step: usize,
        /// Why.
        why: String,
    },
}

/// Follows `script`.
///
/// # Errors
///
/// If its configuration cannot be read.
pub fn follow(script: &Script) -> Result<Followed, String> {
    let mut stage = Stage::new(script.config()?, false);
    stage.begin();
    Ok(stage.follow(script).0)
}

/// Follows `script`, and writes what happened into `folder`, as of any run. Its plan is the script itself.
///
/// # Errors
///
/// If its configuration cannot be read, or the folder not be written.
pub fn follow_into(script: &Script, folder: &RunFolder, path: &str) -> Result<Followed, String> {
    let mut stage = Stage::new(script.config()?, true);
    stage.begin();
    let zero = stage.kernel.now();
    let (followed, ended) = stage.follow(script);
    let faults = std::mem::take(&mut stage.faults);
    let film = Film { kernel: &stage.kernel, config: &stage.config, faults, zero, ended };
    film.write(script, folder, path).map_err(|error| error.to_string())?;
    Ok(followed)
}

/// A part as a process of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Actor(pub(super) Part);

impl Machine for Actor {
    type Msg = Packet;
    type Input = PartInput;
    type Obs = Report;

    fn step<D: Disk, F: Effects<Packet, Report>>(
        &mut self,
        now: Time,
        event: Event<Packet, PartInput>,
        disk: &mut D,
        fx: &mut F,
    ) {
        if let Some(event) = translate(event, Some) {
            self.0.step(now, event, disk, &mut Inner(fx));
        }
    }
}

/// The first broken promise stops the run.
pub(super) struct Bench {
    invariants: Invariants,
    broken: Option<Violation>,
    /// What was observed, if that is to be written.
    pub(super) recorded: Option<Recorded>,
}

impl Bench {
    fn observe(&mut self, at: Time, node: NodeId, obs: &Obs) {
        let broken = self.invariants.observe(at, node, obs).err();
        if let Some(recorded) = &mut self.recorded {
            recorded.observe(at, node, obs, broken.is_some());
        }
        if let Some(violation) = broken {
            self.broken.get_or_insert(*violation);
        }
    }
}

impl Judge<Actor> for Bench {
    type Violation = Violation;

    fn observe(&mut self, at: Time, node: NodeId, report: &Report) {
        Bench::observe(self, at, node, &report.0);
    }

    fn after_event(&mut self, _: Time, _: NodeId, _: Machines<'_, Actor>) -> Result<(), Violation> {
        self.broken.take().map_or(Ok(()), Err)
    }

    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        match change {
            Lifecycle::Crashed | Lifecycle::Halted(_) => self.invariants.on_crash(at, node, false),
            Lifecycle::PowerLost => self.invariants.on_crash(at, node, true),
            Lifecycle::Started(_) => self.invariants.on_start(node),
        }
    }
}

/// A configuration in the kernel.
pub(super) struct Stage {
    pub(super) config: CheckConfig,
    pub(super) kernel: Kernel<Actor, Bench>,
    /// Up to where each broker has been told the metadata.
    told: Vec<i64>,
    eager: bool,
    pub(super) faults: Faults,
}

impl Cluster for Stage {
    fn config(&self) -> &CheckConfig {
        &self.config
    }

    fn part(&self, node: NodeId) -> Option<&Part> {
        self.kernel.machine(node).map(|actor| &actor.0)
    }
}

impl Stage {
    fn new(config: CheckConfig, record: bool) -> Stage {
        let rules: Rules = config.rules();
        let mut world = Config::new(0);
        world.epoch = NOW;
        world.record_trace = record;
        // What was not synced is gone with the power, all of it: the schedule knows no half.
        world.disk.torn_tail_percent = 0;
        let voters = config.voters();
        let invariants = Invariants::new(ModelConfig { voters, ..ModelConfig::default() });
        let bench = Bench { invariants, broken: None, recorded: record.then(Recorded::default) };
        let nodes = rules.machines.len();
        let eager = rules.eager_syncs;
        let machine = move |node, incarnation: u32| Actor(rules.machine(node, incarnation as u8));
        let mut kernel = Kernel::new(world, bench, machine);
        for _ in 0..nodes {
            kernel.add_node();
        }
        Stage { told: vec![0; config.nodes.into()], config, kernel, eager, faults: Faults::default() }
    }

    /// Follows a script to its end. If it is about progress, its faults end there, and whether the cluster gets on is
    /// seen.
    fn follow(&mut self, script: &Script) -> (Followed, Option<Ended>) {
        for (index, step) in script.steps.iter().enumerate() {
            let began = self.kernel.now();
            if let Err(why) = self.perform(step) {
                return (Followed::Lost { step: index + 1, why }, None);
            }
            self.faults.note(step, began, self.kernel.now());
            if let Some((property, detail)) = self.broken() {
                return (Followed::Broke { property, detail, step: index + 1 }, None);
            }
        }
        if script.property != Property::NoProgress.name() {
            return (Followed::Held, None);
        }
        let healed = self.kernel.now();
        let stuck = self.goes_on(&script.after);
        let step = script.steps.len();
        let broke = |property, detail| Followed::Broke { property, detail, step };
        let followed = match (&stuck, self.broken()) {
            (_, Some((property, detail))) => broke(property, detail),
            (Some(stuck), None) => broke(stuck.property.name().to_owned(), stuck.detail.clone()),
            (None, None) => Followed::Held,
        };
        (followed, Some(Ended { healed, stuck }))
    }

    pub(super) fn settle(&mut self) {
        self.kernel.settle(self.eager);
    }

    /// As the checker begins.
    fn begin(&mut self) {
        if let Some(controller) = self.config.controller() {
            self.kernel.start(controller);
            self.settle();
        }
        for node in 0..self.config.nodes {
            self.kernel.start(NodeId(node.into()));
            self.settle();
        }
        for node in 0..self.config.nodes {
            self.introduce(NodeId(node.into()));
        }
        // Sentences call the topic by its name.
        let active = self.active();
        if let Some(id) = active.and_then(|active| active.image().topic_id(&Str::from_static(TOPIC))) {
            self.kernel.judge_mut().invariants.name_topic(id, TOPIC);
        }
    }

    pub(super) fn input(&mut self, node: NodeId, input: PartInput) {
        self.kernel.input(node, input);
        self.settle();
    }

    /// Tells a broker its registration and the metadata.
    fn introduce(&mut self, node: NodeId) {
        let Some(active) = self.active() else { return };
        let (image, end) = (active.image().clone(), active.end());
        let epoch = image.broker(node.0 as i32).map_or(-1, |broker| broker.epoch);
        self.told[node.index()] = end;
        self.input(node, PartInput::Registered(epoch, image));
    }

    pub(super) fn next_metadata(&mut self, node: NodeId) -> Option<MetadataBatch> {
        let batch = self.active()?.published_since(self.told[node.index()]).first()?.clone();
        self.told[node.index()] = batch.last()?.0 + 1;
        Some(batch)
    }

    pub(super) fn start(&mut self, node: NodeId) -> Result<(), String> {
        if !self.kernel.apply(Fault::Restart { node }) {
            return Err(format!("b{} runs already", node.0));
        }
        self.settle();
        let Some(controller) = self.config.controller() else { return Ok(()) };
        let starts = self.kernel.incarnation(node).map_or(0, |n| n + 1) as u8;
        let replica = self.part(node).and_then(Part::as_replica).ok_or("it does not start")?;
        let previous = replica.replicas().previous_broker_epoch();
        self.input(controller, PartInput::Register(node.0 as i32, starts, previous));
        self.introduce(node);
        Ok(())
    }

    pub(super) fn perform(&mut self, step: &Step) -> Result<(), String> {
        let place = |from: u32, to: u32, lane: u8, older: usize| Place {
            initiator: NodeId(from),
            acceptor: NodeId(to),
            lane: Lane(lane),
            older,
        };
        let done = match step {
            Step::Answer { from, to, lane, older } => self.kernel.deliver_at(place(*from, *to, *lane, *older), false),
            Step::Append { node, record } => {
                self.kernel.input(NodeId(*node), PartInput::Append(*record));
                true
            }
            Step::Crash { node } => self.kernel.apply(Fault::Crash { node: NodeId(*node) }),
            Step::Cut { a, b } => self.kernel.apply(Fault::Partition { from: NodeId(*a), to: NodeId(*b), both: true }),
            Step::ElectPreferred {} => {
                self.kernel.input(self.controller()?, PartInput::ElectPreferred);
                true
            }
            Step::FailSync { node, path } => self.kernel.complete_sync(NodeId(*node), path, false),
            Step::Heal { a, b } => self.kernel.apply(Fault::Heal { from: NodeId(*a), to: NodeId(*b), both: true }),
            Step::Heartbeat { node } => {
                let replica = self.part(NodeId(*node)).and_then(Part::as_replica).ok_or("it is no broker, or down")?;
                let applied = replica.applied();
                self.kernel.input(self.controller()?, PartInput::Heartbeat(*node as i32, applied));
                true
            }
            Step::Metadata { node } => {
                let batch = self.next_metadata(NodeId(*node)).ok_or("there is nothing new")?;
                self.kernel.input(NodeId(*node), PartInput::Metadata(batch));
                true
            }
            Step::PowerLoss { node } => {
                // Peers learn of it as they do of a crash: in the checker nobody waits for a timeout.
                self.kernel.apply(Fault::Crash { node: NodeId(*node) });
                self.kernel.apply(Fault::PowerLoss { node: NodeId(*node) })
            }
            Step::Produce { node, record } => {
                self.kernel.input(NodeId(*node), PartInput::Produce(*record));
                true
            }
            Step::Request { from, to, lane, older } => self.kernel.deliver_at(place(*from, *to, *lane, *older), true),
            Step::Reset { from, to, lane, older, requests_lost } => {
                self.kernel.reset_at(place(*from, *to, *lane, *older), !requests_lost)
            }
            Step::Snapshot { node } => {
                self.kernel.input(NodeId(*node), PartInput::Snapshot);
                true
            }
            Step::Start { node } => {
                self.start(NodeId(*node))?;
                true
            }
            Step::Sync { node, path } => self.kernel.complete_sync(NodeId(*node), path, true),
            Step::Timer { node, class, index } => {
                self.kernel.fire(NodeId(*node), TimerId { class: *class, index: *index })
            }
        };
        self.settle();
        if done { Ok(()) } else { Err(format!("{step:?}: there is no such thing")) }
    }

    pub(super) fn controller(&self) -> Result<NodeId, String> {
        self.config.controller().ok_or_else(|| "there is no controller".to_owned())
    }

    /// The property that broke, and how.
    fn broken(&self) -> Option<(String, String)> {
        match self.kernel.stop()? {
            Stop::Violation(violation) => Some((violation.property.name().to_owned(), violation.detail.clone())),
            Stop::Panic { message, .. } => Some(("panic".to_owned(), message.clone())),
        }
    }
}
