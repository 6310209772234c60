//! Every key of the language, from its definition.

use super::action::{Clock, Crash, Elect, Pause, RestartLoop, RollingRestart, Shutdown, SlowCpu};
use super::disk_action::{Corrupt, DiskFault, FullDisk, SlowDisk, StallDisk};
use super::expect::Eventually;
use super::fault::{ACTIONS, ScenarioFault};
use super::keys::{Entry, Keys, Value, Visitor};
use super::member_action::{Decommission, Join, Reassign, Unregister};
use super::network_action::{Cut, Reset, SlowLink};
use super::random::RandomFaults;
use super::scenario::ScenarioKeys;
use super::topic_action::{AlterTopic, DeleteRecords};
use super::trigger::WhenKeys;

/// The reference of the language: each table with its keys, their defaults, and what they mean.
pub fn reference() -> String {
    let mut lister = Lister::default();
    ScenarioKeys::default().keys(&mut lister);
    let Lister { mut out, later, .. } = lister;
    out = later.into_iter().fold(out, |out, section| out + &section);
    section::<WhenKeys>(&mut out, "when = { … } of a [[fault]]");
    section::<Crash>(&mut out, "crash = { … }");
    section::<Shutdown>(&mut out, "shutdown = { … }");
    section::<Pause>(&mut out, "pause = { … }");
    section::<RollingRestart>(&mut out, "rolling_restart = { … }");
    section::<RestartLoop>(&mut out, "restart_loop = { … }");
    section::<SlowCpu>(&mut out, "slow_cpu = { … }");
    section::<Cut>(&mut out, "partition = { … }");
    section::<Reset>(&mut out, "reset = { … }");
    section::<SlowLink>(&mut out, "slow_link = { … }");
    section::<DiskFault>(&mut out, "disk = { … }");
    section::<SlowDisk>(&mut out, "slow_disk = { … }");
    section::<StallDisk>(&mut out, "stall_disk = { … }");
    section::<FullDisk>(&mut out, "full_disk = { … }");
    section::<Corrupt>(&mut out, "corrupt = { … }");
    section::<Clock>(&mut out, "clock = { … }");
    section::<Elect>(&mut out, "elect = { … }");
    section::<Reassign>(&mut out, "reassign = { … }");
    section::<Join>(&mut out, "join = { … }");
    section::<Decommission>(&mut out, "decommission = { … }");
    section::<Unregister>(&mut out, "unregister = { … }");
    section::<DeleteRecords>(&mut out, "delete_records = { … }");
    section::<AlterTopic>(&mut out, "alter_topic = { … }");
    section::<RandomFaults>(&mut out, "random = { … }");
    section::<Eventually>(&mut out, "eventually = { … } of [expect]");
    out += TARGETS;
    out
}

/// The kinds of faults: the keys of their actions, with what they do.
pub fn faults() -> Vec<(&'static str, &'static str)> {
    struct Actions(Vec<(&'static str, &'static str)>);
    impl Visitor for Actions {
        fn key<T: Value>(&mut self, name: &'static str, about: &'static str, _: &mut T) {
            if ACTIONS.contains(&name) || name == "random" {
                self.0.push((name, about));
            }
        }
        fn required<T: Value>(&mut self, _: &'static str, _: &'static str, _: &mut T) {}
        fn tables<T: Entry>(&mut self, _: &'static str, _: &'static str, _: &mut Vec<T>) {}
        fn table<T: Keys>(&mut self, _: &'static str, _: &'static str, _: &mut T) {}
    }
    let mut actions = Actions(Vec::new());
    ScenarioFault::list(&mut actions);
    actions.0
}

const TARGETS: &str = "
targets
  broker 2             the broker of that id
  leader:orders/0      the leader of the partition at that moment
  follower:orders/0    one of its followers, chosen by the seed
  followers:orders/0   all of its followers
  isr:orders/0         all of its in-sync replicas, with the leader
  rack:a               every broker on that rack; see `racks` of [cluster]
  controller           the active controller
  subject              the node that made the observation of `when`: the voter that granted a vote, the follower that fetched
  any                  a running broker, chosen by the seed
  all                  every broker
  client producer 0    a client, numbered over all workloads of its kind
  clients              every client
";

fn section<T: Keys>(out: &mut String, title: &str) {
    let mut lister = Lister::default();
    T::default().keys(&mut lister);
    *out += &format!("\n{title}\n{}", lister.out);
}

#[derive(Default)]
struct Lister {
    out: String,
    /// Tables within, which come after the keys.
    later: Vec<String>,
}

impl Lister {
    fn line<T: Value>(&mut self, name: &str, about: &str, default: Option<String>) {
        let default = default.map_or(String::new(), |text| format!(" = {text}"));
        self.out += &format!("  {:<34} {about}\n", format!("{name}{default}"));
    }
}

impl Visitor for Lister {
    fn key<T: Value>(&mut self, name: &'static str, about: &'static str, field: &mut T) {
        self.line::<T>(name, about, field.write());
    }

    fn required<T: Value>(&mut self, name: &'static str, about: &'static str, _: &mut T) {
        self.line::<T>(name, &format!("(needed) {about}"), None);
    }

    fn tables<T: Entry>(&mut self, name: &'static str, about: &'static str, _: &mut Vec<T>) {
        let mut lister = Lister::default();
        T::list(&mut lister);
        self.later.push(format!("\n[[{name}]]    {about}\n{}", lister.out));
    }

    fn table<T: Keys>(&mut self, name: &'static str, about: &'static str, _: &mut T) {
        let mut lister = Lister::default();
        T::default().keys(&mut lister);
        self.later.push(format!("\n[{name}]    {about}\n{}", lister.out));
    }
}
