//! Scripted runs: instead of [`Kernel::run_until`], the caller decides what happens next.
//!
//! A schedule from elsewhere, such as a checker's counterexample, is followed exactly: it says which message arrives,
//! which timer fires and which sync completes. [`Kernel::settle`] performs the events that leave no choice: starts and
//! inputs, handshakes, the end of a connection with nothing left to arrive, syncs of folders. Faults are those of
//! [`Kernel::apply`].
//!
//! Each step advances virtual time, so that a later step has a later time. No timer fires because of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tribunal_contract::{DiskError, Machine, NodeId, TimerId};

use super::Kernel;
use super::world::KernelEvent;
use crate::judge::{Digest, Judge, Stop, Wire};
use crate::net::Place;
use crate::queue::{Kind, Target};
use crate::{DiskOp, Repeat};

/// Virtual time from one step to the next, in nanoseconds: long enough to tell steps apart on a chart.
const STEP: u64 = 100_000_000;

impl<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> Kernel<M, J> {
    /// Delivers the first message on its way to one end of the connection. False if there is none.
    pub fn deliver_at(&mut self, place: Place, to_acceptor: bool) -> bool {
        let Some(i) = self.world.net.at(place) else { return false };
        let wanted = i + u32::from(!to_acceptor);
        if self.world.net.is_settling(wanted) {
            return false;
        }
        self.take(|target, _| target == Target::new(Kind::Deliver, wanted))
    }

    /// Fires a timer. False if it is not set.
    pub fn fire(&mut self, node: NodeId, id: TimerId) -> bool {
        self.world.now += STEP;
        let Some(place) = self.world.timers.hurry(self.world.now, node, id) else { return false };
        self.guarded(|kernel| kernel.timer(place, node, id));
        true
    }

    /// Completes or fails the oldest sync of a file that is under way. False if there is none.
    pub fn complete_sync(&mut self, node: NodeId, path: &str, ok: bool) -> bool {
        if !ok {
            self.disks[node.index()].fail(DiskOp::Sync, DiskError::Io, Repeat::Once);
        }
        self.take(|target, kernel| {
            if target.kind() != Kind::Kernel {
                return false;
            }
            let index = target.index();
            let Some(KernelEvent::Synced { node: of, sync, .. }) = kernel.world.events.get(index) else { return false };
            *of == node && kernel.disks[node.index()].is_sync_of(*sync, path)
        })
    }

    /// Performs the oldest pending event: a message arrives or a sync completes. False if nothing is under way.
    pub fn happen_next(&mut self) -> bool {
        self.take(|target, kernel| match target.kind() {
            Kind::Deliver => !kernel.world.net.is_settling(target.index()),
            Kind::Kernel => matches!(kernel.world.events.get(target.index()), Some(KernelEvent::Synced { .. })),
            Kind::Net | Kind::Timer => false,
        })
    }

    /// The timer that is due first among those that `wanted` accepts.
    pub fn next_timer(&self, wanted: impl Fn(NodeId, TimerId) -> bool) -> Option<(NodeId, TimerId)> {
        self.world.timers.first(wanted)
    }

    /// Resets one connection. `late` says whether bytes on their way to the acceptor still arrive. False if there is no
    /// such connection.
    pub fn reset_at(&mut self, place: Place, late: bool) -> bool {
        let world = &mut self.world;
        let Some(i) = world.net.at(place) else { return false };
        world.net.reset_at(&mut world.queue, world.now, i, late);
        true
    }

    /// Performs all events that leave no choice. `syncs` adds the syncs of files, in the order they were asked for.
    pub fn settle(&mut self, syncs: bool) {
        while self.stop.is_none() && self.take(|target, kernel| kernel.leaves_no_choice(target, syncs)) {}
    }

    fn leaves_no_choice(&self, target: Target, syncs: bool) -> bool {
        let index = target.index();
        match target.kind() {
            Kind::Deliver => self.world.net.is_settling(index),
            Kind::Net => self.world.net.is_prompt(index),
            Kind::Timer => false,
            Kind::Kernel => match self.world.events.get(index) {
                Some(KernelEvent::Event { .. } | KernelEvent::Start { .. } | KernelEvent::Drain { .. }) => true,
                Some(KernelEvent::Synced { node, incarnation, power_cycle, sync }) => {
                    let (disk, host) = (&self.disks[node.index()], &self.world.nodes[node.index()]);
                    // A sync that no process waits for any more still reaches the device.
                    let stale = host.incarnation != *incarnation || self.machines[node.index()].is_none();
                    syncs || stale || disk.power_cycle() != *power_cycle || !disk.is_file_sync(*sync)
                }
                Some(KernelEvent::Token(_)) | None => false,
            },
        }
    }

    /// Dispatches the first pending entry that `wanted` accepts.
    fn take(&mut self, wanted: impl Fn(Target, &Kernel<M, J>) -> bool) -> bool {
        let mut queue = core::mem::take(&mut self.world.queue);
        let taken = queue.take_first(|target| wanted(target, self));
        self.world.queue = queue;
        let Some((_, target)) = taken else { return false };
        self.world.now += STEP;
        self.guarded(|kernel| {
            kernel.dispatch(target);
        });
        true
    }

    /// Runs `act`. A panic in it ends the run, as in `run_until`.
    fn guarded(&mut self, act: impl FnOnce(&mut Self)) {
        if self.stop.is_some() {
            return;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| act(self))) {
            self.stop = Some(Stop::Panic { node: self.world.stepping, message: super::text_of(payload) });
        }
    }
}
