//! The phases of a run.

mod liveness;

use std::collections::BTreeMap;

use tribunal_common::TopicIdPartition;
use tribunal_contract::{NodeId, Span, Time};
use tribunal_core::Broker;
use tribunal_language::plan::Plan;
use tribunal_language::{Acks, Action, Condition, DiskLoss, Target, Topic, Trigger, Workload};
use tribunal_model::{ModelConfig, Names, Promises, Property, PropertyKind};
use tribunal_reports::{NodeRecord, RUN_FORMAT, ReportError, Role, RunFolder, RunRecord, TopicRecord, thousands};
use tribunal_sim::{Fault, Kernel, Ran, Stop};

use super::app::{AppSpec, Extras};
use super::bounds;
use super::build::{self, ADMIN, ClientConfig};
use super::court::Court;
use super::coverage::Coverage;
use super::explain::Observations;
use super::faults::{Faults, SimKernel};
use super::node::Node;
use super::records;
use crate::apps::{AdminApp, ConsumerApp, ProducerApp};
use crate::run::{How, Trial, Violation};

/// A cluster that nothing has gone wrong with must be there by then.
const WARM_UP_LIMIT: Span = Span::from_secs(60);
/// How often it is looked whether a phase is over.
const STEP: Span = Span::from_millis(100);

/// One run.
pub(super) struct Run<'p> {
    plan: &'p Plan,
    kernel: SimKernel,
    faults: Faults,
    producers: Vec<NodeId>,
    consumers: Vec<NodeId>,
    prober: NodeId,
    auditor: NodeId,
    apps: Vec<AppSpec>,
    names: Names,
    zero: Time,
    /// Where the run ends before its time, after zero.
    until: Option<Span>,
    healed: Option<Time>,
    audited: bool,
    extra: Vec<tribunal_model::Violation>,
}

impl<'p> Run<'p> {
    /// The cluster and its clients, nothing started.
    pub(super) fn new(plan: &'p Plan, how: &How<'_>, extras: &Extras) -> Run<'p> {
        let brokers = build::broker_nodes(&plan.cluster);
        let clients = build::clients(plan);
        let first_client = brokers.len() as u32 + 1;
        let mut names = Names::new(Time(0));
        names.node(ADMIN, "admin");
        let (mut producers, mut consumers, mut acks_all) = (Vec::new(), Vec::new(), Vec::new());
        let mut acks = plan.workloads.iter().flat_map(|workload| match workload {
            Workload::Producer(producer) => vec![producer.acks; producer.clients as usize],
            Workload::Consumer(_) => Vec::new(),
        });
        for (n, client) in clients.iter().enumerate() {
            let node = NodeId(first_client + n as u32);
            names.node(node, &client.name);
            match client.config {
                ClientConfig::Producer(_) => {
                    producers.push(node);
                    if acks.next() == Some(Acks::All) {
                        acks_all.push(node);
                    }
                }
                ClientConfig::Consumer(_) => consumers.push(node),
            }
        }
        let prober = NodeId(first_client + clients.len() as u32);
        let auditor = NodeId(prober.0 + 1);
        names.node(prober, "prober");
        names.node(auditor, "auditor");
        acks_all.push(prober);
        let apps = extras.apps.clone();
        for (n, app) in apps.iter().enumerate() {
            names.node(NodeId(auditor.0 + 1 + n as u32), &app.name);
        }
        let voters = plan.cluster.controller_ids().map(|id| id as i32).collect();
        let config = ModelConfig { voters, acks_all, names: names.clone() };
        let mut court = Court::new(config, plan, how);
        court.watches = extras.watches.iter().map(|watch| (watch.name.clone(), (watch.make)())).collect();
        let record = court.record.is_some();
        let (cluster, seed, bugs) = (plan.cluster.clone(), plan.seed, how.bugs.to_vec());
        let (admin, probe, audit) = (build::admin_config(plan), build::prober(plan), build::auditor(plan));
        let faults = Faults::new(plan, brokers, producers.clone(), consumers.clone());
        let upgrades = faults.upgrades.clone();
        let factory = move |node: NodeId, incarnation: u32| match node {
            ADMIN => Node::Admin(AdminApp::new(admin.clone())),
            _ if node.0 < first_client => {
                let mut cfg = build::broker_config(&cluster, seed, &bugs, node.0, incarnation);
                cfg.truncation = upgrades.borrow().get(&node).copied().unwrap_or(cfg.truncation);
                Node::Broker(Broker::new(cfg))
            }
            _ if node == prober => Node::Producer(ProducerApp::new(probe.clone())),
            _ if node == auditor => Node::Consumer(ConsumerApp::new(audit.clone())),
            _ if node > auditor => Node::App((apps[(node.0 - auditor.0 - 1) as usize].make)(incarnation)),
            _ => match &clients[(node.0 - first_client) as usize].config {
                ClientConfig::Producer(config) => Node::Producer(ProducerApp::new(config.clone())),
                ClientConfig::Consumer(config) => Node::Consumer(ConsumerApp::new(config.clone())),
            },
        };
        let mut kernel = Kernel::new(build::kernel_config(plan, record), court, factory);
        for _ in 0..=auditor.0 + extras.apps.len() as u32 {
            kernel.add_node();
        }
        for (id, offset) in plan.cluster.broker_ids().zip(&plan.clock_offsets) {
            kernel.apply(Fault::ClockOffset { node: NodeId(id), nanos: offset.0 });
        }
        Run {
            plan,
            kernel,
            faults,
            producers,
            consumers,
            prober,
            auditor,
            apps: extras.apps.clone(),
            names,
            zero: Time(0),
            until: how.until,
            healed: None,
            audited: false,
            extra: Vec::new(),
        }
    }

    /// Runs to the end and says what it came to.
    pub(super) fn finish(mut self, folder: Option<&RunFolder>) -> Result<Trial, ReportError> {
        if self.warm_up() {
            self.safety();
            self.liveness();
        }
        self.judge(folder)
    }

    /// Whether the cluster came up, with every replica in sync.
    fn warm_up(&mut self) -> bool {
        for id in 1..=self.plan.cluster.first_brokers() {
            self.kernel.start(NodeId(id));
        }
        self.kernel.start(ADMIN);
        let limit = self.kernel.now() + WARM_UP_LIMIT;
        loop {
            let now = self.kernel.now();
            if self.kernel.run_until(now + STEP) == Ran::Stopped {
                return false;
            }
            if let Some(Node::Admin(admin)) = self.kernel.machine(ADMIN)
                && admin.is_ready()
            {
                self.faults.ids = admin.topic_ids().clone();
                self.faults.atlas.name_topics(&self.faults.ids);
                break;
            }
            if self.kernel.now() >= limit {
                let why = format!("the cluster is not up {WARM_UP_LIMIT:?} after it was started, before any fault");
                self.no_progress(why);
                return false;
            }
        }
        self.zero = self.kernel.now();
        let mut names = Names::new(self.zero);
        for (name, &id) in &self.faults.ids {
            self.kernel.judge_mut().invariants.name_topic(id, name);
            names.topic(id, name);
        }
        self.names = self.renamed(names);
        true
    }

    fn app_nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        let first = self.auditor.0 + 1;
        (first..first + self.apps.len() as u32).map(NodeId)
    }

    fn renamed(&self, mut names: Names) -> Names {
        for node in (0..=self.auditor.0 + self.apps.len() as u32).map(NodeId) {
            let called = self.names.of_node(node);
            if called != format!("b{}", node.0) {
                names.node(node, &called);
            }
        }
        names
    }

    fn safety(&mut self) {
        let court = self.kernel.judge_mut();
        court.invariants.set_names(self.names.clone());
        court.open = true;
        let faults = &self.faults;
        court.triggers.resolve(|partition| faults.partition(partition));
        for (index, fault) in self.plan.faults.iter().enumerate() {
            if let Trigger::At(at) = fault.trigger {
                let at = self.zero + at + fault.after;
                self.faults.plan_fault(&mut self.kernel, at, index, None);
            }
        }
        let comes_back_old =
            |action: &Action| matches!(action, Action::Crash { what, .. } if what.disk == DiskLoss::Old);
        if self.plan.faults.iter().any(|fault| comes_back_old(&fault.action)) {
            for node in self.faults.brokers.clone() {
                self.kernel.apply(Fault::DiskSnapshot { node });
            }
        }
        for node in self.producers.iter().chain(&self.consumers) {
            self.kernel.start(*node);
        }
        for (node, app) in self.app_nodes().zip(&self.apps) {
            self.kernel.start(node);
            for (at, down) in &app.crashes {
                self.faults.plan_crash(&mut self.kernel, self.zero + *at, node, *down);
            }
        }
        let end = self.zero + self.until.map_or(self.plan.duration, |until| until.min(self.plan.duration));
        while self.kernel.now() < end && self.kernel.stop().is_none() {
            self.resolve_conditions();
            // The node that a condition's `of` means may change with every election, so it is looked up often.
            let limit = if self.has_moving_conditions() { (self.kernel.now() + STEP).min(end) } else { end };
            self.run_to(limit);
        }
    }

    /// Runs to `limit` and does what is due on the way.
    fn run_to(&mut self, limit: Time) {
        loop {
            match self.kernel.run_until(limit) {
                Ran::Limit | Ran::Stopped => return,
                Ran::Token(token) => self.faults.on_token(self.plan, &mut self.kernel, token),
                Ran::Interrupted => {
                    for fired in self.kernel.judge_mut().triggers.take_fired() {
                        let at = self.kernel.now() + self.plan.faults[fired.fault].after;
                        self.faults.plan_fault(&mut self.kernel, at, fired.fault, Some(fired.subject));
                    }
                }
            }
        }
    }

    fn conditions(&self) -> impl Iterator<Item = (usize, &'p Target)> + use<'p> {
        self.plan.faults.iter().enumerate().filter_map(|(index, fault)| match &fault.trigger {
            Trigger::When(Condition::Observed { of: Some(target), .. }) => Some((index, target)),
            _ => None,
        })
    }

    fn has_moving_conditions(&self) -> bool {
        self.conditions().any(|(_, target)| !matches!(target, Target::Broker(_) | Target::Client(..)))
    }

    fn resolve_conditions(&mut self) {
        for (index, target) in self.conditions() {
            let nodes = self.faults.resolve(&self.kernel, target, None, 0);
            self.kernel.judge_mut().triggers.of.insert(index, nodes);
        }
    }

    /// Whether the run has come to where it is to end before its time.
    fn is_cut_short(&self) -> bool {
        self.until.is_some_and(|until| self.kernel.now() >= self.zero + until)
    }

    fn no_progress(&mut self, detail: String) {
        let at = self.kernel.now();
        self.extra.push(tribunal_model::Violation {
            property: Property::NoProgress,
            partition: None,
            at,
            node: None,
            detail,
            cause: Vec::new(),
        });
    }

    fn judge(mut self, folder: Option<&RunFolder>) -> Result<Trial, ReportError> {
        let now = self.kernel.now();
        if let Some(Stop::Panic { node, message }) = self.kernel.stop() {
            let who = node.map_or_else(|| "the simulator".to_owned(), |node| self.names.of_node(node));
            let detail = format!("{who} panicked at {} s: {message}", self.names.seconds(now));
            let violation = tribunal_model::Violation {
                property: Property::Panic,
                partition: None,
                at: now,
                node: *node,
                detail,
                cause: Vec::new(),
            };
            self.extra.push(violation);
        }
        let trace_hash = self.kernel.trace_hash();
        let promises = Promises {
            final_polls: self.audited,
            auditor: self.audited.then_some(self.auditor),
            ..Promises::default()
        };
        let court = self.kernel.judge_mut();
        let mut violations = std::mem::take(&mut court.violations);
        let seen_at = std::mem::take(&mut court.seen_at);
        court.finish_watches(now);
        violations.append(&mut court.violations);
        violations.extend(court.invariants.finish());
        let judgement = court.history.judge(&promises, &self.names, Some(court.invariants.truth()));
        violations.extend(judgement.violations);
        let notes = unread_note(&judgement.deleted_unread, &self.names).into_iter().collect();
        violations.append(&mut self.extra);
        if self.is_cut_short() {
            // What is said of a run as a whole cannot be said of its beginning.
            violations.retain(|violation| violation.property.kind() == PropertyKind::Invariant);
        }
        violations.extend(bounds::exceeded(self.kernel.judge(), &self.plan.expect, now));
        let observations = Observations::new(&self.kernel, &self.names, self.zero);
        if let Some(folder) = folder {
            records::write(folder, &self.kernel, &self.names, self.zero)?;
            self.write_scene(folder)?;
            observations.write(folder)?;
        }
        let mut told: Vec<Violation> = violations.iter().map(|violation| self.tell(violation)).collect();
        observations.explain(&violations, &seen_at, &mut told);
        let court = self.kernel.judge_mut();
        let (marks, acks) = court.coverage.take().map(Coverage::finish).unwrap_or_default();
        let court = self.kernel.judge();
        Ok(Trial {
            violations: told,
            marks,
            acks,
            simulated: now.since(Time(0)),
            operations: court.operations,
            faults: self.faults.count,
            events: self.kernel.stats().events,
            struck: self.faults.log.struck(self.zero),
            trace_hash,
            reached: court.reached.iter().filter(|(_, count)| *count > 0).map(|(kind, _)| kind).collect(),
            limit: None,
            notes,
        })
    }

    /// Writes the nodes that took part, the phases, and the faults.
    fn write_scene(&self, folder: &RunFolder) -> Result<(), ReportError> {
        let (plan, end) = (self.plan, self.kernel.now());
        let role = |node: NodeId| match node {
            ADMIN => Role::Admin,
            _ if node == self.prober => Role::Prober,
            _ if node == self.auditor => Role::Auditor,
            _ if self.producers.contains(&node) => Role::Producer,
            _ if self.consumers.contains(&node) => Role::Consumer,
            _ => Role::Broker,
        };
        let node = |id: u32| NodeRecord {
            id,
            name: self.names.of_node(NodeId(id)),
            role: role(NodeId(id)),
            controller: plan.cluster.controller_ids().any(|controller| controller == id),
        };
        let topic = |topic: &Topic| TopicRecord {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication,
            min_insync: topic.min_insync,
        };
        let reached = self.kernel.judge().reached.iter().filter(|(_, count)| *count > 0);
        folder.write_run(&RunRecord {
            format: RUN_FORMAT,
            about: plan.about.clone(),
            zero_ns: self.zero.0,
            healed_s: self.healed.map(|healed| records::seconds(healed, self.zero)),
            end_s: records::seconds(end, self.zero),
            nodes: (0..=self.auditor.0).map(node).collect(),
            topics: plan.topics.iter().map(topic).collect(),
            sometimes: plan.expect.sometimes.iter().map(|kind| kind.name().to_owned()).collect(),
            reached: reached.map(|(kind, count)| (kind.name().to_owned(), count)).collect(),
        })?;
        records::write_faults(folder, plan, &self.faults.log.finish(plan, end), &self.names, self.zero)
    }

    fn tell(&self, violation: &tribunal_model::Violation) -> Violation {
        let at = violation.at.0 as i64 - self.zero.0 as i64;
        let mut told = Violation::new(violation.property, violation.detail.clone(), at);
        told.topic = violation.partition.and_then(|partition| self.names.of_topic(partition)).map(str::to_owned);
        told.cause = violation.cause_line(&self.names);
        told.line = self.faults.last_line(self.plan, violation.at);
        told
    }
}

/// The note on acknowledged records that were deleted unread, if there are any.
fn unread_note(unread: &BTreeMap<TopicIdPartition, u64>, names: &Names) -> Option<String> {
    let count: u64 = unread.values().sum();
    let partitions: Vec<String> = unread.keys().map(|partition| names.of_partition(*partition)).collect();
    let were = if count == 1 { "record was" } else { "records were" };
    let count = thousands(count);
    let place = partitions.join(", ");
    (!place.is_empty()).then(|| format!("{count} acknowledged {were} deleted before any client read them: {place}"))
}
