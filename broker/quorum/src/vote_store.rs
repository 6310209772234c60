//! Making votes durable, one write at a time, without waiting for it.

use bytes::Bytes;
use tribunal_common::{Fx, Io, syncs};
use tribunal_contract::{Disk, DiskError, SyncOp};
use tribunal_log::Replace;

use crate::state_file::{self, QUORUM_STATE};
use crate::{Election, FOLDER};

/// What is on disk of the election state, and what is on its way there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct VoteStore {
    /// What a loss of power cannot take. Nothing at start: a file that a crashed process renamed and did not live to
    /// sync reads well and is not durable.
    durable: Option<Election>,
    writing: Option<(Election, Replace)>,
}

impl VoteStore {
    /// Whether every promise of `election` is durable.
    pub(crate) fn keeps(&self, election: &Election) -> bool {
        self.durable.is_some_and(|durable| durable.keeps(election))
    }

    /// Starts to write `election` unless it is on disk, or another write is open: ask again when that is done.
    pub(crate) fn persist<D: Disk, F: Fx>(
        &mut self,
        election: &Election,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        if self.writing.is_some() || self.durable == Some(*election) {
            return Ok(());
        }
        let line = Bytes::from(state_file::encode(election, &io.cfg.voters));
        let op = SyncOp { class: syncs::QUORUM_STATE, index: 0 };
        self.writing = Some((*election, Replace::start(&path(), line, op, io.disk)?));
        Ok(())
    }

    /// A sync completed.
    pub(crate) fn synced<D: Disk, F: Fx>(
        &mut self,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        let Some((written, replace)) = &mut self.writing else { return Ok(()) };
        if replace.synced(result, io.disk)? {
            self.durable = Some(*written);
            self.writing = None;
        }
        Ok(())
    }
}

/// Path of the file.
pub(crate) fn path() -> String {
    format!("{FOLDER}/{QUORUM_STATE}")
}
