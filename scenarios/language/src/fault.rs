//! `[[fault]]`: a trigger and an action, or faults at random.

use tribunal_contract::Span;

use super::action::{Action, Clock, Crash, Elect, Pause, RestartLoop, RollingRestart, Shutdown, SlowCpu};
use super::disk_action::{Corrupt, DiskFault, FullDisk, SlowDisk, StallDisk};
use super::keys::{Context, Entry, Keys, Table, Visitor, Writer, read_keys};
use super::member_action::{Decommission, Join, Reassign, Unregister};
use super::nearest::suggestion;
use super::network_action::{Cut, Direction, Reset, SlowLink};
use super::random::RandomFaults;
use super::topic_action::{AlterTopic, DeleteRecords};
use super::trigger::{Condition, Trigger};
use super::units::After;

/// Something that goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// When.
    pub trigger: Trigger,
    /// So long after the trigger.
    pub after: Span,
    /// What.
    pub action: Action,
    /// The line of the scenario that it comes from, from 1.
    pub line: u32,
}

impl Fault {
    /// It as scenario files write it, without the header, a key a line.
    pub fn text(&self) -> String {
        let mut writer = Writer::default();
        FaultKeys { line: None, ..FaultKeys::of(self) }.keys(&mut writer);
        writer.finish()
    }
}

/// A `[[fault]]` of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScenarioFault {
    /// As it is written.
    Once(Fault),
    /// To be drawn from the seed.
    Random(RandomFaults),
}

/// How long a pause, a slow disk or a slow link lasts where the file does not say.
const DEFAULT_FOR: Span = Span::from_secs(2);

/// The keys of a fault, before it is known which they make.
#[derive(Clone, Debug, Default)]
struct FaultKeys {
    at: Option<Span>,
    when: Option<Condition>,
    after: Option<Span>,
    alter_topic: Option<AlterTopic>,
    clock: Option<Clock>,
    corrupt: Option<Corrupt>,
    crash: Option<Crash>,
    decommission: Option<Decommission>,
    delete_records: Option<DeleteRecords>,
    disk: Option<DiskFault>,
    elect: Option<Elect>,
    join: Option<Join>,
    full_disk: Option<FullDisk>,
    partition: Option<Cut>,
    pause: Option<Pause>,
    reassign: Option<Reassign>,
    reset: Option<Reset>,
    restart_loop: Option<RestartLoop>,
    rolling_restart: Option<RollingRestart>,
    shutdown: Option<Shutdown>,
    slow_cpu: Option<SlowCpu>,
    slow_disk: Option<SlowDisk>,
    slow_link: Option<SlowLink>,
    unregister: Option<Unregister>,
    stall_disk: Option<StallDisk>,
    random: Option<RandomFaults>,
    restart_after: Option<After>,
    heal_after: Option<After>,
    lasts: Option<Span>,
    line: Option<u32>,
}

impl Keys for FaultKeys {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key("at", "Trigger: a time after the workload's zero.", &mut self.at);
        v.key("when", "Or the first time a condition holds; its keys are below.", &mut self.when);
        v.key("after", "Delay after the trigger.", &mut self.after);
        v.key("crash", "A process dies; its machine may lose power too.", &mut self.crash);
        v.key("shutdown", "A broker leaves by controlled shutdown.", &mut self.shutdown);
        v.key("pause", "A process stops running for a while, without dying.", &mut self.pause);
        v.key("rolling_restart", "Every broker in turn is stopped and started.", &mut self.rolling_restart);
        v.key("restart_loop", "A process stops and starts several times.", &mut self.restart_loop);
        v.key("slow_cpu", "A process needs time for every event.", &mut self.slow_cpu);
        v.key("partition", "Nodes cannot reach each other.", &mut self.partition);
        v.key("reset", "Open connections are reset; everything else stays alive.", &mut self.reset);
        v.key("slow_link", "Messages take longer.", &mut self.slow_link);
        v.key("disk", "Operations of a disk fail.", &mut self.disk);
        v.key("slow_disk", "Syncs of a disk take longer.", &mut self.slow_disk);
        v.key("stall_disk", "Syncs of a disk do not complete.", &mut self.stall_disk);
        v.key("full_disk", "A disk has little space left.", &mut self.full_disk);
        v.key("corrupt", "A bit of a log flips, or a write lands in another file.", &mut self.corrupt);
        v.key("clock", "A clock jumps or drifts.", &mut self.clock);
        v.key("elect", "The controller is asked to elect a leader.", &mut self.elect);
        v.key(
            "reassign",
            "A partition is reassigned to other brokers, or its reassignment is cancelled.",
            &mut self.reassign,
        );
        v.key("join", "A broker of `join_later` starts for the first time.", &mut self.join);
        v.key("decommission", "A broker leaves for good, once others hold its partitions.", &mut self.decommission);
        v.key("unregister", "A broker is unregistered, whatever partitions it holds.", &mut self.unregister);
        v.key(
            "delete_records",
            "Records at the beginning of a partition are deleted on purpose: they count neither as lost nor as skipped.",
            &mut self.delete_records,
        );
        v.key("alter_topic", "Settings of a topic are altered.", &mut self.alter_topic);
        v.key("random", "Faults drawn from the seed; its keys are below.", &mut self.random);
        v.key(
            "restart_after",
            "With crash and shutdown: delay until the process starts again, or \"never\": not even after healing, unless a \
             partition would have no leader without it (see `fault_atlas`).",
            &mut self.restart_after,
        );
        v.key(
            "heal_after",
            "With partition: delay until it heals, or \"never\" (until the liveness phase).",
            &mut self.heal_after,
        );
        v.key(
            "for",
            "With full_disk, pause, slow_cpu, slow_disk, slow_link and stall_disk: how long; 2s if left out.",
            &mut self.lasts,
        );
        v.key("line", "In a plan: the line of the scenario that the fault comes from.", &mut self.line);
    }
}

/// Every action's key.
pub const ACTIONS: [&str; 22] = [
    "alter_topic",
    "clock",
    "corrupt",
    "crash",
    "decommission",
    "delete_records",
    "disk",
    "elect",
    "full_disk",
    "join",
    "partition",
    "pause",
    "reassign",
    "reset",
    "restart_loop",
    "rolling_restart",
    "shutdown",
    "slow_cpu",
    "slow_disk",
    "slow_link",
    "stall_disk",
    "unregister",
];

impl Entry for ScenarioFault {
    fn read(cx: &mut Context, table: &mut Table<'_>) -> Option<ScenarioFault> {
        let before = cx.diagnostics.0.len();
        let mut keys: FaultKeys = read_keys(cx, table);
        let unsound = cx.diagnostics.0.len() > before;
        if keys.line.is_some() && !cx.plan {
            cx.error(table.key_range("line"), "`line` is written by the tool, into plans", "not in a scenario");
        }
        let actions: Vec<&str> = ACTIONS.into_iter().chain(["random"]).filter(|key| table.has(key)).collect();
        match actions[..] {
            [] => {
                // A misspelt action is reported as an unknown key, with the nearest one.
                if table.unknown().next().is_none() {
                    let label = format!("needs one of {}, random", ACTIONS.join(", "));
                    cx.error(table.range.clone(), "a [[fault]] without an action", label);
                }
                None
            }
            ["random"] => keys.random(cx, table),
            [action] => {
                let line = keys.line.unwrap_or_else(|| cx.line(&table.path_of(action)));
                let trigger = keys.trigger(cx, table, unsound);
                let after = keys.after.unwrap_or_default();
                let action = keys.action(cx, table, action);
                Some(ScenarioFault::Once(Fault { trigger: trigger?, after, action: action?, line }))
            }
            [first, second, ..] => {
                let message = format!("a [[fault]] does one thing, this one has `{first}` and `{second}`");
                cx.error_help(table.key_range(second), message, "a second action", "write two [[fault]] tables");
                None
            }
        }
    }

    fn write(&self, writer: &mut Writer) {
        let mut keys = match self {
            ScenarioFault::Once(fault) => FaultKeys::of(fault),
            ScenarioFault::Random(random) => FaultKeys { random: Some(random.clone()), ..FaultKeys::default() },
        };
        keys.keys(writer);
    }

    fn list<V: Visitor>(v: &mut V) {
        FaultKeys::default().keys(v);
    }
}

impl FaultKeys {
    fn trigger(&self, cx: &mut Context, table: &Table<'_>, unsound: bool) -> Option<Trigger> {
        match (&self.at, &self.when) {
            (Some(_), Some(_)) => {
                cx.error(table.key_range("when"), "a [[fault]] has either `at` or `when`", "this is the second");
                None
            }
            (Some(at), None) => Some(Trigger::At(*at)),
            (None, Some(when)) => Some(Trigger::When(when.clone())),
            (None, None) => {
                if !unsound && !table.has("at") && !table.has("when") {
                    let label = "needs `at`, such as \"3s\", or `when`, such as { leader_elected = \"orders/0\" }";
                    cx.error(table.range.clone(), "a [[fault]] that never happens", label);
                }
                None
            }
        }
    }

    /// The keys beside the action that go with it.
    fn companions(action: &str) -> &'static [&'static str] {
        match action {
            "crash" | "shutdown" => &["restart_after"],
            "partition" => &["heal_after"],
            "full_disk" | "pause" | "slow_cpu" | "slow_disk" | "slow_link" | "stall_disk" => &["for"],
            _ => &[],
        }
    }

    fn action(&mut self, cx: &mut Context, table: &Table<'_>, name: &str) -> Option<Action> {
        let companions = FaultKeys::companions(name);
        for key in ["restart_after", "heal_after", "for"] {
            if table.has(key) && !companions.contains(&key) {
                let label = match companions {
                    [] => "it takes no such key".to_owned(),
                    [right, ..] => format!("did you mean `{right}`?"),
                };
                cx.error(table.key_range(key), format!("`{key}` does not go with `{name}`"), label);
            }
        }
        let (restart, heal) = (self.restart_after.unwrap_or_default(), self.heal_after.unwrap_or_default());
        let lasts = self.lasts.unwrap_or(DEFAULT_FOR);
        Some(match name {
            "alter_topic" => Action::AlterTopic(alter_topic(cx, table, self.alter_topic.take()?)?),
            "clock" => Action::Clock(self.clock.take()?),
            "corrupt" => Action::Corrupt(self.corrupt.take()?),
            "crash" => Action::Crash { what: self.crash.take()?, restart },
            "decommission" => Action::Decommission(self.decommission.take()?),
            "delete_records" => Action::DeleteRecords(self.delete_records.take()?),
            "disk" => Action::Disk(self.disk.take()?),
            "elect" => Action::Elect(self.elect.take()?),
            "join" => Action::Join(self.join.take()?),
            "full_disk" => Action::FullDisk { what: self.full_disk.take()?, lasts },
            "partition" => Action::Partition { what: cut(cx, table, self.partition.take()?)?, heal },
            "pause" => Action::Pause { what: self.pause.take()?, lasts },
            "reassign" => Action::Reassign(reassign(cx, table, self.reassign.take()?)?),
            "reset" => Action::Reset(self.reset.take()?),
            "restart_loop" => Action::RestartLoop(self.restart_loop.take()?),
            "rolling_restart" => Action::RollingRestart(self.rolling_restart.take()?),
            "shutdown" => Action::Shutdown { what: self.shutdown.take()?, restart },
            "slow_cpu" => Action::SlowCpu { what: self.slow_cpu.take()?, lasts },
            "slow_disk" => Action::SlowDisk { what: self.slow_disk.take()?, lasts },
            "unregister" => Action::Unregister(self.unregister.take()?),
            "stall_disk" => Action::StallDisk { what: self.stall_disk.take()?, lasts },
            _ => Action::SlowLink { what: self.slow_link.take()?, lasts },
        })
    }

    fn random(&mut self, cx: &mut Context, table: &Table<'_>) -> Option<ScenarioFault> {
        for key in ["at", "when", "after", "restart_after", "heal_after", "for"] {
            if table.has(key) {
                let label = match suggestion(key, &["from", "restart_after", "heal_after"]) {
                    label if label.starts_with("did") => "write it inside `random`".to_owned(),
                    _ => "the times are drawn from the seed; see `from` and `until`".into(),
                };
                cx.error(table.key_range(key), format!("`{key}` does not go with `random`"), label);
            }
        }
        if cx.plan {
            let label = "a plan is explicit: every fault has its time and its target";
            cx.error(table.key_range("random"), "a plan has no random faults", label);
            return None;
        }
        let mut random = self.random.take()?;
        random.line = cx.line(&table.path_of("random"));
        Some(ScenarioFault::Random(random))
    }

    fn of(fault: &Fault) -> FaultKeys {
        let mut keys = FaultKeys::default();
        match fault.trigger.clone() {
            Trigger::At(at) => keys.at = Some(at),
            Trigger::When(when) => keys.when = Some(when),
        }
        keys.after = (fault.after != Span::ZERO).then_some(fault.after);
        keys.line = Some(fault.line).filter(|line| *line > 0);
        match fault.action.clone() {
            Action::AlterTopic(what) => keys.alter_topic = Some(what),
            Action::Clock(what) => keys.clock = Some(what),
            Action::Corrupt(what) => keys.corrupt = Some(what),
            Action::Crash { what, restart } => (keys.crash, keys.restart_after) = (Some(what), Some(restart)),
            Action::Decommission(what) => keys.decommission = Some(what),
            Action::DeleteRecords(what) => keys.delete_records = Some(what),
            Action::Disk(what) => keys.disk = Some(what),
            Action::Elect(what) => keys.elect = Some(what),
            Action::Join(what) => keys.join = Some(what),
            Action::FullDisk { what, lasts } => (keys.full_disk, keys.lasts) = (Some(what), Some(lasts)),
            Action::Partition { what, heal } => (keys.partition, keys.heal_after) = (Some(what), Some(heal)),
            Action::Pause { what, lasts } => (keys.pause, keys.lasts) = (Some(what), Some(lasts)),
            Action::Reassign(what) => keys.reassign = Some(what),
            Action::Reset(what) => keys.reset = Some(what),
            Action::RestartLoop(what) => keys.restart_loop = Some(what),
            Action::RollingRestart(what) => keys.rolling_restart = Some(what),
            Action::Shutdown { what, restart } => (keys.shutdown, keys.restart_after) = (Some(what), Some(restart)),
            Action::SlowCpu { what, lasts } => (keys.slow_cpu, keys.lasts) = (Some(what), Some(lasts)),
            Action::SlowDisk { what, lasts } => (keys.slow_disk, keys.lasts) = (Some(what), Some(lasts)),
            Action::SlowLink { what, lasts } => (keys.slow_link, keys.lasts) = (Some(what), Some(lasts)),
            Action::Unregister(what) => keys.unregister = Some(what),
            Action::StallDisk { what, lasts } => (keys.stall_disk, keys.lasts) = (Some(what), Some(lasts)),
        }
        keys
    }
}

/// An alteration of something.
fn alter_topic(cx: &mut Context, table: &Table<'_>, alter: AlterTopic) -> Option<AlterTopic> {
    if alter.retention_ms.is_none() && alter.retention_bytes.is_none() && alter.max_message_bytes.is_none() {
        let label = "needs retention_ms, retention_bytes or max_message_bytes";
        cx.error(table.key_range("alter_topic"), "an alteration of nothing", label);
        return None;
    }
    Some(alter)
}

/// A reassignment names replicas, or is cancelled.
fn reassign(cx: &mut Context, table: &Table<'_>, reassign: Reassign) -> Option<Reassign> {
    let path = table.path_of("reassign");
    match (reassign.replicas.is_empty(), reassign.cancel) {
        (true, false) => {
            cx.error_at(&path, "a reassignment to whom?", "needs `replicas`, or `cancel = true`");
            None
        }
        (false, true) => {
            cx.error_at(&format!("{path}.cancel"), "`cancel` does not go with `replicas`", "leave one out");
            None
        }
        _ => Some(reassign),
    }
}

/// A cut must name the nodes it is between, in one way only.
fn cut(cx: &mut Context, table: &Table<'_>, cut: Cut) -> Option<Cut> {
    let path = table.path_of("partition");
    let named = ["isolate", "groups", "shape"].map(|key| cx.has(&format!("{path}.{key}")));
    let wrong: Option<(&str, String, &str)> = match (&cut.isolate, &cut.groups) {
        _ if named.iter().filter(|named| **named).count() > 1 => {
            let second = if named[2] { ".shape" } else { ".groups" };
            Some((second, "a partition has one of `isolate`, `groups` and `shape`".into(), "the second"))
        }
        (None, None) if !named.contains(&true) => {
            Some(("", "a partition between whom?".into(), "needs `isolate`, `groups` or `shape`"))
        }
        (None, None) if cut.shape.is_none() => return None,
        (None, None) if cut.clients || cut.direction != Direction::Both => {
            Some((".shape", "a shape cuts brokers from each other, both ways".into(), "goes with neither key"))
        }
        (None, Some(groups)) if groups.len() < 2 => {
            Some((".groups", "a partition needs two groups".into(), "at least two lists"))
        }
        (None, Some(groups)) if groups.iter().any(Vec::is_empty) => {
            Some((".groups", "an empty group is cut off from nobody".into(), "leave it out"))
        }
        (None, Some(_)) if cut.clients => Some((
            ".clients",
            "`clients` goes with `isolate`".into(),
            "put \"clients\" or \"client producer 0\" into a group",
        )),
        _ => None,
    };
    match wrong {
        Some((key, message, label)) => {
            cx.error_at(&format!("{path}{key}"), message, label);
            None
        }
        None => Some(cut),
    }
}
