//! The targets that an action names.

use super::action::{Action, Clock, Crash, Pause, RestartLoop, Shutdown, SlowCpu};
use super::disk_action::{Corrupt, DiskFault, FullDisk, SlowDisk, StallDisk};
use super::member_action::{Decommission, Join, Unregister};
use super::network_action::{Reset, SlowLink};
use super::target::Target;

/// The targets of an action, in a fixed order.
macro_rules! targets {
    ($action:expr, $iter:ident) => {
        match $action {
            Action::AlterTopic(_)
            | Action::DeleteRecords(_)
            | Action::Elect(_)
            | Action::Reassign(_)
            | Action::RollingRestart(_) => Vec::new(),
            Action::Partition { what, .. } => {
                what.isolate.$iter().chain(what.groups.$iter().flatten().flatten()).collect()
            }
            Action::Reset(Reset { between, .. }) | Action::SlowLink { what: SlowLink { between, .. }, .. } => {
                between.$iter().collect()
            }
            Action::Clock(Clock { broker, .. })
            | Action::Corrupt(Corrupt { broker, .. })
            | Action::Crash { what: Crash { broker, .. }, .. }
            | Action::Decommission(Decommission { broker, .. })
            | Action::Disk(DiskFault { broker, .. })
            | Action::FullDisk { what: FullDisk { broker, .. }, .. }
            | Action::Join(Join { broker, .. })
            | Action::Pause { what: Pause { broker, .. }, .. }
            | Action::RestartLoop(RestartLoop { broker, .. })
            | Action::Shutdown { what: Shutdown { broker, .. }, .. }
            | Action::SlowCpu { what: SlowCpu { broker, .. }, .. }
            | Action::SlowDisk { what: SlowDisk { broker, .. }, .. }
            | Action::StallDisk { what: StallDisk { broker, .. }, .. }
            | Action::Unregister(Unregister { broker, .. }) => vec![broker],
        }
    };
}

impl Action {
    /// The targets that it names.
    pub fn targets(&self) -> Vec<&Target> {
        targets!(self, iter)
    }

    /// The targets that it names, in the order of [`Action::targets`], to name others instead.
    pub fn targets_mut(&mut self) -> Vec<&mut Target> {
        targets!(self, iter_mut)
    }
}
