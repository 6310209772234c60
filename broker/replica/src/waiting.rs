//! Requests that wait at a partition: looked at again when it changes, forgotten with their connection.

use tribunal_common::{Fx, Io};
use tribunal_contract::{ConnId, Disk};

use crate::partition::Partition;
use crate::replicas::Replicas;

impl Replicas {
    /// A connection of a client or follower is gone: what was parked on it is forgotten.
    pub fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) {
        self.forget_fetch(conn, io);
        self.forget_produce(conn, io);
        self.sessions.on_conn_down(conn);
    }

    /// Looks again at everything parked on a partition whose leader has changed.
    pub(crate) fn recheck_all<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        self.recheck_append(at, io);
        self.recheck_commit(at, io);
    }

    /// The log grew: parked follower fetches may have something to read.
    pub(crate) fn recheck_append<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let mut watchers = std::mem::take(&mut partition.append_watchers);
        watchers.retain(|&conn| self.recheck_fetch(conn, io));
        self.put_back(at, watchers, |partition| &mut partition.append_watchers);
    }

    /// The high watermark, the flushed offset or the ISR moved: parked produces and consumer fetches may end.
    pub(crate) fn recheck_commit<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        self.notice(at);
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let mut watchers = std::mem::take(&mut partition.commit_watchers);
        watchers.retain(|&conn| self.recheck(conn, io));
        self.put_back(at, watchers, |partition| &mut partition.commit_watchers);
    }

    /// Returns the list to its place: its allocation is kept, and whoever began to watch meanwhile is kept too.
    fn put_back(&mut self, at: u32, mut watchers: Vec<ConnId>, list: fn(&mut Partition) -> &mut Vec<ConnId>) {
        if let Some(partition) = self.partitions[at as usize].as_mut() {
            let list = list(partition);
            watchers.append(list);
            *list = watchers;
        }
    }

    /// Whether `conn` still waits afterwards.
    pub(crate) fn recheck<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) -> bool {
        self.recheck_fetch(conn, io) || self.recheck_produce(conn, io)
    }
}
