//! Alarms of groups as timers of the world, which knows them by small numbers.

use std::collections::BTreeMap;

use tribunal_common::{Fx, Io, timers};
use tribunal_contract::{Disk, Span, TimerId};
use tribunal_groups::Alarm;

/// The alarms that are set. A number is used again once its alarm is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Alarms {
    numbers: BTreeMap<(i32, Alarm), u32>,
    alarms: BTreeMap<u32, (i32, Alarm)>,
    free: Vec<u32>,
}

impl Alarms {
    /// Sets an alarm of a partition's, or cancels it.
    pub(crate) fn set<D: Disk, F: Fx>(
        &mut self,
        partition: i32,
        alarm: Alarm,
        after: Option<Span>,
        io: &mut Io<'_, D, F>,
    ) {
        let class = class(&alarm);
        let key = (partition, alarm);
        let Some(after) = after else {
            if let Some(index) = self.numbers.remove(&key) {
                self.release(index);
                io.fx.cancel_timer(TimerId { class, index });
            }
            return;
        };
        let index = match self.numbers.get(&key) {
            Some(&index) => index,
            None => {
                let index = self.free.pop().unwrap_or(self.alarms.len() as u32);
                self.numbers.insert(key.clone(), index);
                self.alarms.insert(index, key);
                index
            }
        };
        io.fx.set_timer(TimerId { class, index }, after, after);
    }

    /// The alarm that a timer stands for; it is over.
    pub(crate) fn take(&mut self, index: u32) -> Option<(i32, Alarm)> {
        let key = self.alarms.get(&index)?.clone();
        self.numbers.remove(&key);
        self.release(index);
        Some(key)
    }

    fn release(&mut self, index: u32) {
        self.alarms.remove(&index);
        self.free.push(index);
    }
}

fn class(alarm: &Alarm) -> u8 {
    match alarm {
        Alarm::Session { .. } => timers::GROUP_SESSION,
        Alarm::Join { .. } | Alarm::Sync { .. } => timers::GROUP_REBALANCE,
    }
}
